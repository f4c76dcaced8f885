/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In-flight state, keyed by a kernel pointer or a thread id.
 *
 * A set-associative table in two arrays: buckets of 8 keys (one cache line),
 * and the data. A key has two buckets, and goes to the second only when the
 * first is full; from then on look-ups that miss try both. A slot is claimed
 * by compare-and-swap of its key from 0 and released by storing 0: no
 * allocation, no lock, no hash of the kernel's, and look-ups are inlined by
 * the verifier. A claim that finds its key taken reuses that slot: the earlier
 * life's end was not seen. When both buckets are full the claim fails, and the
 * caller counts it; half full, that happens to less than one in a million.
 *
 * SLOT_TABLE(bios, struct bio_slot) makes
 *	bios_find(key)		index or -1
 *	bios_claim(key)		index or -1
 *	bios_at(index)		the data, or NULL
 *	bios_release(index)
 * and the rodata `bios_mask` (number of buckets - 1), which user space sets
 * together with the sizes of the two maps.
 */
#ifndef IOPATH_SLOTS_H
#define IOPATH_SLOTS_H

#define SLOT_WAYS 8

struct slot_bucket {
	u64 key[SLOT_WAYS];
};

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

static __always_inline u32 slot_hash(u64 key)
{
	/* Fibonacci hashing: pointers differ in the middle bits */
	return (u32)((key * 0x9e3779b97f4a7c15ull) >> 32);
}

/* The second bucket's hash: other bits of the same product. */
static __always_inline u32 slot_rehash(u32 hash)
{
	return hash >> 16 | hash << 16;
}

static __always_inline int slot_way(struct slot_bucket *b, u64 key)
{
#pragma unroll
	for (int i = 0; i < SLOT_WAYS; i++)
		if (b->key[i] == key)
			return i;
	return -1;
}

static __always_inline int slot_take(struct slot_bucket *b, u64 key)
{
	int way = slot_way(b, key);

	if (way >= 0)
		return way;
#pragma unroll
	for (int i = 0; i < SLOT_WAYS; i++)
		if (!b->key[i] && !__sync_val_compare_and_swap(&b->key[i], 0, key))
			return i;
	return -1;
}

#define SLOT_TABLE(name, slot_t)                                                      \
	const volatile u32 name##_mask = 0;                                           \
	struct {                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                     \
		__uint(map_flags, BPF_F_MMAPABLE);                                    \
		__uint(max_entries, 1);                                               \
		__type(key, u32);                                                     \
		__type(value, struct slot_bucket);                                    \
	} name##_keys SEC(".maps");                                                   \
	struct {                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                     \
		__uint(map_flags, BPF_F_MMAPABLE);                                    \
		__uint(max_entries, SLOT_WAYS);                                       \
		__type(key, u32);                                                     \
		__type(value, slot_t);                                                \
	} name##_data SEC(".maps");                                                   \
	bool name##_spilled = false;                                                  \
	static __always_inline int name##_find_in(u32 n, u64 key)                     \
	{                                                                             \
		struct slot_bucket *b = bpf_map_lookup_elem(&name##_keys, &n);        \
		int way = b ? slot_way(b, key) : -1;                                  \
                                                                                      \
		return way < 0 ? -1 : (int)(n * SLOT_WAYS) + way;                     \
	}                                                                             \
	static __always_inline int name##_claim_in(u32 n, u64 key)                    \
	{                                                                             \
		struct slot_bucket *b = bpf_map_lookup_elem(&name##_keys, &n);        \
		int way = b ? slot_take(b, key) : -1;                                 \
                                                                                      \
		return way < 0 ? -1 : (int)(n * SLOT_WAYS) + way;                     \
	}                                                                             \
	/* out of the way of the paths that call: hardly ever taken */                \
	__attribute__((noinline)) int name##_find_spilled(u64 key)                    \
	{                                                                             \
		return name##_find_in(slot_rehash(slot_hash(key)) & name##_mask, key); \
	}                                                                             \
	__attribute__((noinline)) int name##_claim_spilled(u64 key)                   \
	{                                                                             \
		name##_spilled = true;                                                \
		return name##_claim_in(slot_rehash(slot_hash(key)) & name##_mask, key); \
	}                                                                             \
	static __always_inline int name##_find(u64 key)                               \
	{                                                                             \
		int index = name##_find_in(slot_hash(key) & name##_mask, key);        \
                                                                                      \
		return index < 0 && name##_spilled ? name##_find_spilled(key) : index; \
	}                                                                             \
	static __always_inline int name##_claim(u64 key)                              \
	{                                                                             \
		int index = name##_claim_in(slot_hash(key) & name##_mask, key);       \
                                                                                      \
		return index < 0 ? name##_claim_spilled(key) : index;                 \
	}                                                                             \
	static __always_inline slot_t *name##_at(int index)                             \
	{                                                                             \
		u32 i = (u32)index;                                                   \
                                                                                      \
		return bpf_map_lookup_elem(&name##_data, &i);                         \
	}                                                                             \
	static __always_inline void name##_release(int index)                         \
	{                                                                             \
		u32 n = (u32)index / SLOT_WAYS;                                       \
		struct slot_bucket *b = bpf_map_lookup_elem(&name##_keys, &n);        \
                                                                                      \
		if (b)                                                                \
			*(volatile u64 *)&b->key[index & (SLOT_WAYS - 1)] = 0;        \
	}                                                                             \
	struct name##_wants_a_semicolon

#endif
