/* SPDX-License-Identifier: MIT */
/*
 * names_pool.c: records by number, in steps that never move. The caller's lock.
 */
#include "names_pool.h"

#include <stdlib.h>
#include <string.h>

enum { HASH_START = 256 };

void pool_init(struct pool *p, size_t item)
{
	memset(p, 0, sizeof(*p));
	p->item = item;
	p->fresh = 1;
}

void pool_fini(struct pool *p)
{
	for (uint32_t i = 0; i < p->steps; i++)
		free(p->step[i]);
	free(p->step);
	memset(p, 0, sizeof(*p));
}

bool pool_grow(struct pool *p, uint32_t count)
{
	while (p->free_count + (p->steps * POOL_STEP - (p->steps ? p->fresh : 0)) < count) {
		if (p->steps == p->steps_max) {
			uint32_t max = p->steps_max ? p->steps_max * 2 : 16;
			char **step = realloc(p->step, max * sizeof(*step));
			if (!step)
				return false;
			p->step = step;
			p->steps_max = max;
		}
		char *room = malloc(POOL_STEP * p->item);
		if (!room)
			return false;
		p->step[p->steps++] = room;
	}
	return true;
}

uint32_t pool_take(struct pool *p)
{
	uint32_t number = p->free;

	if (number) {
		memcpy(&p->free, pool_at(p, number), sizeof(p->free));
		p->free_count--;
	} else {
		number = p->fresh++;
	}
	memset(pool_at(p, number), 0, p->item);
	return number;
}

void pool_give(struct pool *p, uint32_t number)
{
	memcpy(pool_at(p, number), &p->free, sizeof(p->free));
	p->free = number;
	p->free_count++;
}

size_t pool_bytes(const struct pool *p)
{
	return p->steps * POOL_STEP * p->item + p->steps_max * sizeof(*p->step);
}

bool pool_hash_init(struct pool_hash *h)
{
	h->bucket = calloc(HASH_START, sizeof(*h->bucket));
	h->mask = HASH_START - 1;
	h->count = 0;
	return h->bucket;
}

void pool_hash_fini(struct pool_hash *h)
{
	free(h->bucket);
	h->bucket = NULL;
}
