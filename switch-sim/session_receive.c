/* SPDX-License-Identifier: MIT
 *
 * The incoming stream: pieces in order (posted buffers, heap, large transfers) meet receives in
 * order [SW-FLOW-8, -13, SW-OOB-1]. Lock: session.lock, held.
 */
#include "session_priv.h"

#include "usermem.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_ROOM = 8192 - sizeof(struct ss_chunk) };

static struct ss_buf *seg_buf(struct ss_seg *seg)
{
	return (struct ss_buf *)(void *)((char *)seg - offsetof(struct ss_buf, seg));
}

/* ---- pieces ---- */

void ss_seg_append(struct session *ss, struct ss_seg *seg)
{
	seg->next = NULL;
	if (ss->seg_last)
		ss->seg_last->next = seg;
	else
		ss->seg_first = seg;
	ss->seg_last = seg;
}

void ss_chunk_free(struct session *ss, struct ss_chunk *c)
{
	if (c && c->bounce)
		slab_put(ss->link.provider, c->bounce, SESSION_BOUNCE);
	free(c);
}

/* The first piece is used up. */
static void drop_first(struct session *ss)
{
	struct ss_seg *seg = ss->seg_first;
	ss->seg_first = seg->next;
	if (!ss->seg_first)
		ss->seg_last = NULL;
	if (seg->kind == SEG_BUFFER) {
		ss->held--;
		ss_release(ss, seg_buf(seg), false);
	} else if (seg->kind == SEG_CHUNK) {
		ss_chunk_free(ss, (struct ss_chunk *)(void *)seg);
	}
}

/* Room for @n bytes behind the last piece, in heap memory. */
static uint8_t *chunk_room(struct session *ss, uint32_t n)
{
	struct ss_chunk *c = (struct ss_chunk *)(void *)ss->seg_last;
	if (!c || ss->seg_last->kind != SEG_CHUNK || c->bounce || c->room - c->used < n) {
		uint32_t room = n > CHUNK_ROOM ? n : CHUNK_ROOM;
		c = malloc(sizeof(*c) + room);
		if (!c)
			return NULL;
		memset(c, 0, sizeof(*c));
		c->seg.kind = SEG_CHUNK;
		c->seg.at = c->data;
		c->room = room;
		ss_seg_append(ss, &c->seg);
	}
	uint8_t *at = c->data + c->used;
	c->used += n;
	c->seg.length += n;
	return at;
}

/*
 * Keep @n bytes of @b's message. They stay where they are as long as half of the buffers are
 * posted; then they are copied out, up to SO_RCVBUF; then the buffer is withheld, and with it the
 * credit [SW-FLOW-13]. True: the buffer is held.
 */
bool ss_seg_hold(struct session *ss, struct ss_buf *b, const uint8_t *at, uint32_t n)
{
	if (!n)
		return false;
	ss->buffered += n;
	uint8_t *copy = NULL;
	if ((ss->held + 1) * 2 > ss->rx->count && ss->buffered <= ss->config.rcvbuf)
		copy = chunk_room(ss, n);
	if (copy) {
		memcpy(copy, at, n);
		ss->stats.copied += n;
		return false;
	}
	b->seg.at = at;
	b->seg.length = n;
	ss->held++;
	ss_seg_append(ss, &b->seg);
	return true;
}

/* ---- receives ---- */

void ss_rx_unlink(struct session *ss, struct sw_request *r)
{
	if (r == ss->rx_first)
		ss->rx_index = ss->rx_into = 0;
	if (r->prev)
		r->prev->next = r->next;
	else
		ss->rx_first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		ss->rx_last = r->prev;
}

static void rx_end(struct session *ss, struct sw_request *r, int code)
{
	ss_rx_unlink(ss, r);
	ss_end_request(ss, r, code);
}

void ss_rx_advance(struct session *ss, struct sw_request *r, uint64_t n)
{
	r->done += n;
	while (n) {
		uint32_t rest = r->buffers[ss->rx_index].len - ss->rx_into;
		if (n < rest) {
			ss->rx_into += (uint32_t)n;
			return;
		}
		n -= rest;
		ss->rx_index++;
		ss->rx_into = 0;
	}
}

/* Copy @n bytes to the receive's cursor; @n is at most its rest. Return: how many had a place. */
static uint64_t deliver(struct session *ss, struct sw_request *r, const uint8_t *from, uint64_t n)
{
	uint32_t index = ss->rx_index, into = ss->rx_into;
	uint64_t left = n;
	while (left) {
		const WSABUF *w = &r->buffers[index];
		uint64_t k = w->len - into < left ? w->len - into : left;
		uint64_t got = k ? memory_write_some(w->buf + into, from, k) : 0;
		left -= got;
		if (got < k)
			break;
		from += k;
		into = 0;
		index++;
	}
	ss->stats.copied += n - left;
	ss_rx_advance(ss, r, n - left);
	return n - left;
}

/* The receive's memory is not there: the stream keeps what had no place [WS-ERR-4]. */
static void no_place(struct sw_request *r)
{
	r->code = WSAEFAULT;
	r->total = r->done;
}

/* Urgent bytes that are here, in line. False: they have no place. */
static bool take_urgent(struct session *ss, struct sw_request *r)
{
	struct ss_urgent *u;
	while (r->done < r->total && (u = ss_urgent_here(ss))) {
		if (!deliver(ss, r, &u->byte, 1)) {
			no_place(r);
			return false;
		}
		u->taken = true;
		ss_urgent_passed(ss);
	}
	return true;
}

/* A message's bytes go straight to the receive that waits, with nothing before them. Return: how
 * many it took. */
static uint32_t pass(struct session *ss, struct sw_request *r, const uint8_t *from, uint32_t n)
{
	uint64_t want = r->total - r->done;
	want = want < n ? want : n;
	uint64_t got = deliver(ss, r, from, want);
	ss->rx_pos += got;
	if (got < want)
		no_place(r);
	if (got < want || r->done == r->total || !(r->flags & WSD_MSG_WAITALL) || r->nonblocking)
		rx_end(ss, r, r->done ? 0 : r->code);
	return (uint32_t)got;
}

bool ss_on_data(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	const uint8_t *at = m->payload;
	uint32_t n = m->payload_length;
	struct sw_request *r = ss->rx_first;
	if (r && ss->seg_first) {
		ss_match(ss);
		r = ss->rx_first;
	}
	if (r && !ss->seg_first && !ss->n_urgent && n && r->total > r->done &&
	    !(r->flags & WSD_MSG_PEEK)) {
		uint32_t taken = pass(ss, r, at, n);
		if (taken == n)
			return false;
		at += taken;
		n -= taken;
	}
	bool held = ss_seg_hold(ss, b, at, n);
	if (ss->rx_first)
		ss_match(ss);
	else
		ss->tell |= SW_READY_READ;
	return held;
}

/* Whether the receive stops here: full, or at a mark, unless it wants @all. */
static bool take(struct session *ss, struct sw_request *r, bool all)
{
	if (!take_urgent(ss, r))
		return true;
	while (r->done < r->total && ss->seg_first && ss->seg_first->kind != SEG_XFER) {
		struct ss_seg *seg = ss->seg_first;
		uint64_t limit = ss_rx_limit(ss), n = r->total - r->done;
		n = n < seg->length ? n : seg->length;
		n = n < limit ? n : limit;
		uint64_t want = n;
		n = deliver(ss, r, seg->at, want);
		seg->at += n;
		seg->length -= (uint32_t)n;
		ss->rx_pos += n;
		ss->buffered -= n;
		if (!seg->length)
			drop_first(ss);
		if (n < want)
			no_place(r);
		if (n < want || (n == limit && !all))
			return true;
		ss_urgent_passed(ss);
		if (n == limit && !take_urgent(ss, r))
			return true;
	}
	return r->done == r->total;
}

/* As take, but everything stays. */
static void peek(struct session *ss, struct sw_request *r)
{
	uint64_t limit = ss_rx_limit(ss);
	uint32_t index = ss->rx_index, into = ss->rx_into;
	struct ss_urgent *u = ss_urgent_here(ss);
	if (u && r->total && !deliver(ss, r, &u->byte, 1))
		no_place(r);
	for (struct ss_seg *seg = ss->seg_first; seg && seg->kind != SEG_XFER && limit;
	     seg = seg->next) {
		uint64_t n = r->total - r->done;
		n = n < seg->length ? n : seg->length;
		n = n < limit ? n : limit;
		if (deliver(ss, r, seg->at, n) < n) {
			no_place(r);
			break;
		}
		limit -= n;
	}
	ss->rx_index = index;
	ss->rx_into = into;
}

static bool anything(struct session *ss)
{
	return ss_urgent_here(ss) || (ss->seg_first && ss->seg_first->kind != SEG_XFER);
}

/* The receive at the front, as far as it goes. True: it has ended. */
static bool match_one(struct session *ss, struct sw_request *r)
{
	bool all = r->flags & WSD_MSG_WAITALL && !r->nonblocking && !(r->flags & WSD_MSG_PEEK);
	bool stop = !r->total && anything(ss);
	if (r->flags & WSD_MSG_PEEK)
		peek(ss, r);
	else
		stop = take(ss, r, all) && (r->total || stop);
	if (r->code == WSAEFAULT || stop || (r->done && !all)) {
		rx_end(ss, r, r->done ? 0 : r->code == WSAEFAULT ? WSAEFAULT : 0);
		return true;
	}
	struct ss_seg *seg = ss->seg_first;
	bool lost = ss->state == SESSION_LOST;
	if (seg && !lost) {
		bool direct = !(r->flags & WSD_MSG_PEEK) && !r->nonblocking;
		ss_move(ss, ss_seg_xfer(seg), direct ? r : NULL);
		return false;
	}
	if (!seg && ss->peer_shut) {
		rx_end(ss, r, 0);
		return true;
	}
	if (lost) {
		rx_end(ss, r, r->done ? 0 : ss_cancel_code(ss, r, ss->lost));
		return true;
	}
	return false;
}

/* What has come was more than the receives wanted: others may wait for it [SW-BLOCK-3]. */
static void tell_rest(struct session *ss, bool matched)
{
	if (matched && !ss->submitting && (ss->buffered || ss_urgent_here(ss)))
		ss->tell |= SW_READY_READ;
}

void ss_match(struct session *ss)
{
	for (bool matched = false;; matched = true) {
		struct ss_seg *seg = ss->seg_first;
		struct ss_in *x = seg && seg->kind == SEG_XFER ? ss_seg_xfer(seg) : NULL;
		if (x && x->moving)
			return;
		if (ss->rx_first) {
			if (!match_one(ss, ss->rx_first))
				return;
			continue;
		}
		tell_rest(ss, matched);
		/* a large transfer waits a moment for its receive [SW-FLOW-8] */
		if (x && ss->state == SESSION_UP) {
			if (ss->kick)
				ss_move(ss, x, NULL);
			else if (!ss->due_at[T_BOUNCE])
				ss_timer(ss, T_BOUNCE, SESSION_BOUNCE_MS);
		}
		ss->kick = false;
		return;
	}
}

/* A move into @r has ended. */
void ss_rx_moved(struct session *ss, struct sw_request *r)
{
	bool all = r->flags & WSD_MSG_WAITALL && r->mark != &ss->due_at[T_CANCEL];
	if (r->done == r->total || (r->done && !all))
		rx_end(ss, r, 0);
	else if (r->mark == &ss->due_at[T_CANCEL] || ss->closing)
		rx_end(ss, r, ss_cancel_code(ss, r, WSA_OPERATION_ABORTED));
}

void ss_rx_abort(struct session *ss, int code)
{
	struct sw_request *next;
	ss_oob_abort(ss, code);
	for (struct sw_request *r = ss->rx_first; r; r = next) {
		next = r->next;
		if (!ss_in_busy(ss, r))
			rx_end(ss, r, code);
	}
}

/* A transfer that was not fetched is lost, and what came after it cannot be reached. */
void ss_rx_fail(struct session *ss)
{
	struct ss_seg *seg = ss->seg_first, *before = NULL;
	while (seg && seg->kind != SEG_XFER) {
		before = seg;
		seg = seg->next;
	}
	if (seg && ss_seg_xfer(seg)->moving)
		return; /* again when the provider has let go */
	struct ss_seg *rest = seg;
	if (before)
		before->next = NULL;
	else
		ss->seg_first = NULL;
	ss->seg_last = before;
	while (rest) {
		seg = rest;
		rest = seg->next;
		if (seg->kind == SEG_XFER) {
			ss_in_free(ss, ss_seg_xfer(seg));
			continue;
		}
		ss->buffered -= seg->length;
		if (seg->kind == SEG_BUFFER) {
			ss->held--;
			ss_release(ss, seg_buf(seg), false);
		} else {
			ss_chunk_free(ss, (struct ss_chunk *)(void *)seg);
		}
	}
}

void ss_rx_discard(struct session *ss)
{
	while (ss->seg_first && ss->seg_first->kind != SEG_XFER) {
		ss->buffered -= ss->seg_first->length;
		drop_first(ss);
	}
}

void ss_rx_free(struct session *ss)
{
	while (ss->seg_first) {
		struct ss_seg *seg = ss->seg_first;
		ss->seg_first = seg->next;
		if (seg->kind == SEG_CHUNK)
			ss_chunk_free(ss, (struct ss_chunk *)(void *)seg);
	}
	for (int i = 0; i < SESSION_XFERS; i++)
		ss_chunk_free(ss, ss->in[i].bounce);
}

/* Nothing stands between a caller and the bytes at the front. */
static bool is_plain(const struct session *ss)
{
	return ss->state == SESSION_UP && !ss->closing && !ss->shut_receive && !ss->rx_first &&
	       !ss->n_urgent && !ss->tx_first;
}

/* What is in the first pieces, as far as @room goes and its memory. */
static uint32_t take_pieces(struct session *ss, char *to, uint32_t room)
{
	uint32_t done = 0;
	struct ss_seg *seg;
	while (done < room && (seg = ss->seg_first) && seg->kind != SEG_XFER) {
		uint32_t n = room - done < seg->length ? room - done : seg->length;
		uint32_t got = (uint32_t)memory_write_some(to + done, seg->at, n);
		seg->at += got;
		seg->length -= got;
		done += got;
		if (!seg->length)
			drop_first(ss);
		if (got < n)
			break;
	}
	ss->rx_pos += done;
	ss->buffered -= done;
	ss->stats.copied += done;
	return done;
}

uint32_t session_receive_now(struct session *ss, void *to, uint32_t room)
{
	uint32_t done = 0;
	ss_enter(ss);
	unsigned told = ss->tell & SW_READY_READ;
	if (!ss->seg_first && ss_looks(ss))
		ss_harvest(ss);
	ss_drain(ss);
	if (ss->seg_first && is_plain(ss))
		done = take_pieces(ss, to, room);
	if (done && !ss->buffered && !ss->peer_shut) /* nobody else need look */
		ss->tell = (ss->tell & ~(unsigned)SW_READY_READ) | told;
	ss_leave(ss);
	return done;
}

static bool at_once(struct sw_request *r, int code)
{
	r->code = code;
	atomic_store_explicit(&r->over, true, memory_order_release);
	return true;
}

bool ss_submit_receive(struct session *ss, struct sw_request *r)
{
	if (ss->closing)
		return at_once(r, WSA_OPERATION_ABORTED);
	if (ss->shut_receive)
		return at_once(r, WSAESHUTDOWN);
	if (r->flags & WSD_MSG_OOB)
		return ss_receive_urgent(ss, r);
	if (r->nonblocking && ss->rx_first)
		return at_once(r, WSAEWOULDBLOCK);
	r->next = NULL;
	r->prev = ss->rx_last;
	if (ss->rx_last)
		ss->rx_last->next = r;
	else
		ss->rx_first = r;
	ss->rx_last = r;
	if (r == ss->rx_first)
		ss_match(ss);
	if (atomic_load_explicit(&r->over, memory_order_relaxed))
		return true;
	if (!r->nonblocking)
		return false;
	ss_rx_unlink(ss, r);
	return at_once(r, WSAEWOULDBLOCK);
}
