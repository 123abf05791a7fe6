/* SPDX-License-Identifier: MIT
 *
 * Urgent bytes: they overtake the stream, their marks do not [SW-OOB-1 to -3, WS-DATA-4]. Lock:
 * session.lock, held.
 */
#include "session_priv.h"

#include "usermem.h"

#include <stdlib.h>
#include <string.h>

/* ---- out ---- */

void ss_urgent_send(struct session *ss)
{
	while (ss->urgent_out) {
		struct ss_out_urgent *u = ss->urgent_out;
		struct sm_message m = {
			.opcode = SM_DATA_OOB,
			.flags = SM_OOB,
			.offset = u->offset,
			.payload = &u->byte,
			.payload_length = 1,
		};
		if (!ss_send(ss, &m, false))
			return;
		ss->urgent_out = u->next;
		if (!u->next)
			ss->urgent_out_last = NULL;
		ss->n_urgent_out--;
		ss->stats.bytes_sent++;
		free(u);
	}
	ss->due &= ~(unsigned)DUE_URGENT;
}

void ss_urgent_drop(struct session *ss)
{
	while (ss->urgent_out) {
		struct ss_out_urgent *u = ss->urgent_out;
		ss->urgent_out = u->next;
		free(u);
	}
	ss->urgent_out_last = NULL;
	ss->n_urgent_out = 0;
	ss->due &= ~(unsigned)DUE_URGENT;
}

/* ---- in ---- */

void ss_on_urgent(struct session *ss, const struct sm_message *m)
{
	if (ss->peer_shut) {
		ss_protocol(ss, "urgent data after SHUT_SEND");
		return;
	}
	if (ss->n_urgent == SESSION_URGENT_MAX) {
		ss_protocol(ss, "more urgent bytes than anybody reads");
		return;
	}
	if (ss->n_urgent == ss->urgent_room) {
		uint32_t room = ss->urgent_room ? ss->urgent_room * 2 : 4;
		struct ss_urgent *more = realloc(ss->urgent, room * sizeof(*more));
		if (!more) {
			ss_lost(ss, WSAENOBUFS);
			return;
		}
		ss->urgent = more;
		ss->urgent_room = room;
	}
	/* marks lie in order, and not in what was read */
	uint64_t least = ss->n_urgent ? ss->urgent[ss->n_urgent - 1].offset : ss->rx_pos;
	ss->urgent[ss->n_urgent++] = (struct ss_urgent){
		.offset = m->offset > least ? m->offset : least,
		.byte = m->payload[0],
	};
	ss->stats.bytes_received++;
	ss_oob_match(ss);
	if (ss_urgent_count(ss))
		ss->tell |= ss->config.oob_inline ? SW_READY_READ : SW_READY_URGENT;
}

static void forget(struct session *ss, uint32_t i)
{
	ss->n_urgent--;
	memmove(&ss->urgent[i], &ss->urgent[i + 1], (ss->n_urgent - i) * sizeof(ss->urgent[0]));
}

struct ss_urgent *ss_urgent_here(struct session *ss)
{
	if (!ss->config.oob_inline)
		return NULL;
	for (uint32_t i = 0; i < ss->n_urgent && ss->urgent[i].offset <= ss->rx_pos; i++)
		if (!ss->urgent[i].taken)
			return &ss->urgent[i];
	return NULL;
}

/* Marks that the reader has passed and whose bytes were read are history. */
void ss_urgent_passed(struct session *ss)
{
	for (uint32_t i = 0; i < ss->n_urgent && ss->urgent[i].offset <= ss->rx_pos;) {
		const struct ss_urgent *u = &ss->urgent[i];
		if (u->taken && (ss->config.oob_inline || u->offset < ss->rx_pos))
			forget(ss, i);
		else
			i++;
	}
}

uint32_t ss_urgent_count(const struct session *ss)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < ss->n_urgent; i++)
		n += !ss->urgent[i].taken;
	return n;
}

/* Bytes that may be read before the next mark. */
uint64_t ss_rx_limit(const struct session *ss)
{
	for (uint32_t i = 0; i < ss->n_urgent; i++)
		if (ss->urgent[i].offset > ss->rx_pos)
			return ss->urgent[i].offset - ss->rx_pos;
	return UINT64_MAX;
}

/* ---- receives of urgent data: one byte each ---- */

/* Into the first of its buffers that has room. */
static int take_urgent(struct session *ss, struct sw_request *r, struct ss_urgent *u)
{
	DWORD i = 0;
	while (i < r->count && !r->buffers[i].len)
		i++;
	if (i == r->count)
		return 0;
	if (memory_write(r->buffers[i].buf, &u->byte, 1) < 0)
		return WSAEFAULT;
	r->done = 1;
	r->ret_flags = WSD_MSG_OOB;
	if (!(r->flags & WSD_MSG_PEEK)) {
		u->taken = true;
		ss_urgent_passed(ss);
	}
	return 0;
}

/* True: it is over, with *ret_code. */
static bool try_urgent(struct session *ss, struct sw_request *r, int *ret_code)
{
	struct ss_urgent *u = NULL;
	for (uint32_t i = 0; i < ss->n_urgent && !u; i++)
		if (!ss->urgent[i].taken)
			u = &ss->urgent[i];
	*ret_code = 0;
	if (u && !ss->config.oob_inline)
		*ret_code = take_urgent(ss, r, u);
	else if (ss->state == SESSION_LOST)
		*ret_code = ss->lost;
	else if (ss->config.oob_inline)
		*ret_code = WSAEINVAL;
	else
		return ss->peer_shut; /* none will come */
	return true;
}

void ss_oob_unlink(struct session *ss, struct sw_request *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		ss->oob_first = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else
		ss->oob_last = r->prev;
}

static void end(struct session *ss, struct sw_request *r, int code)
{
	ss_oob_unlink(ss, r);
	ss_end_request(ss, r, code);
}

void ss_oob_match(struct session *ss)
{
	int code;
	while (ss->oob_first && try_urgent(ss, ss->oob_first, &code))
		end(ss, ss->oob_first, code);
}

void ss_oob_abort(struct session *ss, int code)
{
	while (ss->oob_first)
		end(ss, ss->oob_first, code);
}

bool ss_receive_urgent(struct session *ss, struct sw_request *r)
{
	bool over = !ss->oob_first && try_urgent(ss, r, &r->code);
	if (!over && r->nonblocking) {
		r->code = WSAEWOULDBLOCK;
		over = true;
	}
	if (over) {
		atomic_store_explicit(&r->over, true, memory_order_release);
		return true;
	}
	r->next = NULL;
	r->prev = ss->oob_last;
	if (ss->oob_last)
		ss->oob_last->next = r;
	else
		ss->oob_first = r;
	ss->oob_last = r;
	return false;
}
