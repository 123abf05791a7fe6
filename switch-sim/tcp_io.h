/* SPDX-License-Identifier: MIT
 *
 * What a socket on TCP/IP keeps of its data: requests that wait, bytes that a non-blocking send
 * left to us, the loss of the connection. Made with the first transfer.
 *
 * Locks: one for each direction, inside s->lock; both leaves but for the TCP/IP provider's calls,
 * the reactor's own, waiters and sw_notify. The descriptor is used under one of them, or under
 * s->lock, so that closing under all three leaves nobody with a number that means something else.
 */
#ifndef WSD_SWITCH_TCP_IO_H
#define WSD_SWITCH_TCP_IO_H

#include "request.h"

/*
 * What a non-blocking send on a stream leaves when the kernel took a part: copied, sent by the
 * reactor, also after closesocket [WS-DATA-3]. One send's at a time: until it is gone the socket is
 * not writable. Beyond this many bytes the send answers with what was taken.
 */
#define TCP_REST_MAX (64u << 20)
/* WSACleanup gives what is left of it so long. */
#define TCP_DRAIN_MS 5000

/**
 * tcp_io_close - closesocket: from here on s->tcp is not used by pending requests
 * @abort: what is left of non-blocking sends is dropped, too (SO_LINGER with time 0)
 * Caller holds s->lock, has set s->state to SW_CLOSED (or takes s->tcp_io away from s), and calls
 * tcp_io_closed() after letting it go. True: the descriptor is ours and will be closed; s->tcp is
 * INVALID_SOCKET.
 */
bool tcp_io_close(struct sw_socket *s, bool abort);
/* Pending requests end with WSA_OPERATION_ABORTED. No lock held. */
void tcp_io_closed(struct tcp_io *io); /* NULL is fine */

/* closesocket that lingers: waits until nothing is left of non-blocking sends. 0, WSAEWOULDBLOCK:
 * the deadline came. No lock held. */
int tcp_io_flush(struct sw_socket *s, uint64_t deadline_ns);

/* Why the connection is lost, WSA code; 0: the kernel does not say that it is. It says so once:
 * whoever asks next finds it here. No lock held. */
int tcp_io_lost(struct sw_socket *s);

/* WSACleanup: after the sockets are closed and before the reactor stops. */
void tcp_io_cleanup(struct sw_process *p);

void tcp_io_free(struct tcp_io *io); /* the last reference to the socket is gone; NULL is fine */
/* In the child after fork: close the copy of a descriptor that is ours; the memory stays. */
void tcp_io_after_fork(struct tcp_io *io);

#endif
