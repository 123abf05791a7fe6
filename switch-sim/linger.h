/* SPDX-License-Identifier: MIT
 *
 * What goes on after closesocket: sessions that end, and EXCLUSIVE names that live as long as the
 * connections accepted on them. [WS-REUSE-11, SW-CLOSE-2]
 *
 * Locks: process.close_lock, a leaf.
 */
#ifndef WSD_SWITCH_LINGER_H
#define WSD_SWITCH_LINGER_H

#include "socket.h"

/* ---- names ---- */

/* A share of the name of an EXCLUSIVE listener, for a connection of its; NULL: nothing to share, or
 * no memory. Caller holds listener->lock. */
struct name_hold *linger_share(struct sw_socket *listener);
/* The last one releases the name. NULL is fine. */
void linger_drop(struct name_hold *hold);

/**
 * linger_keep - instead of closing s->tcp, which has a share of a name, close it in the background
 * Caller holds s->lock. True: the descriptor and the share are not s's any more. False: the
 * connection is inactive, or will be when it is closed now.
 */
bool linger_keep(struct sw_socket *s);

/* ---- TCP/IP ---- */

/* Ends the stream, and waits until all of it, and its end, is acknowledged. False: the deadline
 * came. */
bool linger_wait_sent(SOCKET tcp, uint64_t deadline_ns);
/* Are bytes not acknowledged yet? */
bool linger_unsent(SOCKET tcp);

/* ---- the SAN ---- */

/* The socket is closed: end its session, in this call as far as SO_LINGER wants (if @wait), else in
 * the background. The last reference to the record closes the TCP/IP socket. No lock held. */
void linger_session(struct sw_socket *s, bool wait);

/* ---- WSACleanup, after every socket is closed and before the reactor stops ---- */
void linger_cleanup(struct sw_process *p);

/* In the child after fork: descriptors that only this list knows. */
void linger_after_fork(struct sw_process *p);

#endif
