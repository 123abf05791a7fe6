/* SPDX-License-Identifier: MIT
 *
 * The table from descriptors to objects. A value is never given twice in the life of the process, so
 * a stale one is always recognised [PROV-SOCKET-4 PROV-CLOSE-6]; every operation is O(1).
 */
#ifndef WSD_PROVIDER_HANDLE_H
#define WSD_PROVIDER_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	HTABLE_INDEX_BITS = 24, /* low bits of a value: the slot; above them a serial number */
	HTABLE_CHUNK = 1024,    /* slots allocated at a time */
	HTABLE_MAX = 1 << HTABLE_INDEX_BITS,
};

struct hslot {
	uint64_t value; /* 0: free */
	void *obj;      /* NULL: reserved, not yet to be found */
	uint32_t next_free;
};

/* Its lock is the last in the order: under it only the caller's ref function runs. */
struct htable {
	pthread_mutex_t lock;
	struct hslot **chunks;
	uint32_t chunk_count, slots, used, limit;
	uint32_t free_first;
	uint64_t serial; /* of the next value */
	bool closed;
};

/* @serial: where to start; htable_fini() says where the next table must start. @limit: objects. */
int htable_init(struct htable *t, uint32_t limit, uint64_t serial);
uint64_t htable_fini(struct htable *t);

/* A value for which htable_get() finds nothing yet. -EMFILE (limit), -ENOMEM, -ESHUTDOWN (closed). */
int htable_reserve(struct htable *t, uint64_t *ret_value);
/* Now it finds @obj. -ESHUTDOWN: the table was closed meanwhile; the value must be released. */
int htable_publish(struct htable *t, uint64_t value, void *obj);
/* Finds no more; the object, or NULL when another thread was first. The slot stays taken. */
void *htable_remove(struct htable *t, uint64_t value);
/* The slot may serve again, under another value. */
void htable_release(struct htable *t, uint64_t value);
/* The object, with @ref called on it under the lock, or NULL. */
void *htable_get(struct htable *t, uint64_t value, void (*ref)(void *obj));
/* After this nothing is reserved or published. */
void htable_close(struct htable *t);
/* Removes any published object; NULL when there is none. */
void *htable_pop(struct htable *t);

#endif
