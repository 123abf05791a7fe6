/* SPDX-License-Identifier: MIT
 *
 * Registered buffers, posting them, credits: the guarantee that each message meets a posted buffer
 * [SW-SESSION-4, -10, SW-FLOW-1, -2, -12; docs/wire.md]. Lock: session.lock, held.
 */
#include "session_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- regions ---- */

static int region_open(struct session *ss, uint32_t count, uint32_t size, bool receive,
		       struct ss_region **ret)
{
	LPFN_WSPREGISTERMEMORY enlist =
		(LPFN_WSPREGISTERMEMORY)ss_extension(ss, SAN_REGISTER_MEMORY);
	int error = WSAENOBUFS;
	struct ss_region *r = calloc(1, sizeof(*r) + count * sizeof(r->bufs[0]));
	if (!r)
		return error;
	r->size = size;
	r->count = count;
	r->memory = slab_get(&ss->link.provider->slab, (size_t)count * size);
	if (r->memory)
		r->handle = enlist(ss->link.desc, r->memory, count * size,
				   receive ? MEM_WRITE : MEM_READ, &error);
	if (!r->handle) {
		slab_put(ss->link.provider, r->memory, (size_t)count * size);
		free(r);
		return error ? error : WSAENOBUFS;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct ss_buf *b = &r->bufs[i];
		b->op.kind = receive ? OP_RECEIVE : OP_SEND;
		b->seg.kind = SEG_BUFFER;
		b->region = r;
		b->at = r->memory + (size_t)i * size;
	}
	*ret = r;
	return 0;
}

static void region_close(struct session *ss, struct ss_region **r)
{
	LPFN_WSPDEREGISTERMEMORY release =
		(LPFN_WSPDEREGISTERMEMORY)ss_extension(ss, SAN_DEREGISTER_MEMORY);
	int error = 0;
	if (!*r)
		return;
	if (!ss->desc_closed && (*r)->handle)
		release(ss->link.desc, (*r)->handle, &error);
	slab_put(ss->link.provider, (*r)->memory, (size_t)(*r)->count * (*r)->size);
	free(*r);
	*r = NULL;
}

static void region_less(struct session *ss, struct ss_region **r)
{
	if (*r && (*r)->retired && !(*r)->busy)
		region_close(ss, r);
}

/* All buffers of a new send region are free, in front. */
static void tx_add(struct session *ss, struct ss_region *r)
{
	for (uint32_t i = r->count; i-- > 0;) {
		r->bufs[i].next = ss->tx_free;
		ss->tx_free = &r->bufs[i];
	}
}

int ss_regions_open(struct session *ss)
{
	const struct session_config *c = &ss->config;
	int code = region_open(ss, c->idle_buffers, c->idle_size, true, &ss->rx);
	if (!code)
		code = region_open(ss, c->idle_buffers, c->idle_size, false, &ss->tx);
	if (code)
		region_close(ss, &ss->rx);
	else
		tx_add(ss, ss->tx);
	return code;
}

void ss_regions_close(struct session *ss)
{
	struct ss_region **all[] = {&ss->rx, &ss->rx_old, &ss->tx, &ss->tx_old};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		region_close(ss, all[i]);
}

void ss_regions_idle(struct session *ss)
{
	LPFN_WSPDEREGISTERMEMORY release =
		(LPFN_WSPDEREGISTERMEMORY)ss_extension(ss, SAN_DEREGISTER_MEMORY);
	struct ss_region *all[] = {ss->rx, ss->rx_old, ss->tx, ss->tx_old};
	int error = 0;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!all[i] || all[i]->busy)
			continue;
		release(ss->link.desc, all[i]->handle, &error);
		all[i]->handle = NULL;
	}
}

/* ---- receives ---- */

/* Return 0, or the provider's code. */
static int post_receive(struct session *ss, struct ss_buf *b)
{
	WSABUF w = {.len = b->region->size, .buf = (CHAR *)b->at};
	DWORD bytes = 0, flags = 0;
	int error = 0;
	b->done = false;
	b->op.posted = true;
	b->op.code = 0;
	memset(&b->op.ov, 0, sizeof(b->op.ov)); /* hEvent 0: tell us */
	b->next = NULL;
	if (ss->posted_last)
		ss->posted_last->next = b;
	else
		ss->posted = b;
	struct ss_buf *before = ss->posted_last;
	ss->posted_last = b;
	b->region->busy++;
	if (ss->call->lpWSPRecv(ss->link.desc, &w, 1, &bytes, &flags, &b->op.ov, NULL, NULL,
				&error) == 0 ||
	    error == WSA_IO_PENDING)
		return 0;
	ss->posted_last = before;
	if (before)
		before->next = NULL;
	else
		ss->posted = NULL;
	b->op.posted = false;
	b->region->busy--;
	return error ? error : WSASYSCALLFAILURE;
}

int ss_post_all(struct session *ss, struct ss_region *region)
{
	int code = 0;
	for (uint32_t i = 0; i < region->count && !code; i++)
		code = post_receive(ss, &region->bufs[i]);
	return code;
}

void ss_release(struct session *ss, struct ss_buf *b, bool by_credit)
{
	struct ss_region *r = b->region;
	r->busy--;
	if (ss->state == SESSION_LOST || ss->desc_closed || r->retired) {
		region_less(ss, &ss->rx_old);
		return;
	}
	int code = post_receive(ss, b);
	if (code) {
		ss_broken(ss, code);
		return;
	}
	ss->unreported++;
	if (!by_credit)
		ss->unreported_real = true;
}

/* Messages are taken in the order of posting, whatever the order of upcalls [PROV-DATA-6]. */
void ss_received(struct session *ss)
{
	while (ss->posted && ss->posted->done) {
		struct ss_buf *b = ss->posted;
		ss->posted = b->next;
		if (!ss->posted)
			ss->posted_last = NULL;
		b->next = NULL;
		if (ss->state != SESSION_LOST && !ss->desc_closed && !b->op.code && b->op.bytes) {
			ss_message(ss, b, b->op.bytes);
			continue;
		}
		b->region->busy--;
		if (ss->state != SESSION_LOST)
			ss_lost(ss, b->op.code ? b->op.code : WSAECONNABORTED);
	}
}

/* ---- sends ---- */

bool ss_sent(const struct ss_buf *b)
{
	/* silent ones: the provider's own word [PROV-OVL-2] */
	return b->op.notify
		       ? !b->op.posted
		       : __atomic_load_n(&b->op.ov.Internal, __ATOMIC_ACQUIRE) != SESSION_PENDING;
}

void ss_tx_put(struct session *ss, struct ss_buf *b)
{
	if (b->region->retired) {
		region_less(ss, &ss->tx_old);
		return;
	}
	b->next = ss->tx_free;
	ss->tx_free = b;
}

static void reclaim(struct session *ss)
{
	while (ss->flight && ss_sent(ss->flight)) {
		struct ss_buf *b = ss->flight;
		ss->flight = b->next;
		if (!ss->flight)
			ss->flight_last = NULL;
		/* a silent one that failed is told of by the receives, which fail, too */
		if (ss->shut_buf == b) {
			ss->shut_buf = NULL;
			ss->shut_arrived = !b->op.code;
		}
		b->region->busy--;
		ss_tx_put(ss, b);
	}
}

static bool look(struct session *ss, struct ss_buf *b)
{
	DWORD bytes = 0, flags = 0;
	int error = 0;
	ss->call->lpWSPGetOverlappedResult(ss->link.desc, &b->op.ov, &bytes, FALSE, &flags, &error);
	return ss_sent(b);
}

static uint32_t credits(const struct session *ss)
{
	return ss->grant[0].credits + ss->grant[1].credits;
}

/* A send buffer for a message that needs @need credits; NULL: not now. */
struct ss_buf *ss_tx_get(struct session *ss, unsigned need)
{
	if (ss->desc_closed || ss->tx_broken || credits(ss) < need)
		return NULL;
	reclaim(ss);
	if (!ss->tx_free && ss->flight && look(ss, ss->flight))
		reclaim(ss);
	struct ss_buf *b = ss->tx_free;
	if (b)
		ss->tx_free = b->next;
	return b;
}

static struct ss_grant *current(struct session *ss)
{
	return &ss->grant[ss->grant[0].credits || !ss->grant[1].size ? 0 : 1];
}

uint32_t ss_tx_room(const struct session *ss)
{
	uint32_t size = ss->grant[ss->grant[0].credits || !ss->grant[1].size ? 0 : 1].size;
	uint32_t ours = ss->tx_free ? ss->tx_free->region->size : ss->tx->size;
	if (ours < size)
		size = ours;
	return (size < ss->max_message ? size : ss->max_message) - SM_HEADER;
}

/* The peer's old buffers are used up: the new ones are all there is. */
static void grant_step(struct session *ss)
{
	if (ss->grant[0].credits || !ss->grant[1].size)
		return;
	ss->grant[0] = ss->grant[1];
	ss->grant[1] = (struct ss_grant){0};
	ss->due &= ~(unsigned)DUE_BURN;
}

bool ss_tx_post(struct session *ss, struct ss_buf *b, uint8_t opcode, unsigned flags, uint32_t xid,
		uint32_t length, bool notify)
{
	const struct sm_op *op = sm_op(opcode);
	uint32_t back = ss->unreported < 0xffff ? ss->unreported : 0xffff;
	WSABUF w = {.len = SM_HEADER + length, .buf = (CHAR *)b->at};
	DWORD bytes = 0;
	int error = 0;
	sm_put_header(b->at, opcode, flags, back, ss->tx_seq, xid, length);
	/* the last buffer tells when it is free, and with it all before it [SW-FLOW-2] */
	b->op.notify = notify || !ss->tx_free;
	b->op.posted = true;
	b->op.code = 0;
	memset(&b->op.ov, 0, sizeof(b->op.ov));
	b->op.ov.Internal = SESSION_PENDING;
	if (!b->op.notify)
		b->op.ov.hEvent = (HANDLE)(uintptr_t)1;
	b->next = NULL;
	if (ss->call->lpWSPSend(ss->link.desc, &w, 1, &bytes, 0, &b->op.ov, NULL, NULL, &error) !=
		    0 &&
	    error != WSA_IO_PENDING) {
		b->op.posted = false;
		ss_tx_put(ss, b);
		ss_broken(ss, error ? error : WSASYSCALLFAILURE);
		return false;
	}
	if (ss->flight_last)
		ss->flight_last->next = b;
	else
		ss->flight = b;
	ss->flight_last = b;
	b->region->busy++;
	ss->tx_seq++;
	ss->unreported -= back;
	ss->peer_left += back;
	if (!ss->unreported)
		ss->unreported_real = false;
	if (op->credits) {
		current(ss)->credits--;
		grant_step(ss);
	}
	ss->stats.messages_sent++;
	ss->stats.work_requests++;
	return true;
}

bool ss_send(struct session *ss, const struct sm_message *m, bool notify)
{
	const struct sm_op *op = sm_op((uint8_t)m->opcode);
	struct ss_buf *b = ss_tx_get(ss, op->credits);
	if (!b)
		return false;
	uint32_t n = sm_encode(m, b->at, b->region->size);
	if (!n) {
		ss_tx_put(ss, b);
		return false;
	}
	return ss_tx_post(ss, b, op->opcode, m->flags, m->xid, n - SM_HEADER, notify);
}

/* Look whether sends have come home. */
void ss_reclaim(struct session *ss)
{
	reclaim(ss);
}

/* ---- growing and shrinking [SW-SESSION-10] ---- */

/* What the peer has for us is of another size from now on. Both old and new are used in order. */
void ss_on_buffers(struct session *ss, const struct sm_message *m)
{
	uint32_t size = ss->grant[0].size;
	if (ss->grant[1].size) {
		ss_protocol(ss, "new buffers before the last new ones were in use");
		return;
	}
	if (m->count < SESSION_BUFFERS_MIN) {
		ss_protocol(ss, "too few buffers");
		return;
	}
	ss->grant[1] = (struct ss_grant){m->count, m->size, m->count};
	ss->grant[0].count = 0; /* none of the old ones comes back */
	if (m->size < size)
		ss->due |= DUE_BURN;
	grant_step(ss);
	if (ss->tx_old) /* still in flight: our own stay as they are until the next time */
		return;
	bool more = m->size > ss->tx->size, less = m->size < ss->tx->size;
	uint32_t count = more ? SESSION_TX_FULL : ss->config.idle_buffers;
	size = more ? ss->config.full_size : ss->config.idle_size;
	struct ss_region *fresh;
	if ((!more && !less) || size == ss->tx->size || region_open(ss, count, size, false, &fresh))
		return;
	ss->tx->retired = true;
	ss->tx_old = ss->tx;
	ss->tx = fresh;
	ss->tx_free = NULL;
	tx_add(ss, fresh);
	region_less(ss, &ss->tx_old);
}

/* Nothing but using them up frees buffers that the peer no longer wants. */
void ss_burn(struct session *ss)
{
	struct sm_message m = {.opcode = SM_NOP};
	while (ss->due & DUE_BURN && ss_send(ss, &m, false))
		;
}

/* Replace the receive buffers. The old ones are not posted again. */
static void rx_replace(struct session *ss, uint32_t count, uint32_t size)
{
	struct ss_region *fresh;
	if (ss->rx_old || ss->due & DUE_BUFFERS || size == ss->rx->size ||
	    region_open(ss, count, size, true, &fresh))
		return;
	ss->rx_old = ss->rx;
	ss->rx_old->retired = true;
	ss->rx = fresh;
	int code = ss_post_all(ss, fresh);
	if (code) {
		/* those that were posted stay behind the old ones, unannounced */
		ss_broken(ss, code);
		return;
	}
	ss->due |= DUE_BUFFERS;
	region_less(ss, &ss->rx_old);
}

void ss_grow(struct session *ss)
{
	if (ss->rx->size >= ss->config.full_size || ss->state != SESSION_UP || ss->closing)
		return;
	ss_timer(ss, T_IDLE, SESSION_IDLE_MS);
	ss->news_seen = ss->news;
	rx_replace(ss, ss->config.full_buffers, ss->config.full_size);
}

/* The timer of idleness: shrink, if nothing has come since. */
void ss_idle(struct session *ss)
{
	if (ss->state != SESSION_UP || ss->closing || ss->rx->size <= ss->config.idle_size)
		return;
	if (ss->news == ss->news_seen && ss->rx_old)
		ss->due |= DUE_ASK; /* the small ones from before are still in front */
	else if (ss->news == ss->news_seen && !ss->seg_first)
		rx_replace(ss, ss->config.idle_buffers, ss->config.idle_size);
	ss->news_seen = ss->news;
	if (ss->rx->size > ss->config.idle_size)
		ss_timer(ss, T_IDLE, SESSION_IDLE_MS);
}

void ss_send_buffers(struct session *ss)
{
	struct sm_message m = {
		.opcode = SM_BUFFERS,
		.count = ss->rx->count,
		.size = ss->rx->size,
	};
	if (!ss_send(ss, &m, false))
		return;
	ss->due &= ~(unsigned)DUE_BUFFERS;
	ss->peer_left += m.count;
}
