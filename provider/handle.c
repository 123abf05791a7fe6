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

void htable_open(struct htable *t, uint32_t limit)
{
	wsd_lock(&t->lock);
	t->limit = limit < HTABLE_MAX ? limit : HTABLE_MAX;
	t->closed = false;
	wsd_unlock(&t->lock);
}

void htable_close(struct htable *t)
{
	wsd_lock(&t->lock);
	t->closed = true;
	wsd_unlock(&t->lock);
}

static void forget(struct htable *t)
{
	t->slots = t->used = 0;
	t->free_first = NONE;
}

void htable_trim(struct htable *t)
{
	wsd_lock(&t->lock);
	if (!t->used) {
		for (uint32_t i = 0; i < t->chunk_count; i++)
			free(t->chunks[i]);
		free(t->chunks);
		t->chunks = NULL;
		t->chunk_count = 0;
		forget(t);
	}
	wsd_unlock(&t->lock);
}

void htable_fork_prepare(struct htable *t)
{
	wsd_lock(&t->lock);
}

void htable_fork_parent(struct htable *t)
{
	wsd_unlock(&t->lock);
}

void htable_fork_child(struct htable *t)
{
	forget(t);
	t->closed = true;
	wsd_unlock(&t->lock);
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

int htable_reserve(struct htable *t, struct hslot **ret_slot)
{
	int err = 0;
	wsd_lock(&t->lock);
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
		t->used++;
		*ret_slot = slot;
	}
	wsd_unlock(&t->lock);
	return err;
}

void htable_publish(struct hslot *slot, void *obj)
{
	atomic_store(&slot->obj, obj); /* before the look whether a cleanup has begun [socket.c] */
}

static void free_locked(struct htable *t, struct hslot *slot)
{
	uint32_t i = (uint32_t)(slot->value & (HTABLE_MAX - 1));
	slot->value = 0;
	slot->obj = NULL;
	slot->next_free = t->free_first;
	t->free_first = i;
	t->used--;
}

void *htable_remove(struct htable *t, uint64_t value)
{
	void *obj = NULL;
	wsd_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot && slot->obj) {
		obj = slot->obj;
		free_locked(t, slot);
	}
	wsd_unlock(&t->lock);
	return obj;
}

void htable_release(struct htable *t, struct hslot *slot)
{
	wsd_lock(&t->lock);
	free_locked(t, slot);
	wsd_unlock(&t->lock);
}

void *htable_get(struct htable *t, uint64_t value, void (*ref)(void *obj))
{
	void *obj = NULL;
	wsd_lock(&t->lock);
	struct hslot *slot = slot_of(t, value);
	if (slot && slot->obj) {
		obj = slot->obj;
		ref(obj);
	}
	wsd_unlock(&t->lock);
	return obj;
}

void *htable_take(struct htable *t, uint32_t *cursor,
		  bool (*match)(const void *obj, const void *arg), const void *arg)
{
	void *obj = NULL;
	wsd_lock(&t->lock);
	for (; !obj && *cursor < t->slots; ++*cursor) {
		struct hslot *slot = slot_at(t, *cursor);
		if (!slot->value || !slot->obj || !match(slot->obj, arg))
			continue;
		obj = slot->obj;
		free_locked(t, slot);
	}
	wsd_unlock(&t->lock);
	return obj;
}
