/* SPDX-License-Identifier: MIT
 *
 * Network events: WSAEventSelect, WSAEnumNetworkEvents. What is selected is recorded once, sets the
 * event, and is recorded again only after the call that re-enables it.
 */
#ifndef WSD_SWITCH_NETEVENTS_H
#define WSD_SWITCH_NETEVENTS_H

#include "socket.h"

/* Return a WSA code. @ret is the application's, checked here. */
int netevents_select(struct sw_process *p, SOCKET handle, WSAEVENT event, LONG mask);
int netevents_enum(struct sw_process *p, SOCKET handle, WSAEVENT event, LPWSANETWORKEVENTS ret);

void netevents_look(struct sw_socket *s, LONG rearm);

/**
 * netevents_reenable - at the end of every call that re-enables @events, also of one that failed:
 * FD_READ and FD_OOB: recv and its family, with MSG_PEEK too; FD_WRITE: send and its family when
 * they ended in WSAEWOULDBLOCK; FD_ACCEPT: accept and its family, but for WSATRY_AGAIN
 * What still holds is recorded at once. One atomic read when nothing was ever selected. The caller
 * holds no lock.
 */
static inline void netevents_reenable(struct sw_socket *s, LONG events)
{
	if (__builtin_expect(atomic_load_explicit(&s->netevents, memory_order_relaxed) != NULL, 0))
		netevents_look(s, events);
}

/* Something is selected: FIONBIO 0 is WSAEINVAL. Caller holds s->lock. */
bool netevents_selected(struct sw_socket *s);

/* accept: the new socket has the listener's selection [WS-ACCEPT-3]. It is connected; no lock held.
 * Return a WSA code: WSAENOBUFS. */
int netevents_inherit(struct sw_socket *listener, struct sw_socket *accepted);

/* s->tcp will become another descriptor, and has become one. Caller holds s->lock for both. */
void netevents_unwatch(struct sw_socket *s);
void netevents_watch(struct sw_socket *s);

/* closesocket: before s->tcp is closed; with or without s->lock. Nothing is set after this. */
void netevents_stop(struct sw_socket *s);
void netevents_free(struct sw_socket *s); /* the memory, with the record's */

#endif
