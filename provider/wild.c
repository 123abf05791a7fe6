/* SPDX-License-Identifier: MIT
 *
 * Wildcard sockets: one use for each address served, kept in step with the NICs, since rdma_cm is
 * never given 0.0.0.0 [PROV-BIND-13 PROV-BIND-23 PROV-LISTEN-5]. Takes sock->call, then what names
 * take.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "log.h"
#include "prov.h"

/* One more address. A name that cannot be bound now stays down: the next snapshot or listen tries
 * it again. */
static int add_address(struct sock *s, uint32_t addr_be)
{
	int err = use_add(s, addr_be, s->local.sin_port, true);
	if (err || s->state != SS_LISTENING)
		return err;
	struct use *u = use_find(s, addr_be);
	wsd_lock(&s->p->lock);
	use_listen_locked(u);
	name_listen_unlock(u->n);
	return 0;
}

static int add_missing(struct sock *s, const struct nic_snapshot *snap)
{
	int err = 0;
	for (size_t i = 0; i < nic_snapshot_addrs(snap) && !err; i++) {
		const struct nic_addr *a = nic_snapshot_addr(snap, i);
		if (served(s->p, a) && !use_find(s, a->addr_be))
			err = add_address(s, a->addr_be);
	}
	return err;
}

/* On no interface any more. One that is only down, or whose device is away, may come back. */
static bool vanished(const struct nic_snapshot *snap, uint32_t addr_be)
{
	for (size_t i = 0; i < nic_snapshot_addrs(snap); i++)
		if (nic_snapshot_addr(snap, i)->addr_be == addr_be)
			return false;
	return true;
}

static void drop_vanished(struct sock *s, const struct nic_snapshot *snap)
{
	for (struct use *u = s->uses, *next; u; u = next) {
		next = u->next;
		if (vanished(snap, u->n->addr_be))
			use_remove(s, u);
	}
}

/* Caller holds s->call; s->local is set. Nothing is left of it on failure. */
int wild_bind(struct sock *s)
{
	struct prov *p = s->p;
	wsd_lock(&p->lock);
	/* Before the snapshot is taken: a newer one finds the socket here. */
	DL_APPEND2(p->wild, s, wprev, wnext);
	p->wild_count++;
	wsd_unlock(&p->lock);
	const struct nic_snapshot *snap = nic_monitor_snapshot(p->nic);
	int err = add_missing(s, snap);
	nic_snapshot_unref(snap);
	if (!err)
		return 0;
	while (s->uses)
		use_remove(s, s->uses);
	wsd_lock(&p->lock);
	wild_leave_locked(s);
	wsd_unlock(&p->lock);
	return err;
}

void wild_leave_locked(struct sock *s)
{
	DL_DELETE2(s->p->wild, s, wprev, wnext);
	s->p->wild_count--;
}

static void sync_one(struct sock *s, const struct nic_snapshot *snap)
{
	wsd_lock(&s->call);
	if (s->wildcard && s->state != SS_CLOSED) {
		drop_vanished(s, snap);
		int err = add_missing(s, snap);
		if (err) {
			wsd_log(WSD_LOG_WARNING, "provider: wildcard socket %#lx: %s",
				(unsigned long)s->descriptor, strerror(-err));
			wsd_lock(&s->p->lock);
			s->p->wild_pending = true;
			wsd_unlock(&s->p->lock);
		}
	}
	wsd_unlock(&s->call);
}

/* After a change of the NICs. The event thread alone; wild_pending says that it must be called
 * again. */
void wild_sync(struct prov *p)
{
	size_t n = 0;
	wsd_lock(&p->lock);
	p->wild_pending = false;
	struct sock **list = p->wild_count ? calloc(p->wild_count, sizeof(struct sock *)) : NULL;
	if (p->wild_count && !list)
		p->wild_pending = true;
	for (struct sock *s = list ? p->wild : NULL; s; s = s->wnext) {
		sock_ref(s);
		list[n++] = s;
	}
	wsd_unlock(&p->lock);
	if (!n) {
		free(list);
		return;
	}
	const struct nic_snapshot *snap = nic_monitor_snapshot(p->nic);
	for (size_t i = 0; i < n; i++) {
		sync_one(list[i], snap);
		sock_unref(list[i]);
	}
	nic_snapshot_unref(snap);
	free(list);
}
