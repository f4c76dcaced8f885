/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * In-flight state, keyed by a kernel pointer or a thread id.
 *
 * An array of slots that begin with their key; 0: free. A key's hash names its
 * home; when that is taken it goes to another of the eight slots around, then
 * to a second such bucket, and counts as displaced. As long as nothing is
 * displaced, one comparison answers a look-up, hit or miss. A slot is claimed
 * by compare-and-swap of its key from 0 and released by storing 0: no
 * allocation, no lock, no hash of the kernel's. A claim that finds its key
 * taken reuses that slot: the earlier life's end was not seen. When both
 * buckets are full the claim fails, and the caller counts it; in a table that
 * is half full that happens to less than one in a million.
 *
 * SLOT_TABLE(bios, struct bio_slot) makes
 *	bios_find(key)		the slot, or NULL
 *	bios_claim(key, &index)	the slot and where it is, or NULL
 *	bios_release(slot)
 *	bios_at(index)		never NULL: of an index out of bounds it is some slot
 *	bios_home(key)		where it is as long as it is not displaced
 *	bios_take(key)		its home, claimed; NULL: that was not so simple
 * and the rodata `bios_mask` (number of slots - 1), which user space sets
 * together with the size of the map. That has one value, all slots, and is not
 * looked up (MAP_VALUE): a look-up is thrice the instructions.
 */
#ifndef IOPATH_SLOTS_H
#define IOPATH_SLOTS_H

/*
 * The only value of a map. Programs refer to it as they do to a map; user space
 * makes a reference to a value of that when it loads them (tracer/object.c).
 */
#define MAP_VALUE(map)             \
	({                         \
		void *_v = &(map); \
		barrier_var(_v);   \
		_v;                \
	})

#define SLOT_KEY(s) (*(volatile u64 *)&(s)->key)

#define SLOT_TABLE(name, slot_t)                                                      \
	const volatile u32 name##_mask = SLOT_WAYS - 1;                               \
	u64 name##_displaced = 0;                                                     \
	struct {                                                                      \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                     \
		__uint(map_flags, BPF_F_MMAPABLE);                                    \
		__uint(max_entries, 1);                                               \
		__uint(key_size, sizeof(u32));                                        \
		__uint(value_size, SLOT_WAYS * sizeof(slot_t));                       \
	} name##_slots SEC(".maps");                                                  \
	static __always_inline slot_t *name##_at(u32 index)                           \
	{                                                                             \
		slot_t *s = (slot_t *)MAP_VALUE(name##_slots) + (index & name##_mask); \
                                                                                      \
		/* one register, not two to be added up at each access */             \
		barrier_var(s);                                                       \
		return s;                                                             \
	}                                                                             \
	static __always_inline slot_t *name##_home(u64 key)                           \
	{                                                                             \
		return name##_at(slot_hash(key));                                     \
	}                                                                             \
	static __always_inline slot_t *name##_take(u64 key)                           \
	{                                                                             \
		slot_t *s = name##_home(key);                                         \
                                                                                      \
		return SLOT_KEY(s) || name##_displaced || swap_if_u64(&s->key, 0, key) ? NULL : s; \
	}                                                                             \
	/* out of the way of the paths that call them: hardly ever run */             \
	__attribute__((noinline)) int name##_find_in(u32 hash, u64 key)               \
	{                                                                             \
		u32 first = hash & ~(SLOT_WAYS - 1);                                  \
                                                                                      \
		for (u32 i = 0; i < SLOT_WAYS; i++) {                                 \
			if (SLOT_KEY(name##_at(first + i)) == key)                    \
				return (int)((first + i) & name##_mask);              \
		}                                                                     \
		return -1;                                                            \
	}                                                                             \
	__attribute__((noinline)) int name##_claim_in(u32 hash, u64 key)              \
	{                                                                             \
		u32 first = hash & ~(SLOT_WAYS - 1);                                  \
                                                                                      \
		for (u32 i = 0; i < SLOT_WAYS; i++) {                                 \
			slot_t *s = name##_at(first + i);                             \
                                                                                      \
			if (SLOT_KEY(s) || swap_if_u64(&s->key, 0, key))              \
				continue;                                             \
			if (((first + i) & name##_mask) != (slot_hash(key) & name##_mask)) \
				__sync_fetch_and_add(&name##_displaced, 1);           \
			return (int)((first + i) & name##_mask);                      \
		}                                                                     \
		return -1;                                                            \
	}                                                                             \
	__attribute__((noinline)) int name##_find_displaced(u64 key)                  \
	{                                                                             \
		u32 hash = slot_hash(key);                                            \
		int index = name##_find_in(hash, key);                                \
                                                                                      \
		return index < 0 ? name##_find_in(slot_rehash(hash), key) : index;    \
	}                                                                             \
	__attribute__((noinline)) int name##_claim_displaced(u64 key)                 \
	{                                                                             \
		u32 hash = slot_hash(key);                                            \
		int index = name##_displaced ? name##_find_displaced(key) : -1;       \
                                                                                      \
		if (index < 0)                                                        \
			index = name##_claim_in(hash, key);                           \
		return index < 0 ? name##_claim_in(slot_rehash(hash), key) : index;   \
	}                                                                             \
	static __always_inline slot_t *name##_find(u64 key)                           \
	{                                                                             \
		slot_t *s = name##_at(slot_hash(key));                                \
		int index;                                                            \
                                                                                      \
		if (SLOT_KEY(s) == key)                                               \
			return s;                                                     \
		if (!name##_displaced)                                                \
			return NULL;                                                  \
		index = name##_find_displaced(key);                                   \
		return index < 0 ? NULL : name##_at((u32)index);                      \
	}                                                                             \
	static __always_inline slot_t *name##_claim(u64 key, u32 *ret_index)          \
	{                                                                             \
		u32 home = slot_hash(key) & name##_mask;                              \
		slot_t *s = name##_at(home);                                          \
		int index;                                                            \
                                                                                      \
		*ret_index = home;                                                    \
		if (SLOT_KEY(s) == key ||                                             \
		    (!SLOT_KEY(s) && !name##_displaced && !swap_if_u64(&s->key, 0, key))) \
			return s;                                                     \
		index = name##_claim_displaced(key);                                  \
		*ret_index = (u32)index;                                              \
		return index < 0 ? NULL : name##_at((u32)index);                      \
	}                                                                             \
	static __always_inline void name##_release(slot_t *s)                         \
	{                                                                             \
		if (name##_displaced && name##_at(slot_hash(SLOT_KEY(s))) != s)       \
			__sync_fetch_and_add(&name##_displaced, -1);                  \
		SLOT_KEY(s) = 0;                                                      \
	}                                                                             \
	struct name##_wants_a_semicolon

#endif
