/* SPDX-License-Identifier: MIT
 *
 * prov.h - what the files of the provider share: the process object, sockets, names, devices,
 * requests.
 *
 * Lock order, outermost first. A thread may leave steps out; no lock at all is held over an upcall
 * [PROV-OVL-3].
 *   0. prov->serve                  serving events, one batch of them; it is held over upcalls, and
 *                                   no call that may be made inside one takes it
 *   1. the start lock of entry.c    who is started; taken for moments, and over a startup
 *   2. sock->call                   one call at a time on one socket
 *   3. being a name's owner         one rdma_cm operation at a time on one name (name->busy)
 *   4. prov->dev_op                 one anchor is made at a time
 *   5. prov->lock                   all lists, queues and records; no system call under it but
 * arming the timer
 *   6. the lock of the handle table
 * The event thread takes 2 to 4 only when it holds no unacknowledged CM event: rdma_destroy_id(),
 * called by others under 3, waits for that acknowledgement.
 */
#ifndef WSD_PROVIDER_PROV_H
#define WSD_PROVIDER_PROV_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wsd/abi.h>

#include "conf.h"
#include "errmap.h"
#include "handle.h"
#include "lock.h"
#include "nic.h"
#include "state.h"

#define PROV_VERSION 0x0202

/* Limits, each with its key in the configuration; see provider/README.md. */
enum {
	PROV_STARTUPS_MAX = 1 << 20, /* rdma.max_startups: clients of one process [PROV-INIT-8] */
	PROV_SOCKETS_MAX = 1 << 20,  /* rdma.max_sockets */
	PROV_BACKLOG_MAX = 1024,     /* rdma.max_backlog: what SOMAXCONN means [PROV-LISTEN-2] */
	PROV_KERNEL_BACKLOG = 1024,  /* unread events; the event thread reads them at once */
	PROV_RETRY_MS = 20,          /* a dormant name is tried again [PROV-BIND-23] */
	PROV_PURGE_MS = 100,        /* queued requests: is the peer still there? [PROV-ACCEPT-10] */
	PROV_RETRY_BATCH = 256,     /* dormant names tried in one turn */
	PROV_SPARES = 64,           /* sockets and names kept for the next bind */
	PROV_THRESHOLD = 16 * 1024, /* rdma.threshold: SO_RDMA_THRESHOLD_SIZE, bytes */
	PROV_MSG_UNBOUND = 1 << 20, /* SO_MAX_MSG_SIZE while no device is known, bytes */
	PROV_READS = 16,         /* RDMA reads in flight, each way; a NIC has room made for each */
	PROV_ENDPOINTS = 64,     /* rdma.endpoints: idle ones that a device keeps */
	PROV_REST_MS = 20000,    /* rdma.rest_ms: longer than packets wait for a wire of any use */
	PROV_CONNECT_MS = 1000,  /* connect.san_ms: one attempt [PROV-CONNECT-7] */
	PROV_PART_MS = 5000,     /* a closed connection's id waits so long for the peer's word */
	PROV_PORT_FIRST = 28672, /* cm.source_ports: below all ranges that are given out */
	PROV_PORT_LAST = 29695,
};

struct prov;
struct sock;
struct name;
struct conn;
struct endpoint;
struct memory;

/* The only mutable global of the module. */
extern struct prov_process {
	struct wsd_lock lock;   /* the start lock */
	struct prov *live;      /* NULL: not started */
	struct prov *all;       /* whose descriptors are open: live, and those on their way out */
	struct prov *abandoned; /* by the parents of forks */
	struct htable handles;  /* of all startups: a value is unique for the life of the process */
	struct sock *spares;    /* a few, so that a bind costs the heap nothing; under lock */
	unsigned spare_count;
	bool fork_watched;
	bool forked; /* this is a child of a process that had started */
} prov_process;

/* One opened RDMA device. Guarded by prov->lock; anchor by prov->dev_op too. */
struct dev {
	struct dev *prev, *next;
	struct ibv_context *verbs; /* librdmacm's */
	int cmd_fd, async_fd;      /* of verbs, to let go of the last device */
	uint32_t index;            /* the kernel's number of the device */
	uint32_t max_msg;          /* bytes: the smallest max_msg_sz of its ports */
	uint8_t reads;             /* RDMA reads in flight that a connection asks for */
	struct rdma_cm_id *anchor; /* keeps librdmacm's domain, and tells of the removal */
	struct ibv_context *own;   /* ours, for queue pairs, if verbs is a parent's; by dev_op */
	unsigned ids;              /* cm ids and endpoints of ours on it, the anchor not counted */
	struct endpoint *pool;     /* idle endpoints, the last used first */
	unsigned pool_count;
	struct endpoint *resting; /* ones that were cut off, the first to have rested first */
	unsigned rest_count;
	bool soft;    /* no hardware behind it */
	bool gone;    /* removed: nothing new on it */
	bool left;    /* ... as an id said that was no connection's then, and says no more */
	bool seen;    /* was in a snapshot: when it is in none it is gone */
	bool foreign; /* verbs is the parent's of a fork */
};

enum name_state {
	NAME_DOWN,      /* no device for it (now) */
	NAME_DORMANT,   /* the device is known, another process holds the name */
	NAME_BOUND,     /* id is bound */
	NAME_LISTENING, /* id is bound and listens */
};

/* One socket's part in one name. Guarded by prov->lock. */
struct use {
	struct sock *s;
	struct name *n;
	struct use *next;          /* of the socket */
	struct use *lprev, *lnext; /* of the name's listeners, in rank */
	bool listening;
};

/* One request that waits for WSPAccept. Guarded by prov->lock. */
struct request {
	struct request *prev, *next;   /* of the listener's queue, oldest first */
	struct request *pprev, *pnext; /* of all requests of the process */
	struct rdma_cm_id *id;
	struct dev *dev;
	struct sock *s; /* NULL once it is taken out of the queue */
	unsigned refs;
	uint64_t pass;                      /* of the last look whether the peer is still there */
	struct wsd_sockaddr_in peer, local; /* the true names [PROV-BIND-23] */
};

struct sock {
	struct wsd_lock call;
	struct sock *spare; /* the next spare one */
	struct prov *p;     /* a reference */
	atomic_uint refs;
	SOCKET descriptor;            /* ours */
	SOCKET switch_handle;         /* the switch's: for upcalls only [PROV-SOCKET-3] */
	enum sock_state state;        /* written by sock_move() alone, under call */
	struct wsd_sockaddr_in local; /* as given to WSPBind */
	bool wildcard;
	int32_t debug; /* SO_DEBUG */
	/* Written under call, read by anyone with a reference; stays as long as the memory. */
	_Atomic(struct conn *) conn;
	/* Under prov->lock from here on; uses also under call. */
	struct use *uses;
	struct use first_use;       /* what nearly every socket needs; n is NULL while it is free */
	struct sock *wprev, *wnext; /* of prov->wild */
	unsigned backlog, queued;
	uint64_t listen_seq; /* rank among listeners; 0 = none */
	struct request *queue;
	int64_t purged_ms; /* when the queue was last looked through because it was full */
	WSAEVENT event;
	int32_t mask, record;
	int32_t accept_code, connect_code;
	bool connect_unreported; /* connect_code was not enumerated yet [PROV-EVENT-3] */
	unsigned upcalls;        /* running now, in any thread */
	bool close_handle;       /* the last upcall that returns closes the switch's handle */
	bool kicked;             /* in prov->kicks, with a reference */
	struct sock *knext;
	bool stalled; /* in prov->stalls, with a reference */
	struct sock *snext;
};

/* A name (IP, port) of this process and the one passive cm id behind it [PROV-BIND-23]. Under
 * prov->lock. */
struct name {
	struct prov *p;
	struct name *hnext; /* hash chain, or the next spare one */
	uint32_t addr_be;
	uint16_t port_be;
	bool busy; /* it has an owner, which alone writes state, id, dev and max_msg */
	bool in_retry;
	enum name_state state;
	unsigned refs;
	struct rdma_cm_id *id;
	struct dev *dev;            /* while id is there */
	uint32_t max_msg;           /* bytes, of the device last seen; meaningless when NAME_DOWN */
	struct use *exact, *wild;   /* listeners in rank; exact ones come first [PROV-BIND-22] */
	struct name *rprev, *rnext; /* of prov->retry */
};

/* An upcall that is running; lives on the stack of its thread. */
struct upcall {
	struct upcall *prev, *next;
	pthread_t thread;
	struct sock *s;
};

struct prov {
	struct prov *prev, *next; /* of prov_process.all */
	atomic_uint refs;
	unsigned startups; /* under the start lock */
	struct conf *conf;
	bool wildcard_available;
	unsigned max_backlog;
	uint32_t threshold;
	unsigned max_endpoints; /* idle ones, of each device */
	int rest_ms;            /* of endpoints that were cut off; 0: they do not rest */
	int connect_ms;
	uint16_t port_first, port_last; /* source ports of connections */
	atomic_uint next_port;
	WSPUPCALLTABLEEX up;
	WSAPROTOCOL_INFOW tcp; /* what the switch told us of TCP/IP [PROV-INIT-4] */
	atomic_bool closing;   /* the last cleanup has begun */
	struct nic_monitor *nic;
	pthread_t thread;
	int epoll_fd, wake_fd, timer_fd;
	atomic_bool stop;
	pthread_mutex_t serve;     /* a batch of events is being served */
	_Atomic(pthread_t) server; /* by whom; 0: nobody */
	pthread_mutex_t lent_lock; /* a leaf */
	pthread_cond_t given_back;
	bool lent; /* the switch serves [wsd/serve.h]; under lent_lock */

	/* memory.c and regcache.c */
	pthread_mutex_t memory_lock; /* the list; before memory->lock, and nothing else with it */
	struct memory *memories;     /* of all endpoints, those in pools too */
	bool rdma_read;              /* WSPRdmaRead is offered [PROV-RDMA-5] */
	atomic_bool cache_on;        /* the switch has taken the cache callback */
	unsigned cache_entries;      /* of each endpoint; 0: no cache */
	size_t cache_bytes;
	_Atomic uint64_t memory_serial; /* of handles and of addresses that the NIC knows */

	pthread_mutex_t dev_op;
	struct wsd_lock lock;
	unsigned waiters;        /* threads at cond */
	pthread_mutex_t changed; /* a leaf */
	pthread_cond_t cond;
	uint64_t changes;                   /* under changed */
	struct rdma_event_channel *channel; /* made when the first device is needed */
	struct name **buckets;
	size_t bucket_count, names;
	struct name *spare_names; /* by hnext */
	unsigned spare_count;
	const struct nic_snapshot *snap; /* the latest */
	struct name *retry;
	struct sock *wild; /* bound wildcard sockets */
	struct dev *devs;
	struct request *requests;
	struct endpoint *endpoints; /* all, by anext: for a fork */
	struct sock *kicks;         /* whose completions the event thread is to look at */
	struct sock *stalls;        /* whose NIC may have forgotten them */
	struct conn *attempts;      /* connecting sockets, the earliest deadline first */
	struct conn *parting;       /* closed, the peer was not heard of yet; likewise */
	struct upcall *upcalls;
	uint64_t listen_seq;
	unsigned in_cm;    /* threads inside the gate */
	bool gate_closed;  /* nobody enters */
	bool wild_pending; /* the wildcard sockets were not brought in step yet */
	size_t wild_count;
	uint64_t purge_pass;
	int64_t timer_at_ms; /* CLOCK_MONOTONIC; 0: off */
};

/* entry.c */
/* A reference to the started process object, or NULL; with it memory for a socket, if some is
 * spare. */
struct prov *prov_get(struct sock **ret_spare);
struct prov *prov_live(void); /* the same without */
void prov_put(struct prov *p);
/* Until something changes; caller holds p->lock, which is given up meanwhile. */
void prov_wait_locked(struct prov *p);
void prov_wake_locked(struct prov *p);

/* upcall.c */
void upcall_begin(struct prov *p, struct sock *s, struct upcall *u); /* caller holds p->lock */
void upcall_end(struct prov *p, struct upcall *u);
bool upcall_set_event(struct prov *p, struct sock *s, WSAEVENT event, struct upcall *u);
void upcall_drain(struct prov *p, struct sock *s);
void upcall_close_handle(struct prov *p, struct sock *s, bool quiet);
bool upcall_inside(struct prov *p); /* whether this thread is in an upcall, of any socket */
/* Of a completed operation, no lock held [PROV-OVL-1, -3]; by the connection's deliverer. */
void upcall_complete(struct prov *p, struct sock *s, LPWSAOVERLAPPED overlapped, int code,
		     uint32_t bytes);

/* socket.c */
int sock_enter(SOCKET descriptor, enum sock_call call, struct sock **ret);
void sock_leave(struct sock *s);
struct sock *sock_find(SOCKET descriptor); /* with a reference, whatever its state; or NULL */
int sock_create(struct prov *p, struct sock *spare, struct sock **ret, struct hslot **ret_slot);
int sock_publish(struct sock *s, struct hslot *slot); /* the code */
void sock_ref(struct sock *s);
void sock_unref(struct sock *s);
void sock_free_spares_locked(void);
int sock_fail(LPINT lpErrno, int code); /* stores code (0 too); SOCKET_ERROR unless 0 */

/* name.c: results are 0 or -errno of rdma_cm */
int name_join(struct use *u, uint32_t addr_be, uint16_t port_be, bool tolerant);
int name_listen_unlock(struct name *n);
void name_leave_unlock(struct name *n);
void name_quiet(struct name *n);
void name_put(struct name *n);
bool name_retry(struct name *n);
void name_lost(struct name *n, const struct dev *dev);
struct use *name_first_listener(struct name *n);
void name_want_retry_locked(struct name *n);
void name_forget_retry_locked(struct name *n);

/* use.c */
int use_add(struct sock *s, uint32_t addr_be, uint16_t port_be, bool tolerant);
struct use *use_find(const struct sock *s, uint32_t addr_be);
void use_remove(struct sock *s, struct use *u);
void use_listen_locked(struct use *u);
void use_unlisten_locked(struct use *u);
void use_drop_unlock(struct use *u); /* out of every list already */

/* wild.c */
int wild_bind(struct sock *s);
void wild_leave_locked(struct sock *s);
void wild_sync(struct prov *p);

/* request.c */
struct request *request_read(struct prov *p, const struct rdma_cm_event *event,
			     struct name **ret_n);
void request_arrived(struct prov *p, struct name *n, struct rdma_cm_id *id, struct request *r);
struct request *request_take_locked(struct sock *s, unsigned keep);
struct request *request_next_locked(struct sock *s);
void request_back_locked(struct sock *s, struct request *r);
void request_refuse(struct prov *p, struct request *list, bool final);
void request_reject(struct prov *p, struct request *r);
bool request_alive(struct request *r, struct ibv_qp_attr *attr, int *ret_mask);
struct rdma_cm_id *request_own(struct prov *p, struct request *r, struct dev **ret_dev);
void request_drop_device(struct prov *p, const struct dev *dev);
void request_purge(struct prov *p, const struct sock *only);

/* gate.c */
void gate_enter_locked(struct prov *p);
void gate_leave_locked(struct prov *p);
void gate_close_locked(struct prov *p);
void gate_open_locked(struct prov *p);
int gate_enter_channel_locked(struct prov *p, struct rdma_event_channel **ret_channel);
void gate_destroy_id(struct prov *p, struct rdma_cm_id *id);

/* device.c: results are 0 or -errno */
struct dev *dev_count_locked(struct prov *p, const struct ibv_context *verbs);
int dev_take(struct prov *p, struct rdma_cm_id *id, uint32_t addr_be, struct dev **ret);
int dev_probe(struct prov *p, uint32_t addr_be, uint32_t *ret_max_msg);
struct dev *dev_find_locked(struct prov *p, const struct ibv_context *verbs);
void dev_release_locked(struct dev *dev);
void dev_removed(struct prov *p, struct ibv_context *verbs);
struct ibv_context *dev_verbs(struct prov *p, struct dev *dev); /* in the gate; or NULL */
bool dev_let_go(struct prov *p);                                /* false: to be called again */
void dev_watch(struct prov *p, const struct nic_snapshot *snap);
void dev_free_all(struct prov *p);

/* fork.c */
bool fork_watch_locked(void); /* caller holds the start lock */
int hollow_open(void);        /* a file that takes anything and gives nothing; -1 */

/* served.c */
bool served(const struct prov *p, const struct nic_addr *a);
const struct nic_addr *served_find(const struct prov *p, const struct nic_snapshot *snap,
				   uint32_t addr_be);

/* cm_thread.c */
int cm_thread_start(struct prov *p);
void cm_thread_stop(struct prov *p);
int cm_watch_channel(struct prov *p, struct rdma_event_channel *channel);
void cm_timer_locked(struct prov *p, int ms); /* the event thread looks again within @ms */
int64_t cm_now_ms(void);
/* The event thread calls conn_readable() for this descriptor when @fd can be read, until unwatched.
 */
int cm_watch(struct prov *p, int fd, SOCKET descriptor);
void cm_unwatch(struct prov *p, int fd);
/* The same, whether it can be read or not, once and soon. Caller holds a reference to the socket,
 * and no lock. */
void cm_kick(struct sock *s);
void cm_run_kicks(struct prov *p);

/* stall.c; the event thread's timer */
void stall_look(struct prov *p);

/* close.c */
void sock_close(struct sock *s); /* already out of the handle table; takes that reference */

#endif
