/* SPDX-License-Identifier: MIT
 *
 * The descriptor table: slots in chunks, a free list, values of (serial, slot) [PROV-SOCKET-4
 * PROV-CLOSE-6]. Its own lock is the innermost of all.
 */
#include "handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

int htable_init(struct htable *t, uint32_t limit, uint64_t serial)
{
	memset(t, 0, sizeof(*t));
	t->limit = limit < HTABLE_MAX ? limit : HTABLE_MAX;
	t->free_first = NONE;
	t->serial = serial ? serial : 1; /* so that no value is 0 */
	return -pthread_mutex_init(&t->lock, NULL);
}

uint64_t htable_fini(struct htable *t)
{
	for (uint32_t i = 0; i < t->chunk_count; i++)
		free(t->chunks[i]);
	free(t->chunks);
	pthread_mutex_destroy(&t->lock);
	return t->serial;
}

static struct hslot *slot_at(const struct htable *t, uint32_t i)
{
	return &t->chunks[i / HTABLE_CHUNK][i % HTABLE_CHUNK];
}

/* The slot that holds exactly this value, or NULL. */
static struct hslot *slot_of(const struct htable *t, uint64_t value)
{
	uint32_t i = (uint32_t)(value & (HTABLE_MAX - 1));
	if (!value || i >= t->slots)
		return NULL;
	struct hslot *slot = slot_at(t, i);
	return slot->value == value ? slot : NULL;
}

static int grow(struct htable *t)
{
	struct hslot **chunks = realloc(t->chunks, (t->chunk_count + 1) * sizeof(struct hslot *));
	if (!chunks)
		return -ENOMEM;
	t->chunks = chunks;
	struct hslot *chunk = calloc(HTABLE_CHUNK, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	t->chunks[t->chunk_count++] = chunk;
	return 0;
}

int htable_reserve(struct htable *t, uint64_t *ret_value)
{
	int err = 0;
	pthread_mutex_lock(&t->lock);
	if (t->closed)
		err = -ESHUTDOWN;
	else if (t->used >= t->limit)
		err = -EMFILE;
	else if (t->free_first == NONE && t->slots == t->chunk_count * HTABLE_CHUNK)
		err = grow(t);
	if (!err) {
		uint32_t i = t->free_first;
		if (i == NONE)
			i = t->slots++;
		else
			t->free_first = slot_at(t, i)->next_free;
		struct hslot *slot = slot_at(t, i);
		slot->value = t->serial++ << HTABLE_INDEX_BITS | i;
		slot->obj = NULL;
		t->used++;
		*ret_value = slot->value;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

int htable_publish(struct htable *t, uint64_t value, void *obj)
{
	int err = -ESHUTDOWN;
	pthread_mutex_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot && !t->closed) {
		slot->obj = obj;
		err = 0;
	}
	pthread_mutex_unlock(&t->lock);
	return err;
}

void *htable_remove(struct htable *t, uint64_t value)
{
	void *obj = NULL;
	pthread_mutex_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot) {
		obj = slot->obj;
		slot->obj = NULL;
	}
	pthread_mutex_unlock(&t->lock);
	return obj;
}

void htable_release(struct htable *t, uint64_t value)
{
	pthread_mutex_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot) {
		slot->value = 0;
		slot->obj = NULL;
		slot->next_free = t->free_first;
		t->free_first = (uint32_t)(value & (HTABLE_MAX - 1));
		t->used--;
	}
	pthread_mutex_unlock(&t->lock);
}

void *htable_get(struct htable *t, uint64_t value, void (*ref)(void *obj))
{
	void *obj = NULL;
	pthread_mutex_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot && slot->obj) {
		obj = slot->obj;
		ref(obj);
	}
	pthread_mutex_unlock(&t->lock);
	return obj;
}

void htable_close(struct htable *t)
{
	pthread_mutex_lock(&t->lock);
	t->closed = true;
	pthread_mutex_unlock(&t->lock);
}

void *htable_pop(struct htable *t)
{
	void *obj = NULL;
	pthread_mutex_lock(&t->lock);
	/* Only the last cleanup comes here, after htable_close(): slots at the end go first, for good. */
	while (!obj && t->slots) {
		struct hslot *slot = slot_at(t, t->slots - 1);
		obj = slot->obj;
		slot->obj = NULL;
		if (!obj)
			t->slots--;
	}
	pthread_mutex_unlock(&t->lock);
	return obj;
}
