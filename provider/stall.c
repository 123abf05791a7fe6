/* SPDX-License-Identifier: MIT
 *
 * Software NICs that forget to send again. The rxe of Linux 6.1 loses its retransmission timer when
 * a timeout and a late packet meet: on a wire that loses packets a queue pair stands still for
 * ever, with no error. Any packet that leaves starts the timer anew. So what is at such a NIC
 * without progress is looked at by the event thread, which posts a write of no bytes behind it; and
 * sends are fenced behind reads here and not by the NIC, which would not let that write pass
 * either.
 *
 * Only connections that wait for the NIC are looked at, and only on devices without hardware.
 * Locks: prov->lock for the list; conn->lock for the rest, never both.
 */
#include <utlist.h>

#include "transfer.h"

enum {
	LOOK_MS =
		300, /* longer than a retransmission takes (rxe: 67 ms), not so long as to annoy */
	NUDGES_MAX = 4, /* for one request; then it is the peer that is not ready */
};

bool stall_fences_locked(const struct transfer *t, enum op_kind kind)
{
	return t->soft && kind == OP_SEND && t->reads;
}

bool stall_due_locked(struct transfer *t)
{
	bool due = t->soft && !t->stall_watched && !t->closed && !t->dead && queue_used(&t->sq);
	if (due) {
		t->stall_watched = true;
		t->stall_head = t->sq.head;
		t->stall_nudges = 0;
	}
	return due;
}

void stall_watch(struct sock *s)
{
	struct prov *p = s->p;
	wsd_lock(&p->lock);
	if (!s->stalled && !atomic_load(&p->closing)) {
		s->stalled = true;
		sock_ref(s);
		LL_PREPEND2(p->stalls, s, snext);
		cm_timer_locked(p, LOOK_MS);
	}
	wsd_unlock(&p->lock);
}

/* True: look again. */
static bool look(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	if (!t || !c->ep) {
		pthread_mutex_unlock(&c->lock);
		return false;
	}
	/* What the switch attends to is told on the switch's thread, and found there. */
	bool attended = c->attended;
	if (!attended)
		harvest_locked(c);
	bool waits = !t->closed && !t->dead && queue_used(&t->sq);
	if (waits && t->sq.head != t->stall_head) {
		t->stall_head = t->sq.head;
		t->stall_nudges = 0;
	} else if (waits && t->stall_nudges < NUDGES_MAX) {
		t->stall_nudges++;
		transfer_flush_tail_locked(c);
	}
	t->stall_watched = waits;
	if (attended)
		transfer_unlock(c);
	else
		overlapped_deliver_unlock(c);
	return waits;
}

/* What is still in @due stays marked, so that nobody links it elsewhere meanwhile. */
void stall_look(struct prov *p)
{
	struct sock *s, *due;
	wsd_lock(&p->lock);
	due = p->stalls;
	p->stalls = NULL;
	while ((s = due)) {
		due = s->snext;
		s->stalled = false;
		wsd_unlock(&p->lock);
		struct conn *c = atomic_load(&s->conn);
		if (c && look(c))
			stall_watch(s);
		sock_unref(s);
		wsd_lock(&p->lock);
	}
	wsd_unlock(&p->lock);
}
