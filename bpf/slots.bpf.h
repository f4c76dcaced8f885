/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In-flight state, keyed by a kernel pointer or a thread id.
 *
 * A table in two arrays: buckets of 8 keys (one cache line), and the data. A
 * key's hash names its home slot; when that is taken it goes to another slot
 * of the bucket, then to a second bucket, and counts as displaced. As long as
 * nothing is displaced, one comparison answers a look-up, hit or miss. A slot
 * is claimed by compare-and-swap of its key from 0 and released by storing 0:
 * no allocation, no lock, no hash of the kernel's. A claim that finds its key
 * taken reuses that slot: the earlier life's end was not seen. When both
 * buckets are full the claim fails, and the caller counts it; in a table that
 * is half full that happens to less than one in a million.
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

/* The way in the first bucket that is a key's own; bits that no mask reaches. */
static __always_inline u32 slot_home(u32 hash)
{
	return hash >> 29;
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
#pragma unroll
	for (int i = 0; i < SLOT_WAYS; i++)
		if (!b->key[i] && !swap_if_u64(&b->key[i], 0, key))
			return i;
	return -1;
}

#define SLOT_TABLE(name, slot_t)                                                      \
	const volatile u32 name##_mask = 0;                                           \
	u64 name##_displaced = 0;                                                     \
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
	static __always_inline struct slot_bucket *name##_bucket(u32 n)               \
	{                                                                             \
		return bpf_map_lookup_elem(&name##_keys, &n);                         \
	}                                                                             \
	static __always_inline int name##_scan(u32 hash, u64 key)                     \
	{                                                                             \
		u32 n = hash & name##_mask;                                           \
		struct slot_bucket *b = name##_bucket(n);                             \
		int way = b ? slot_way(b, key) : -1;                                  \
                                                                                      \
		return way < 0 ? -1 : (int)(n * SLOT_WAYS) + way;                     \
	}                                                                             \
	static __always_inline int name##_take(u32 hash, u64 key)                     \
	{                                                                             \
		u32 n = hash & name##_mask;                                           \
		struct slot_bucket *b = name##_bucket(n);                             \
		int way = b ? slot_take(b, key) : -1;                                 \
                                                                                      \
		return way < 0 ? -1 : (int)(n * SLOT_WAYS) + way;                     \
	}                                                                             \
	/* out of the way of the paths that call them: hardly ever run */             \
	__attribute__((noinline)) int name##_find_displaced(u64 key)                  \
	{                                                                             \
		u32 hash = slot_hash(key);                                            \
		int index = name##_scan(hash, key);                                   \
                                                                                      \
		return index < 0 ? name##_scan(slot_rehash(hash), key) : index;       \
	}                                                                             \
	__attribute__((noinline)) int name##_claim_displaced(u64 key)                 \
	{                                                                             \
		u32 hash = slot_hash(key);                                            \
		int index = name##_take(hash, key);                                   \
                                                                                      \
		if (index < 0)                                                        \
			index = name##_take(slot_rehash(hash), key);                  \
		if (index >= 0)                                                       \
			__sync_fetch_and_add(&name##_displaced, 1);                   \
		return index;                                                         \
	}                                                                             \
	static __always_inline int name##_find(u64 key)                               \
	{                                                                             \
		u32 hash = slot_hash(key), n = hash & name##_mask, home = slot_home(hash); \
		struct slot_bucket *b = name##_bucket(n);                             \
                                                                                      \
		if (b && b->key[home] == key)                                         \
			return (int)(n * SLOT_WAYS + home);                           \
		return name##_displaced ? name##_find_displaced(key) : -1;            \
	}                                                                             \
	static __always_inline int name##_claim(u64 key)                              \
	{                                                                             \
		u32 hash = slot_hash(key), n = hash & name##_mask, home = slot_home(hash); \
		struct slot_bucket *b = name##_bucket(n);                             \
		int index;                                                            \
                                                                                      \
		if (!b)                                                               \
			return -1;                                                    \
		if (b->key[home] == key)                                              \
			return (int)(n * SLOT_WAYS + home);                           \
		if (name##_displaced) {                                               \
			index = name##_find_displaced(key);                           \
			if (index >= 0)                                               \
				return index;                                         \
		}                                                                     \
		if (!b->key[home] && !swap_if_u64(&b->key[home], 0, key))             \
			return (int)(n * SLOT_WAYS + home);                           \
		return name##_claim_displaced(key);                                   \
	}                                                                             \
	static __always_inline slot_t *name##_at(int index)                           \
	{                                                                             \
		u32 i = (u32)index;                                                   \
                                                                                      \
		return bpf_map_lookup_elem(&name##_data, &i);                         \
	}                                                                             \
	static __always_inline void name##_release(int index)                         \
	{                                                                             \
		u32 n = (u32)index / SLOT_WAYS, way = (u32)index & (SLOT_WAYS - 1), hash; \
		struct slot_bucket *b = name##_bucket(n);                             \
                                                                                      \
		if (!b)                                                               \
			return;                                                       \
		hash = slot_hash(b->key[way]);                                        \
		if (slot_home(hash) != way || (hash & name##_mask) != n)              \
			__sync_fetch_and_add(&name##_displaced, -1);                  \
		*(volatile u64 *)&b->key[way] = 0;                                    \
	}                                                                             \
	struct name##_wants_a_semicolon

#endif
