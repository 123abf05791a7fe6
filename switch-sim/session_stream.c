/* SPDX-License-Identifier: MIT
 *
 * The outgoing stream: requests in order, small ones into control buffers, what must not wait into
 * private memory [SW-FLOW-4, -13, WS-DATA-3]. Lock: session.lock, held.
 *
 * The queue holds requests from their submission until all their bytes are gone and, of large
 * transfers, fetched. tx_cur is the first that is not all handed over.
 */
#include "session_priv.h"

#include "usermem.h"

#include <stdlib.h>
#include <string.h>

/* A request of our own: bytes that a caller was told are sent. */
struct private_send {
	struct sw_request r;
	uint32_t room;
	uint8_t data[];
};

enum { PRIVATE_MIN = 4096 };

/* Places, not values. Plain: never by RDMA [SW-OOB-3]. */
static const char marks[2];
#define private_mark ((void *)(uintptr_t)&marks[0])
#define plain_mark   ((void *)(uintptr_t)&marks[1])

bool ss_tx_private(const struct sw_request *r)
{
	return r->mark == private_mark || r->mark == plain_mark;
}

static void link_last(struct session *ss, struct sw_request *r)
{
	r->next = NULL;
	r->prev = ss->tx_last;
	if (ss->tx_last)
		ss->tx_last->next = r;
	else
		ss->tx_first = r;
	ss->tx_last = r;
	if (!ss->tx_cur) {
		ss->tx_cur = r;
		ss->tx_index = ss->tx_into = 0;
	}
	if (ss_tx_private(r))
		ss->tx_private += r->total;
	else
		ss->tx_real++;
	ss->tx_accepted += r->total;
}

/* Urgent marks lie behind bytes that will not be sent. */
static void move_marks(struct session *ss, const struct sw_request *r)
{
	uint64_t gone = r->total - r->offset, at = ss->tx_pos;
	for (const struct sw_request *q = ss->tx_cur; q && q != r; q = q->next)
		at += q->total - q->offset;
	ss->tx_accepted -= gone;
	for (struct ss_out_urgent *u = ss->urgent_out; u; u = u->next)
		if (u->offset >= at + gone)
			u->offset -= gone;
}

void ss_tx_unlink(struct session *ss, struct sw_request *r)
{
	if (r->offset < r->total)
		move_marks(ss, r);
	if (r->prev)
		r->prev->next = r->next;
	else
		ss->tx_first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		ss->tx_last = r->prev;
	if (ss->tx_cur == r) {
		ss->tx_cur = r->next;
		ss->tx_index = ss->tx_into = 0;
	}
	if (ss_tx_private(r))
		ss->tx_private -= r->total - r->offset;
	else
		ss->tx_real--;
}

void ss_tx_advance(struct session *ss, uint32_t n)
{
	struct sw_request *r = ss->tx_cur;
	r->offset += n;
	ss->tx_into += n;
	ss->tx_pos += n;
	ss->stats.bytes_sent += n;
	if (ss_tx_private(r))
		ss->tx_private -= n;
	if (r->offset == r->total) {
		ss->tx_cur = r->next;
		ss->tx_index = ss->tx_into = 0;
	}
}

/* Bytes in one piece at the cursor. */
static uint32_t piece(struct session *ss, char **ret_at)
{
	struct sw_request *r = ss->tx_cur;
	while (ss->tx_into == r->buffers[ss->tx_index].len) {
		ss->tx_index++;
		ss->tx_into = 0;
	}
	*ret_at = r->buffers[ss->tx_index].buf + ss->tx_into;
	return r->buffers[ss->tx_index].len - ss->tx_into;
}

static bool is_large(const struct session *ss, uint32_t n)
{
	return n > ss->threshold && ss->tx_cur->mark != plain_mark && ss_rdma_possible(ss);
}

/* The application's memory ends at the cursor: what was read of it is sent, as over TCP/IP. */
void ss_tx_cut(struct session *ss, struct sw_request *r)
{
	if (!r->offset) {
		ss_tx_unlink(ss, r);
		ss_end_request(ss, r, WSAEFAULT);
		return;
	}
	move_marks(ss, r);
	r->total = r->offset;
	ss->tx_cur = r->next;
	ss->tx_index = ss->tx_into = 0;
}

/* One DATA message with all that fits from the cursor on. False: not now. */
static bool send_data(struct session *ss)
{
	struct ss_buf *b = ss_tx_get(ss, SESSION_DATA_CREDITS);
	if (!b)
		return false;
	uint32_t room = ss_tx_room(ss), used = 0;
	if (room > b->region->size - SM_HEADER)
		room = b->region->size - SM_HEADER;
	while (ss->tx_cur && used < room) {
		char *at;
		struct sw_request *r = ss->tx_cur;
		uint32_t n = piece(ss, &at), got = 0;
		if (used && is_large(ss, n))
			break;
		if (n > room - used)
			n = room - used;
		if (ss_tx_private(r))
			memcpy(b->at + SM_HEADER + used, at, got = n);
		else
			got = (uint32_t)memory_read_some(b->at + SM_HEADER + used, at, n);
		used += got;
		if (got)
			ss_tx_advance(ss, got);
		if (got < n)
			ss_tx_cut(ss, r);
	}
	ss->stats.copied += used;
	if (!used) {
		ss_tx_put(ss, b);
		return true;
	}
	return ss_tx_post(ss, b, SM_DATA, ss->tx_cur ? 0 : SM_LAST, 0, used, false);
}

/* The source cannot be registered [SW-FLOW-9]. */
static void announce_failed(struct session *ss, struct sw_request *r, int code)
{
	if (ss_tx_private(r)) {
		r->mark = plain_mark; /* its caller is gone: by messages, then */
	} else if (code == WSAEFAULT) {
		ss_tx_cut(ss, r);
	} else if (!r->offset) {
		ss_tx_unlink(ss, r);
		ss_end_request(ss, r, ss_short(ss));
	} else {
		ss_lost(ss, ss_short(ss));
	}
}

void ss_tx_stream(struct session *ss)
{
	if (ss->due & DUE_URGENT) /* what lies behind a mark must not come before it */
		return;
	while (ss->tx_cur && ss->state == SESSION_UP && !ss->tx_broken) {
		char *at;
		uint32_t n = piece(ss, &at);
		if (!is_large(ss, n)) {
			if (!send_data(ss))
				return;
			continue;
		}
		struct sw_request *r = ss->tx_cur;
		int code = ss_announce(ss, r, at, n < ss->max_rdma ? n : ss->max_rdma);
		if (code == WSAEWOULDBLOCK)
			return;
		if (code)
			announce_failed(ss, r, code);
	}
}

void ss_tx_reap(struct session *ss)
{
	struct sw_request *r;
	while ((r = ss->tx_first) && r->offset == r->total && !ss_out_busy(ss, r)) {
		ss_tx_unlink(ss, r);
		r->done = r->total;
		ss_end_request(ss, r, 0);
	}
}

void ss_tx_drop(struct session *ss, int code)
{
	struct sw_request *next;
	for (struct sw_request *r = ss->tx_first; r; r = next) {
		next = r->next;
		if (ss_out_busy(ss, r))
			continue; /* ends as soon as the provider lets go */
		ss_tx_unlink(ss, r);
		r->done = r->offset;
		ss_end_request(ss, r, ss_cancel_code(ss, r, code));
	}
}

/* ---- submission ---- */

/* The answer is due at once. */
static bool at_once(struct sw_request *r, int code, uint64_t done)
{
	r->code = code;
	r->done = done;
	atomic_store_explicit(&r->over, true, memory_order_release);
	return true;
}

/* Bytes of @r from @index, @into on, one after the other. Return: how many there are. */
static uint64_t flatten(const struct sw_request *r, uint32_t index, uint32_t into, uint8_t *to)
{
	uint64_t sum = 0;
	for (; index < r->count; index++, into = 0) {
		const WSABUF *w = &r->buffers[index];
		size_t n = w->len - into, got = memory_read_some(to + sum, w->buf + into, n);
		sum += got;
		if (got < n)
			break;
	}
	return sum;
}

static struct private_send *last_private(struct session *ss, uint64_t n)
{
	struct sw_request *r = ss->tx_last;
	if (!r || !ss_tx_private(r) || r->offset == r->total)
		return NULL;
	struct private_send *p = (struct private_send *)(void *)r;
	return p->room - r->first[0].len >= n ? p : NULL;
}

/* Keep what is left of @r, @n bytes from the cursor @index, @into. Return: how many there are; 0
 * with *ret_code: none [WS-ERR-4], or no memory. */
static uint64_t keep(struct session *ss, const struct sw_request *r, uint32_t index, uint32_t into,
		     uint64_t n, bool plain, int *ret_code)
{
	struct private_send *p = last_private(ss, n);
	*ret_code = WSAEFAULT;
	if (p) { /* several small ones make one message */
		n = flatten(r, index, into, p->data + p->r.first[0].len);
		ss->stats.copied += n;
		p->r.first[0].len += (ULONG)n;
		p->r.total += n;
		ss->tx_private += n;
		ss->tx_accepted += n;
		return n;
	}
	uint64_t room = n < PRIVATE_MIN ? PRIVATE_MIN : n;
	if (room > UINT32_MAX - sizeof(*p) || !(p = malloc(sizeof(*p) + room))) {
		*ret_code = WSAENOBUFS;
		return 0;
	}
	n = flatten(r, index, into, p->data);
	ss->stats.copied += n;
	if (!n) {
		free(p);
		return 0;
	}
	memset(&p->r, 0, sizeof(p->r));
	p->room = (uint32_t)room;
	p->r.op = SW_OP_SEND;
	p->r.mark = plain ? plain_mark : private_mark;
	p->r.buffers = p->r.first;
	p->r.first[0] = (WSABUF){.len = (ULONG)n, .buf = (CHAR *)p->data};
	p->r.count = 1;
	p->r.total = n;
	link_last(ss, &p->r);
	return n;
}

static int refusal(const struct session *ss)
{
	if (ss->closing)
		return WSA_OPERATION_ABORTED;
	if (ss->shut_send)
		return WSAESHUTDOWN;
	return ss->lost ? ss_send_code(ss) : ss->tx_broken;
}

/* Whether more may be kept: any number of bytes while fewer than SO_SNDBUF are [WS-DATA-3]. The
 * same that SW_READY_WRITE says: a program that is told to send and then may not would spin. */
static bool may_keep(const struct session *ss)
{
	return !ss->tx_private || ss->tx_private < ss->config.sndbuf;
}

/* @n bytes that fit a message, with nothing before them, need no queue. 0: nothing is done; 1: they
 * are sent, or kept as sent; -1: the connection was lost over them. */
static int send_whole(struct session *ss, const void *at, uint32_t n)
{
	if (ss->tx_first || ss->due & DUE_URGENT || ss->state != SESSION_UP || ss->tx_broken ||
	    n > ss->threshold)
		return 0;
	struct ss_buf *b = ss_tx_get(ss, SESSION_DATA_CREDITS);
	if (!b)
		return 0;
	if (n > ss_tx_room(ss) || n > b->region->size - SM_HEADER ||
	    memory_read_some(b->at + SM_HEADER, at, n) < n) {
		ss_tx_put(ss, b);
		return 0;
	}
	ss->tx_pos += n;
	ss->tx_accepted += n;
	ss->stats.bytes_sent += n;
	ss->stats.copied += n;
	bool posted = ss_tx_post(ss, b, SM_DATA, SM_LAST, 0, n, false);
	return !posted && ss->state == SESSION_LOST ? -1 : 1;
}

bool session_send_now(struct session *ss, const void *at, uint32_t n)
{
	ss_enter(ss);
	bool sent = !refusal(ss) && send_whole(ss, at, n) > 0;
	ss_leave(ss);
	return sent;
}

/* Nothing is before it: what has room goes out now. True: it is all gone. */
static bool straight(struct session *ss, struct sw_request *r)
{
	int sent = r->count == 1 ? send_whole(ss, r->buffers[0].buf, r->buffers[0].len) : 0;
	if (sent) {
		r->offset = r->total;
		return at_once(r, sent < 0 ? ss_send_code(ss) : 0, r->total);
	}
	link_last(ss, r);
	ss_tx_stream(ss);
	ss_tx_reap(ss);
	return atomic_load_explicit(&r->over, memory_order_relaxed);
}

/* @r, in the queue and in part sent, becomes private memory, as far as its own goes. False: it is
 * in the queue as before. */
static bool swap_for_private(struct session *ss, struct sw_request *r)
{
	uint32_t index = 0, into = 0;
	uint64_t n = r->total - r->offset, kept;
	int code = 0;
	if (ss->tx_cur == r) {
		index = ss->tx_index;
		into = ss->tx_into;
	}
	ss_tx_unlink(ss, r); /* it is the last: marks stay where they are */
	kept = n ? keep(ss, r, index, into, n, false, &code) : 0;
	if (kept == n || kept || code == WSAEFAULT) { /* only private ones were before it */
		r->done = r->offset + kept;
		r->code = r->done ? 0 : code;
		return true;
	}
	link_last(ss, r);
	ss->tx_accepted -= r->offset;
	if (ss->tx_cur == r) {
		ss->tx_index = index;
		ss->tx_into = into;
	}
	return false;
}

static bool submit_nonblocking(struct session *ss, struct sw_request *r, bool large)
{
	if (!ss->tx_first && !large && ss->state == SESSION_UP) {
		if (straight(ss, r))
			return true;
		if (swap_for_private(ss, r))
			return at_once(r, r->code, r->done);
		ss_tx_unlink(ss, r);
		return at_once(r, r->offset ? 0 : WSAENOBUFS, r->offset);
	}
	if (!may_keep(ss)) {
		ss->want_write = true;
		return at_once(r, WSAEWOULDBLOCK, 0);
	}
	int code;
	uint64_t kept = keep(ss, r, 0, 0, r->total, false, &code);
	return at_once(r, kept ? 0 : code, kept);
}

/* One of its buffers would go by RDMA. */
static bool any_large(const struct session *ss, const struct sw_request *r)
{
	for (DWORD i = 0; i < r->count; i++)
		if (r->buffers[i].len > ss->threshold)
			return true;
	return false;
}

bool ss_submit_send(struct session *ss, struct sw_request *r)
{
	int code = refusal(ss);
	if (code)
		return at_once(r, code, 0);
	if (!r->total)
		return at_once(r, 0, 0);
	if (r->flags & WSD_MSG_OOB)
		return ss_submit_urgent(ss, r);
	bool large = r->total > ss->threshold && ss_rdma_possible(ss);
	if (r->nonblocking)
		return submit_nonblocking(ss, r, large);
	large = large && any_large(ss, r);
	bool alone = !ss->tx_real;
	if (straight(ss, r))
		return true;
	if (ss->state == SESSION_LOST || large || !alone)
		return false;
	/* as over TCP/IP: a send that fits the buffer does not wait for the peer */
	uint64_t n = r->total - r->offset;
	if (ss->tx_private + n <= ss->config.sndbuf && swap_for_private(ss, r))
		return at_once(r, r->code, r->done);
	return false;
}

/* ---- urgent sends: the bytes before the last one [SW-OOB-2] ---- */

bool ss_submit_urgent(struct session *ss, struct sw_request *r)
{
	enum { MOST = 4096 };
	struct ss_out_urgent *u = NULL;
	if (ss->n_urgent_out >= MOST || (r->nonblocking && !may_keep(ss))) {
		ss->want_write = true;
		return at_once(r, r->nonblocking ? WSAEWOULDBLOCK : WSAENOBUFS, 0);
	}
	u = calloc(1, sizeof(*u));
	/* the last byte is kept, too, and then cut off */
	int code = WSAENOBUFS;
	uint64_t kept = u ? keep(ss, r, 0, 0, r->total, true, &code) : 0;
	if (kept < r->total) { /* without its urgent byte it is an ordinary send of what there is */
		free(u);
		return at_once(r, kept ? 0 : code, kept);
	}
	struct private_send *p = (struct private_send *)(void *)ss->tx_last;
	p->r.first[0].len--;
	p->r.total--;
	ss->tx_private--;
	ss->tx_accepted--;
	u->byte = p->data[p->r.first[0].len];
	u->offset = ss->tx_accepted;
	if (p->r.offset == p->r.total)
		ss_tx_unlink(ss, &p->r), free(p);
	if (ss->urgent_out_last)
		ss->urgent_out_last->next = u;
	else
		ss->urgent_out = u;
	ss->urgent_out_last = u;
	ss->n_urgent_out++;
	ss->due |= DUE_URGENT;
	return at_once(r, 0, r->total);
}
