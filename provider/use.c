/* SPDX-License-Identifier: MIT
 *
 * What ties sockets to names, and the order of listeners on a name [PROV-BIND-18 PROV-BIND-22]. A
 * use is in its socket's list from bind on and in its name's list of listeners from listen on.
 * Takes prov->lock.
 */
#include <stdlib.h>
#include <utlist.h>

#include "prov.h"

/*
 * One more name of the socket, bound or dormant (@tolerant: or down). 0, or -errno and nothing has
 * changed. Caller holds s->call.
 */
int use_add(struct sock *s, uint32_t addr_be, uint16_t port_be, bool tolerant)
{
	struct use *u = &s->first_use;
	if (u->n) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return -ENOMEM;
	}
	u->s = s;
	int err = name_join(u, addr_be, port_be, tolerant);
	if (err && u != &s->first_use)
		free(u);
	return err;
}

/* Caller holds s->call. */
struct use *use_find(const struct sock *s, uint32_t addr_be)
{
	struct use *u = s->uses;
	while (u && u->n->addr_be != addr_be)
		u = u->next;
	return u;
}

/* Takes one name off the socket. Caller holds s->call. */
void use_remove(struct sock *s, struct use *u)
{
	wsd_lock(&s->p->lock);
	struct use **at = &s->uses;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	use_unlisten_locked(u);
	use_drop_unlock(u);
}

/* By rank: the earliest listener first. It is nearly always the newest that comes. */
void use_listen_locked(struct use *u)
{
	struct use **head = u->s->wildcard ? &u->n->wild : &u->n->exact;
	struct use *after = *head ? (*head)->lprev : NULL; /* the last */
	if (u->listening)
		return;
	u->listening = true;
	while (after && after->s->listen_seq > u->s->listen_seq)
		after = after == *head ? NULL : after->lprev;
	if (after)
		DL_APPEND_ELEM2(*head, after, u, lprev, lnext);
	else
		DL_PREPEND2(*head, u, lprev, lnext);
}

void use_unlisten_locked(struct use *u)
{
	if (!u->listening)
		return;
	u->listening = false;
	if (u->s->wildcard)
		DL_DELETE2(u->n->wild, u, lprev, lnext);
	else
		DL_DELETE2(u->n->exact, u, lprev, lnext);
}

void use_drop_unlock(struct use *u)
{
	name_leave_unlock(u->n);
	if (u == &u->s->first_use)
		u->n = NULL;
	else
		free(u);
}
