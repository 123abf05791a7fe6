/* SPDX-License-Identifier: MIT
 *
 * Large transfers, straight between the applications' buffers: fetched by RDMA read, or asked for
 * and written [SW-FLOW-5, -6, -8, -9, -13]. Lock: session.lock, held.
 *
 * Out: announced in the order of the stream, at most four open, each one contiguous piece of one
 * request. In: the one at the head of the stream moves, piece by piece; a piece goes into the
 * waiting receive, or into a bounce buffer, which is then a piece of the stream like others.
 */
#include "session_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- the provider's extensions ---- */

static int expose(struct session *ss, void *at, uint32_t length, DWORD rights, uint8_t *descriptor)
{
	LPFN_WSPREGISTERRDMAMEMORY call =
		(LPFN_WSPREGISTERRDMAMEMORY)ss_extension(ss, SAN_REGISTER_RDMA_MEMORY);
	DWORD room = SM_DESCRIPTOR_MAX;
	int error = 0;
	if (call(ss->link.desc, at, length, rights, descriptor, &room, &error) == 0)
		return 0;
	ss_unregistered(ss, error);
	return error ? error : WSAENOBUFS;
}

static void unexpose(struct session *ss, uint8_t *descriptor)
{
	LPFN_WSPDEREGISTERRDMAMEMORY call =
		(LPFN_WSPDEREGISTERRDMAMEMORY)ss_extension(ss, SAN_DEREGISTER_RDMA_MEMORY);
	int error = 0;
	if (!ss->desc_closed)
		call(ss->link.desc, descriptor, ss->descriptor_length, &error);
}

static HANDLE enlist(struct session *ss, void *at, uint32_t length, DWORD rights)
{
	int error = 0;
	ss->unwatched |= !ss_watch(ss, at, length);
	HANDLE handle = ((LPFN_WSPREGISTERMEMORY)ss_extension(ss, SAN_REGISTER_MEMORY))(
		ss->link.desc, at, length, rights, &error);
	if (!handle)
		ss_unregistered(ss, error);
	return handle;
}

static void release(struct session *ss, HANDLE *handle)
{
	int error = 0;
	if (*handle && !ss->desc_closed)
		((LPFN_WSPDEREGISTERMEMORY)ss_extension(ss, SAN_DEREGISTER_MEMORY))(
			ss->link.desc, *handle, &error);
	*handle = NULL;
	if (ss->unwatched)
		ss->link.provider->drop(ss->link.provider, &ss->unwatched);
}

bool ss_rdma_possible(const struct session *ss)
{
	return ss->descriptor_length && ss->max_rdma;
}

/* Begin an RDMA operation on @op. 0: it runs. */
static int begin(struct session *ss, unsigned which, struct ss_op *op, WSABUFEX *segments,
		 unsigned count, uint8_t *descriptor, uint32_t offset)
{
	/* read and write have one signature */
	LPFN_WSPRDMAWRITE call = (LPFN_WSPRDMAWRITE)ss_extension(ss, which);
	DWORD bytes = 0;
	int error = 0;
	op->posted = true;
	op->notify = true;
	op->code = 0;
	memset(&op->ov, 0, sizeof(op->ov));
	if (call(ss->link.desc, segments, count, descriptor, ss->their_descriptor_length, offset,
		 &bytes, 0, &op->ov, NULL, NULL, &error) == 0 ||
	    error == WSA_IO_PENDING) {
		ss->stats.work_requests++;
		return 0;
	}
	op->posted = false;
	return error ? error : WSASYSCALLFAILURE;
}

/* ---- out ---- */

bool ss_out_busy(const struct session *ss, const struct sw_request *r)
{
	for (int i = 0; i < SESSION_XFERS; i++)
		if (ss->out[i].xid && ss->out[i].r == r)
			return true;
	return false;
}

static void out_free(struct session *ss, struct ss_out *o)
{
	if (o->exposed)
		unexpose(ss, o->descriptor);
	release(ss, &o->source);
	o->exposed = false;
	o->xid = 0;
	o->r = NULL;
}

static struct ss_out *out_find(struct session *ss, uint32_t xid)
{
	for (int i = 0; i < SESSION_XFERS; i++)
		if (ss->out[i].xid == xid && xid)
			return &ss->out[i];
	return NULL;
}

/* 0: announced; WSAEWOULDBLOCK: not now; else the source cannot be registered. */
int ss_announce(struct session *ss, struct sw_request *r, char *at, uint32_t length)
{
	struct ss_out *o = NULL;
	for (int i = 0; i < SESSION_XFERS && !o; i++)
		if (!ss->out[i].xid)
			o = &ss->out[i];
	struct ss_buf *b = o ? ss_tx_get(ss, SESSION_DATA_CREDITS) : NULL;
	if (!b)
		return WSAEWOULDBLOCK;
	if (ss->they_read) {
		int code = expose(ss, at, length, MEM_READ, o->descriptor);
		if (code) {
			ss_tx_put(ss, b);
			return code;
		}
	}
	ss->next_xid = ss->next_xid == UINT32_MAX ? 1 : ss->next_xid + 1;
	o->exposed = ss->they_read;
	o->xid = ss->next_xid;
	o->r = r;
	o->at = at;
	o->length = length;
	o->moved = 0;
	o->span = 0;
	o->told = true;
	struct sm_message m = {
		.opcode = ss->they_read ? SM_SRC_AVAIL : SM_WRITE_REQ,
		.xid = o->xid,
		.total = length,
		.descriptor = o->descriptor,
		.descriptor_length = ss->descriptor_length,
	};
	uint32_t n = sm_encode(&m, b->at, b->region->size);
	ss_tx_advance(ss, length);
	ss_tx_post(ss, b, (uint8_t)m.opcode, 0, m.xid, n - SM_HEADER, false);
	return 0;
}

/* All of it has arrived. */
static void out_over(struct session *ss, struct ss_out *o)
{
	ss->stats.rdma_bytes += o->length;
	out_free(ss, o);
	ss_tx_reap(ss);
}

void ss_on_read_done(struct session *ss, const struct sm_message *m)
{
	struct ss_out *o = out_find(ss, m->xid);
	if (!o || !o->exposed || m->bytes != o->length) {
		ss_protocol(ss, "READ_DONE of a transfer that is none");
		return;
	}
	out_over(ss, o);
}

void ss_on_sink(struct session *ss, const struct sm_message *m)
{
	struct ss_out *o = out_find(ss, m->xid);
	uint8_t descriptor[SM_DESCRIPTOR_MAX];
	if (!o || o->exposed || o->span || m->offset != o->moved ||
	    m->bytes > o->length - o->moved ||
	    m->descriptor_length != ss->their_descriptor_length) {
		ss_protocol(ss, "SINK_AVAIL of a transfer that is none");
		return;
	}
	uint32_t n = (uint32_t)m->bytes;
	memcpy(descriptor, m->descriptor, m->descriptor_length);
	o->source = enlist(ss, o->at + o->moved, n, MEM_READ);
	if (!o->source) {
		ss_lost(ss, ss_short(ss));
		return;
	}
	WSABUFEX segment = {.len = n, .buf = o->at + o->moved, .handle = o->source};
	int code = begin(ss, SAN_RDMA_WRITE, &o->op, &segment, 1, descriptor, 0);
	if (code) {
		release(ss, &o->source);
		if (code == WSAEINVAL || code == WSAEFAULT)
			ss_protocol(ss, "SINK_AVAIL with a descriptor that is none");
		else
			ss_broken(ss, code);
		return;
	}
	ss->stats.rdma_writes++;
	o->span = n;
	/* it arrives after the data [PROV-DATA-6]: no need to wait for the write */
	o->told = false;
	ss->due |= DUE_REPLY;
}

static void out_step(struct session *ss, struct ss_out *o)
{
	if (o->op.posted || !o->told || !o->span)
		return;
	o->moved += o->span;
	o->span = 0;
	if (o->moved == o->length)
		out_over(ss, o);
}

void ss_write_over(struct session *ss, struct ss_op *op)
{
	struct ss_out *o = (struct ss_out *)(void *)op;
	release(ss, &o->source);
	if (op->code || ss->state == SESSION_LOST) {
		ss_lost(ss, op->code ? op->code : WSAECONNABORTED);
		out_free(ss, o);
		ss_tx_drop(ss, ss_send_code(ss));
		return;
	}
	out_step(ss, o);
}

/* ---- in ---- */

struct ss_in *ss_seg_xfer(struct ss_seg *seg)
{
	return (struct ss_in *)(void *)seg;
}

bool ss_in_busy(const struct session *ss, const struct sw_request *r)
{
	for (int i = 0; i < SESSION_XFERS; i++)
		if (ss->in[i].xid && ss->in[i].moving && ss->in[i].target == r)
			return true;
	return false;
}

/* The local side of a move is let go. */
static void in_release(struct session *ss, struct ss_in *x)
{
	for (unsigned i = 0; i < x->n_handles; i++)
		release(ss, &x->handles[i]);
	x->n_handles = 0;
	if (x->sink_length)
		unexpose(ss, x->sink);
	x->sink_length = 0;
	x->want_sink = false;
}

void ss_in_free(struct session *ss, struct ss_in *x)
{
	in_release(ss, x);
	ss_chunk_free(ss, x->bounce);
	x->bounce = NULL;
	x->target = NULL;
	x->moving = false;
	x->want_done = false;
	x->xid = 0;
}

static struct ss_in *in_find(struct session *ss, uint32_t xid)
{
	for (int i = 0; i < SESSION_XFERS; i++)
		if (ss->in[i].xid == xid && xid)
			return &ss->in[i];
	return NULL;
}

/* True: the buffer is held, for its inline bytes. */
bool ss_on_announce(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	struct ss_in *x = NULL;
	bool by_write = m->opcode == SM_WRITE_REQ;
	for (int i = 0; i < SESSION_XFERS && !x; i++)
		if (!ss->in[i].xid)
			x = &ss->in[i];
	if (!x || in_find(ss, m->xid) || !ss_rdma_possible(ss)) {
		ss_protocol(ss, "more transfers than may be open");
		return false;
	}
	if (!by_write && (!ss->can_read || m->descriptor_length != ss->their_descriptor_length)) {
		ss_protocol(ss, "a transfer with a descriptor that is none");
		return false;
	}
	bool held = ss_seg_hold(ss, b, m->payload, m->payload_length);
	x->xid = m->xid;
	x->by_write = by_write;
	x->total = (uint32_t)(m->total - m->inline_length);
	x->moved = 0;
	x->seg.length = x->total;
	x->descriptor_length = m->descriptor_length;
	if (m->descriptor_length)
		memcpy(x->descriptor, m->descriptor, m->descriptor_length);
	ss_seg_append(ss, &x->seg);
	ss->stats.bytes_received += m->total;
	if (held && !ss->rx_first)
		ss->tell |= SW_READY_READ;
	return held;
}

/* Memory for a piece that no receive waits for. */
static struct ss_chunk *bounce_open(struct session *ss)
{
	struct ss_chunk *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->bounce = slab_get(&ss->link.provider->slab, SESSION_BOUNCE);
	if (!c->bounce) {
		free(c);
		return NULL;
	}
	c->seg.kind = SEG_CHUNK;
	c->seg.at = c->bounce;
	return c;
}

/* The next pieces of the receive, at most @n bytes in @most segments. Return: bytes. */
static uint32_t gather(const struct session *ss, const struct sw_request *r, uint32_t n,
		       unsigned most, WSABUFEX *segments, unsigned *ret_count)
{
	uint32_t index = ss->rx_index, into = ss->rx_into, sum = 0;
	unsigned count = 0;
	for (; index < r->count && count < most && sum < n; index++, into = 0) {
		uint32_t k = r->buffers[index].len - into;
		if (!k)
			continue;
		k = k < n - sum ? k : n - sum;
		segments[count++] = (WSABUFEX){.len = k, .buf = r->buffers[index].buf + into};
		sum += k;
	}
	*ret_count = count;
	return sum;
}

/* Register the target and begin. 0, or a WSA code with nothing left behind. */
static int move_into(struct session *ss, struct ss_in *x, WSABUFEX *segments, unsigned count)
{
	int code = 0;
	if (x->by_write) {
		code = expose(ss, segments[0].buf, segments[0].len, MEM_WRITE, x->sink);
		if (code)
			return code;
		x->sink_length = ss->descriptor_length;
		x->want_sink = true;
		ss->due |= DUE_REPLY;
		return 0;
	}
	for (x->n_handles = 0; x->n_handles < count; x->n_handles++) {
		WSABUFEX *s = &segments[x->n_handles];
		s->handle = enlist(ss, s->buf, s->len, MEM_WRITE);
		if (!s->handle) {
			in_release(ss, x);
			return WSAENOBUFS;
		}
		x->handles[x->n_handles] = s->handle;
	}
	code = begin(ss, SAN_RDMA_READ, &x->op, segments, count, x->descriptor, x->moved);
	if (code) {
		in_release(ss, x);
		if (code == WSAEINVAL || code == WSAEFAULT)
			ss_protocol(ss, "a transfer with a descriptor that is none");
		else
			ss_lost(ss, code);
		return code;
	}
	ss->stats.rdma_reads++;
	return 0;
}

/* Neither the receive's memory nor ours can be registered: the stream cannot go on [SW-FLOW-9]. */
static void give_up(struct session *ss, struct ss_in *x)
{
	struct sm_message m = {.opcode = SM_XFER_ABORT, .xid = x->xid, .code = WSAENOBUFS};
	if (ss->state != SESSION_UP)
		return;
	ss_send(ss, &m, true);
	ss_lost(ss, ss_short(ss));
}

void ss_move(struct session *ss, struct ss_in *x, struct sw_request *r)
{
	WSABUFEX segments[SESSION_SEGMENTS];
	unsigned count = 0;
	uint64_t limit = ss_rx_limit(ss);
	uint32_t n = x->seg.length < ss->max_rdma ? x->seg.length : ss->max_rdma;
	ss_timer(ss, T_BOUNCE, 0);
	if (r) {
		uint32_t most = n < limit ? n : (uint32_t)limit;
		x->span = gather(ss, r, most, x->by_write ? 1 : SESSION_SEGMENTS, segments, &count);
		/* a small receive takes its bytes from a bounce, many of them from one */
		bool worth = count && (x->span == x->seg.length || x->span >= SESSION_DIRECT_MIN);
		if (worth) {
			x->target = r;
			x->moving = true;
			if (!move_into(ss, x, segments, count) || ss->state != SESSION_UP)
				return;
			x->moving = false;
			x->target = NULL;
		}
	}
	x->bounce = bounce_open(ss);
	x->span = n < SESSION_BOUNCE ? n : SESSION_BOUNCE;
	x->moving = true;
	if (x->bounce) {
		segments[0] = (WSABUFEX){.len = x->span, .buf = (CHAR *)x->bounce->bounce};
		if (!move_into(ss, x, segments, 1))
			return;
	}
	x->moving = false;
	ss_chunk_free(ss, x->bounce);
	x->bounce = NULL;
	give_up(ss, x);
}

/* The bytes of a bounce are a piece of the stream, before what is left of the transfer. */
static void put_before(struct session *ss, struct ss_in *x, struct ss_chunk *c)
{
	c->seg.length = x->span;
	c->room = c->used = x->span;
	c->seg.next = ss->seg_first;
	ss->seg_first = &c->seg;
	ss->buffered += x->span;
}

static void remove_first_xfer(struct session *ss, struct ss_in *x)
{
	struct ss_seg *seg = ss->seg_first, *before = NULL;
	while (seg != &x->seg) {
		before = seg;
		seg = seg->next;
	}
	if (before)
		before->next = seg->next;
	else
		ss->seg_first = seg->next;
	if (ss->seg_last == seg)
		ss->seg_last = before;
}

/* The piece under way has arrived. */
static void in_over(struct session *ss, struct ss_in *x)
{
	struct sw_request *r = x->target;
	in_release(ss, x);
	x->moving = false;
	x->target = NULL;
	x->moved += x->span;
	x->seg.length -= x->span;
	ss->stats.rdma_bytes += x->span;
	if (!r) {
		put_before(ss, x, x->bounce);
		x->bounce = NULL;
		if (!ss->rx_first)
			ss->tell |= SW_READY_READ;
	}
	if (!x->seg.length) {
		remove_first_xfer(ss, x);
		if (x->by_write) {
			x->xid = 0;
		} else {
			x->want_done = true;
			ss->due |= DUE_REPLY;
		}
	}
	if (!r)
		return;
	ss_rx_advance(ss, r, x->span);
	ss->rx_pos += x->span;
	ss_urgent_passed(ss);
	ss_rx_moved(ss, r);
}

/* The connection went under a move. */
static void in_failed(struct session *ss, struct ss_in *x)
{
	in_release(ss, x);
	x->moving = false;
	x->target = NULL;
	ss_chunk_free(ss, x->bounce);
	x->bounce = NULL;
	if (ss->state == SESSION_LOST)
		ss_rx_fail(ss);
	if (ss->closing)
		ss_rx_abort(ss, WSA_OPERATION_ABORTED);
}

void ss_read_over(struct session *ss, struct ss_op *op)
{
	struct ss_in *x = (struct ss_in *)(void *)((char *)op - offsetof(struct ss_in, op));
	if (!op->code) {
		in_over(ss, x);
		if (ss->state == SESSION_LOST)
			in_failed(ss, x);
		return;
	}
	ss_lost(ss, op->code);
	in_failed(ss, x);
}

void ss_on_write_done(struct session *ss, const struct sm_message *m)
{
	struct ss_in *x = in_find(ss, m->xid);
	if (!x || !x->by_write || !x->moving || x->want_sink || m->bytes != x->span) {
		ss_protocol(ss, "WRITE_DONE of a transfer that is none");
		return;
	}
	in_over(ss, x);
}

void ss_on_xfer_abort(struct session *ss, const struct sm_message *m)
{
	struct ss_out *o = out_find(ss, m->xid);
	struct sw_request *r = o ? o->r : NULL;
	if (!o && !in_find(ss, m->xid)) {
		ss_protocol(ss, "XFER_ABORT of a transfer that is none");
		return;
	}
	for (int i = 0; r && i < SESSION_XFERS; i++)
		if (ss->out[i].xid && ss->out[i].r == r && ss->out[i].op.posted)
			r = NULL; /* ends when the provider lets go */
	for (int i = 0; r && i < SESSION_XFERS; i++)
		if (ss->out[i].xid && ss->out[i].r == r)
			out_free(ss, &ss->out[i]);
	if (r) {
		ss_tx_unlink(ss, r);
		ss_end_request(ss, r, WSAENOBUFS); /* the other side's want of memory [SW-FLOW-9] */
	}
	ss_lost(ss, WSAECONNRESET);
}

/* ---- answers that wait for a credit ---- */

static bool reply_in(struct session *ss, struct ss_in *x)
{
	struct sm_message m = {.xid = x->xid};
	if (x->want_sink) {
		m.opcode = SM_SINK_AVAIL;
		m.offset = x->moved;
		m.bytes = x->span;
		m.descriptor = x->sink;
		m.descriptor_length = x->sink_length;
		if (!ss_send(ss, &m, false))
			return false;
		x->want_sink = false;
	}
	if (x->want_done) {
		m.opcode = SM_READ_DONE;
		m.bytes = x->total;
		if (!ss_send(ss, &m, false))
			return false;
		x->want_done = false;
		x->xid = 0;
	}
	return true;
}

static bool reply_out(struct session *ss, struct ss_out *o)
{
	struct sm_message m = {.opcode = SM_WRITE_DONE, .xid = o->xid, .bytes = o->span};
	if (!o->xid || o->told)
		return true;
	if (!ss_send(ss, &m, false))
		return false;
	o->told = true;
	out_step(ss, o);
	return true;
}

void ss_replies(struct session *ss)
{
	for (int i = 0; i < SESSION_XFERS; i++) {
		if (ss->in[i].xid && !reply_in(ss, &ss->in[i]))
			return;
		if (!reply_out(ss, &ss->out[i]))
			return;
	}
	ss->due &= ~(unsigned)DUE_REPLY;
}

/* The connection is gone: what the peer could reach is taken back; what our own operations work on
 * goes when they have ended. */
void ss_xfers_lost(struct session *ss)
{
	for (int i = 0; i < SESSION_XFERS; i++) {
		struct ss_out *o = &ss->out[i];
		struct ss_in *x = &ss->in[i];
		if (o->xid && (!o->op.posted || ss->desc_closed))
			out_free(ss, o);
		if (x->xid && x->moving && !x->op.posted)
			in_failed(ss, x);
		if (x->xid && x->want_done)
			ss_in_free(ss, x);
	}
}
