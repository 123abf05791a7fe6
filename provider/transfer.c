/* SPDX-License-Identifier: MIT
 *
 * Posting: WSPSend, WSPRecv, and operations that wait because a queue is full. Takes conn->lock.
 * PROV-DATA-1 to 12, PROV-OVL-2.
 *
 * One request in k of the send queue is signalled, beside those whose operation wants an upcall and
 * the one that fills the queue. So a silent tail may stay without a completion; who polls for it
 * gets a zero-length write behind it.
 */
#include "transfer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wsp.h"

int transfer_enter(SOCKET descriptor, int not_connected, struct conn **ret)
{
	struct sock *s;
	int code = 0;
	struct conn *c = conn_find(descriptor, &s, &code);
	if (!c)
		return code == WSAENOTCONN ? not_connected : code;
	*ret = c;
	return 0;
}

void transfer_leave(struct conn *c)
{
	conn_leave(c->s);
}

int transfer_check_locked(const struct conn *c)
{
	const struct transfer *t = c->transfer;
	if (c->broken)
		return c->broken;
	if (t && t->closed)
		return WSAENOTSOCK;
	return t && c->up && c->ep ? 0 : WSAENOTCONN;
}

void transfer_unlock(struct conn *c)
{
	struct transfer *t = c->transfer;
	bool lost = t && t->lost, kick = t && t->kick, watch = t && stall_due_locked(t);
	int code = c->broken;
	if (t)
		t->lost = t->kick = false;
	pthread_mutex_unlock(&c->lock);
	if (lost)
		conn_lost(c, code);
	if (kick)
		cm_kick(c->s);
	if (watch)
		stall_watch(c->s);
}

/* ---- operations that wait ---- */

struct op *op_get_locked(struct transfer *t, unsigned segments)
{
	struct op *op = segments <= OP_SEGMENTS ? t->free_ops : NULL;
	unsigned room = segments <= OP_SEGMENTS ? OP_SEGMENTS : segments;
	if (op) {
		t->free_ops = op->next;
		t->free_count--;
	} else {
		op = malloc(sizeof(*op) + room * (sizeof(struct ibv_sge) + sizeof(struct reg *)));
		if (!op)
			return NULL;
	}
	*op = (struct op){.room = room};
	op->regs = (struct reg **)(void *)&op->segments[room];
	return op;
}

void op_put_locked(struct transfer *t, struct op *op)
{
	for (unsigned i = 0; i < op->count; i++)
		op->regs[i]->uses--;
	if (op->room > OP_SEGMENTS || t->free_count == OPS_KEPT) {
		free(op);
		return;
	}
	op->next = t->free_ops;
	t->free_ops = op;
	t->free_count++;
}

static struct queue *queue_of(struct transfer *t, enum op_kind kind)
{
	return kind == OP_RECV ? &t->rq : &t->sq;
}

static unsigned queue_room(const struct transfer *t, const struct queue *q)
{
	/* The early receive has a place, too. */
	unsigned used = queue_used(q) + (q == &t->rq && t->early == EARLY_POSTED);
	return used < q->depth ? q->depth - used : 0;
}

/* The next request of an operation: its segments; true: the last. */
static bool op_next(struct op *op, struct ibv_sge *sge, unsigned max_sge, uint32_t max_msg,
		    unsigned *ret_count, uint32_t *ret_bytes)
{
	unsigned n = 0;
	uint32_t bytes = 0;
	while (op->at < op->count && n < max_sge && bytes < max_msg) {
		const struct ibv_sge *from = &op->segments[op->at];
		uint32_t len = from->length - op->at_bytes;
		if (len > max_msg - bytes)
			len = max_msg - bytes;
		sge[n++] = (struct ibv_sge){from->addr + op->at_bytes, len, from->lkey};
		bytes += len;
		op->at_bytes += len;
		if (op->at_bytes == from->length) {
			op->at++;
			op->at_bytes = 0;
		}
	}
	*ret_count = n;
	*ret_bytes = bytes;
	return op->at == op->count;
}

/* ---- requests ---- */

static const enum ibv_wr_opcode opcodes[] = {
	[OP_SEND] = IBV_WR_SEND,
	[OP_WRITE] = IBV_WR_RDMA_WRITE,
	[OP_READ] = IBV_WR_RDMA_READ,
};

/* Flags of a request that is about to take the next place of the send queue. */
static unsigned send_flags(const struct conn *c, enum op_kind kind, bool signaled, uint32_t bytes)
{
	unsigned flags = signaled ? IBV_SEND_SIGNALED : 0;
	if (kind == OP_SEND) {
		flags |= IBV_SEND_SOLICITED;
		if (c->transfer->reads && !c->transfer->soft)
			flags |= IBV_SEND_FENCE; /* [PROV-DATA-6] */
	}
	if (kind != OP_READ && bytes && bytes <= c->ep->max_inline)
		flags |= IBV_SEND_INLINE;
	return flags;
}

/* Whether the request that takes the next place is to be signalled, @want or not. */
static bool signal_next(struct transfer *t, bool want)
{
	if (want || t->unsignaled + 1 >= t->signal_every || queue_used(&t->sq) + 1 == t->sq.depth) {
		t->unsignaled = 0;
		return true;
	}
	t->unsignaled++;
	return false;
}

bool transfer_tail_open(const struct transfer *t)
{
	return t->unsignaled && queue_used(&t->sq);
}

void transfer_flush_tail_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct queue *q = &t->sq;
	if (queue_used(q) == q->depth + t->soft)
		return; /* then the last one is signalled */
	struct ibv_send_wr *bad, wr = {
					 .wr_id = WR_SEND | q->tail,
					 .opcode = IBV_WR_RDMA_WRITE,
					 .send_flags = IBV_SEND_SIGNALED,
				 };
	if (ibv_post_send(c->ep->qp, &wr, &bad))
		return; /* the connection is about to end, and everything with it */
	q->slots[q->tail++ % QUEUE_SLOTS] = (struct slot){.kind = OP_WRITE, .signaled = true};
	t->unsignaled = 0;
}

/* ---- starting ---- */

static void begin_overlapped(LPWSAOVERLAPPED ov)
{
	ov->InternalHigh = 0;
	ov->Offset = ov->OffsetHigh = 0;
	__atomic_store_n(&ov->Internal, WSS_OPERATION_IN_PROGRESS, __ATOMIC_RELEASE);
}

/* Before an operation that somebody waits for is posted: whose completion wakes nobody is not
 * noticed. While the switch attends it arms, before it sleeps. True: it was not armed before. */
static bool arm_for(struct conn *c, enum op_kind kind, bool silent)
{
	struct transfer *t = c->transfer;
	enum armed want = kind == OP_RECV ? ARMED_SOLICITED : ARMED_ALL;
	bool due = c->attended ? t->armed != ARMED_NOT && kind != OP_RECV &&
					 (!silent || kind != OP_SEND)
			       : !silent;
	return due && harvest_arm_locked(c, want);
}

/* What was complete before the queue was armed, as the peer's first message may be, wakes nobody.
 * No upcall is made from inside a call that posts: that is the event thread's. */
static void look_again(struct conn *c)
{
	struct transfer *t = c->transfer;
	harvest_locked(c);
	t->kick = t->done && !t->delivering && !c->attended;
}

/* Into the slot, which the request that was just posted has taken. */
static void fill_slot(struct slot *slot, enum op_kind kind, const struct gather *g,
		      LPWSAOVERLAPPED ov, bool silent)
{
	slot->ov = ov;
	slot->op = NULL;
	slot->bytes = g->bytes;
	slot->kind = (uint8_t)kind;
	slot->count = (uint8_t)g->count;
	slot->silent = silent;
	for (unsigned i = 0; i < g->count; i++) {
		slot->regs[i] = g->regs[i];
		g->regs[i]->uses++;
	}
}

/* The event thread watches the connection of whoever wants to be told. */
static bool can_tell(struct conn *c, LPWSAOVERLAPPED ov)
{
	return (uintptr_t)ov->hEvent & 1 || c->attended || !conn_watch(c, true);
}

static int post_send(struct conn *c, enum op_kind kind, const struct gather *g, LPWSAOVERLAPPED ov,
		     bool silent)
{
	struct transfer *t = c->transfer;
	struct queue *q = &t->sq;
	uint32_t before = t->unsignaled;
	bool signaled = signal_next(t, !silent || kind != OP_SEND);
	struct ibv_send_wr *bad, wr = {
					 .wr_id = WR_SEND | q->tail,
					 .sg_list = (struct ibv_sge *)g->sge,
					 .num_sge = (int)g->count,
					 .opcode = opcodes[kind],
					 .send_flags = send_flags(c, kind, signaled, g->bytes),
				 };
	begin_overlapped(ov);
	int err = ibv_post_send(c->ep->qp, &wr, &bad);
	if (err) {
		t->unsignaled = before;
		return -err;
	}
	struct slot *slot = &q->slots[q->tail++ % QUEUE_SLOTS];
	fill_slot(slot, kind, g, ov, silent);
	slot->signaled = signaled;
	t->tail_wanted = false;
	return 0;
}

static int post_recv(struct conn *c, const struct gather *g, LPWSAOVERLAPPED ov, bool silent)
{
	struct transfer *t = c->transfer;
	struct queue *q = &t->rq;
	if (t->early != EARLY_DONE && !t->early_waits) {
		fill_slot(&t->early_slot, OP_RECV, g, ov, silent);
		memcpy(t->early_sge, g->sge, sizeof(g->sge));
		t->early_waits = true;
		begin_overlapped(ov);
		if (t->early != EARLY_ARRIVED)
			return 0;
		if (harvest_early_locked(c))
			look_again(c);
		else
			harvest_fail_locked(c, WSAECONNABORTED);
		return 0;
	}
	struct ibv_recv_wr *bad, wr = {
					 .wr_id = WR_RECV | q->tail,
					 .sg_list = (struct ibv_sge *)g->sge,
					 .num_sge = (int)g->count,
				 };
	begin_overlapped(ov);
	int err = ibv_post_recv(c->ep->qp, &wr, &bad);
	if (err)
		return -err;
	fill_slot(&q->slots[q->tail++ % QUEUE_SLOTS], OP_RECV, g, ov, silent);
	return 0;
}

static void append(struct queue *q, struct op *op)
{
	op->next = NULL;
	*q->last = op;
	q->last = &op->next;
}

/* The queue is full: a copy of the operation waits. */
static int wait_for_room(struct conn *c, enum op_kind kind, const struct gather *g,
			 LPWSAOVERLAPPED ov)
{
	struct op *op = op_get_locked(c->transfer, g->count);
	if (!op)
		return WSAENOBUFS;
	op->kind = kind;
	op->ov = ov;
	op->bytes = g->bytes;
	for (unsigned i = 0; i < g->count; i++) {
		op->segments[i] = g->sge[i];
		op->regs[i] = g->regs[i];
		g->regs[i]->uses++;
	}
	op->count = g->count;
	return transfer_start_op_locked(c, op);
}

int transfer_start_locked(struct conn *c, enum op_kind kind, const struct gather *g,
			  LPWSAOVERLAPPED ov)
{
	struct transfer *t = c->transfer;
	struct queue *q = queue_of(t, kind);
	bool early = kind == OP_RECV && t->early != EARLY_DONE && !t->early_waits;
	if (!can_tell(c, ov))
		return WSAENOBUFS;
	if (!early && (q->first || !queue_room(t, q) || stall_fences_locked(t, kind)))
		return wait_for_room(c, kind, g, ov);
	bool silent = (uintptr_t)ov->hEvent & 1;
	bool armed = arm_for(c, kind, silent);
	/* Counted first: the early message may end it at once. */
	q->notify += !silent;
	int err = kind == OP_RECV ? post_recv(c, g, ov, silent) : post_send(c, kind, g, ov, silent);
	if (err) {
		q->notify -= !silent;
		ov->Internal = 0;
		return errmap(EO_TRANSFER, err);
	}
	if (armed)
		look_again(c);
	return WSA_IO_PENDING;
}

int transfer_start_op_locked(struct conn *c, struct op *op)
{
	struct transfer *t = c->transfer;
	struct queue *q = queue_of(t, op->kind);
	if (!can_tell(c, op->ov)) {
		op_put_locked(t, op);
		return WSAENOBUFS;
	}
	op->silent = (uintptr_t)op->ov->hEvent & 1;
	begin_overlapped(op->ov);
	append(q, op);
	q->notify += !op->silent;
	t->rdma += op->kind == OP_WRITE || op->kind == OP_READ;
	bool armed = arm_for(c, op->kind, op->silent);
	/* If all that is before it has completed already nobody would look again. */
	if (q->first != op || !queue_room(t, q) || stall_fences_locked(t, op->kind)) {
		if (!c->attended || t->armed != ARMED_NOT)
			harvest_arm_locked(c, op->kind == OP_RECV ? ARMED_SOLICITED : ARMED_ALL);
		look_again(c);
	} else if (transfer_pump_locked(c)) {
		harvest_fail_locked(c, WSAECONNABORTED);
	} else if (armed) {
		look_again(c);
	}
	return WSA_IO_PENDING;
}

/* ---- what waits ---- */

static void slot_of_op(struct slot *slot, struct op *op, bool last)
{
	*slot = (struct slot){
		.ov = last ? op->ov : NULL,
		.op = op,
		.bytes = op->bytes,
		.kind = (uint8_t)op->kind,
		.silent = op->silent,
	};
}

/* The operation at the front has been posted to its end. */
static void unqueue(struct queue *q)
{
	q->first = q->first->next;
	if (!q->first)
		q->last = &q->first;
}

static int pump_recvs(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct queue *q = &t->rq;
	while (q->first && queue_room(t, q)) {
		struct ibv_recv_wr wrs[POST_BATCH], *bad;
		unsigned n = 0, room = queue_room(t, q);
		for (; n < POST_BATCH && n < room && q->first; n++) {
			struct op *op = q->first;
			wrs[n] = (struct ibv_recv_wr){
				.wr_id = WR_RECV | q->tail,
				.sg_list = op->segments,
				.num_sge = (int)op->count,
			};
			if (n)
				wrs[n - 1].next = &wrs[n];
			slot_of_op(&q->slots[q->tail++ % QUEUE_SLOTS], op, true);
			unqueue(q);
		}
		int err = ibv_post_recv(c->ep->qp, wrs, &bad);
		if (err)
			return -err;
	}
	return 0;
}

static bool sends_go(const struct transfer *t)
{
	const struct queue *q = &t->sq;
	return q->first && queue_room(t, q) && !stall_fences_locked(t, q->first->kind);
}

static int pump_sends(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct queue *q = &t->sq;
	while (sends_go(t)) {
		struct ibv_send_wr wrs[POST_BATCH], *bad;
		struct ibv_sge sge[POST_BATCH][EP_SGE];
		unsigned n = 0;
		for (; n < POST_BATCH && sends_go(t); n++) {
			struct op *op = q->first;
			uint64_t address = op->address;
			uint32_t bytes;
			unsigned count;
			bool last = op_next(op, sge[n], c->ep->max_sge, t->max_msg, &count, &bytes);
			op->address += bytes;
			bool signaled =
				signal_next(t, last && (!op->silent || op->kind != OP_SEND));
			wrs[n] = (struct ibv_send_wr){
				.wr_id = WR_SEND | q->tail,
				.sg_list = sge[n],
				.num_sge = (int)count,
				.opcode = opcodes[op->kind],
				.send_flags = send_flags(c, op->kind, signaled, bytes),
				.wr.rdma = {.remote_addr = address, .rkey = op->rkey},
			};
			if (n)
				wrs[n - 1].next = &wrs[n];
			struct slot *slot = &q->slots[q->tail++ % QUEUE_SLOTS];
			slot_of_op(slot, op, last);
			slot->signaled = signaled;
			t->reads += op->kind == OP_READ;
			if (last)
				unqueue(q);
		}
		t->tail_wanted = false;
		int err = ibv_post_send(c->ep->qp, wrs, &bad);
		if (err)
			return -err;
	}
	return 0;
}

int transfer_pump_locked(struct conn *c)
{
	int err = pump_recvs(c);
	return err ? err : pump_sends(c);
}

/* ---- the calls ---- */

/* The registered segments of a message [PROV-DATA-4]; empty ones are left out. */
static int gather(const struct conn *c, const WSABUF *buffers, DWORD count, DWORD right,
		  struct gather *g)
{
	struct memory *m = c->ep->memory;
	g->count = 0;
	uint64_t bytes = 0;
	if (count && !buffers)
		return WSAEFAULT;
	for (DWORD i = 0; i < count; i++) {
		const WSABUF *b = &buffers[i];
		if (!b->len)
			continue;
		if (g->count == EP_SGE || g->count == c->ep->max_sge)
			return WSAEINVAL;
		struct reg *r = memory_find(m, b->buf, b->len, right);
		if (!r)
			return WSAEFAULT;
		g->regs[g->count] = r;
		g->sge[g->count++] = (struct ibv_sge){(uintptr_t)b->buf, b->len, r->lkey};
		bytes += b->len;
	}
	if (right == MEM_READ && bytes > c->transfer->max_msg)
		return WSAEMSGSIZE; /* [PROV-DATA-11] */
	g->bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
	return 0;
}

static int message(SOCKET s, const WSABUF *buffers, DWORD count, enum op_kind kind, bool sound,
		   LPWSAOVERLAPPED ov)
{
	struct conn *c = NULL;
	struct gather g;
	int code = transfer_enter(s, WSAENOTCONN, &c);
	if (code)
		return code;
	pthread_mutex_lock(&c->lock);
	code = transfer_check_locked(c);
	if (!code && (!sound || !ov))
		code = WSAEINVAL;
	if (!code)
		code = gather(c, buffers, count, kind == OP_RECV ? MEM_WRITE : MEM_READ, &g);
	if (!code)
		code = transfer_start_locked(c, kind, &g, ov);
	transfer_unlock(c);
	transfer_leave(c);
	return code;
}

/* The counts of bytes are left alone: nothing is ever done at once [PROV-DATA-2]. */
int WSPAPI prov_WSPSend(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			LPDWORD lpNumberOfBytesSent, DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			LPWSATHREADID lpThreadId, LPINT lpErrno)
{
	return sock_fail(lpErrno, message(s, lpBuffers, dwBufferCount, OP_SEND,
					  !dwFlags && !lpCompletionRoutine, lpOverlapped));
}

int WSPAPI prov_WSPRecv(SOCKET s, LPWSABUF lpBuffers, DWORD dwBufferCount,
			LPDWORD lpNumberOfBytesRecvd, LPDWORD lpFlags, LPWSAOVERLAPPED lpOverlapped,
			LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			LPWSATHREADID lpThreadId, LPINT lpErrno)
{
	bool sound = (!lpFlags || !*lpFlags) && !lpCompletionRoutine && !lpThreadId;
	return sock_fail(lpErrno,
			 message(s, lpBuffers, dwBufferCount, OP_RECV, sound, lpOverlapped));
}

/* ---- birth and end, for the CM side ---- */

static void queue_init(struct queue *q, uint32_t granted, uint32_t want)
{
	q->depth = granted < want ? granted : want;
	q->last = &q->first;
}

int transfer_open(struct conn *c)
{
	struct endpoint *ep = c->ep;
	struct transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	queue_init(&t->sq, ep->send_depth, EP_SEND_DEPTH);
	queue_init(&t->rq, ep->recv_depth, EP_RECV_DEPTH);
	t->soft = ep->dev->soft;
	t->sq.depth -= t->soft; /* one place is stall.c's */
	t->signal_every = (t->sq.depth + 1) / 4;
	t->max_msg = ep->dev->max_msg;
	t->done_last = &t->done;
	struct ibv_sge sge = {(uintptr_t)ep->early, EP_EARLY_SIZE, ep->early_mr->lkey};
	struct ibv_recv_wr *bad, wr = {.sg_list = &sge, .num_sge = 1};
	int err = ibv_post_recv(ep->qp, &wr, &bad);
	if (err) {
		free(t);
		return -err;
	}
	pthread_cond_init(&t->cond, NULL);
	pthread_mutex_lock(&c->lock);
	c->transfer = t;
	c->attended = false;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

void transfer_free(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	c->transfer = NULL;
	pthread_mutex_unlock(&c->lock);
	if (!t)
		return;
	for (struct op *op = t->free_ops, *next; op; op = next) {
		next = op->next;
		free(op);
	}
	pthread_cond_destroy(&t->cond);
	free(t);
}
