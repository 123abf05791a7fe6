/* SPDX-License-Identifier: MIT
 *
 * WSPCloseSocket, in the order of PROV-CLOSE-1: no more work, the connection torn down, queued
 * requests refused, names given back, pending operations completed (lost.c), running upcalls waited
 * for, lpWPUCloseSocketHandle last. Takes sock->call, then what names take; nothing while it waits.
 */
#include "conn.h"
#include "wsp.h"

/* The socket is out of the handle table already; takes the table's reference. */
void sock_close(struct sock *s)
{
	struct prov *p = s->p;
	wsd_lock(&s->call);
	struct conn *c = atomic_load(&s->conn);
	if (c)
		lost_close_begin(c);
	wsd_lock(&p->lock);
	struct use *uses = s->uses;
	s->uses = NULL;
	for (struct use *u = uses; u; u = u->next)
		use_unlisten_locked(u);
	if (s->wildcard)
		wild_leave_locked(s);
	struct request *list = request_take_locked(s, 0);
	s->backlog = 0;
	s->mask = s->record = 0;
	s->event = WSA_INVALID_EVENT;
	bool quiet = !s->upcalls; /* and none can begin now */
	sock_move(s, SC_CLOSE);
	wsd_unlock(&s->call);

	if (list) {
		/* Not for good: the next listener may take the peer, or TCP/IP will
		 * [PROV-CONNECT-7]. */
		wsd_unlock(&p->lock);
		request_refuse(p, list, false);
		wsd_lock(&p->lock);
	}
	if (!uses)
		wsd_unlock(&p->lock);
	for (struct use *u = uses, *next; u; u = next) {
		next = u->next;
		use_drop_unlock(u);
		if (next)
			wsd_lock(&p->lock);
	}
	if (c)
		lost_close(c);
	upcall_close_handle(p, s, quiet && !c);
}

int WSPAPI prov_WSPCloseSocket(SOCKET descriptor, LPINT lpErrno)
{
	struct sock *s = htable_remove(&prov_process.handles, descriptor);
	if (s)
		sock_close(s);
	return sock_fail(lpErrno, s ? 0 : WSAENOTSOCK);
}
