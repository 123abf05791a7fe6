/* SPDX-License-Identifier: MIT
 *
 * Who looks for a session's completions: a caller that polls, a caller that sleeps on the
 * provider's descriptor, or else the provider's own thread [SW-BLOCK-1, SW-FLOW-2; wsd/attend.h].
 * Lock: session.lock, taken by the public functions, held in the others.
 */
#include "session_priv.h"

#include <sched.h>

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

/* A turn of others that is worth the wait. */
enum { YIELD_NS = 2000000 };

/* How often in a row something may be in vain before it is left out, but for one try in so many. */
struct patience {
	unsigned tries, again;
};

/* On a machine with one processor spinning only keeps the peer from answering. */
static const struct patience for_spinning = {4, 64};
/* Only turns that take long count: one that nobody takes costs next to nothing, and both ends have
 * to do it for some trips until the scheduler has them side by side. */
static const struct patience for_yielding = {8, 16};

static bool is_worth_it(_Atomic unsigned *in_vain, struct patience p)
{
	unsigned n = atomic_load_explicit(in_vain, memory_order_relaxed);
	return n < p.tries || n % p.again == 0;
}

static void was_tried(_Atomic unsigned *in_vain, bool well)
{
	unsigned n = atomic_load_explicit(in_vain, memory_order_relaxed);
	atomic_store_explicit(in_vain, well ? 0 : n + 1, memory_order_relaxed);
}

static unsigned spin_for(struct session *ss)
{
	return is_worth_it(&ss->spun_in_vain, for_spinning) ? ss->config.spin_us : 0;
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

/* *ret_spun: the first look was not enough. */
static bool poll_for(struct session *ss, const struct sw_request *r, unsigned spin_us,
		     bool *ret_spun)
{
	uint64_t end = 0, now = 0;
	do {
		relax();
		ss_enter(ss);
		bool over = is_over(r), news = false;
		if (!over)
			news = look(ss, r);
		ss_leave(ss);
		if (over || (!r && news) || is_over(r))
			return true;
		*ret_spun = true;
		now = spin_us ? waiter_now_ns() : 0;
		if (!end)
			end = now + spin_us * UINT64_C(1000);
	} while (now < end);
	return false;
}

bool session_poll(struct session *ss, const struct sw_request *r, unsigned spin_us)
{
	bool spun;
	return poll_for(ss, r, spin_us, &spun);
}

/* A peer that waits for this processor answers meanwhile, and neither end sleeps or is woken: a
 * third of a short round trip. Where the turn goes to a stranger for long, sleeping is better: who
 * is woken has a right to the processor, who has given it away has none. */
static void give_way(struct session *ss, const struct sw_request *r)
{
	if (!is_worth_it(&ss->yielded_too_long, for_yielding)) {
		was_tried(&ss->yielded_too_long, false);
		return;
	}
	uint64_t begun = waiter_now_ns();
	sched_yield();
	bool soon = waiter_now_ns() - begun < YIELD_NS;
	bool over = session_poll(ss, r, 0);
	if (over || !soon)
		was_tried(&ss->yielded_too_long, over && soon);
}

static bool any_overlapped(const struct sw_request *r)
{
	while (r && !r->finish)
		r = r->next;
	return r;
}

static void quit(struct session *ss, bool others)
{
	if (others || any_overlapped(ss->rx_first) || any_overlapped(ss->oob_first) ||
	    any_overlapped(ss->tx_first))
		ss_detach(ss);
	else if (ss->tx_first)
		ss_lapse_within(ss, SESSION_REST_MS);
}

/* As a caller that sleeps, so that the provider's thread is not woken for what this one will find.
 */
static void attend_awake(struct session *ss)
{
	int fd = -1, error = 0;
	ss_enter(ss);
	if (ss->attend && !ss->attended && !ss->desc_closed) {
		int result = ss->attend(ss->link.desc, TRUE, &fd, &error);
		ss->attended = result == 0 || result == 1;
	}
	ss->attend_uses++;
	ss_lapse_within(ss, SESSION_ATTEND_MS);
	ss_leave(ss);
}

bool session_spin(struct session *ss, const struct sw_request *r, bool (*others)(void *ctx),
		  void *ctx)
{
	unsigned spin_us = spin_for(ss);
	bool over = false, spun = true;
	if (spin_us || !ss->attend) /* else session_attend looks */
		over = poll_for(ss, r, spin_us, &spun);
	if (spun)
		was_tried(&ss->spun_in_vain, over);
	if (over || !ss->config.spin_us)
		return is_over(r);
	attend_awake(ss);
	give_way(ss, r);
	if (is_over(r))
		session_quit(ss, others(ctx));
	return is_over(r);
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
