/* SPDX-License-Identifier: MIT
 *
 * Connections: what connect.c, accept.c and lost.c (the CM side) and transfer.c, memory.c, rdma.c
 * (the data side) share. A connection is made of a cm id, an endpoint and the data side's state.
 *
 * Locks, after those of prov.h: conn->lock comes after sock->call and prov->lock is never taken
 * under it nor it under prov->lock; no lock over an upcall. Data calls take conn->lock alone (not
 * sock->call): they find the connection by sock->conn, which is set before the socket is
 * SS_CONNECTED and stays until the socket's memory goes.
 */
#ifndef WSD_PROVIDER_CONN_H
#define WSD_PROVIDER_CONN_H

#include "prov.h"

struct memory;   /* memory.c: registrations of one endpoint, and their cache */
struct transfer; /* transfer.c: posted and waiting operations of one connection */

enum {
	EP_SEND_DEPTH = 15, /* 2^k - 1: rxe rounds up after adding one */
	EP_RECV_DEPTH = 15,
	EP_CQ_DEPTH = EP_SEND_DEPTH + EP_RECV_DEPTH + 1,
	EP_SGE = 4,
	EP_INLINE = 48,      /* a slot of rxe's send queue stays at 256 bytes */
	EP_EARLY_SIZE = 256, /* private receive for the peer's first message [PROV-DATA-8, -9] */
};

/*
 * Protection domain, queue pair, completion queue with a channel of its own, the early buffer and
 * its registration: made once, recycled through a pool of the device [PROV-MEM-8]. Only endpoints
 * in the pool are without a connection.
 */
struct endpoint {
	struct endpoint *prev, *next; /* of dev's pool */
	struct prov *p;
	struct dev *dev;
	struct ibv_context *verbs;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel; /* fd non-blocking, CLOEXEC */
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct memory *memory; /* memory.c's; local cache survives recycling, nothing remote does */
	void *early;           /* EP_EARLY_SIZE bytes, registered as early_mr */
	struct ibv_mr *early_mr;
	uint32_t max_inline, max_sge, send_depth, recv_depth; /* as granted */
	uint64_t closed_ns;                                   /* when it came into the pool */
};

/* endpoint.c. -errno. INIT state, early receive posted (wr_id 0) by the caller's order below. */
int endpoint_get(struct prov *p, struct dev *dev, struct endpoint **ret);
/* Back into the pool, reset, or destroyed when the pool is full or @reuse is false. */
void endpoint_put(struct endpoint *ep, bool reuse);
void endpoint_pool_drain(struct prov *p, struct dev *dev);

struct conn {
	pthread_mutex_t lock;
	struct sock *s;
	struct endpoint *ep;
	struct rdma_cm_id *id; /* the CM side's */
	struct wsd_sockaddr_in local, peer;
	bool up;    /* RTS: posting is allowed */
	int broken; /* WSA code of what broke it; 0: it is whole [PROV-CLOSE-3, provider part 5] */
	bool attended; /* the switch attends to completions itself [wsd/attend.h] */
	struct transfer *transfer;
};

/* ---- what the data side gives the CM side (transfer.c, memory.c) ---- */

/* At the birth of an endpoint and at its end. */
int memory_create(struct endpoint *ep);
void memory_destroy(struct endpoint *ep);
/* When a connection ends: everything exposed is deregistered, what is cached for local use stays
 * [PROV-MEM-8, -9, -10]. */
void memory_recycle(struct endpoint *ep);

/* Before the connection is established; the endpoint is in INIT, its early receive is posted here.
 * -errno. */
int transfer_open(struct conn *c);
/* The connection is lost: @code is the reason. The queue pair is in (or is put into) ERR; what is
 * pending completes with it, by upcall or poll, on the event thread. Repeated calls do nothing. */
void transfer_break(struct conn *c, int code);
/* WSPCloseSocket: everything pending completes with WSA_OPERATION_ABORTED, 0 bytes, before this
 * returns; nothing is posted afterwards, no completion is left in the queue [PROV-CLOSE-1].
 * The queue pair is in ERR already. */
void transfer_close(struct conn *c);
void transfer_free(struct conn *c);
/* The event thread: the endpoint's channel is readable. */
void transfer_on_channel(struct conn *c);

/* ---- what the CM side gives the data side (connect.c, lost.c) ---- */

/* The connection of a descriptor with a reference to its socket; NULL with the code:
 * WSAENOTSOCK, WSAENOTCONN, or c->broken's. */
struct conn *conn_enter(SOCKET descriptor, struct sock **ret_s, int *ret_code);
void conn_leave(struct sock *s);
/* A completion says that the connection is dead: the socket becomes BROKEN, the peer is told. */
void conn_lost(struct conn *c, int code);
/* Let the event thread watch the endpoint's channel (or not: the switch attends). */
int conn_watch(struct conn *c, bool on);

/* Upcall of a completed operation, no lock held [PROV-OVL-1, -3]; upcall.c. */
void upcall_complete(struct prov *p, struct sock *s, LPWSAOVERLAPPED overlapped, int code,
		     uint32_t bytes);

#endif
