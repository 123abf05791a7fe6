/* SPDX-License-Identifier: MIT
 *
 * Connections: what connect.c, accept.c and lost.c (the CM side) and transfer.c, memory.c, rdma.c
 * (the data side) share. A connection is made of a cm id, an endpoint and the data side's state.
 *
 * Locks: conn->lock comes after sock->call; prov->lock is never taken under it nor it under
 * prov->lock; no lock over an upcall. Data calls take conn->lock alone (not sock->call): they find
 * the connection by sock->conn, which is set before the socket is SS_CONNECTED and stays until the
 * socket's memory goes. The endpoint is used for posting and polling under conn->lock alone, and
 * only as long as conn->ep is not NULL: it is taken away under that lock after transfer_close().
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
	struct endpoint *prev, *next;   /* of dev's pool, or of those that rest */
	struct endpoint *aprev, *anext; /* of prov->endpoints */
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
	uint16_t pkey_index;                                  /* of the last connection's */
	uint8_t port;
	int64_t rest_until_ms;
	bool clean;   /* the queue pair is RESET, and nothing was posted since */
	bool torn;    /* RDMA was cut off in the middle */
	bool stalled; /* not everything has come back from ERR in time */
	bool cut;     /* sends were cut off: packets of them may be on their way out */
	bool spoiled; /* memory stays exposed in its domain: for no other connection */
};

/* endpoint.c: 0 or -errno. None is called inside the gate. An endpoint from the pool, or a new one:
 * RESET, nothing posted, nothing in its completion queue. */
int endpoint_get(struct prov *p, struct dev *dev, struct endpoint **ret);
/* Back into the pool, reset, or destroyed when the pool is full or @reuse is false; on a NIC
 * without hardware that happens later, by the event thread, if something was cut off. Nobody else
 * knows of it any more; nothing of it is in the memory's remote part. */
void endpoint_put(struct endpoint *ep, bool reuse);
/* Destroys all but the descriptor of its channel, which whoever still polls it finds readable, and
 * which the caller closes. */
int endpoint_hollow(struct endpoint *ep);
void endpoint_pool_drain(struct prov *p, struct dev *dev); /* and of those that rest */
void endpoint_timer(struct prov *p);                       /* the event thread */
/* The steps of its queue pair, on the way to what @id is connected to. */
int endpoint_init(struct endpoint *ep, struct ibv_qp_attr *attr, int mask); /* as request_alive() */
int endpoint_ready(struct endpoint *ep, struct rdma_cm_id *id);             /* RTR, RTS */
void endpoint_err(struct endpoint *ep);
/* RESET, unless it is so already: nothing that was posted is touched any more. False: it failed. */
bool endpoint_reset(struct endpoint *ep);
/* ERR again, if it was reset on the way. 0 or -errno. */
int endpoint_fail(struct endpoint *ep);

struct conn {
	pthread_mutex_t lock;
	struct sock *s; /* outlives it */
	struct endpoint *ep;
	struct wsd_sockaddr_in local, peer; /* the true names, settled before @up */
	bool up;                            /* RTS: posting is allowed */
	int broken; /* WSA code of what broke it; 0: it is whole [PROV-CLOSE-3, provider part 5] */
	bool attended; /* the switch attends to completions itself [wsd/attend.h] */
	struct transfer *transfer;
	bool watched; /* the event thread watches the channel */
	/* The CM side's, under s->call. While id is there it has a reference to s. */
	struct rdma_cm_id *id;
	struct dev *dev;             /* with id, once it is known */
	struct endpoint *parting_ep; /* kept until the peer has let go of it, too */
	bool established;            /* a disconnect reaches the peer */
	bool told;                   /* the peer was told */
	bool ended;                  /* the peer knows, or it was the peer */
	bool parted;                 /* closed, waits for the peer in prov->parting */
	bool retried;                /* after a reject for a queue pair number still in use */
	int hollow_fd;       /* of an endpoint whose device is gone, as long as the memory; -1 */
	atomic_uint attempt; /* which use of the connection, and of id, an event is of */
	/* Under prov->lock: in prov->attempts or prov->parting. */
	struct conn **timed;
	struct conn *tprev, *tnext;
	int64_t deadline_ms;
};

/* ---- what the data side gives the CM side (transfer.c, memory.c) ---- */

/* At the birth of an endpoint and at its end. */
int memory_create(struct endpoint *ep);
void memory_destroy(struct endpoint *ep);
/* When a connection ends: everything exposed is deregistered, what is cached for local use stays
 * [PROV-MEM-8, -9, -10]. */
void memory_recycle(struct endpoint *ep);
/* The peer may be reading or writing: something is registered for it. Caller holds conn->lock. */
bool memory_is_exposed(const struct endpoint *ep);

/* Before the connection is established; the endpoint is in INIT, its early receive is posted here.
 * -errno. */
int transfer_open(struct conn *c);
/* The connection is lost: @code is the reason. The queue pair is in ERR; what arrived before
 * completes as it did, what is pending with @code, by upcall or poll, before this returns. Repeated
 * calls do nothing, nor those after transfer_close(). */
void transfer_break(struct conn *c, int code);
/* WSPCloseSocket: everything pending completes with WSA_OPERATION_ABORTED, 0 bytes, before this
 * returns; nothing is posted afterwards, no completion is left in the queue [PROV-CLOSE-1].
 * The queue pair is reset. Also after transfer_open() alone, then under s->call. */
void transfer_close(struct conn *c);
/* Its memory, if there is some: nobody uses it any more; another transfer_open() may follow. */
void transfer_free(struct conn *c);
/* The event thread: the endpoint's channel is readable. */
void transfer_on_channel(struct conn *c);

/* ---- what the CM side gives the data side (conn.c, lost.c) ---- */

/* The connection of a descriptor with a reference to its socket, broken or not; NULL with
 * WSAENOTSOCK, or WSAENOTCONN if it was never connected. */
struct conn *conn_find(SOCKET descriptor, struct sock **ret_s, int *ret_code);
void conn_leave(struct sock *s);
/* A completion says that the connection is dead: the socket becomes BROKEN, the peer is told. Takes
 * s->call; calls transfer_break(). Held: a reference to c->s, no lock. */
void conn_lost(struct conn *c, int code);
/* Let the event thread watch the endpoint's channel (or not: the switch attends). 0 or -errno. The
 * caller holds c->lock and c->ep is there. */
int conn_watch(struct conn *c, bool on);

/* ---- among the files of the CM side ---- */

/* conn.c; under s->call */
int conn_make(struct sock *s, struct conn **ret); /* the socket's, made if need be; 0 or -errno */
/* Takes an id and the count of its device (NULL: not known yet); gives the id its context. */
void conn_begin(struct conn *c, struct rdma_cm_id *id, struct dev *dev);
int conn_give_endpoint(struct conn *c); /* of c->dev; 0 or -errno */
/* INIT and transfer_open(). 0 or -errno. */
int conn_open(struct conn *c, struct ibv_qp_attr *attr, int mask);
void conn_up(struct conn *c);
void conn_end(struct conn *c, bool reuse); /* no id, no endpoint: as if never begun */
/* Takes the id off; the caller passes what it got to conn_drop_id(), with no lock or s->call. */
struct rdma_cm_id *conn_take_id(struct conn *c, struct dev **ret_dev);
void conn_drop_id(struct conn *c, struct rdma_cm_id *id, struct dev *dev);
/* False: the last cleanup is under way, and nobody looks at the time any more. */
bool conn_time(struct conn *c, struct conn **list, int ms);
void conn_untime(struct conn *c);
struct endpoint *conn_take_endpoint(struct conn *c); /* NULL if it is gone already; no lock */
void conn_free(struct conn *c);                      /* with the socket's memory; NULL is fine */

/* What an event of rdma_cm says, once it is acknowledged. */
struct conn_news {
	struct conn *c; /* with a reference to c->s */
	unsigned attempt;
	enum rdma_cm_event_type event;
	int status;
	bool refused; /* a reject with our tag: final [PROV-CONNECT-7] */
};

/* conn.c: the event thread; no lock, and but for conn_read() no unacknowledged event */
bool conn_read(struct prov *p, const struct rdma_cm_event *event, struct conn_news *ret);
void conn_event(const struct conn_news *news); /* takes the reference */
void conn_readable(SOCKET descriptor);
int conn_timer(struct prov *p);     /* ms until the next look; 0: none is needed */
void conn_part_all(struct prov *p); /* the last cleanup: nobody waits for a peer any more */

/* connect.c: an event while CONNECTING, under s->call. True: *u is begun, for *ret_event. */
bool connect_step(struct conn *c, const struct conn_news *news, WSAEVENT *ret_event,
		  struct upcall *u);

/* lost.c */
void lost_event(struct conn *c, const struct conn_news *news); /* under s->call; gives it up */
void lost_close_begin(struct conn *c); /* WSPCloseSocket, under s->call: CLOSED comes next */
void lost_close(struct conn *c);       /* no lock held */

#endif
