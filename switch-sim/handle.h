/* SPDX-License-Identifier: MIT
 *
 * Handles: what a SOCKET or a WSAEVENT is to the application. An opaque number that says kind,
 * place and generation, so that a stale, foreign or invented one is refused [WS-SOCKET-4,
 * WS-STARTUP-4].
 *
 * Look-up takes no lock: each slot is one atomic word of handle value and references. The table
 * outlives WSACleanup (a handle of the last lifetime must stay stale) and holds events too, which
 * on Windows belong to the system and not to Winsock.
 *
 * Lock: the table's own, around its queue of free slots; nothing is called with it held.
 */
#ifndef WSD_SWITCH_HANDLE_H
#define WSD_SWITCH_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 31 bits, as Windows keeps handles within 32 and programs put them into an int:
 * kind 2 | generation 9 | index 18 | 00. A number below 2^29 is never a handle: no descriptor of
 * the kernel reaches that far. */
enum handle_kind { HANDLE_SOCKET = 1, HANDLE_EVENT = 2 };

enum {
	HANDLE_GENERATIONS = 1 << 9,
	HANDLE_MAX = 1 << 18, /* sockets and events together */
	HANDLE_CHUNK = 1 << 10,
	HANDLE_FREE_MIN = 256, /* slots kept free: a value returns after 256 * 512 others */
};

struct handle_slot {
	_Atomic uint64_t word; /* value (0: invalid) in the high half, references in the low */
	void *object;          /* constant while there are references */
	struct handle_slot *next_free;
	uint32_t index;
	uint32_t value; /* the handle; stays while there are references */
	uint16_t generation;
	uint8_t kind;
};

struct handles {
	pthread_mutex_t lock; /* everything but the chunks' slots in use */
	struct handle_slot *_Atomic chunk[HANDLE_MAX / HANDLE_CHUNK];
	unsigned n_chunks, n_free;
	struct handle_slot *first_free, *last_free;
};

#define HANDLES_INITIALIZER                       \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

/**
 * handles_add - give @object a handle; the table holds one reference
 * @ret_slot and the slot's value are set before anybody can find the object.
 * Return: 0 with @ret_slot and @ret_value set, -ENOMEM, or -ENOSPC when HANDLE_MAX are in use.
 */
int handles_add(struct handles *t, enum handle_kind kind, void *object,
		struct handle_slot **ret_slot, uint32_t *ret_value);

/* The object with one reference more, or NULL. */
void *handles_find(struct handles *t, enum handle_kind kind, uint64_t value);

/* Makes the handle invalid. Return: the object with the table's reference, now the caller's; NULL
 * if it was not valid: of two callers one gets it. */
void *handles_remove(struct handles *t, enum handle_kind kind, uint64_t value);

/* The objects one after the other, a reference each; *@at begins at 0. NULL: no more. */
void *handles_next(struct handles *t, enum handle_kind kind, unsigned *at);

void handle_ref(struct handle_slot *slot);
/* References now, the table's among them. */
unsigned handle_refs(const struct handle_slot *slot);
/* True: this was the last reference and the handle is invalid. The caller destroys the object and
 * then calls handles_recycle. */
bool handle_put(struct handle_slot *slot);
void handles_recycle(struct handles *t, struct handle_slot *slot);

/* In the child after fork: @drop each object, whoever held it; the table is empty afterwards. */
void handles_after_fork(struct handles *t, void (*drop)(enum handle_kind kind, void *object));

bool handles_in_use(struct handles *t);

/* Free the memory. Nothing may be in use. */
void handles_destroy(struct handles *t);

#endif
