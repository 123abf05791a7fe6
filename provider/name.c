/* SPDX-License-Identifier: MIT
 *
 * Name objects: one for each (IP, port) of the process, shared by its sockets, owning at most one
 * passive cm id [PROV-BIND-22 PROV-BIND-23]. All under prov->lock; what asks rdma_cm is the name's
 * owner (busy) and gives the lock up meanwhile. Functions in _unlock are called with prov->lock
 * held and return without it. rdma_cm never sees 0.0.0.0 or 127/8.
 *
 * The id is bound without RDMA_OPTION_ID_REUSEADDR: with it on both sides two processes could bind
 * one name, and then rdma_cm refuses listen to each of them for ever; without it one has the name
 * and the other is dormant.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "log.h"
#include "prov.h"

enum { BUCKETS_MIN = 64 };

/* ---- the table ---- */

static size_t hash(const struct prov *p, uint32_t addr_be, uint16_t port_be)
{
	uint64_t h = ((uint64_t)addr_be << 16 | port_be) * 0x9e3779b97f4a7c15u;
	return (h >> 32) & (p->bucket_count - 1);
}

static struct name *find_locked(struct prov *p, uint32_t addr_be, uint16_t port_be)
{
	if (!p->bucket_count)
		return NULL;
	struct name *n = p->buckets[hash(p, addr_be, port_be)];
	while (n && (n->addr_be != addr_be || n->port_be != port_be))
		n = n->hnext;
	return n;
}

/* Room for one more. A table that cannot grow works on, with longer chains. */
static int grow_locked(struct prov *p)
{
	if (p->names < p->bucket_count)
		return 0;
	size_t count = p->bucket_count ? p->bucket_count * 2 : BUCKETS_MIN;
	struct name **buckets = calloc(count, sizeof(struct name *));
	if (!buckets)
		return p->bucket_count ? 0 : -ENOMEM;
	struct name **old = p->buckets;
	size_t old_count = p->bucket_count;
	p->buckets = buckets;
	p->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		for (struct name *n = old[i], *next; n; n = next) {
			next = n->hnext;
			size_t b = hash(p, n->addr_be, n->port_be);
			n->hnext = buckets[b];
			buckets[b] = n;
		}
	}
	free(old);
	return 0;
}

static struct name *make_locked(struct prov *p, uint32_t addr_be, uint16_t port_be)
{
	if (grow_locked(p))
		return NULL;
	struct name *n = p->spare_names ? p->spare_names : malloc(sizeof(*n));
	if (!n)
		return NULL;
	if (n == p->spare_names) {
		p->spare_names = n->hnext;
		p->spare_count--;
	}
	memset(n, 0, sizeof(*n));
	n->p = p;
	n->addr_be = addr_be;
	n->port_be = port_be;
	size_t b = hash(p, addr_be, port_be);
	n->hnext = p->buckets[b];
	p->buckets[b] = n;
	p->names++;
	return n;
}

static void remove_locked(struct name *n)
{
	struct prov *p = n->p;
	struct name **at = &p->buckets[hash(p, n->addr_be, n->port_be)];
	while (*at != n)
		at = &(*at)->hnext;
	*at = n->hnext;
	p->names--;
	name_forget_retry_locked(n);
}

/* ---- the owner: one rdma_cm operation at a time on one name ---- */

static void own_locked(struct name *n)
{
	while (n->busy)
		prov_wait_locked(n->p);
	n->busy = true;
}

static void disown_unlock(struct name *n)
{
	struct prov *p = n->p;
	n->busy = false;
	prov_wake_locked(p);
	wsd_unlock(&p->lock);
}

/* Destroys the id, if there is one. The owner, under the lock, which it gives up meanwhile. */
static void drop_id_locked(struct name *n, enum name_state state)
{
	struct rdma_cm_id *id = n->id;
	if (id) {
		gate_enter_locked(n->p);
		wsd_unlock(&n->p->lock);
		rdma_destroy_id(id);
		wsd_lock(&n->p->lock);
		gate_leave_locked(n->p);
		dev_release_locked(n->dev);
	}
	n->id = NULL;
	n->dev = NULL;
	n->state = state;
}

/* rdma_cm has no room for the name: is the address ours, and another process in the way? */
static int make_dormant_locked(struct name *n)
{
	uint32_t max_msg;
	wsd_unlock(&n->p->lock);
	int err = dev_probe(n->p, n->addr_be, &max_msg);
	wsd_lock(&n->p->lock);
	if (err)
		return err;
	n->state = NAME_DORMANT;
	n->max_msg = max_msg;
	return 0;
}

static int ask_bind(struct name *n, struct rdma_event_channel *channel, struct rdma_cm_id **ret)
{
	struct rdma_cm_id *id;
	if (rdma_create_id(channel, &id, n, RDMA_PS_TCP))
		return -errno;
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = n->port_be,
		.sin_addr.s_addr = n->addr_be,
	};
	if (!rdma_bind_addr(id, (struct sockaddr *)&addr)) {
		*ret = id;
		return 0;
	}
	int err = -errno;
	rdma_destroy_id(id);
	return err;
}

/* Makes an id for a name without one. The owner, under the lock, which it gives up meanwhile. */
static int bind_locked(struct name *n)
{
	struct prov *p = n->p;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id = NULL;
	int err = gate_enter_channel_locked(p, &channel);
	if (err)
		return err;
	wsd_unlock(&p->lock);
	err = ask_bind(n, channel, &id);
	wsd_lock(&p->lock);
	/* The common case is a device that is known. */
	struct dev *dev = err ? NULL : dev_count_locked(p, id->verbs);
	if (!dev && !err) {
		wsd_unlock(&p->lock);
		err = dev_take(p, id, n->addr_be, &dev);
		if (err)
			rdma_destroy_id(id);
		wsd_lock(&p->lock);
	}
	gate_leave_locked(p);
	if (err == -EADDRINUSE || err == -EADDRNOTAVAIL)
		return make_dormant_locked(n);
	if (err)
		return err;
	n->id = id;
	n->dev = dev;
	n->max_msg = dev->max_msg;
	n->state = NAME_BOUND;
	return 0;
}

/* Makes the name listening or dormant. The owner, under the lock, which it gives up meanwhile. */
static int listen_locked(struct name *n)
{
	int err = 0;
	if (n->state == NAME_DOWN || n->state == NAME_DORMANT)
		err = bind_locked(n);
	if (err || n->state != NAME_BOUND)
		return err;
	wsd_unlock(&n->p->lock);
	err = rdma_listen(n->id, PROV_KERNEL_BACKLOG) ? -errno : 0;
	wsd_lock(&n->p->lock);
	if (!err) {
		n->state = NAME_LISTENING;
	} else if (err == -EADDRINUSE || err == -EADDRNOTAVAIL) {
		/* Another id is bound to the name beside ours: out of its way, and wait. */
		drop_id_locked(n, NAME_DORMANT);
		err = 0;
	}
	return err;
}

/*
 * A name without listeners stops listening. rdma_cm cannot undo a listen, so the id is made anew;
 * if another process takes the name in between, it is dormant, which hurts nobody. The owner, under
 * the lock, which it gives up.
 */
static void quiet_locked(struct name *n)
{
	drop_id_locked(n, NAME_DOWN);
	int err = bind_locked(n);
	if (err)
		wsd_log(WSD_LOG_WARNING, "provider: port %u cannot be bound again: %s",
			ntohs(n->port_be), strerror(-err));
}

static bool is_quiet(const struct name *n)
{
	return !n->exact && !n->wild;
}

/* ---- what sockets do with names ---- */

/*
 * Ties the use to the name, which is made if it is not there, and makes that bound or dormant.
 * @tolerant: a name that cannot be bound stays, and is down; only what no other NIC would help with
 * is an error. On failure the use is tied to nothing.
 */
int name_join(struct use *u, uint32_t addr_be, uint16_t port_be, bool tolerant)
{
	struct prov *p = u->s->p;
	wsd_lock(&p->lock);
	struct name *n = NULL;
	int err = tolerant || served_find(p, p->snap, addr_be) ? -ENOMEM : -EADDRNOTAVAIL;
	if (err == -ENOMEM) {
		n = find_locked(p, addr_be, port_be);
		if (!n)
			n = make_locked(p, addr_be, port_be);
	}
	if (!n) {
		wsd_unlock(&p->lock);
		return err;
	}
	n->refs++;
	own_locked(n);
	err = n->state == NAME_DOWN ? bind_locked(n) : 0;
	if (err && tolerant && errmap(EO_BIND, err) != WSAENOBUFS)
		err = 0;
	if (!err) {
		u->n = n;
		u->next = u->s->uses;
		u->s->uses = u;
	}
	disown_unlock(n);
	if (err)
		name_put(n);
	return err;
}

/* Makes the name listening or dormant. */
int name_listen_unlock(struct name *n)
{
	own_locked(n);
	int err = listen_locked(n);
	name_want_retry_locked(n);
	if (n->in_retry)
		cm_timer_locked(n->p, PROV_RETRY_MS);
	disown_unlock(n);
	return err;
}

/* After a listen that failed. */
void name_quiet(struct name *n)
{
	wsd_lock(&n->p->lock);
	own_locked(n);
	if (is_quiet(n))
		name_forget_retry_locked(n);
	if (is_quiet(n) && n->state == NAME_LISTENING)
		quiet_locked(n);
	disown_unlock(n);
}

/*
 * Gives a reference back. The last one destroys the id before the name is forgotten: a newcomer
 * waits for the owner and binds anew.
 */
void name_leave_unlock(struct name *n)
{
	own_locked(n);
	for (;;) {
		if (is_quiet(n))
			name_forget_retry_locked(n);
		if (n->refs == 1 && n->id)
			drop_id_locked(n, NAME_DOWN);
		else if (n->refs > 1 && is_quiet(n) && n->state == NAME_LISTENING)
			quiet_locked(n);
		else
			break;
	}
	bool last = --n->refs == 0;
	if (last)
		remove_locked(n);
	bool spare = last && n->p->spare_count < PROV_SPARES;
	if (spare) {
		n->hnext = n->p->spare_names;
		n->p->spare_names = n;
		n->p->spare_count++;
	}
	disown_unlock(n);
	if (last && !spare)
		free(n);
}

void name_put(struct name *n)
{
	wsd_lock(&n->p->lock);
	name_leave_unlock(n);
}

/* ---- what the event thread does with names; it has a reference ---- */

/* The name's device was removed. */
void name_lost(struct name *n, const struct dev *dev)
{
	wsd_lock(&n->p->lock);
	own_locked(n);
	if (n->dev == dev) {
		drop_id_locked(n, NAME_DOWN);
		name_want_retry_locked(n);
	}
	disown_unlock(n);
}

/*
 * One more try for a name with listeners, which the caller took off prov->retry; it goes back there
 * if it is not done. True: it must be tried on the timer; false: done, or the next snapshot brings
 * it back.
 */
bool name_retry(struct name *n)
{
	struct prov *p = n->p;
	int err = 0;
	wsd_lock(&p->lock);
	own_locked(n);
	bool here = served_find(p, p->snap, n->addr_be);
	if (here && !is_quiet(n))
		err = listen_locked(n);
	name_want_retry_locked(n);
	bool again = n->in_retry && here;
	disown_unlock(n);
	if (err)
		wsd_log(WSD_LOG_DEBUG, "provider: port %u: %s", ntohs(n->port_be), strerror(-err));
	return again;
}

/* ---- listeners and the list of names to be tried again ---- */

/* Exact beats wildcard, then the earliest [PROV-BIND-22]. */
struct use *name_first_listener(struct name *n)
{
	return n->exact ? n->exact : n->wild;
}

/* Puts the name on the list if it has listeners and does not listen. */
void name_want_retry_locked(struct name *n)
{
	if (n->in_retry || n->state == NAME_LISTENING || is_quiet(n))
		return;
	n->in_retry = true;
	DL_APPEND2(n->p->retry, n, rprev, rnext);
}

void name_forget_retry_locked(struct name *n)
{
	if (!n->in_retry)
		return;
	n->in_retry = false;
	DL_DELETE2(n->p->retry, n, rprev, rnext);
}
