/* SPDX-License-Identifier: MIT
 *
 * Event objects (WSAEVENT): manual-reset flags that threads can wait on, each an eventfd.
 * Handles are generation-checked: a stale one is WSA_INVALID_HANDLE, never a crash.
 */
#ifndef WSD_SWITCH_EVENT_H
#define WSD_SWITCH_EVENT_H

#include <wsd/abi.h>

/* Return 0 with *ret_event set, or a WSA code (WSA_NOT_ENOUGH_MEMORY, WSAEMFILE). */
int event_create(WSAEVENT *ret_event);
/* The rest: 0 or WSA_INVALID_HANDLE. */
int event_close(WSAEVENT e);
int event_set(WSAEVENT e);
int event_reset(WSAEVENT e);
/* The descriptor, readable while the event is set; borrowed until event_close. -1: invalid handle.
 */
int event_fd(WSAEVENT e);

#endif
