/* SPDX-License-Identifier: MIT
 *
 * WSPAttend: the switch's thread looks after a socket's completions itself, so no thread of ours
 * need wake it. Takes conn->lock. The contract is <wsd/attend.h>.
 */
#include <wsd/attend.h>

#include "transfer.h"
#include "wsp.h"

/* Nothing was there. The queue is armed, or something has come; 1: look. */
static int prepare_locked(struct conn *c, bool was_idle)
{
	struct transfer *t = c->transfer;
	if (t->tail_wanted && transfer_tail_open(t))
		transfer_flush_tail_locked(c);
	/* An event of completions that were seen already would only wake for nothing. There may be
	 * one that nobody knows of, too: of the endpoint's last connection, or a second one where
	 * the queue was armed twice. It is why the last sleep was none. */
	if (t->fired || was_idle)
		harvest_event_locked(c);
	t->idle = true;
	if (!harvest_arm_locked(c, harvest_want_locked(c)))
		return 0;
	return harvest_locked(c) > 0;
}

static int attend_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	if (!c->attended) {
		c->attended = true;
		conn_watch(c, false);
	}
	bool was_idle = t->idle;
	t->idle = false;
	if (harvest_locked(c) || t->done || t->dead)
		return 1;
	return prepare_locked(c, was_idle);
}

/* The event thread is to miss nothing: as if its channel had been readable. */
static void leave_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	if (!c->attended)
		return;
	c->attended = false;
	conn_watch(c, true);
	harvest_locked(c);
	while (!t->dead && harvest_arm_locked(c, harvest_want_locked(c)))
		harvest_locked(c);
}

int WSPAPI prov_WSPAttend(SOCKET s, BOOL fAttend, int *lpFd, LPINT lpErrno)
{
	struct conn *c = NULL;
	int result = 0, code = transfer_enter(s, WSAENOTCONN, &c);
	if (code)
		return sock_fail(lpErrno, code);
	pthread_mutex_lock(&c->lock);
	code = transfer_check_locked(c);
	bool over = c->transfer && c->broken && code != WSAENOTSOCK;
	if (over)
		code = 0; /* there is nothing to sleep for */
	else if (!code && fAttend && !lpFd)
		code = WSAEFAULT;
	if (code) {
		pthread_mutex_unlock(&c->lock);
	} else {
		if (over) {
			result = fAttend ? 1 : 0;
		} else if (fAttend) {
			*lpFd = c->ep->channel->fd;
			result = attend_locked(c);
		} else {
			leave_locked(c);
		}
		bool watch = c->transfer && stall_due_locked(c->transfer);
		overlapped_deliver_unlock(c);
		if (watch)
			stall_watch(c->s);
	}
	transfer_leave(c);
	return sock_fail(lpErrno, code) ? SOCKET_ERROR : result;
}
