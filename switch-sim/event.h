/* SPDX-License-Identifier: MIT
 *
 * Event objects (WSAEVENT): manual-reset flags that threads can wait on, each an eventfd.
 * Handles are generation-checked: a stale one is WSA_INVALID_HANDLE, never a crash.
 */
#ifndef WSD_SWITCH_EVENT_H
#define WSD_SWITCH_EVENT_H

#include <wsd/abi.h>

#include <stdbool.h>

struct event;

/* Return 0 with *ret_event set, or a WSA code (WSA_NOT_ENOUGH_MEMORY, WSAEMFILE). */
int event_create(WSAEVENT *ret_event);
/* The rest: 0 or WSA_INVALID_HANDLE. */
int event_close(WSAEVENT e);
int event_set(WSAEVENT e);
int event_reset(WSAEVENT e);
/* The descriptor, readable while the event is set; borrowed until event_close. -1: invalid handle.
 */
int event_fd(WSAEVENT e);

/* Windows's own events: reset by the wait that they end, if @auto_reset. */
int event_create_kind(bool auto_reset, bool set, WSAEVENT *ret_event);

/**
 * event_wait - wait for one or, with @all, each of @count events
 * @count: 1 to 64
 * @timeout_ms: WSA_INFINITE: no limit
 * Auto-reset events that end the wait are reset, with @all in one step for all of them.
 * Return: 0 with the index of the lowest set event in *ret_index (0 with @all), WSA_WAIT_TIMEOUT,
 * WSA_INVALID_HANDLE or WSA_NOT_ENOUGH_MEMORY.
 */
int event_wait(const WSAEVENT *events, unsigned count, bool all, DWORD timeout_ms,
	       unsigned *ret_index);

/* The object behind a handle, whoever closes the handle meanwhile. NULL: invalid handle; the others
 * take NULL. */
struct event *event_ref(WSAEVENT e);
struct event *event_again(struct event *e); /* one reference more */
void event_unref(struct event *e);
void event_raise(struct event *e);
void event_lower(struct event *e);

/* In the child after fork: @object is what the handle table held. */
void event_after_fork(void *object);

#endif
