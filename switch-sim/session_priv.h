/* SPDX-License-Identifier: MIT
 *
 * Shared by session*.c only: the record of a session and what the files give each other.
 *
 * Lock: session.lock, taken by ss_enter, given back by ss_leave, which also does all that became
 * due and calls the application's side afterwards. Every function here but those two is called with
 * it. Downcalls are made under it; an upcall on the same thread only queues.
 */
#ifndef WSD_SWITCH_SESSION_PRIV_H
#define WSD_SWITCH_SESSION_PRIV_H

#include "lock.h"
#include "reactor.h"
#include "session.h"
#include "session_slab.h"
#include "wire.h"

#include <wsd/abi.h>
#include <wsd/attend.h>

enum {
	SESSION_DATA_CREDITS = 4, /* what a DATA message needs; as the table of wire.c says */
	SESSION_BUFFERS_MIN = 5,  /* one more, or both sides can end up waiting [docs/wire.md] */
	SESSION_IDLE_SIZE = 816,  /* five of them in a page */
	SESSION_XFERS = 4,        /* open per direction [SW-FLOW-13] */
	SESSION_SEGMENTS = 4,     /* of one RDMA read [SW-FLOW-3] */
	SESSION_BOUNCE = SLAB_PAGES_MAX * SLAB_PAGE,
	SESSION_DIRECT_MIN = 4096, /* a receive below it gets a large transfer by way of a bounce */
	SESSION_TX_FULL = 8,       /* send buffers once data flows */
	SESSION_URGENT_MAX = 4096, /* unread urgent bytes; a peer that sends more is cut off */
	SESSION_PENDING = 0x103,   /* OVERLAPPED.Internal of an operation that runs [PROV-OVL-2] */
};

/* Bytes of a receive buffer that holds 4 KiB of data, a header, and is a multiple of 64. */
enum { SESSION_FULL_SIZE = 4160 };

/* Times, in milliseconds. */
enum {
	SESSION_HELLO_MS = 10000, /* SW-ACCEPT-7 */
	SESSION_CANCEL_MS = 5000, /* SW-BLOCK-1 */
	SESSION_PEER_MS = 30000,  /* for the peer's SHUT_SEND [SW-CLOSE-2] */
	SESSION_CLOSE_MS = 500,   /* after closesocket: for what a pending send has announced */
	SESSION_IDLE_MS = 5000,   /* then buffers shrink */
	SESSION_ABORT_MS = 1000,  /* for an ABORT to get out */
	SESSION_BOUNCE_MS = 2,    /* how long a large transfer waits for its receive */
	SESSION_ATTEND_MS = 10,   /* without a sleeper the provider's thread takes over */
	SESSION_REST_MS = 2,      /* so, while bytes that were told to be sent still wait here */
};

enum session_state { SESSION_STARTING, SESSION_UP, SESSION_LOST };

enum session_timer {
	T_HELLO,
	T_LINGER,
	T_CANCEL,
	T_IDLE,
	T_BOUNCE,
	T_KEEP,
	T_ABORT,
	T_ATTEND,
	T_BROKEN, /* session_create failed half-way */
	T_TELL,   /* what a caller with a lock must not tell [ss_leave_held] */
	T_COUNT
};

enum op_kind { OP_RECEIVE, OP_SEND, OP_READ, OP_WRITE, OP_KINDS };

/* What a provider works on. The overlapped structure is first: upcalls know nothing else. */
struct ss_op {
	WSAOVERLAPPED ov;
	struct ss_op *next; /* in the list of completions */
	uint8_t kind;
	bool notify;
	bool posted; /* until its completion was drained */
	int code;
	uint32_t bytes;
};

/* A piece of the incoming stream that waits for the application. */
enum seg_kind { SEG_BUFFER, SEG_CHUNK, SEG_XFER };
struct ss_seg {
	struct ss_seg *next;
	uint8_t kind;
	const uint8_t *at; /* not of a SEG_XFER */
	uint32_t length;   /* what is left */
};

struct ss_region;

struct ss_buf {
	struct ss_op op;
	struct ss_seg seg;
	struct ss_buf *next; /* posted, free, or in flight */
	struct ss_region *region;
	uint8_t *at;
	bool done;
};

/* Registered buffers of one size. */
struct ss_region {
	struct ss_region *next;
	uint8_t *memory;
	HANDLE handle;
	uint32_t size, count;
	uint32_t busy; /* receive: posted or held; send: in flight */
	bool retired;  /* goes when nothing is busy */
	struct ss_buf bufs[];
};

/* Heap memory with received bytes: overflow and bounces. */
struct ss_chunk {
	struct ss_seg seg;
	uint32_t room, used; /* of a heap chunk; a bounce is full */
	uint8_t *bounce;     /* of the slab, or NULL: the bytes are in data[] */
	uint8_t data[];
};

/* A large transfer that we announced. */
struct ss_out {
	struct ss_op op; /* RDMA write */
	uint32_t xid;    /* 0: free */
	struct sw_request *r;
	char *at;
	uint32_t length, moved;
	uint8_t descriptor[SM_DESCRIPTOR_MAX];
	bool exposed;  /* registered for the peer's reads */
	HANDLE source; /* registration under an RDMA write */
	uint32_t span; /* bytes of that write */
	bool told;     /* its WRITE_DONE is sent, or not due */
};

/* A large transfer that the peer announced. */
struct ss_in {
	struct ss_seg seg; /* SEG_XFER: length is what was not moved */
	struct ss_op op;   /* RDMA read */
	uint32_t xid;      /* 0: free */
	bool by_write;     /* WRITE_REQ */
	uint32_t total, moved;
	uint8_t descriptor[SM_DESCRIPTOR_MAX];
	uint32_t descriptor_length;
	/* The move under way: */
	bool moving;
	struct sw_request *target; /* NULL: into the bounce */
	uint32_t span;
	struct ss_chunk *bounce;
	HANDLE handles[SESSION_SEGMENTS];
	unsigned n_handles;
	uint8_t sink[SM_DESCRIPTOR_MAX];
	DWORD sink_length; /* 0: nothing is exposed */
	bool want_sink, want_done;
};

struct ss_urgent {
	uint64_t offset; /* bytes of the stream before it */
	uint8_t byte;
	bool taken;
};

/* Receive buffers of one size that the peer has for us. */
struct ss_grant {
	uint32_t credits, size, count;
};

/* What waits for credits beside the stream. */
enum {
	DUE_REPLY = 1 << 0, /* READ_DONE, SINK_AVAIL, WRITE_DONE: see the transfers */
	DUE_PONG = 1 << 1,
	DUE_PING = 1 << 2,
	DUE_BUFFERS = 1 << 3,
	DUE_BURN = 1 << 4, /* NOPs that use up the peer's old buffers */
	DUE_URGENT = 1 << 5,
	DUE_SHUT = 1 << 6,
	DUE_CREDIT = 1 << 7,
	DUE_ASK = 1 << 8, /* a NOP that asks the peer to use up its old buffers */
};

struct ss_out_urgent {
	struct ss_out_urgent *next;
	uint64_t offset;
	uint8_t byte;
};

struct session {
	bool unwatched; /* memory was registered that memwatch cannot watch */
	struct wsd_lock lock;
	_Atomic(struct ss_op *) completions;
	_Atomic unsigned refs;
	_Atomic bool handle_closed, handle_seen;         /* seen: by a holder of the lock */
	_Atomic unsigned spun_in_vain, yielded_too_long; /* in a row */
	_Atomic bool time_due; /* timers are to be run by who holds the lock */

	/* Constant. */
	struct session_link link;
	struct session_config config;
	const struct session_ops *ops;
	void *ctx;
	struct reactor *reactor; /* NULL in tests: no timers */
	const WSPPROC_TABLE *call;
	bool initiator;
	uint32_t max_message, max_rdma, threshold;
	DWORD descriptor_length; /* of our provider's; 0: no RDMA */
	uint32_t their_descriptor_length;
	bool can_read, they_read; /* WSPRdmaRead here, there */

	enum session_state state;
	int lost;      /* why; 0: it is not */
	int tx_broken; /* sends fail, receives may still bring what came before */
	bool up_told, closing, desc_closed;
	bool put_off;     /* WSPCloseSocket comes from the service thread: until T_TELL */
	bool told_before; /* what was told to be sent is before what the close gives up */
	bool ended_told;
	bool lent;      /* to a caller who has s->lock [ss_enter_held] */
	bool close_due; /* WSPCloseSocket had to wait for that */
	unsigned due;

	/* Buffers and credits [session_flow.c]. */
	struct ss_region *rx, *rx_old, *tx, *tx_old;
	struct ss_buf *posted, *posted_last; /* in the order of posting */
	struct ss_buf *tx_free, *flight, *flight_last;
	uint32_t rx_seq, tx_seq;
	struct ss_grant grant[2]; /* [1].size 0: the peer announced no others */
	uint32_t peer_left;       /* credits that the peer has not used */
	uint32_t unreported;      /* reposted, not told yet */
	bool unreported_real;     /* not all of them freed by CREDITs */
	uint32_t news;            /* data messages, to see idleness */
	uint32_t news_seen;

	/* Sends [session_stream.c, session_rdma.c]. */
	struct sw_request *tx_first, *tx_last; /* in order; private ones among them */
	struct sw_request *tx_cur;             /* first that is not all handed over */
	uint32_t tx_index, tx_into;            /* where in tx_cur's buffers */
	uint64_t tx_private;                   /* bytes in private ones, not handed over */
	uint32_t tx_real;                      /* requests among them that are the callers' */
	uint64_t tx_pos;                       /* bytes of the stream handed over */
	uint64_t tx_accepted;                  /* and those in the queue */
	bool want_write;                       /* somebody was told WSAEWOULDBLOCK */
	struct ss_out out[SESSION_XFERS];
	uint32_t next_xid;
	struct ss_out_urgent *urgent_out, *urgent_out_last;
	uint32_t n_urgent_out;
	bool shut_send, shut_sent, shut_arrived; /* ours: asked, sent, at the peer */
	bool delivered;                          /* and whoever lingers was told */
	struct ss_buf *shut_buf, *abort_buf;

	/* Receives. */
	struct sw_request *rx_first, *rx_last;
	uint32_t rx_index, rx_into; /* where in rx_first's buffers */
	struct ss_seg *seg_first, *seg_last;
	uint64_t buffered; /* bytes in buffers and chunks */
	uint32_t held;     /* receive buffers among the segments */
	uint64_t rx_pos;   /* bytes of the stream that the application has */
	struct ss_in in[SESSION_XFERS];
	bool kick; /* somebody asked for data: fetch without a receive */
	bool peer_shut, shut_receive, discarded;
	bool peer_gone; /* its SHUT_SEND said that it is closed, too */
	struct ss_urgent *urgent;
	uint32_t n_urgent, urgent_room;
	struct sw_request *oob_first, *oob_last; /* receives of urgent data, which have none */
	struct sw_request *submitting;           /* its end is the answer of session_submit */
	const struct sw_request *polled;         /* whoever waits for it holds the lock now */

	/* What ss_leave tells. */
	struct sw_request *over_first, *over_last;
	unsigned tell;
	bool up_due;
	int up_code;

	/* Time. */
	struct reactor_timer timer;
	uint64_t timer_when, due_at[T_COUNT];
	uint32_t keep_idle, keep_interval;
	unsigned keep_count, keep_missed;
	uint64_t keep_seen;

	LPFN_WSDATTEND attend;
	unsigned attending, attend_uses, attend_seen;
	bool attended;

	struct session_stats stats;
};

/* session.c */
void ss_enter(struct session *ss);
void ss_leave(struct session *ss);
/* The caller's caller holds s->lock: finish(), ops->up, ops->ended and WSPCloseSocket, which waits
 * for upcalls that may be in a finish(), are called later, by whoever leaves next or by the timer.
 */
void ss_enter_held(struct session *ss);
void ss_leave_held(struct session *ss);
void ss_drain(struct session *ss);
bool ss_something_to_do(struct session *ss); /* completions that were not drained */
void ss_unref(struct session *ss);
void ss_timer(struct session *ss, enum session_timer which, uint32_t ms); /* 0: off */
void ss_timer_now(struct session *ss, enum session_timer which);
void ss_timers_run(struct session *ss, uint64_t now_ns);
void ss_end_request(struct session *ss, struct sw_request *r, int code);
/* A function of the provider's: enum san_extension; NULL: it has none. */
void (*ss_extension(const struct session *ss, unsigned which))(void);

/* session_attend.c */
void ss_detach(struct session *ss); /* the provider's thread looks again, unless a caller sleeps */
void ss_lapse_within(struct session *ss, uint32_t ms); /* so in a moment */
void ss_attend_lapses(struct session *ss);
void ss_harvest(struct session *ss); /* one look at the provider; then ss_drain() */
bool ss_looks(struct session *ss);   /* callers look before they sleep; as session_spins() */

/* session_up.c */
int ss_begin(struct session *ss);
void ss_on_hello(struct session *ss, const struct sm_message *m);
void ss_on_hello_ack(struct session *ss, const struct sm_message *m);
void ss_on_hello_nak(struct session *ss, const struct sm_message *m);
void ss_up(struct session *ss, int code);

/* session_flow.c */
int ss_regions_open(struct session *ss);
void ss_regions_close(struct session *ss); /* their memory; the socket is closed */
void ss_regions_idle(struct session *ss);  /* those in no operation are deregistered [SW-FLOW-11] */
int ss_post_all(struct session *ss, struct ss_region *region);
void ss_received(struct session *ss); /* handles what lies at the head of the posted ones */
void ss_release(struct session *ss, struct ss_buf *b, bool by_credit); /* and repost it */
struct ss_buf *ss_tx_get(struct session *ss, unsigned need);
void ss_tx_put(struct session *ss, struct ss_buf *b);
bool ss_tx_post(struct session *ss, struct ss_buf *b, uint8_t opcode, unsigned flags, uint32_t xid,
		uint32_t length, bool notify);
/* Room for a body in the next message. */
uint32_t ss_tx_room(const struct session *ss);
bool ss_send(struct session *ss, const struct sm_message *m, bool notify);
bool ss_sent(const struct ss_buf *b);
void ss_on_buffers(struct session *ss, const struct sm_message *m);
void ss_burn(struct session *ss);
void ss_grow(struct session *ss);
void ss_idle(struct session *ss);
void ss_send_buffers(struct session *ss);
void ss_reclaim(struct session *ss);

/* session_message.c */
void ss_message(struct session *ss, struct ss_buf *b, uint32_t bytes);
void ss_pump(struct session *ss);

/* session_stream.c */
bool ss_submit_send(struct session *ss, struct sw_request *r);
void ss_tx_stream(struct session *ss);
void ss_tx_advance(struct session *ss, uint32_t n); /* n bytes at the cursor are handed over */
void ss_tx_reap(struct session *ss);                /* ends requests at the front that are done */
void ss_tx_drop(struct session *ss, int code);      /* ends all sends */
void ss_tx_cut(struct session *ss, struct sw_request *r); /* its memory ends here */
void ss_tx_unlink(struct session *ss, struct sw_request *r);
bool ss_tx_private(const struct sw_request *r);

/* session_receive.c */
bool ss_submit_receive(struct session *ss, struct sw_request *r);
bool ss_on_data(struct session *ss, struct ss_buf *b, const struct sm_message *m); /* b is held */
void ss_match(struct session *ss);
void ss_rx_unlink(struct session *ss, struct sw_request *r);
void ss_rx_advance(struct session *ss, struct sw_request *r, uint64_t n);
void ss_rx_moved(struct session *ss, struct sw_request *r); /* a move has ended: is r over? */
void ss_rx_fail(struct session *ss);                        /* lost: what waits ends */
void ss_rx_abort(struct session *ss, int code);             /* all receives that may end */
void ss_rx_discard(struct session *ss);                     /* what is there goes */
void ss_rx_free(struct session *ss);                        /* at the very end */
void ss_seg_append(struct session *ss, struct ss_seg *seg);
bool ss_seg_hold(struct session *ss, struct ss_buf *b, const uint8_t *at, uint32_t length);
uint64_t ss_rx_limit(const struct session *ss); /* bytes up to the next mark */

/* session_rdma.c */
bool ss_rdma_possible(const struct session *ss);
int ss_announce(struct session *ss, struct sw_request *r, char *at, uint32_t length);
bool ss_out_busy(const struct session *ss, const struct sw_request *r);
bool ss_in_busy(const struct session *ss, const struct sw_request *r);
bool ss_on_announce(struct session *ss, struct ss_buf *b, const struct sm_message *m);
void ss_on_read_done(struct session *ss, const struct sm_message *m);
void ss_on_sink(struct session *ss, const struct sm_message *m);
void ss_on_write_done(struct session *ss, const struct sm_message *m);
void ss_on_xfer_abort(struct session *ss, const struct sm_message *m);
void ss_read_over(struct session *ss, struct ss_op *op);
void ss_write_over(struct session *ss, struct ss_op *op);
/* Move from the transfer at the head of the stream; r NULL: into a bounce. */
void ss_move(struct session *ss, struct ss_in *x, struct sw_request *r);
void ss_replies(struct session *ss);
void ss_xfers_lost(struct session *ss); /* unexposes everything, ends what nothing runs on */
struct ss_in *ss_seg_xfer(struct ss_seg *seg);
void ss_in_free(struct session *ss, struct ss_in *x);
void ss_chunk_free(struct session *ss, struct ss_chunk *c);

/* session_urgent.c */
bool ss_submit_urgent(struct session *ss, struct sw_request *r);
bool ss_receive_urgent(struct session *ss, struct sw_request *r);
void ss_oob_match(struct session *ss);
void ss_oob_unlink(struct session *ss, struct sw_request *r);
void ss_oob_abort(struct session *ss, int code); /* all of them */
void ss_urgent_send(struct session *ss);
void ss_urgent_drop(struct session *ss);
void ss_on_urgent(struct session *ss, const struct sm_message *m);
/* The urgent byte in line at this very place, or NULL. */
struct ss_urgent *ss_urgent_here(struct session *ss);
void ss_urgent_passed(struct session *ss);
uint32_t ss_urgent_count(const struct session *ss); /* that nobody has read */

/* session_end.c */
void ss_lost(struct session *ss, int code);
int ss_send_code(const struct session *ss);   /* of a send after the loss */
void ss_broken(struct session *ss, int code); /* a downcall that sends failed */
/* A registration has failed with @error; and what that means to the application. */
void ss_unregistered(struct session *ss, int error);
int ss_short(const struct session *ss);
/* Before memory of the application is registered [SW-FLOW-10]; false: it cannot be watched. */
bool ss_watch(const struct session *ss, const void *at, size_t size);
void ss_protocol(struct session *ss, const char *what);
void ss_close_desc(struct session *ss);
void ss_end_step(struct session *ss);           /* is the graceful end complete? */
void ss_on_shut(struct session *ss, bool gone); /* @gone: the peer is closed as well */
void ss_on_abort(struct session *ss, const struct sm_message *m);
void ss_keepalive(struct session *ss);
/* @r cannot end now; when it does, it is with @code unless all of it was moved. */
void ss_cancel_later(struct session *ss, struct sw_request *r, int code, uint32_t ms);
int ss_cancel_code(const struct session *ss, const struct sw_request *r, int code);
void ss_cancel_over(struct session *ss, const struct sw_request *r);
void ss_cancel_lapses(struct session *ss); /* it did not */

/* ---- asked by each entry ---- */

/*
 * Whether the peer is to hear of buffers by a message of their own: when half of them lie
 * unreported, or when it may be stuck without them. Those that CREDITs alone have freed bring one
 * only if the peer may be stuck and two can be given back: each such CREDIT costs one and returns
 * two, so that they end [SW-FLOW-12; docs/wire.md].
 */
static inline bool ss_credit_due(const struct session *ss)
{
	if (!ss->unreported)
		return false;
	if (ss->peer_left < SESSION_DATA_CREDITS)
		return ss->unreported_real || ss->unreported >= 2;
	return ss->unreported_real && ss->unreported * 2 >= ss->rx->count;
}

/* A receive that waits for bytes and nothing else goes on waiting. */
static inline bool ss_match_due(const struct session *ss)
{
	return ss->seg_first ||
	       (ss->rx_first && (ss->n_urgent || ss->peer_shut || ss->state == SESSION_LOST));
}

static inline bool ss_oob_due(const struct session *ss)
{
	return ss->oob_first && (ss->n_urgent || ss->peer_shut || ss->state == SESSION_LOST);
}

/* False: ss_pump would find nothing to do. */
static inline bool ss_pump_due(const struct session *ss)
{
	return ss_match_due(ss) || ss_oob_due(ss) || ss->due || ss->tx_first ||
	       (ss->unreported && ss_credit_due(ss)) || ss->want_write || ss->closing || ss->lost;
}

#endif
