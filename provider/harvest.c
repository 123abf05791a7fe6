/* SPDX-License-Identifier: MIT
 *
 * Completions: taken in batches, turned into the ends of operations, in order; when the completion
 * queue wakes somebody; the end of a connection, when everything pending ends at once. Caller holds
 * conn->lock throughout. PROV-DATA-5, 6, 8 to 10, PROV-RDMA-3, PROV-CLOSE-1, 3.
 *
 * The queue is armed only while somebody waits: for receives alone by solicited completions, which
 * every send of a peer is, so that the completions of our own sends wake nobody.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "transfer.h"

/* ---- the ends of requests ---- */

static void end_slot(struct transfer *t, struct queue *q, struct slot *slot, int code,
		     uint32_t bytes)
{
	struct op *op = slot->op;
	if (slot->kind == OP_READ && q == &t->sq)
		t->reads--;
	for (unsigned i = 0; i < slot->count; i++)
		slot->regs[i]->uses--;
	if (op && code && !op->code)
		op->code = code;
	if (!slot->ov)
		return;
	if (op) {
		code = op->code;
		t->rdma -= op->kind == OP_WRITE || op->kind == OP_READ;
		op_put_locked(t, op);
	}
	q->notify -= !slot->silent;
	overlapped_end_locked(t, slot->ov, slot->silent, code, code ? 0 : bytes);
}

/* An operation that waits, some of whose requests may have been at the NIC. */
static void end_op(struct transfer *t, struct queue *q, int code)
{
	struct op *op = q->first;
	q->first = op->next;
	if (!q->first)
		q->last = &q->first;
	q->notify -= !op->silent;
	t->rdma -= op->kind == OP_WRITE || op->kind == OP_READ;
	overlapped_end_locked(t, op->ov, op->silent, op->code ? op->code : code, 0);
	op_put_locked(t, op);
}

/* Sends end in order: one completion ends those before it, too, which went well. */
static void end_sends(struct transfer *t, uint32_t number, int code)
{
	struct queue *q = &t->sq;
	while (q->head != q->tail) {
		uint32_t n = q->head++;
		struct slot *slot = &q->slots[n % QUEUE_SLOTS];
		end_slot(t, q, slot, n == number ? code : 0, slot->bytes);
		if (n == number)
			break;
	}
}

/* ---- the early message ---- */

bool harvest_early_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	const char *from = c->ep->early;
	uint32_t left = t->early_bytes;
	t->early = EARLY_DONE;
	t->early_waits = false;
	for (unsigned i = 0; i < t->early_slot.count && left; i++) {
		const struct ibv_sge *to = &t->early_sge[i];
		uint32_t n = left < to->length ? left : to->length;
		memcpy((void *)(uintptr_t)to->addr, from, n);
		from += n;
		left -= n;
	}
	end_slot(t, &t->rq, &t->early_slot, left ? WSAEMSGSIZE : 0, t->early_bytes);
	return !left;
}

/* False: it is too long for the receive that waits for it. */
static bool on_early(struct conn *c, const struct ibv_wc *wc)
{
	struct transfer *t = c->transfer;
	t->early_bytes = wc->byte_len;
	t->early = EARLY_ARRIVED;
	return !t->early_waits || harvest_early_locked(c);
}

/* ---- completions ---- */

/* What ends the operations of a connection that is over. Calls are told WSAENOTSOCK from the
 * beginning of WSPCloseSocket on; what was pending is aborted [PROV-CLOSE-1]. */
static int reason(const struct conn *c)
{
	if (c->broken == WSAENOTSOCK)
		return WSA_OPERATION_ABORTED;
	return c->broken ? c->broken : WSAECONNABORTED;
}

/* What a failed completion means for its own operation, and for the connection: by the peer's NIC's
 * word (access, length), or silence. */
static int code_of(const struct conn *c, const struct ibv_wc *wc)
{
	/* A message that is too long [PROV-DATA-10]; rxe has two other words for it. */
	if (wc->wr_id & WR_RECV &&
	    (wc->status == IBV_WC_LOC_LEN_ERR || wc->status == IBV_WC_REM_INV_REQ_ERR ||
	     wc->status == IBV_WC_LOC_QP_OP_ERR))
		return WSAEMSGSIZE;
	return reason(c);
}

/* A write with immediate data takes a receive, too, but its length is that of what was written
 * elsewhere: no peer of ours sends one, and nobody may take its length for a message's. */
static bool is_good(const struct ibv_wc *wc)
{
	return wc->status == IBV_WC_SUCCESS && (wc->wr_id & WR_SEND || wc->opcode == IBV_WC_RECV);
}

/* Of what this connection has posted: a completion that came after the endpoint's last connection
 * had emptied the queue must not end anything. */
static bool is_ours(const struct transfer *t, uint64_t wr_id)
{
	const struct queue *q = wr_id & WR_RECV ? &t->rq : &t->sq;
	if (wr_id & (WR_RECV | WR_SEND))
		return (uint32_t)wr_id - q->head < queue_used(q);
	return t->early == EARLY_POSTED;
}

static void on_completion(struct conn *c, const struct ibv_wc *wc, bool *ret_failed)
{
	struct transfer *t = c->transfer;
	if (!is_ours(t, wc->wr_id))
		return;
	bool ok = is_good(wc);
	int code = ok ? 0 : code_of(c, wc);
	if (!ok) {
		if (wc->status != IBV_WC_WR_FLUSH_ERR)
			wsd_log(WSD_LOG_DEBUG, "provider: socket %#lx: %s",
				(unsigned long)c->s->descriptor, ibv_wc_status_str(wc->status));
		c->ep->torn |= t->reads || wc->status != IBV_WC_WR_FLUSH_ERR;
		c->ep->cut |= (wc->wr_id & WR_SEND) != 0;
		*ret_failed = true;
	}
	if (wc->wr_id & WR_RECV) {
		struct queue *q = &t->rq;
		struct slot *slot = &q->slots[q->head++ % QUEUE_SLOTS];
		t->fired |= t->armed != ARMED_NOT;
		end_slot(t, q, slot, code, ok ? wc->byte_len : 0);
	} else if (wc->wr_id & WR_SEND) {
		t->fired |= t->armed == ARMED_ALL || !ok;
		end_sends(t, (uint32_t)wc->wr_id, code);
	} else {
		t->fired |= t->armed != ARMED_NOT;
		if (!ok)
			t->early = EARLY_DONE;
		else if (!on_early(c, wc))
			*ret_failed = true;
	}
}

/* Takes what is there, and no more: what it means for the connection is another's, after the whole
 * batch. */
static unsigned take(struct conn *c, bool *ret_failed)
{
	struct ibv_wc wc[POLL_BATCH];
	unsigned total = 0;
	int n;
	do {
		n = ibv_poll_cq(c->ep->cq, POLL_BATCH, wc);
		for (int i = 0; i < n; i++)
			on_completion(c, &wc[i], ret_failed);
		total += n > 0 ? (unsigned)n : 0;
	} while (n == POLL_BATCH);
	return total;
}

unsigned harvest_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	if (!t || t->closed || t->dead || !c->ep)
		return 0;
	if (!c->up && !c->broken)
		return 0; /* an attempt that fails is the CM side's */
	bool failed = false;
	unsigned n = take(c, &failed);
	if (!failed && n && (t->sq.first || t->rq.first))
		failed = transfer_pump_locked(c) != 0;
	if (failed)
		harvest_fail_locked(c, WSAECONNABORTED);
	return n;
}

/* ---- arming ---- */

enum armed harvest_want_locked(const struct conn *c)
{
	const struct transfer *t = c->transfer;
	if (t->sq.notify || t->sq.first || (c->attended && (t->rdma || t->tail_wanted)))
		return ARMED_ALL;
	bool receives = queue_used(&t->rq) || t->early_waits;
	if (t->rq.notify || t->rq.first || (c->attended && receives))
		return ARMED_SOLICITED;
	/* Even if nobody waits for anything: so that one who sleeps on the descriptor hears of the
	 * end of the connection. */
	return c->attended ? ARMED_ALL : ARMED_NOT;
}

bool harvest_arm_locked(struct conn *c, enum armed want)
{
	struct transfer *t = c->transfer;
	if (want <= t->armed || t->dead || t->closed)
		return false;
	/* Only a connection that needs it is the event thread's to watch. */
	if (!c->attended && conn_watch(c, true))
		return false; /* no memory: who polls still gets on */
	if (ibv_req_notify_cq(c->ep->cq, want == ARMED_SOLICITED))
		return false; /* the device is gone: its removal ends the connection */
	t->armed = want;
	return true;
}

void harvest_event_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct ibv_cq *cq;
	void *context;
	if (!c->ep || ibv_get_cq_event(c->ep->channel, &cq, &context))
		return;
	ibv_ack_cq_events(cq, 1);
	t->armed = ARMED_NOT;
	t->fired = false;
}

void transfer_on_channel(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	if (!t || !c->ep ||
	    c->attended) { /* attended since the event was seen: it is the switch's */
		pthread_mutex_unlock(&c->lock);
		return;
	}
	harvest_event_locked(c);
	harvest_locked(c);
	while (!t->closed && harvest_arm_locked(c, harvest_want_locked(c)))
		harvest_locked(c);
	overlapped_deliver_unlock(c);
}

/* ---- the end ---- */

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool at_nic(const struct transfer *t)
{
	return queue_used(&t->sq) || queue_used(&t->rq) || t->early == EARLY_POSTED;
}

/*
 * What the NIC still has comes back from a queue pair in ERR, normally at once; after that it
 * touches no buffer any more, which is why it is waited for. True: all has come. Sends that nobody
 * signals and that went well do not, so something is put behind them.
 */
static bool drain(struct conn *c)
{
	struct transfer *t = c->transfer;
	bool failed = false;
	c->ep->torn |= t->reads || t->rdma || memory_is_exposed(c->ep);
	endpoint_err(c->ep);
	take(c, &failed);
	if (transfer_tail_open(t))
		transfer_flush_tail_locked(c);
	for (int64_t end = now_ms() + FLUSH_WAIT_MS; at_nic(t) && now_ms() < end;)
		if (!take(c, &failed))
			sched_yield();
	c->ep->stalled = at_nic(t);
	return !at_nic(t);
}

/* What does not come back is ended by a reset. */
static void quiesce(struct conn *c)
{
	bool failed = false;
	if (!drain(c)) {
		endpoint_reset(c->ep);
		take(c, &failed);
	}
}

/* Ends whatever has not ended, in order of posting. */
static void end_all(struct transfer *t, int code)
{
	if (t->early_waits) {
		t->early_waits = false;
		end_slot(t, &t->rq, &t->early_slot, code, 0);
	}
	while (queue_used(&t->rq))
		end_slot(t, &t->rq, &t->rq.slots[t->rq.head++ % QUEUE_SLOTS], code, 0);
	while (t->rq.first)
		end_op(t, &t->rq, code);
	while (queue_used(&t->sq))
		end_slot(t, &t->sq, &t->sq.slots[t->sq.head++ % QUEUE_SLOTS], code, 0);
	while (t->sq.first)
		end_op(t, &t->sq, code);
}

/* Who sleeps on the channel's descriptor finds it readable from now on. */
static void wake_sleepers(struct conn *c)
{
	struct ibv_send_wr *bad, wr = {
					 .wr_id = WR_SEND,
					 .opcode = IBV_WR_RDMA_WRITE,
					 .send_flags = IBV_SEND_SIGNALED,
				 };
	if (!endpoint_fail(c->ep) && !ibv_req_notify_cq(c->ep->cq, 0))
		ibv_post_send(c->ep->qp, &wr, &bad); /* in ERR it completes at once */
}

void harvest_fail_locked(struct conn *c, int code)
{
	struct transfer *t = c->transfer;
	if (t->dead || t->closed)
		return;
	if (!c->broken)
		c->broken = code;
	c->up = false;
	t->lost = true;
	t->dead = true; /* nothing below comes back here */
	quiesce(c);
	end_all(t, reason(c));
	if (c->attended)
		wake_sleepers(c);
}

void transfer_break(struct conn *c, int code)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	if (!t || t->closed || !c->ep) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (!t->dead) {
		/* What arrived before keeps its result; the reason is the caller's, whatever
		 * completions say. */
		if (!c->broken)
			c->broken = code;
		harvest_locked(c);
		harvest_fail_locked(c, code);
	}
	t->lost = false; /* the caller knows */
	overlapped_deliver_unlock(c);
}

/* No completion, no event of this connection is left for the next one of the endpoint. */
static void empty_queue(struct conn *c)
{
	struct ibv_wc wc[POLL_BATCH];
	while (ibv_poll_cq(c->ep->cq, POLL_BATCH, wc) > 0)
		;
	struct ibv_cq *cq;
	void *context;
	while (!ibv_get_cq_event(c->ep->channel, &cq, &context))
		ibv_ack_cq_events(cq, 1);
}

void transfer_close(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	if (!t || t->closed) {
		/* By another thread, as when the device goes: who asks may destroy the endpoint. */
		while (t && !t->over)
			pthread_cond_wait(&t->cond, &c->lock);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	t->closed = true;
	t->lost = false;
	c->up = false;
	while (t->busy)
		pthread_cond_wait(&t->cond, &c->lock);
	if (c->ep) {
		/* Unlike ERR it is certain at return that no buffer is touched any more. A NIC
		 * without hardware resets what its other threads still handle, and may lose count
		 * of its references: there all comes back first. */
		if (t->soft && !t->dead && !conn_watch(c, false))
			drain(c);
		endpoint_reset(c->ep);
		empty_queue(c);
	}
	end_all(t, WSA_OPERATION_ABORTED);
	t->over = true;
	pthread_cond_broadcast(&t->cond);
	overlapped_deliver_close_unlock(c);
}
