/* SPDX-License-Identifier: MIT
 *
 * What ties sockets to names, and the order of listeners on a name [PROV-BIND-18 PROV-BIND-22]. A use is in its
 * socket's list from bind on and in its name's list of listeners from listen on. Takes prov->lock; name_put() under
 * use_drop() takes name->op.
 */
#include <stdlib.h>
#include <utlist.h>

#include "prov.h"

/* A use of a name that may still have to be bound; NULL: no memory. Caller holds s->call. */
struct use *use_add(struct sock *s, uint32_t addr_be, uint16_t port_be)
{
	struct use *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->s = s;
	u->n = name_get(s->p, addr_be, port_be);
	if (!u->n) {
		free(u);
		return NULL;
	}
	pthread_mutex_lock(&s->p->lock);
	u->next = s->uses;
	s->uses = u;
	pthread_mutex_unlock(&s->p->lock);
	return u;
}

/* Out of the socket's list and the listeners; still to be dropped. Caller holds s->call. */
struct use *use_take(struct sock *s, struct use *u)
{
	pthread_mutex_lock(&s->p->lock);
	struct use **at = &s->uses;
	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	use_unlisten_locked(u);
	pthread_mutex_unlock(&s->p->lock);
	return u;
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

void use_drop(struct use *u)
{
	name_quiet(u->n);
	name_put(u->n);
	free(u);
}
