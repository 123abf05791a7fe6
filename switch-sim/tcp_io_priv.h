/* SPDX-License-Identifier: MIT
 *
 * Shared by transport_tcp.c (queues and waiting), tcp_move.c (one attempt at one request) and
 * tcp_close.c (the end).
 */
#ifndef WSD_SWITCH_TCP_IO_PRIV_H
#define WSD_SWITCH_TCP_IO_PRIV_H

#include "reactor.h"
#include "tcp_io.h"
#include "transport.h"

#include <wsd/errors.h>

struct tcp_direction {
	pthread_mutex_t lock; /* everything here; requests in the queue */
	struct sw_request *first, *last;
	unsigned urgent;                       /* of them: receives of urgent data */
	struct sw_request *ended, *ended_last; /* finish() is due, in this order */
	bool finishing;                        /* a thread calls them */
	bool shut_after; /* sends: shut the kernel's socket when the queue is empty */
};

struct tcp_io {
	struct sw_socket *s;
	struct tcp_direction direction[2]; /* by enum sw_op */
	/* INVALID_SOCKET: closed. Changed under both directions' locks, used under one. */
	_Atomic SOCKET fd;
	bool closed;      /* likewise: only what is left of non-blocking sends is still moved */
	_Atomic int lost; /* why the stream is, WSA code [WS-DATA-2]; 0: it is not */
	atomic_bool after_end;   /* it was reset after its end: receives hear of that alone */
	atomic_bool unreachable; /* a datagram could not be delivered, and a send has heard it */
	/* The reactor serves requests that no thread waits for. */
	pthread_mutex_t watch_lock;
	struct reactor *reactor;
	struct reactor_watch watch;
	uint32_t wanted; /* epoll events */
	bool armed;      /* holds a reference to s */
	/* After closesocket: */
	bool ours; /* we close this descriptor: */
	SOCKET closing;
	bool draining; /* a rest is sent; holds a reference to s, until it leaves this list: */
	struct tcp_io *drain_prev, *drain_next; /* of the process's list */
};

/* One attempt. True: r is over, with code, done and ret_flags. Caller holds the direction's lock.
 */
bool tcp_attempt(struct tcp_io *io, struct sw_request *r);

/* What the kernel knows of the connection's loss; 0: nothing. Caller holds both locks. WSA code. */
int tcp_note_loss(struct tcp_io *io);
/* What a send says of the loss. */
int tcp_send_code(const struct tcp_io *io);

/* Adds to the direction's queue; arms the reactor. Caller holds its lock. WSA code. */
int tcp_enqueue(struct tcp_io *io, struct sw_request *r);
void tcp_unlink(struct tcp_direction *d, struct sw_request *r);
void tcp_ended(struct tcp_direction *d, struct sw_request *r);
/* Its thread waits for it and polls the descriptor itself. */
static inline bool tcp_is_waited(const struct sw_request *r)
{
	return !r->finish;
}
bool tcp_is_rest(const struct sw_request *r);
/* A receive of urgent data, which has a way of its own: neither kind waits for the other. */
static inline bool tcp_is_urgent(const struct sw_request *r)
{
	return r->op == SW_OP_RECV && (r->flags & WSD_MSG_OOB);
}
/* SO_OOBINLINE of a stream's descriptor. */
bool tcp_in_line(SOCKET fd);
/* Calls the finish() of what has ended, in its order. No lock held. */
void tcp_finish(struct tcp_io *io, struct tcp_direction *d);
/* After the queue may have become empty. Caller holds the direction's lock. */
void tcp_emptied(struct tcp_io *io, struct tcp_direction *d);

/* The queues are empty after closesocket: close the descriptor and drop the reference. No lock
 * held. */
void tcp_drained(struct tcp_io *io);

#endif
