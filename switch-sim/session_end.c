/* SPDX-License-Identifier: MIT
 *
 * How a session ends: shut down, closed, lost, or cut off for what the peer sent [SW-CLOSE-1, -2,
 * -5, SW-FLOW-11, -14, SW-BLOCK-1]. Lock: session.lock, held, but for the public functions.
 */
#include "session_priv.h"

#include "log.h"

/* A code that the application may see. */
static int outward(const struct session *ss, int code)
{
	return code == WSA_OPERATION_ABORTED && !ss->closing ? WSAECONNABORTED : code;
}

/* Each has the other's SHUT_SEND: that the peer closes then is no loss. */
static bool is_complete(struct session *ss)
{
	ss_reclaim(ss);
	return ss->peer_shut && ss->shut_arrived;
}

/* What a send says: TCP/IP knows a reset after the peer's end from one without [winsock.md 11]. */
int ss_send_code(const struct session *ss)
{
	return ss->peer_shut && ss->lost == WSAECONNRESET ? WSAECONNABORTED : ss->lost;
}

void ss_lost(struct session *ss, int code)
{
	if (ss->state == SESSION_LOST)
		return;
	bool complete = is_complete(ss);
	ss->lost = complete ? 0 : outward(ss, code);
	ss->state = SESSION_LOST;
	ss->due = 0;
	ss_timer(ss, T_KEEP, 0);
	ss_timer(ss, T_IDLE, 0);
	ss_up(ss, ss->lost);
	ss_xfers_lost(ss);
	ss_tx_drop(ss, ss_send_code(ss));
	ss_urgent_drop(ss);
	ss_rx_fail(ss);
	ss->tell |= SW_READY_READ | SW_READY_WRITE | SW_READY_CLOSE;
	ss->tell |= complete ? 0u : SW_READY_ERROR;
}

/* Of a connection that is lost nothing can be registered: that is no want of memory. */
void ss_unregistered(struct session *ss, int error)
{
	if (error == WSAENOTCONN)
		ss_broken(ss, WSAECONNRESET);
}

bool ss_watch(const struct session *ss, const void *at, size_t size)
{
	struct san_provider *p = ss->link.provider;
	return !p->watch || p->watch(p, at, size);
}

int ss_short(const struct session *ss)
{
	return ss->tx_broken ? ss->tx_broken : WSAENOBUFS;
}

/* What came before may still lie in receives: they say when all is lost. */
void ss_broken(struct session *ss, int code)
{
	if (!ss->tx_broken)
		ss->tx_broken = outward(ss, code);
	if (!ss->posted || ss->state != SESSION_UP)
		ss_lost(ss, ss->tx_broken);
	else if (!ss->due_at[T_BROKEN])
		ss_timer(ss, T_BROKEN, SESSION_ABORT_MS);
}

void ss_protocol(struct session *ss, const char *what)
{
	struct sm_message m = {.opcode = SM_ABORT, .code = WSAECONNABORTED};
	if (ss->state == SESSION_LOST)
		return;
	wsd_log(WSD_LOG_WARNING, "session: cut off, the peer sent %s", what);
	if (ss_send(ss, &m, true))
		ss->abort_buf = ss->flight_last;
	ss->peer_shut = ss->peer_gone = false; /* that was not the end that it said it was */
	ss_lost(ss, WSAECONNABORTED);
	if (ss->abort_buf)
		ss_timer(ss, T_ABORT, SESSION_ABORT_MS);
	else
		ss_close_desc(ss);
}

void ss_close_desc(struct session *ss)
{
	int error = 0;
	ss->close_due = ss->lent && !ss->desc_closed;
	if (ss->desc_closed || ss->close_due)
		return;
	ss_reclaim(ss);
	ss_regions_idle(ss);
	/* upcalls in it find the lock taken: what they bring is drained later */
	ss->call->lpWSPCloseSocket(ss->link.desc, &error);
	ss->desc_closed = true;
	ss->abort_buf = NULL;
	for (int i = 0; i < T_COUNT; i++)
		ss->due_at[i] = 0;
	ss_xfers_lost(ss);
	if (ss->closing)
		ss_tx_drop(ss, WSA_OPERATION_ABORTED);
}

/* SW-CLOSE-2 (3) to (5), whenever something has happened. */
void ss_end_step(struct session *ss)
{
	if (ss->desc_closed)
		return;
	if (ss->abort_buf) {
		if (ss_sent(ss->abort_buf))
			ss_close_desc(ss);
		return;
	}
	if (!ss->closing)
		return;
	if (ss->state == SESSION_LOST) {
		ss_close_desc(ss);
		return;
	}
	ss_rx_discard(ss);
	ss_reclaim(ss);
	if (ss->shut_arrived && !ss->delivered) {
		ss->delivered = true;
		ss->tell |= SW_READY_CLOSE;
		ss_timer(ss, T_LINGER, SESSION_PEER_MS);
	}
	/* who sends to one that is gone is reset, as over TCP, but not before it has all of ours */
	if (!ss->shut_arrived || !(ss->peer_shut || ss->discarded))
		return;
	if (ss->put_off && ss->reactor)
		ss_timer_now(ss, T_TELL); /* it takes its time, which is not closesocket's */
	else
		ss_close_desc(ss);
}

void ss_on_shut(struct session *ss, bool gone)
{
	if (ss->peer_shut) {
		ss_protocol(ss, "a second SHUT_SEND");
		return;
	}
	ss->peer_shut = true;
	ss->peer_gone = gone;
	ss->tell |= SW_READY_READ | SW_READY_CLOSE;
}

void ss_on_abort(struct session *ss, const struct sm_message *m)
{
	wsd_log(WSD_LOG_INFO, "session: the peer gives up with code %u", m->code);
	ss_lost(ss, WSAECONNRESET);
}

/* ---- requests that must wait for the provider or the peer ---- */

static bool any_cancelled(const struct session *ss, const struct sw_request *first,
			  const struct sw_request *but)
{
	for (const struct sw_request *r = first; r; r = r->next)
		if (r != but && r->mark == &ss->due_at[T_CANCEL])
			return true;
	return false;
}

/* The timer is for others, or for none any more. */
void ss_cancel_over(struct session *ss, const struct sw_request *r)
{
	if (!any_cancelled(ss, ss->tx_first, r) && !any_cancelled(ss, ss->rx_first, r))
		ss->due_at[T_CANCEL] = 0;
}

void ss_cancel_later(struct session *ss, struct sw_request *r, int code, uint32_t ms)
{
	uint64_t before = ss->due_at[T_CANCEL];
	if (!before || before > waiter_now_ns() + ms * UINT64_C(1000000))
		ss_timer(ss, T_CANCEL, ms);
	if (r->mark != &ss->due_at[T_CANCEL])
		r->code = code;
	r->mark = &ss->due_at[T_CANCEL]; /* to be known when it ends */
}

/* What the caller was told is sent: the peer has the linger time for it. */
static bool told_is_first(const struct session *ss)
{
	return ss->tx_first && ss_tx_private(ss->tx_first);
}

void ss_cancel_lapses(struct session *ss)
{
	bool told = ss->closing && ss->state == SESSION_UP && told_is_first(ss);
	if (told || ss->told_before) { /* what is given up has its own time after that */
		ss->told_before = told;
		ss_timer(ss, T_CANCEL, SESSION_CLOSE_MS);
		return;
	}
	ss_lost(ss, WSAECONNABORTED);
	ss_close_desc(ss);
}

int ss_cancel_code(const struct session *ss, const struct sw_request *r, int code)
{
	if (r->mark == &ss->due_at[T_CANCEL] && r->code)
		return r->code;
	return ss->closing ? WSA_OPERATION_ABORTED : code;
}

/* Nothing has come for a while: ask [SW-OPT-3]. */
void ss_keepalive(struct session *ss)
{
	if (ss->state != SESSION_UP || !ss->keep_idle)
		return;
	if (ss->keep_seen != ss->stats.messages_received) {
		ss->keep_seen = ss->stats.messages_received;
		ss->keep_missed = 0;
		ss_timer(ss, T_KEEP, ss->keep_idle);
	} else if (ss->keep_missed >= ss->keep_count) {
		ss_lost(ss, WSAENETRESET);
	} else {
		ss->keep_missed++;
		ss->due |= DUE_PING;
		ss_timer(ss, T_KEEP, ss->keep_interval);
	}
}

void session_keepalive(struct session *ss, uint32_t idle_ms, uint32_t interval_ms, unsigned count)
{
	ss_enter_held(ss);
	ss->keep_idle = idle_ms;
	ss->keep_interval = interval_ms ? interval_ms : 1000;
	ss->keep_count = count ? count : 10;
	ss->keep_missed = 0;
	ss->keep_seen = ss->stats.messages_received;
	ss_timer(ss, T_KEEP, idle_ms);
	ss_leave_held(ss);
}

int session_shutdown(struct session *ss, int how)
{
	ss_enter_held(ss);
	ss_drain(ss);
	if (how != WSD_SD_SEND)
		ss->shut_receive = true;
	if (how != WSD_SD_RECEIVE && !ss->shut_send) {
		ss->shut_send = true;
		ss->due |= DUE_SHUT;
	}
	ss_leave_held(ss);
	return 0;
}

/*
 * Sends that were not begun are given up; what the caller was told is sent goes out, unless it
 * would follow a gap. What the peer may be fetching ends as soon as it has it, or when the time is
 * up: that counts from when nothing that the caller was told is sent is before it.
 */
static void abort_sends(struct session *ss)
{
	struct sw_request *next;
	bool gap = false;
	ss->told_before = told_is_first(ss);
	for (struct sw_request *r = ss->tx_first; r; r = next) {
		next = r->next;
		if (ss_tx_private(r) && !(gap && !ss_out_busy(ss, r)))
			continue;
		gap |= r->offset < r->total;
		if (ss_out_busy(ss, r)) {
			ss_cancel_later(ss, r, WSA_OPERATION_ABORTED, SESSION_CLOSE_MS);
			continue;
		}
		ss_tx_unlink(ss, r);
		r->done = r->offset;
		ss_end_request(ss, r, WSA_OPERATION_ABORTED);
	}
}

bool session_delivered(struct session *ss)
{
	ss_enter(ss);
	ss_drain(ss);
	bool over = ss->delivered || ss->state == SESSION_LOST || ss->desc_closed;
	ss_leave(ss);
	return over;
}

void *session_context(const struct session *ss)
{
	return ss->ctx;
}

void session_close(struct session *ss, uint32_t linger_ms)
{
	ss_enter(ss);
	ss_harvest(ss); /* the peer's end may be there: then it need not hear of ours */
	ss_drain(ss);
	if (!linger_ms)
		ss->abort_buf = NULL;    /* an ABORT that is not out yet is not waited for */
	if (ss->closing && !linger_ms) { /* no more patience */
		ss_lost(ss, WSAECONNABORTED);
	} else if (!ss->closing) {
		ss->closing = true;
		if (ss->seg_first || ss_urgent_count(ss))
			ss->discarded = true;
		abort_sends(ss);
		ss_rx_abort(ss, WSA_OPERATION_ABORTED);
		if (ss->rx_first)
			ss_cancel_later(ss, ss->rx_first, WSA_OPERATION_ABORTED, SESSION_CLOSE_MS);
		if (!linger_ms || ss->state != SESSION_UP) {
			ss_lost(ss, WSAECONNABORTED);
		} else {
			if (!ss->shut_send)
				ss->due |= DUE_SHUT;
			ss->shut_send = true;
			ss_timer(ss, T_LINGER, linger_ms);
			ss_detach(ss); /* who called is gone */
			ss->put_off = true;
			ss_pump(ss);
			ss->put_off = ss->due_at[T_TELL] != 0;
		}
	}
	ss_leave(ss);
}
