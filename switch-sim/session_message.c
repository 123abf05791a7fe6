/* SPDX-License-Identifier: MIT
 *
 * What each message means, and what is sent when there is room: one dispatch table in, one order
 * out [SW-SESSION-7, SW-FLOW-12, -14]. Lock: session.lock, held.
 */
#include "session_priv.h"

/* In: true when the buffer is kept, and so not reposted yet. */
typedef bool handler(struct session *ss, struct ss_buf *b, const struct sm_message *m);

static bool on_hello(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	struct sm_message copy = *m; /* the buffer is posted again before the answer goes */
	ss_release(ss, b, true);
	ss->unreported = 0;
	ss_on_hello(ss, &copy);
	return true;
}

static bool on_hello_ack(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_hello_ack(ss, m);
	return false;
}

static bool on_hello_nak(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_hello_nak(ss, m);
	return false;
}

static bool on_data(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss->news++;
	if (ss->peer_shut) {
		ss_protocol(ss, "data after SHUT_SEND");
		return false;
	}
	if (ss->closing) {
		ss->discarded = true;
		return false;
	}
	ss->stats.bytes_received += m->payload_length;
	bool held = ss_on_data(ss, b, m);
	ss_grow(ss);
	return held;
}

static bool on_urgent(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	if (ss->closing)
		ss->discarded = true;
	else
		ss_on_urgent(ss, m);
	return false;
}

static bool on_announce(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss->news++;
	if (ss->peer_shut) {
		ss_protocol(ss, "a transfer after SHUT_SEND");
		return false;
	}
	if (ss->closing) {
		ss->discarded = true;
		return false;
	}
	bool held = ss_on_announce(ss, b, m);
	ss_grow(ss);
	return held;
}

static bool on_read_done(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_read_done(ss, m);
	return false;
}

static bool on_sink(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_sink(ss, m);
	return false;
}

static bool on_write_done(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_write_done(ss, m);
	return false;
}

static bool on_xfer_abort(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_xfer_abort(ss, m);
	return false;
}

static bool on_nothing(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	return false; /* CREDIT, PONG: the header has said it all */
}

static bool on_nop(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	if (m->flags & SM_PUSH && ss->grant[1].size)
		ss->due |= DUE_BURN;
	return false;
}

static bool on_buffers(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_buffers(ss, m);
	return false;
}

static bool on_shut(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_shut(ss, m->flags & SM_LAST);
	return false;
}

static bool on_ping(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss->due |= DUE_PONG;
	return false;
}

static bool on_abort(struct session *ss, struct ss_buf *b, const struct sm_message *m)
{
	ss_on_abort(ss, m);
	return false;
}

static handler *const handlers[SM_SKIP] = {
	[SM_HELLO] = on_hello,
	[SM_HELLO_ACK] = on_hello_ack,
	[SM_HELLO_NAK] = on_hello_nak,
	[SM_DATA] = on_data,
	[SM_DATA_OOB] = on_urgent,
	[SM_SRC_AVAIL] = on_announce,
	[SM_READ_DONE] = on_read_done,
	[SM_WRITE_REQ] = on_announce,
	[SM_SINK_AVAIL] = on_sink,
	[SM_WRITE_DONE] = on_write_done,
	[SM_XFER_ABORT] = on_xfer_abort,
	[SM_CREDIT] = on_nothing,
	[SM_BUFFERS] = on_buffers,
	[SM_NOP] = on_nop,
	[SM_SHUT_SEND] = on_shut,
	[SM_DISC_DATA] = on_nothing, /* data that nobody on this side can ask for yet */
	[SM_PING] = on_ping,
	[SM_PONG] = on_nothing,
	[SM_ABORT] = on_abort,
};

/* The credits that came back. They can be no more than the peer has buffers. */
static bool take_credits(struct session *ss, uint32_t n)
{
	struct ss_grant *g = &ss->grant[ss->grant[1].size ? 1 : 0];
	if (n > g->count - g->credits)
		return false;
	g->credits += n;
	return true;
}

/* What can be said of a message without its body. NULL: it is legal here. */
static const char *illegal(struct session *ss, const struct sm_message *m, const struct sm_op *op)
{
	bool up = ss->state == SESSION_UP;
	if (m->seq != ss->rx_seq)
		return "a gap in the sequence";
	ss->rx_seq++;
	if (!op)
		return up ? NULL : "an unknown message before the negotiation has ended";
	if (!(op->when & (up ? SM_WHEN_UP : SM_AT_START)))
		return up ? "a message that is not legal after the negotiation"
			  : "a message before the negotiation has ended";
	return NULL;
}

void ss_message(struct session *ss, struct ss_buf *b, uint32_t bytes)
{
	struct sm_message m;
	enum sm_fault fault =
		bytes <= b->region->size ? sm_decode(b->at, bytes, &m) : SM_BAD_LENGTH;
	if (fault && fault != SM_SKIPPED) {
		ss_protocol(ss, sm_fault_text(fault));
		return;
	}
	const struct sm_op *op = fault ? NULL : sm_op((uint8_t)m.opcode);
	bool was_up = ss->state == SESSION_UP;
	const char *wrong = illegal(ss, &m, op);
	if (!wrong && was_up) {
		if (!ss->peer_left)
			wrong = "more messages than credits";
		else if (!take_credits(ss, m.credits))
			wrong = "more credits than buffers";
		else
			ss->peer_left--;
	}
	if (wrong) {
		ss_protocol(ss, wrong);
		return;
	}
	ss->stats.messages_received++;
	bool held = op && handlers[m.opcode](ss, b, &m);
	if (!held)
		ss_release(ss, b, m.opcode == SM_CREDIT || m.opcode == SM_NOP);
}

/* ---- out ---- */

static void send_bare(struct session *ss, unsigned bit, uint8_t opcode)
{
	struct sm_message m = {.opcode = opcode, .flags = bit == DUE_ASK ? SM_PUSH : 0};
	if (ss->due & bit && ss_send(ss, &m, false))
		ss->due &= ~bit;
}

static void send_shut(struct session *ss)
{
	/* whoever closes with unread data resets, as over TCP/IP; what it has sent comes before */
	bool reset = ss->closing && ss->discarded;
	struct sm_message m = {.opcode = reset ? SM_ABORT : SM_SHUT_SEND,
			       .flags = ss->closing && !reset ? SM_LAST : 0,
			       .code = reset ? WSAECONNRESET : 0};
	if (ss->tx_first || ss->urgent_out)
		return; /* what was queued goes before [SW-CLOSE-1] */
	for (int i = 0; i < SESSION_XFERS; i++)
		if (ss->out[i].xid)
			return;
	if (ss->closing && ss->peer_gone) { /* nobody there would hear of it */
		ss->due &= ~(unsigned)DUE_SHUT;
		ss->shut_sent = ss->shut_arrived = true;
		return;
	}
	/* its completion says that the peer has it; only then may the socket be closed */
	if (!ss_send(ss, &m, true))
		return;
	ss->due &= ~(unsigned)DUE_SHUT;
	ss->shut_sent = true;
	ss->shut_buf = ss->flight_last;
}

/* Replies first: they free the peer's memory. Credits last: every message carries them. */
static void send_due(struct session *ss)
{
	if (ss->due & DUE_REPLY)
		ss_replies(ss);
	if (ss->due & DUE_BUFFERS)
		ss_send_buffers(ss);
	if (ss->due & DUE_BURN)
		ss_burn(ss);
	send_bare(ss, DUE_ASK, SM_NOP);
	send_bare(ss, DUE_PONG, SM_PONG);
	send_bare(ss, DUE_PING, SM_PING);
	if (ss->due & DUE_URGENT)
		ss_urgent_send(ss);
}

void ss_pump(struct session *ss)
{
	if (ss_oob_due(ss))
		ss_oob_match(ss);
	if (ss_match_due(ss))
		ss_match(ss);
	if (ss->state == SESSION_UP && !ss->tx_broken && !ss->desc_closed) {
		if (ss->due)
			send_due(ss);
		if (ss->tx_cur)
			ss_tx_stream(ss);
		if (ss->tx_first)
			ss_tx_reap(ss);
		if (ss->due & DUE_SHUT)
			send_shut(ss);
		if (ss_credit_due(ss)) {
			ss->due |= DUE_CREDIT;
			send_bare(ss, DUE_CREDIT, SM_CREDIT);
			ss->due &= ~(unsigned)DUE_CREDIT;
		}
		if (ss->want_write && ss->tx_private < ss->config.sndbuf / 2 + 1) {
			ss->want_write = false;
			ss->tell |= SW_READY_WRITE;
		}
	}
	if (ss->closing || ss->lost)
		ss_end_step(ss);
}
