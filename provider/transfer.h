/* SPDX-License-Identifier: MIT
 *
 * The data side of a connection: what is posted, what waits for a place, what is complete and not
 * told yet. Shared by transfer.c (posting), harvest.c (completions), overlapped.c (results and
 * upcalls), rdma.c, attend.c and memory.c.
 *
 * All of it under conn->lock, the only lock of a data call but the table of descriptors'. Nothing
 * is allocated as long as no queue overflows. Upcalls are made without the lock by one thread at a
 * time, the deliverer, in the order of completion [PROV-OVL-3, PROV-DATA-6].
 *
 * What a pending operation's WSAOVERLAPPED holds [PROV-OVL-2]:
 *             under way   complete, to be told     complete
 *   Internal     0x103          0x103            0 or the code, published last
 *   InternalHigh               the next one      bytes
 *   Offset                      bytes            flags (always 0)
 *   OffsetHigh                  code             code
 */
#ifndef WSD_PROVIDER_TRANSFER_H
#define WSD_PROVIDER_TRANSFER_H

#include "conn.h"
#include "memory.h"

enum {
	QUEUE_SLOTS = 16,    /* of which EP_*_DEPTH are used; a power of two */
	POLL_BATCH = 16,     /* completions taken at a time */
	POST_BATCH = 8,      /* requests in one chain */
	OP_SEGMENTS = 8,     /* of an operation that waits, without a block of its own size */
	OPS_KEPT = 8,        /* free ones */
	SEGMENTS_MAX = 1024, /* of one RDMA call */
	FLUSH_WAIT_MS = 20,  /* for the completions of a queue pair in ERR; then it is reset */
};

/* In wr_id: which queue; the rest is the request's number there. 0 is the early receive. */
#define WR_SEND ((uint64_t)1 << 62)
#define WR_RECV ((uint64_t)1 << 63)

enum op_kind { OP_SEND, OP_RECV, OP_WRITE, OP_READ };

/* An operation that did not fit at once: it waits, or takes several requests. */
struct op {
	struct op *next;
	LPWSAOVERLAPPED ov;
	enum op_kind kind;
	bool silent;
	int code; /* of the first of its requests that failed */
	uint32_t bytes;
	uint64_t address; /* of the peer's memory: what comes next */
	uint32_t rkey;
	unsigned count, room; /* segments */
	unsigned at;          /* the segment that comes next, and how much of it went */
	uint32_t at_bytes;
	struct reg **regs;
	struct ibv_sge segments[]; /* count of them, then regs */
};

/* One request in a queue. */
struct slot {
	LPWSAOVERLAPPED ov; /* of the operation that ends with it; NULL: none does */
	struct op *op;      /* whose part it is; NULL: all is here */
	uint32_t bytes;
	uint8_t kind, count; /* regs */
	bool silent, signaled;
	struct reg *regs[EP_SGE];
};

/* Requests head to tail - 1 are at the NIC; the operations of the list wait. */
struct queue {
	uint32_t head, tail, depth;
	unsigned notify; /* operations, here and in the list, that want an upcall */
	struct op *first, **last;
	struct slot slots[QUEUE_SLOTS];
};

/* What the first message from the peer finds [PROV-DATA-8, 9]. */
enum early { EARLY_POSTED, EARLY_ARRIVED, EARLY_DONE };

enum armed { ARMED_NOT, ARMED_SOLICITED, ARMED_ALL };

/* Segments of one request. */
struct gather {
	unsigned count;
	uint32_t bytes;
	struct ibv_sge sge[EP_SGE];
	struct reg *regs[EP_SGE];
};

struct transfer {
	struct queue sq, rq;
	struct op *free_ops;
	unsigned free_count;
	/* The first receive waits for the early message, in software. */
	enum early early;
	uint32_t early_bytes;
	bool early_waits;
	struct slot early_slot;
	struct ibv_sge early_sge[EP_SGE];
	uint32_t max_msg;
	uint32_t unsignaled, signal_every;
	uint32_t reads;    /* RdmaReads at the NIC: a send is fenced behind them */
	uint32_t rdma;     /* RDMA operations pending: somebody waits for them */
	bool tail_wanted;  /* somebody polled for an operation whose end nobody signals */
	enum armed armed;  /* the completion queue, as far as we know */
	bool fired;        /* a completion came since: an event is, or will be, there */
	bool idle;         /* the last WSPAttend found nothing */
	bool closed, dead; /* by WSPCloseSocket; everything pending has completed */
	bool over;         /* transfer_close() is done with the endpoint */
	/* stall.c */
	bool soft;          /* a NIC without hardware, which may forget to send again */
	bool stall_watched; /* in prov->stalls */
	uint32_t stall_head;
	unsigned stall_nudges;
	bool kick;                        /* the event thread is to make the upcalls that are due */
	bool lost;                        /* conn_lost() is to be called */
	unsigned busy;                    /* calls that use the endpoint without the lock */
	LPWSAOVERLAPPED done, *done_last; /* complete, to be told; by InternalHigh */
	bool delivering;
	pthread_t deliverer;
	/* The socket was closed inside an upcall: its handle waits for the deliverer. */
	bool late, late_begun;
	struct upcall late_upcall;
	pthread_cond_t cond; /* busy 0, over, or no deliverer */
};

/* transfer.c */

/* The connection of a descriptor, broken or not, with a reference to its socket: 0, WSAENOTSOCK, or
 * @not_connected. */
int transfer_enter(SOCKET descriptor, int not_connected, struct conn **ret);
void transfer_leave(struct conn *c);
/* Whether operations may start: 0 or the code. */
int transfer_check_locked(const struct conn *c);
/* Gives the lock up; a connection that was found dead is reported, and the event thread kicked. */
void transfer_unlock(struct conn *c);
/* An operation of one request, now or when there is room: WSA_IO_PENDING or the code. */
int transfer_start_locked(struct conn *c, enum op_kind kind, const struct gather *g,
			  LPWSAOVERLAPPED ov);
/* One that may take several; takes @op. */
int transfer_start_op_locked(struct conn *c, struct op *op);
/* Room for so many segments; NULL: no memory. Free ones are reused. */
struct op *op_get_locked(struct transfer *t, unsigned segments);
void op_put_locked(struct transfer *t, struct op *op);
/* What waits goes to the NIC as far as there is room. 0, or -errno with nothing more posted. */
int transfer_pump_locked(struct conn *c);
/* A zero-length write whose completion ends all sends before it, if there is room. */
void transfer_flush_tail_locked(struct conn *c);
bool transfer_tail_open(const struct transfer *t);

/* harvest.c */

/* Takes what is complete; how many completions there were. */
unsigned harvest_locked(struct conn *c);
/* What the completion queue should wake somebody for. */
enum armed harvest_want_locked(const struct conn *c);
/* True: it was armed just now, so look again. */
bool harvest_arm_locked(struct conn *c, enum armed want);
/* Takes an event of the channel, if one is there. */
void harvest_event_locked(struct conn *c);
/* The connection is over with @code: the rest completes with it. */
void harvest_fail_locked(struct conn *c, int code);
/* The early message, which has arrived, ends the receive that waits for it. False: it is too long,
 * and the connection is to fail with WSAECONNABORTED [PROV-DATA-10]. */
bool harvest_early_locked(struct conn *c);

/* overlapped.c */

/* An operation has ended. */
void overlapped_end_locked(struct transfer *t, LPWSAOVERLAPPED ov, bool silent, int code,
			   uint32_t bytes);
/* Gives the lock up and makes the upcalls that are due, unless another thread does; reports a lost
 * connection. */
void overlapped_deliver_unlock(struct conn *c);
/* The same for WSPCloseSocket: all are made before it returns, except those that a deliverer who is
 * an upcall away makes. */
void overlapped_deliver_close_unlock(struct conn *c);

static inline unsigned queue_used(const struct queue *q)
{
	return q->tail - q->head;
}

static inline bool overlapped_pending(const WSAOVERLAPPED *ov)
{
	return __atomic_load_n(&ov->Internal, __ATOMIC_ACQUIRE) == WSS_OPERATION_IN_PROGRESS;
}

/* stall.c */

/* Whether an operation has to wait here because the NIC's own fence is not to be used. */
bool stall_fences_locked(const struct transfer *t, enum op_kind kind);
/* Something is at the NIC and nobody looks after it yet: the caller is to call stall_watch() when
 * it has given up the lock. */
bool stall_due_locked(struct transfer *t);
void stall_watch(struct sock *s);

#endif
