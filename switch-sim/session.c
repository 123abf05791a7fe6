/* SPDX-License-Identifier: MIT
 *
 * A session's life and its lock: who enters, what is drained on the way out, timers, polling
 * [switch.md parts 9 to 12]. Lock: session.lock; see session_priv.h.
 */
#include "session_priv.h"

#include "upcalls.h"

#include <stdlib.h>

/* ---- the lock ---- */

static void take_ref(struct session *ss)
{
	atomic_fetch_add_explicit(&ss->refs, 1, memory_order_relaxed);
}

void ss_unref(struct session *ss)
{
	if (atomic_fetch_sub_explicit(&ss->refs, 1, memory_order_acq_rel) != 1)
		return;
	ss_rx_free(ss);
	ss_regions_close(ss);
	ss_urgent_drop(ss);
	free(ss->urgent);
	free(ss);
}

void ss_enter(struct session *ss)
{
	take_ref(ss);
	wsd_lock(&ss->lock);
}

void ss_enter_held(struct session *ss)
{
	ss_enter(ss);
	ss->lent = true;
}

static void receive_over(struct session *ss, struct ss_op *op)
{
	((struct ss_buf *)(void *)op)->done = true;
}

static void send_over(struct session *ss, struct ss_op *op)
{
	if (op->code)
		ss_broken(ss, op->code);
}

/* Take what was completed, in its order. */
void ss_drain(struct session *ss)
{
	static void (*const over[OP_KINDS])(struct session *, struct ss_op *) = {
		[OP_RECEIVE] = receive_over,
		[OP_SEND] = send_over,
		[OP_READ] = ss_read_over,
		[OP_WRITE] = ss_write_over,
	};
	struct ss_op *first = NULL;
	if (!atomic_load_explicit(&ss->completions, memory_order_relaxed))
		return;
	struct ss_op *list = atomic_exchange_explicit(&ss->completions, NULL, memory_order_acquire);
	while (list) {
		struct ss_op *op = list;
		list = op->next;
		op->next = first;
		first = op;
	}
	while (first) {
		struct ss_op *op = first;
		first = op->next;
		op->posted = false;
		over[op->kind](ss, op);
	}
	ss_received(ss);
}

/* A request is over: its owner hears of it when the lock is free. */
void ss_end_request(struct session *ss, struct sw_request *r, int code)
{
	r->code = code;
	if (ss_tx_private(r)) {
		free(r);
		return;
	}
	if (r->mark == &ss->due_at[T_CANCEL])
		ss_cancel_over(ss, r);
	if (r == ss->submitting) {
		ss->submitting = NULL;
		atomic_store_explicit(&r->over, true, memory_order_release);
		return;
	}
	if (r != ss->polled) /* else whoever waits for it is here */
		ss->tell |= SW_READY_REQUEST;
	if (!r->finish) {
		atomic_store_explicit(&r->over, true, memory_order_release);
	} else {
		r->prev = NULL;
		r->next = NULL;
		if (ss->over_last)
			ss->over_last->next = r;
		else
			ss->over_first = r;
		ss->over_last = r;
	}
}

bool ss_something_to_do(struct session *ss)
{
	return atomic_load(&ss->completions) != NULL;
}

/* The same without the lock. */
static bool left_to_us(struct session *ss)
{
	return ss_something_to_do(ss) || atomic_load(&ss->time_due) ||
	       (atomic_load(&ss->handle_closed) && !atomic_load(&ss->handle_seen));
}

/* Nothing of the provider's is left: the last word. */
static bool is_ended(struct session *ss)
{
	if (!atomic_load(&ss->handle_closed))
		return false;
	atomic_store(&ss->handle_seen, true);
	if (ss->ended_told || !ss->closing || !ss->desc_closed)
		return false;
	ss->ended_told = true;
	return true;
}

/* Give the lock back and tell. True: `ended` was told. */
static bool unlock_and_tell(struct session *ss)
{
	struct sw_request *r = ss->over_first;
	ss->over_first = ss->over_last = NULL;
	unsigned bits = ss->tell;
	ss->tell = 0;
	bool up = ss->up_due;
	ss->up_due = false;
	bool ended = is_ended(ss);
	/* before another thread can tell `ended`, after which there may be no ctx */
	if (up)
		ss->ops->up(ss->ctx, ss->up_code);
	/* before the lock is free: who sees the level later than the wake-up would sleep again */
	if (bits && ss->ops->ready && !ended)
		ss->ops->ready(ss->ctx, bits, bits & SW_READY_CLOSE ? ss->lost : 0);
	wsd_unlock(&ss->lock);
	while (r) {
		struct sw_request *next = r->next;
		r->next = NULL;
		atomic_store_explicit(&r->over, true, memory_order_release);
		r->finish(r);
		r = next;
	}
	if (ended)
		ss->ops->ended(ss->ctx);
	return ended;
}

static void leave_slowly(struct session *ss)
{
	do {
		if (atomic_load(&ss->time_due)) {
			atomic_store(&ss->time_due, false);
			ss_drain(ss);
			if (!ss->ended_told)
				ss_timers_run(ss, waiter_now_ns());
		}
		if (ss->close_due)
			ss_close_desc(ss);
		if (ss_pump_due(ss))
			ss_pump(ss);
		/* what a downcall completed on the way */
		while (ss_something_to_do(ss)) {
			ss_drain(ss);
			ss_pump(ss);
		}
		if (unlock_and_tell(ss))
			break;
		/* who completed meanwhile found the lock taken, and left it to us */
	} while (left_to_us(ss) && wsd_trylock(&ss->lock));
	ss_unref(ss);
}

/* Nearly always there is nothing to do and nothing to tell. What others have left to us is looked
 * for behind the unlocking, where it must be, and there only. */
void ss_leave(struct session *ss)
{
	if (ss->close_due || ss->tell || ss->over_first || ss->up_due || ss_pump_due(ss)) {
		leave_slowly(ss);
		return;
	}
	wsd_unlock(&ss->lock);
	if (left_to_us(ss) && wsd_trylock(&ss->lock))
		leave_slowly(ss);
	else
		ss_unref(ss);
}

void ss_leave_held(struct session *ss)
{
	bool later = false, closed;
	do {
		ss->lent = true; /* taken again by ourselves */
		ss_pump(ss);
		while (ss_something_to_do(ss)) {
			ss_drain(ss);
			ss_pump(ss);
		}
		unsigned bits = ss->tell;
		ss->tell = 0;
		closed = atomic_load(&ss->handle_closed) && !atomic_load(&ss->handle_seen);
		bool due = atomic_exchange(&ss->time_due, false);
		if (due)
			ss->timer_when = 0; /* it has fired, and is to fire again */
		if (ss->over_first || ss->up_due || ss->close_due || closed || due)
			ss_timer(ss, T_TELL, 1);
		later |= closed;
		if (bits && ss->ops->ready)
			ss->ops->ready(ss->ctx, bits, bits & SW_READY_CLOSE ? ss->lost : 0);
		ss->lent = false;
		wsd_unlock(&ss->lock);
	} while ((ss_something_to_do(ss) || atomic_load(&ss->time_due) ||
		  (!later && left_to_us(ss))) &&
		 wsd_trylock(&ss->lock));
	ss_unref(ss);
}

/* ---- completions ---- */

void session_complete(struct session *ss, LPWSAOVERLAPPED overlapped, int code, uint32_t bytes)
{
	struct ss_op *op = (struct ss_op *)(void *)overlapped;
	take_ref(ss);
	op->code = code;
	op->bytes = bytes;
	struct ss_op *first = atomic_load_explicit(&ss->completions, memory_order_relaxed);
	do
		op->next = first;
	while (!atomic_compare_exchange_weak(&ss->completions, &first, op));
	if (wsd_trylock(&ss->lock))
		ss_leave(ss);
	else
		ss_unref(ss);
}

static void sink_complete(void *ctx, LPWSAOVERLAPPED overlapped, int code, uint32_t bytes)
{
	session_complete(ctx, overlapped, code, bytes);
}

static void sink_closed(void *ctx)
{
	struct session *ss = ctx;
	take_ref(ss);
	atomic_store(&ss->handle_closed, true);
	if (wsd_trylock(&ss->lock))
		ss_leave(ss);
	else
		ss_unref(ss);
}

static const struct upcall_sink sink = {sink_complete, sink_closed};

/* ---- time ---- */

static void set_timer(struct session *ss, enum session_timer which, uint64_t when)
{
	ss->due_at[which] = when;
	if (!when)
		return; /* the reactor's may stand: it finds nothing due */
	if (ss->reactor && (!ss->timer_when || when < ss->timer_when)) {
		ss->timer_when = when;
		reactor_timer_set(ss->reactor, &ss->timer, when);
	}
}

void ss_timer(struct session *ss, enum session_timer which, uint32_t ms)
{
	set_timer(ss, which, ms ? waiter_now_ns() + ms * UINT64_C(1000000) : 0);
}

void ss_timer_now(struct session *ss, enum session_timer which)
{
	set_timer(ss, which, 1);
}

static void timer_over(struct session *ss, enum session_timer which)
{
	switch (which) {
	case T_HELLO:
		ss_lost(ss, WSAETIMEDOUT);
		break;
	case T_BROKEN:
		ss_lost(ss, ss->tx_broken ? ss->tx_broken : WSAENOBUFS);
		break;
	case T_CANCEL:
		ss_cancel_lapses(ss);
		break;
	case T_LINGER:
	case T_ABORT:
		ss_lost(ss, WSAECONNABORTED);
		ss_close_desc(ss);
		break;
	case T_IDLE:
		ss_idle(ss);
		break;
	case T_BOUNCE:
		ss->kick = true;
		break;
	case T_KEEP:
		ss_keepalive(ss);
		break;
	case T_ATTEND:
		ss_attend_lapses(ss);
		break;
	case T_TELL: /* the rest as soon as the lock is given back */
		ss->put_off = false;
		break;
	case T_COUNT:
		break;
	}
}

void ss_timers_run(struct session *ss, uint64_t now_ns)
{
	uint64_t next = 0;
	ss->timer_when = 0;
	for (int i = 0; i < T_COUNT; i++) {
		if (!ss->due_at[i] || ss->due_at[i] > now_ns)
			continue;
		ss->due_at[i] = 0;
		timer_over(ss, (enum session_timer)i);
	}
	for (int i = 0; i < T_COUNT; i++)
		if (ss->due_at[i] && (!next || ss->due_at[i] < next))
			next = ss->due_at[i];
	ss->timer_when = next;
	if (next && ss->reactor)
		reactor_timer_set(ss->reactor, &ss->timer, next);
}

/* The lock is not waited for: one whose holder gives it back only to take it again would be begged
 * for in vain, at the price of a wake-up each time. Its holder runs the timers then. */
static void timer_fired(struct reactor_timer *t)
{
	struct session *ss =
		(struct session *)(void *)((char *)t - offsetof(struct session, timer));
	take_ref(ss);
	atomic_store(&ss->time_due, true);
	if (wsd_trylock(&ss->lock))
		ss_leave(ss);
	else
		ss_unref(ss);
}

/* ---- life ---- */

void (*ss_extension(const struct session *ss, unsigned which))(void)
{
	return ss->link.provider->extensions[which];
}

int session_create(const struct session_link *link, bool initiator,
		   const struct session_config *config, const struct session_ops *ops, void *ctx,
		   struct reactor *reactor, struct session **ret)
{
	struct session *ss = calloc(1, sizeof(*ss));
	if (!ss)
		return WSAENOBUFS;
	wsd_lock_init(&ss->lock);
	atomic_init(&ss->refs, 1);
	ss->link = *link;
	ss->config = *config;
	ss->ops = ops;
	ss->ctx = ctx;
	ss->reactor = reactor;
	ss->call = &link->provider->table;
	ss->initiator = initiator;
	ss->timer.fire = timer_fired;
	ss->attend = (LPFN_WSDATTEND)link->provider->attend;
	for (int i = 0; i < SESSION_XFERS; i++) {
		ss->out[i].op.kind = OP_WRITE;
		ss->in[i].op.kind = OP_READ;
		ss->in[i].seg.kind = SEG_XFER;
	}
	if (!upcalls_set_sink(link->handle, &sink, ss)) {
		ss_unref(ss);
		return WSAENOTSOCK;
	}
	ss_enter(ss);
	/* `up` may come from another thread as soon as receives are posted */
	*ret = ss;
	int code = ss_begin(ss);
	if (code) {
		upcalls_set_sink(link->handle, NULL, NULL);
		*ret = NULL;
		wsd_unlock(&ss->lock);
		ss_unref(ss);
		ss_unref(ss);
		return code;
	}
	ss_leave(ss);
	return 0;
}

void session_free(struct session *ss)
{
	if (!ss)
		return;
	if (ss->reactor)
		reactor_timer_stop(ss->reactor, &ss->timer);
	ss_unref(ss);
}

/* ---- the application's side ---- */

bool session_submit(struct session *ss, struct sw_request *r)
{
	ss_enter(ss);
	r->done = 0;
	r->offset = 0;
	r->mark = NULL;
	r->ret_flags = 0;
	r->code = 0;
	ss->submitting = r;
	bool over = r->op == SW_OP_SEND ? ss_submit_send(ss, r) : ss_submit_receive(ss, r);
	ss->submitting = NULL;
	/* an overlapped one, or a part that was kept: nobody need come back to look after it */
	if (!over && r->finish)
		ss_detach(ss);
	else if (over && ss->tx_first)
		ss_lapse_within(ss, SESSION_REST_MS);
	ss_leave(ss);
	return over;
}

bool session_cancel(struct session *ss, struct sw_request *r, int code)
{
	bool out = r->op == SW_OP_SEND, cancelled = false;
	ss_enter(ss);
	bool urgent = !out && (r->flags & WSD_MSG_OOB);
	struct sw_request *at = out ? ss->tx_first : urgent ? ss->oob_first : ss->rx_first;
	while (at && at != r)
		at = at->next;
	if (at && (out ? ss_out_busy(ss, r) : ss_in_busy(ss, r))) {
		ss_cancel_later(ss, r, code, SESSION_CANCEL_MS);
	} else if (at) {
		cancelled = true;
		if (out)
			ss_tx_unlink(ss, r);
		else if (urgent)
			ss_oob_unlink(ss, r);
		else
			ss_rx_unlink(ss, r);
		r->done = out ? r->offset : r->done;
		r->code = code;
		atomic_store_explicit(&r->over, true, memory_order_release);
	}
	ss_leave(ss);
	return cancelled;
}

static unsigned levels(struct session *ss)
{
	unsigned bits = 0;
	if (ss->state == SESSION_LOST || ss->tx_broken)
		bits |= SW_READY_WRITE;
	if (ss->state == SESSION_LOST)
		bits |= SW_READY_CLOSE | SW_READY_READ;
	if (ss->lost)
		bits |= SW_READY_ERROR;
	if (ss->state == SESSION_UP &&
	    (ss->shut_send || ss->tx_private == 0 || ss->tx_private < ss->config.sndbuf))
		bits |= SW_READY_WRITE;
	if (ss->buffered || (ss->peer_shut && !ss->seg_first) || ss_urgent_here(ss) ||
	    ss->shut_receive) /* a call would answer at once */
		bits |= SW_READY_READ;
	if (ss->peer_shut) /* also while data is left, as on TCP/IP */
		bits |= SW_READY_CLOSE;
	if (!ss->config.oob_inline && ss_urgent_count(ss))
		bits |= SW_READY_URGENT;
	return bits;
}

unsigned session_ready(struct session *ss, unsigned want)
{
	ss_enter(ss);
	ss_drain(ss);
	unsigned bits = levels(ss) & want;
	if (want & SW_READY_READ && !(bits & SW_READY_READ))
		ss->kick = true; /* a large transfer that waits for its receive is fetched */
	if (want & SW_READY_WRITE && !(bits & SW_READY_WRITE))
		ss->want_write = true;
	ss_leave(ss);
	return bits;
}

uint32_t session_readable(struct session *ss)
{
	ss_enter(ss);
	ss_drain(ss);
	uint64_t n = ss->buffered, limit = ss_rx_limit(ss);
	if (ss->config.oob_inline)
		n += ss_urgent_count(ss); /* as TCP/IP counts */
	else if (n > limit)
		n = limit; /* what one receive gives */
	if (!n)
		ss->kick = true;
	ss_leave(ss);
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

bool session_at_mark(struct session *ss)
{
	ss_enter(ss);
	ss_drain(ss);
	bool at = !ss_urgent_count(ss) || ss_urgent_here(ss);
	ss_leave(ss);
	return at;
}

bool session_unsent(struct session *ss)
{
	ss_enter_held(ss);
	ss_drain(ss);
	bool left = ss->tx_first || ss->urgent_out;
	ss_leave_held(ss);
	return left;
}

int session_error(struct session *ss)
{
	ss_enter(ss);
	ss_drain(ss);
	int code = ss->lost;
	ss_leave(ss);
	return code;
}

void session_set_buffers(struct session *ss, uint32_t sndbuf, uint32_t rcvbuf, bool oob_inline)
{
	ss_enter_held(ss);
	ss->config.sndbuf = sndbuf;
	ss->config.rcvbuf = rcvbuf;
	if (ss->config.oob_inline != oob_inline && ss_urgent_count(ss)) /* of another kind now */
		ss->tell |= oob_inline ? SW_READY_READ : SW_READY_URGENT;
	ss->config.oob_inline = oob_inline;
	ss_leave_held(ss);
}

void session_get_stats(struct session *ss, struct session_stats *ret)
{
	ss_enter_held(ss);
	*ret = ss->stats;
	ret->credits = ss->grant[0].credits + ss->grant[1].credits;
	ret->buffers = ss->rx ? ss->rx->count : 0;
	ss_leave_held(ss);
}
