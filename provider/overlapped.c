/* SPDX-License-Identifier: MIT
 *
 * The results of operations: published in the WSAOVERLAPPED, told by
 * lpWPUCompleteOverlappedRequest, asked for by WSPGetOverlappedResult. Takes conn->lock, none over
 * an upcall; prov->lock only when a socket is closed inside one. PROV-OVL-1 to 6.
 *
 * One thread at a time makes the upcalls of a connection. Another one that finds completions leaves
 * them to it, so they are told in order; the deliverer itself, called again from inside an upcall,
 * goes on with the list only where it has to: to wait, or to close.
 */
#include <errno.h>
#include <poll.h>

#include "log.h"
#include "transfer.h"
#include "wsp.h"

enum {
	/* WSPGetOverlappedResult that waits looks again so often: the event that it sleeps for may
	 * be taken by another thread, which then has harvested. */
	WAIT_SLICE_MS = 10,
};

static void publish(LPWSAOVERLAPPED ov, int code, uint32_t bytes)
{
	ov->InternalHigh = bytes;
	ov->Offset = 0;
	ov->OffsetHigh = (DWORD)code;
	__atomic_store_n(&ov->Internal, (ULONG_PTR)code, __ATOMIC_RELEASE);
}

void overlapped_end_locked(struct transfer *t, LPWSAOVERLAPPED ov, bool silent, int code,
			   uint32_t bytes)
{
	if (silent) {
		publish(ov, code, bytes);
		return;
	}
	ov->InternalHigh = 0;
	ov->Offset = bytes;
	ov->OffsetHigh = (DWORD)code;
	*t->done_last = ov;
	t->done_last = (LPWSAOVERLAPPED *)(void *)&ov->InternalHigh;
}

/* Caller is the deliverer. */
static void run_list_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct prov *p = c->s->p;
	LPWSAOVERLAPPED ov;
	while ((ov = t->done)) {
		t->done = (LPWSAOVERLAPPED)ov->InternalHigh;
		if (!t->done)
			t->done_last = &t->done;
		pthread_mutex_unlock(&c->lock);
		DWORD code = ov->OffsetHigh, bytes = ov->Offset;
		publish(ov, (int)code, bytes);
		upcall_complete(p, c->s, ov, (int)code, bytes);
		pthread_mutex_lock(&c->lock);
	}
}

/* Becomes the deliverer until the list is empty; the lock is given up. */
static void deliver_unlock(struct conn *c)
{
	struct transfer *t = c->transfer;
	t->delivering = true;
	t->deliverer = pthread_self();
	run_list_locked(c);
	while (t->late && !t->late_begun) /* the closer is about to */
		pthread_cond_wait(&t->cond, &c->lock);
	t->delivering = false;
	bool late = t->late;
	if (t->closed)
		pthread_cond_broadcast(&t->cond);
	pthread_mutex_unlock(&c->lock);
	if (late)
		upcall_end(c->s->p, &t->late_upcall);
}

void overlapped_deliver_unlock(struct conn *c)
{
	struct transfer *t = c->transfer;
	bool lost = t->lost;
	int code = c->broken;
	t->lost = false;
	if (t->done && !t->delivering)
		deliver_unlock(c);
	else
		pthread_mutex_unlock(&c->lock);
	if (lost)
		conn_lost(c, code);
}

/* An upcall of ours keeps the switch's handle open until the deliverer is through. */
static void leave_late(struct conn *c)
{
	struct transfer *t = c->transfer;
	struct prov *p = c->s->p;
	pthread_t deliverer = t->deliverer;
	t->late = true;
	pthread_mutex_unlock(&c->lock);
	wsd_lock(&p->lock);
	upcall_begin(p, c->s, &t->late_upcall);
	t->late_upcall.thread = deliverer;
	wsd_unlock(&p->lock);
	pthread_mutex_lock(&c->lock);
	t->late_begun = true;
	pthread_cond_broadcast(&t->cond);
}

/*
 * Inside an upcall, of this socket or another, nobody is waited for, since two threads could wait
 * for each other: then the deliverer makes what is left and closes the handle [PROV-CLOSE-2, 7].
 */
void overlapped_deliver_close_unlock(struct conn *c)
{
	struct transfer *t = c->transfer;
	bool self = t->delivering && pthread_equal(t->deliverer, pthread_self()), inside = false;
	if (t->delivering && !self) {
		pthread_mutex_unlock(&c->lock); /* that asks under prov->lock */
		inside = upcall_inside(c->s->p);
		pthread_mutex_lock(&c->lock);
	}
	if (self) {
		run_list_locked(c); /* the upcall that this thread is in is not waited for */
	} else if (t->delivering && inside) {
		leave_late(c);
	} else {
		while (t->delivering)
			pthread_cond_wait(&t->cond, &c->lock);
		if (t->done) {
			deliver_unlock(c);
			return;
		}
	}
	pthread_mutex_unlock(&c->lock);
}

/* Done: the result. False while it is pending. */
static bool result(LPWSAOVERLAPPED ov, LPDWORD bytes, LPDWORD flags, int *ret_code)
{
	if (overlapped_pending(ov))
		return false;
	*ret_code = (int)ov->OffsetHigh;
	*bytes = (DWORD)ov->InternalHigh;
	*flags = ov->Offset;
	return true;
}

/* A request that is at the NIC's send queue. */
static bool is_at_send_queue(const struct transfer *t, LPWSAOVERLAPPED ov)
{
	for (uint32_t n = t->sq.head; n != t->sq.tail; n++)
		if (t->sq.slots[n % QUEUE_SLOTS].ov == ov)
			return true;
	return false;
}

/* Somebody asks for an operation that may never be heard of by itself. A receive is: who polls for
 * one must not pay for a message. */
static void want_tail_locked(struct conn *c, LPWSAOVERLAPPED ov, bool again)
{
	struct transfer *t = c->transfer;
	if (!transfer_check_locked(c) && transfer_tail_open(t) && is_at_send_queue(t, ov)) {
		if (t->tail_wanted || again)
			transfer_flush_tail_locked(c);
		t->tail_wanted = true;
	}
}

/* One look: harvests, and tells. */
static void look(struct conn *c, LPWSAOVERLAPPED ov, bool wait)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	if (!t) {
		pthread_mutex_unlock(&c->lock);
		return;
	}
	if (!harvest_locked(c) || (!t->done && overlapped_pending(ov)))
		want_tail_locked(c, ov, wait);
	if (wait && !transfer_check_locked(c) && harvest_arm_locked(c, ARMED_ALL))
		harvest_locked(c);
	if (wait && t->delivering && pthread_equal(t->deliverer, pthread_self()))
		run_list_locked(c); /* what is waited for may be in the list */
	overlapped_deliver_unlock(c);
}

static void sleep_for(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct pollfd fd = {.fd = c->ep ? c->ep->channel->fd : -1, .events = POLLIN};
	pthread_mutex_unlock(&c->lock);
	if (poll(&fd, 1, WAIT_SLICE_MS) <= 0)
		return;
	pthread_mutex_lock(&c->lock);
	if (c->transfer && !c->transfer->closed && !c->transfer->dead)
		harvest_event_locked(c);
	pthread_mutex_unlock(&c->lock);
}

BOOL WSPAPI prov_WSPGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
					LPDWORD lpcbTransfer, BOOL fWait, LPDWORD lpdwFlags,
					LPINT lpErrno)
{
	struct conn *c = NULL;
	int code = transfer_enter(s, WSA_INVALID_PARAMETER, &c);
	if (!code) {
		if (!lpOverlapped || !lpcbTransfer || !lpdwFlags) {
			code = WSA_INVALID_PARAMETER;
		} else if (!result(lpOverlapped, lpcbTransfer, lpdwFlags, &code)) {
			look(c, lpOverlapped, fWait);
			while (!result(lpOverlapped, lpcbTransfer, lpdwFlags, &code)) {
				code = WSA_IO_INCOMPLETE;
				if (!fWait)
					break;
				sleep_for(c);
				look(c, lpOverlapped, true);
			}
		}
		transfer_leave(c);
	}
	sock_fail(lpErrno, code);
	return code ? FALSE : TRUE;
}
