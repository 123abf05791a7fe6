/* SPDX-License-Identifier: MIT
 *
 * The table from descriptors to objects. A value is never given twice in the life of the process,
 * so a stale one is always recognised [PROV-SOCKET-4 PROV-CLOSE-6]; every operation but htable_take
 * is O(1).
 */
#ifndef WSD_PROVIDER_HANDLE_H
#define WSD_PROVIDER_HANDLE_H

#include "lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HTABLE_INDEX_BITS = 24, /* low bits of a value: the slot; above them a serial number */
	HTABLE_CHUNK = 1024,    /* slots allocated at a time */
	HTABLE_MAX = 1 << HTABLE_INDEX_BITS,
};

struct hslot {
	uint64_t value;      /* 0: free */
	_Atomic(void *) obj; /* NULL: reserved, not yet to be found */
	uint32_t next_free;
};

/* Its lock is the last in the order: under it only the caller's ref function runs. */
struct htable {
	struct wsd_lock lock;
	struct hslot **chunks;
	uint32_t chunk_count, slots, used, limit;
	uint32_t free_first;
	uint64_t serial; /* of the next value */
	bool closed;
};

#define HTABLE_INITIALIZER                                                           \
	{                                                                            \
		.lock = WSD_LOCK_INITIALIZER, .free_first = UINT32_MAX, .serial = 1, \
		.closed = true                                                       \
	}

/* Opens it for at most @limit objects; what is in it stays. */
void htable_open(struct htable *t, uint32_t limit);
/* After this nothing is reserved or published until it is opened again. */
void htable_close(struct htable *t);
/* Gives the memory back if the table is empty. */
void htable_trim(struct htable *t);
/* Around fork; the child's table is empty and closed, and repeats no value. */
void htable_fork_prepare(struct htable *t);
void htable_fork_parent(struct htable *t);
void htable_fork_child(struct htable *t);

/* A slot whose value finds nothing yet. -EMFILE (limit), -ENOMEM, -ESHUTDOWN (closed). */
int htable_reserve(struct htable *t, struct hslot **ret_slot);
/* Now its value finds @obj. The slot is the caller's, so this takes no lock. */
void htable_publish(struct hslot *slot, void *obj);
/* The object, which is found no more; NULL when another thread was first. The slot is free then. */
void *htable_remove(struct htable *t, uint64_t value);
/* Gives a reserved slot back. */
void htable_release(struct htable *t, struct hslot *slot);
/* The object, with @ref called on it under the lock, or NULL. */
void *htable_get(struct htable *t, uint64_t value, void (*ref)(void *obj));
/* Removes the next object for which @match says yes; NULL when there is none. *cursor starts at 0.
 */
void *htable_take(struct htable *t, uint32_t *cursor,
		  bool (*match)(const void *obj, const void *arg), const void *arg);

#endif
