/* SPDX-License-Identifier: MIT
 *
 * The handle table: chunks of slots that never move, a queue of free ones (first in, first out, so
 * that a number does not come back soon), one compare-and-swap per look-up.
 */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>

enum { INDEX_SHIFT = 2, GENERATION_SHIFT = 20, KIND_SHIFT = 29 };

static struct handle_slot *slot_of(struct handles *t, uint64_t value)
{
	uint32_t index = (value >> INDEX_SHIFT) & (HANDLE_MAX - 1);
	struct handle_slot *chunk =
		atomic_load_explicit(&t->chunk[index / HANDLE_CHUNK], memory_order_acquire);
	return chunk ? &chunk[index % HANDLE_CHUNK] : NULL;
}

static bool well_formed(enum handle_kind kind, uint64_t value)
{
	return value >> KIND_SHIFT == kind && !(value & ((1u << INDEX_SHIFT) - 1));
}

static void push_free(struct handles *t, struct handle_slot *slot)
{
	slot->next_free = NULL;
	if (t->last_free)
		t->last_free->next_free = slot;
	else
		t->first_free = slot;
	t->last_free = slot;
	t->n_free++;
}

static int grow(struct handles *t)
{
	if (t->n_chunks == HANDLE_MAX / HANDLE_CHUNK)
		return -ENOSPC;
	struct handle_slot *chunk = calloc(HANDLE_CHUNK, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	for (unsigned i = 0; i < HANDLE_CHUNK; i++) {
		chunk[i].index = t->n_chunks * HANDLE_CHUNK + i;
		push_free(t, &chunk[i]);
	}
	atomic_store_explicit(&t->chunk[t->n_chunks++], chunk, memory_order_release);
	return 0;
}

int handles_add(struct handles *t, enum handle_kind kind, void *object,
		struct handle_slot **ret_slot, uint32_t *ret_value)
{
	pthread_mutex_lock(&t->lock);
	int r = t->n_free < HANDLE_FREE_MIN ? grow(t) : 0;
	struct handle_slot *slot = t->first_free;
	if (!slot) {
		pthread_mutex_unlock(&t->lock);
		return r;
	}
	t->first_free = slot->next_free;
	if (!t->first_free)
		t->last_free = NULL;
	t->n_free--;
	pthread_mutex_unlock(&t->lock);

	slot->object = object;
	slot->kind = (uint8_t)kind;
	slot->generation = (uint16_t)((slot->generation + 1) % HANDLE_GENERATIONS);
	uint32_t value = (uint32_t)kind << KIND_SHIFT |
			 (uint32_t)slot->generation << GENERATION_SHIFT |
			 slot->index << INDEX_SHIFT;
	slot->value = value;
	*ret_slot = slot;
	*ret_value = value;
	atomic_store_explicit(&slot->word, (uint64_t)value << 32 | 1, memory_order_release);
	return 0;
}

/* One reference more if the slot's handle is @value. */
static bool acquire(struct handle_slot *slot, uint64_t value)
{
	uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire);
	while (w >> 32 == value)
		if (atomic_compare_exchange_weak_explicit(
			    &slot->word, &w, w + 1, memory_order_acquire, memory_order_acquire))
			return true;
	return false;
}

void *handles_find(struct handles *t, enum handle_kind kind, uint64_t value)
{
	if (!well_formed(kind, value))
		return NULL;
	struct handle_slot *slot = slot_of(t, value);
	return slot && acquire(slot, value) ? slot->object : NULL;
}

void *handles_remove(struct handles *t, enum handle_kind kind, uint64_t value)
{
	struct handle_slot *slot = well_formed(kind, value) ? slot_of(t, value) : NULL;
	if (!slot)
		return NULL;
	uint64_t w = atomic_load_explicit(&slot->word, memory_order_acquire);
	while (w >> 32 == value)
		if (atomic_compare_exchange_weak_explicit(&slot->word, &w, w & UINT32_MAX,
							  memory_order_acq_rel,
							  memory_order_acquire))
			return slot->object;
	return NULL;
}

void *handles_next(struct handles *t, enum handle_kind kind, unsigned *at)
{
	for (; *at < HANDLE_MAX; (*at)++) {
		struct handle_slot *slot = slot_of(t, (uint64_t)*at << INDEX_SHIFT);
		if (!slot)
			return NULL; /* chunks are made in order */
		uint64_t value = atomic_load_explicit(&slot->word, memory_order_acquire) >> 32;
		if (!well_formed(kind, value) || !acquire(slot, value))
			continue;
		(*at)++;
		return slot->object;
	}
	return NULL;
}

void handle_ref(struct handle_slot *slot)
{
	atomic_fetch_add_explicit(&slot->word, 1, memory_order_relaxed);
}

unsigned handle_refs(const struct handle_slot *slot)
{
	return (unsigned)(atomic_load_explicit(&slot->word, memory_order_acquire) & UINT32_MAX);
}

bool handle_put(struct handle_slot *slot)
{
	return atomic_fetch_sub_explicit(&slot->word, 1, memory_order_acq_rel) == 1;
}

void handles_recycle(struct handles *t, struct handle_slot *slot)
{
	slot->object = NULL;
	pthread_mutex_lock(&t->lock);
	push_free(t, slot);
	pthread_mutex_unlock(&t->lock);
}

void handles_after_fork(struct handles *t, void (*drop)(enum handle_kind kind, void *object))
{
	pthread_mutex_init(&t->lock, NULL);
	t->first_free = t->last_free = NULL;
	t->n_free = 0;
	for (unsigned c = 0; c < HANDLE_MAX / HANDLE_CHUNK; c++) {
		struct handle_slot *chunk = atomic_load(&t->chunk[c]);
		if (!chunk) {
			t->n_chunks = c; /* the fork may have caught grow() half-way */
			break;
		}
		for (unsigned i = 0; i < HANDLE_CHUNK; i++) {
			/* without references: its last one was just being put */
			if (atomic_exchange(&chunk[i].word, 0) || chunk[i].object)
				drop(chunk[i].kind, chunk[i].object);
			chunk[i].object = NULL;
			push_free(t, &chunk[i]);
		}
	}
}

bool handles_in_use(struct handles *t)
{
	pthread_mutex_lock(&t->lock);
	bool used = t->n_free != t->n_chunks * HANDLE_CHUNK;
	pthread_mutex_unlock(&t->lock);
	return used;
}

void handles_destroy(struct handles *t)
{
	for (unsigned c = 0; c < t->n_chunks; c++)
		free(t->chunk[c]);
	*t = (struct handles)HANDLES_INITIALIZER;
}
