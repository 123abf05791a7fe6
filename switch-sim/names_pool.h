/* SPDX-License-Identifier: MIT */
/*
 * names_pool.h: records by number. A record stays where it is, number 0 is nobody, freed numbers
 * are used again. Room is reserved first, so that taking a record cannot fail in the middle of a
 * change. The caller's lock.
 */
#ifndef WSD_SWITCH_NAMES_POOL_H
#define WSD_SWITCH_NAMES_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POOL_STEP_BITS = 8, POOL_STEP = 1 << POOL_STEP_BITS };

struct pool {
	size_t item; /* size of a record; its first four bytes are the pool's while it is free */
	char **step; /* POOL_STEP records each */
	uint32_t steps, steps_max;
	uint32_t fresh; /* first number never used */
	uint32_t free;  /* chain of freed numbers */
	uint32_t free_count;
};

void pool_init(struct pool *p, size_t item);
void pool_fini(struct pool *p);

bool pool_grow(struct pool *p, uint32_t count);

/* False: no memory. After true, @count pool_take calls succeed. */
static inline bool pool_reserve(struct pool *p, uint32_t count)
{
	return p->free_count >= count || pool_grow(p, count);
}

/* A zeroed record. */
uint32_t pool_take(struct pool *p);
void pool_give(struct pool *p, uint32_t number);

/* Bytes in use, for the figures of docs/names.md. */
size_t pool_bytes(const struct pool *p);

static inline void *pool_at(const struct pool *p, uint32_t number)
{
	return p->step[number >> POOL_STEP_BITS] + (number & (POOL_STEP - 1)) * p->item;
}

/* Numbers by hash; records chain through a next field of their own. Grows by doubling. */
struct pool_hash {
	uint32_t *bucket;
	uint32_t mask, count;
};

bool pool_hash_init(struct pool_hash *h);
void pool_hash_fini(struct pool_hash *h);

#endif
