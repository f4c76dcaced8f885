/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compare-and-swap, fetch-and-add, exchange. Kernels before 5.12 reject these
 * instructions wherever they stand, so there is a second build of the object
 * (IOP_OLD), in which a lock made of a hash map does it; spin locks are not for
 * tracing there.
 *
 * What is changed by one of these must not be changed by plain adders too.
 */
#ifndef IOPATH_ATOMIC_H
#define IOPATH_ATOMIC_H

/* Global functions are verified once, not along each path that calls them. */
#define __global_fn __attribute__((noinline))

/*
 * A pointer as a number. The verifier lets no arithmetic be done on a typed
 * pointer; negating it (allowed with CAP_PERFMON) leaves a plain scalar, and
 * doing so twice the same value.
 */
static __always_inline u64 address(const void *p)
{
	u64 x = (u64)p;

	asm volatile("%0 = -%0\n\t%0 = -%0" : "+r"(x));
	return x;
}

#ifndef IOP_OLD

static __always_inline u64 swap_if_u64(u64 *p, u64 old, u64 new)
{
	return __sync_val_compare_and_swap(p, old, new);
}

static __always_inline u32 swap_if_u32(u32 *p, u32 old, u32 new)
{
	return __sync_val_compare_and_swap(p, old, new);
}

static __always_inline u32 fetch_add_u32(u32 *p, u32 n)
{
	return __sync_fetch_and_add(p, n);
}

static __always_inline void add_u64(u64 *p, u64 n)
{
	__sync_fetch_and_add(p, n);
}

static __always_inline u64 exchange_u64(u64 *p, u64 new)
{
	return __sync_lock_test_and_set(p, new);
}

#else

#define GUARD_TRIES 4096

/*
 * An entry that is there is a lock that is taken: insertion is atomic. Locks are
 * by address, so that nobody waits for what is guarded elsewhere: an interrupt
 * cannot wait for what it interrupted. As many as can be held at a time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u32);	/* the holder's CPU + 1 */
} guards SEC(".maps");

/* 0 when it is not to be had: its holder is what this program interrupted. */
__attribute__((noinline)) int guard_take(u64 i)
{
	u32 me = bpf_get_smp_processor_id() + 1;
	u32 *holder = bpf_map_lookup_elem(&guards, &i);

	if (holder && *holder == me)
		return 0;
	for (int n = 0; n < GUARD_TRIES; n++)
		if (!bpf_map_update_elem(&guards, &i, &me, BPF_NOEXIST))
			return 1;
	return 0;
}

/*
 * @change under the lock of @p; the result is what was there before. When the
 * lock cannot be had it happens all the same, but for a swap, which then fails.
 */
#define GUARDED(type, p, must_hold, otherwise, change)                           \
	({                                                                       \
		u64 _i = address(p);                                             \
		int _held = guard_take(_i);                                      \
		type was = (otherwise);                                          \
                                                                                 \
		if (_held || !(must_hold)) {                                     \
			was = *(volatile type *)(p);                             \
			change;                                                  \
		}                                                                \
		if (_held)                                                       \
			bpf_map_delete_elem(&guards, &_i);                       \
		was;                                                             \
	})

static __always_inline u64 swap_if_u64(u64 *p, u64 old, u64 new)
{
	return GUARDED(u64, p, true, ~old, if (was == old) *(volatile u64 *)p = new);
}

static __always_inline u32 swap_if_u32(u32 *p, u32 old, u32 new)
{
	return GUARDED(u32, p, true, ~old, if (was == old) *(volatile u32 *)p = new);
}

static __always_inline u32 fetch_add_u32(u32 *p, u32 n)
{
	return GUARDED(u32, p, false, 0, *(volatile u32 *)p = was + n);
}

static __always_inline void add_u64(u64 *p, u64 n)
{
	(void)GUARDED(u64, p, false, 0, *(volatile u64 *)p = was + n);
}

static __always_inline u64 exchange_u64(u64 *p, u64 new)
{
	return GUARDED(u64, p, false, 0, *(volatile u64 *)p = new);
}

#endif
#endif
