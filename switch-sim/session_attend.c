/* SPDX-License-Identifier: MIT
 *
 * Who looks for a session's completions: a caller that polls, a caller that sleeps on the
 * provider's descriptor, or else the provider's own thread [SW-BLOCK-1, SW-FLOW-2; wsd/attend.h].
 * Lock: session.lock, taken by the public functions, held in the others.
 */
#include "session_priv.h"

/* ---- who looks ---- */

void ss_detach(struct session *ss)
{
	int fd = -1, error = 0;
	if (!ss->attended || ss->attending || ss->desc_closed)
		return;
	ss->attended = false;
	ss->attend(ss->link.desc, FALSE, &fd, &error);
}

/* The provider's thread takes over then, unless there is a sleeper again. */
void ss_lapse_within(struct session *ss, uint32_t ms)
{
	/* it is never set for later than the longest of these times: so without asking the clock */
	if (ss->attended && !ss->attending &&
	    (!ss->due_at[T_ATTEND] ||
	     (ms < SESSION_ATTEND_MS &&
	      ss->due_at[T_ATTEND] > waiter_now_ns() + ms * UINT64_C(1000000))))
		ss_timer(ss, T_ATTEND, ms);
}

void ss_attend_lapses(struct session *ss)
{
	if (ss->attending || !ss->attended || ss->desc_closed)
		return; /* the last sleeper sets the timer again */
	if (ss->attend_uses != ss->attend_seen) {
		ss->attend_seen = ss->attend_uses;
		ss_timer(ss, T_ATTEND, ss->tx_first ? SESSION_REST_MS : SESSION_ATTEND_MS);
		return;
	}
	ss_detach(ss);
}

/* ---- polling ---- */

/* One look at the provider; it hands over by upcalls what it finds. */
void ss_harvest(struct session *ss)
{
	DWORD bytes = 0, flags = 0;
	int error = 0;
	struct ss_buf *b = ss->posted ? ss->posted : ss->flight;
	if (b && b->op.posted && !ss->desc_closed)
		ss->call->lpWSPGetOverlappedResult(ss->link.desc, &b->op.ov, &bytes, FALSE, &flags,
						   &error);
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Spinning that was in vain lately is left out, but for a try now and then: on a machine with one
 * processor it only keeps the peer from answering. */
static unsigned spin_for(struct session *ss)
{
	unsigned vain = atomic_load_explicit(&ss->spun_in_vain, memory_order_relaxed);
	return vain < SESSION_SPIN_TRIES || vain % SESSION_SPIN_AGAIN == 0 ? ss->config.spin_us : 0;
}

static void spun(struct session *ss, bool well)
{
	unsigned vain = atomic_load_explicit(&ss->spun_in_vain, memory_order_relaxed);
	atomic_store_explicit(&ss->spun_in_vain, well ? 0 : vain + 1, memory_order_relaxed);
}

static bool is_over(const struct sw_request *r)
{
	return r && atomic_load_explicit(&r->over, memory_order_acquire);
}

/* Lock held. True: something was completed. */
static bool look(struct session *ss, const struct sw_request *r)
{
	ss->polled = r;
	ss_harvest(ss);
	bool news = ss_something_to_do(ss);
	ss_drain(ss);
	ss->polled = NULL;
	return news;
}

bool ss_looks(struct session *ss)
{
	return !ss->attend || spin_for(ss);
}

bool session_spins(struct session *ss)
{
	if (ss_looks(ss))
		return true;
	spun(ss, false);
	return false;
}

void session_poll(struct session *ss, const struct sw_request *r, unsigned spin_us)
{
	uint64_t end = 0, now = 0;
	bool judged = spin_us == SESSION_SPIN;
	if (judged)
		spin_us = spin_for(ss);
	do {
		relax();
		ss_enter(ss);
		bool over = is_over(r), news = false;
		if (!over)
			news = look(ss, r);
		ss_leave(ss);
		if (over || (!r && news) || is_over(r)) {
			if (judged && end)
				spun(ss, true);
			return;
		}
		now = spin_us ? waiter_now_ns() : 0;
		if (!end)
			end = now + spin_us * UINT64_C(1000);
	} while (now < end);
	if (judged)
		spun(ss, false);
}

/* ---- sleeping ---- */

bool session_attend(struct session *ss, const struct sw_request *r, int *ret_fd)
{
	int fd = -1, error = 0, result = SOCKET_ERROR;
	ss_enter(ss);
	if (ss->attend && !ss->desc_closed)
		result = ss->attend(ss->link.desc, TRUE, &fd, &error);
	bool news = result == 1 || ss_something_to_do(ss);
	ss->polled = r;
	ss_drain(ss);
	ss->polled = NULL;
	if (result == 0 || result == 1)
		ss->attended = true;
	if (news)
		ss_lapse_within(ss, SESSION_ATTEND_MS);
	else
		ss->attending++;
	ss_leave(ss);
	if (news)
		return false;
	*ret_fd = result == 0 ? fd : -1;
	return true;
}

void session_attended(struct session *ss)
{
	ss_enter(ss);
	ss->attending--;
	ss->attend_uses++;
	ss_lapse_within(ss, SESSION_ATTEND_MS);
	ss_leave(ss);
}

static bool any_overlapped(const struct sw_request *r)
{
	while (r && !r->finish)
		r = r->next;
	return r;
}

static void quit(struct session *ss, bool others)
{
	if (others || any_overlapped(ss->rx_first) || any_overlapped(ss->tx_first))
		ss_detach(ss);
	else if (ss->tx_first)
		ss_lapse_within(ss, SESSION_REST_MS);
}

bool session_woken(struct session *ss, const struct sw_request *r, bool (*others)(void *ctx),
		   void *ctx)
{
	ss_enter(ss);
	ss->attending--;
	ss->attend_uses++;
	if (!is_over(r))
		look(ss, r);
	ss_lapse_within(ss, SESSION_ATTEND_MS);
	bool over = is_over(r);
	if (over)
		quit(ss, others(ctx));
	ss_leave(ss);
	return over || is_over(r);
}

void session_quit(struct session *ss, bool others)
{
	ss_enter(ss);
	quit(ss, others);
	ss_leave(ss);
}

void session_detach(struct session *ss)
{
	ss_enter(ss);
	ss_detach(ss);
	ss_leave(ss);
}
