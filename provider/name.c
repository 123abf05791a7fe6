/* SPDX-License-Identifier: MIT
 *
 * Name objects: one for each (IP, port) of the process, shared by its sockets, owning at most one passive cm id
 * [PROV-BIND-22 PROV-BIND-23]. Takes name->op, then prov->lock. rdma_cm is asked under op only, and never with
 * 0.0.0.0 or 127/8.
 *
 * The id is bound without RDMA_OPTION_ID_REUSEADDR: with it on both sides two processes could bind one name, and
 * then rdma_cm refuses listen to each of them for ever; without it one has the name and the other is dormant.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "log.h"
#include "prov.h"

enum { BUCKETS_MIN = 64 };

/* ---- the table; under prov->lock ---- */

static size_t hash(const struct prov *p, const struct name_key *key)
{
	uint64_t h = ((uint64_t)key->addr_be << 16 | key->port_be) * 0x9e3779b97f4a7c15u;
	return (h >> 32) & (p->bucket_count - 1);
}

static struct name *find_locked(struct prov *p, const struct name_key *key)
{
	if (!p->bucket_count)
		return NULL;
	struct name *n = p->buckets[hash(p, key)];
	while (n && memcmp(&n->key, key, sizeof(*key)) != 0)
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
			size_t b = hash(p, &n->key);
			n->hnext = buckets[b];
			buckets[b] = n;
		}
	}
	free(old);
	return 0;
}

static void remove_locked(struct prov *p, struct name *n)
{
	struct name **at = &p->buckets[hash(p, &n->key)];
	while (*at != n)
		at = &(*at)->hnext;
	*at = n->hnext;
	p->names--;
	name_forget_retry_locked(n);
}

/* The name, with a reference; made if it is not there. NULL: no memory. */
struct name *name_get(struct prov *p, uint32_t addr_be, uint16_t port_be)
{
	struct name_key key = {.addr_be = addr_be, .port_be = port_be};
	struct name *fresh = NULL;
	pthread_mutex_lock(&p->lock);
	struct name *n = find_locked(p, &key);
	if (!n && !grow_locked(p) && (fresh = calloc(1, sizeof(*fresh)))) {
		n = fresh;
		n->p = p;
		n->key = key;
		pthread_mutex_init(&n->op, NULL);
		size_t b = hash(p, &key);
		n->hnext = p->buckets[b];
		p->buckets[b] = n;
		p->names++;
	}
	if (n)
		n->refs++;
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* ---- the id; under name->op ---- */

static void set_state(struct name *n, enum name_state state)
{
	pthread_mutex_lock(&n->p->lock);
	n->state = state;
	pthread_mutex_unlock(&n->p->lock);
}

/* Destroys the id, if there is one. */
static void drop_id(struct name *n, enum name_state state)
{
	struct rdma_cm_id *id = n->id;
	n->id = NULL;
	if (id)
		rdma_destroy_id(id);
	pthread_mutex_lock(&n->p->lock);
	if (n->dev)
		dev_release_locked(n->dev);
	n->dev = NULL;
	n->state = state;
	pthread_mutex_unlock(&n->p->lock);
}

/* rdma_cm has no room for the name: is the address ours, and another process in the way? */
static int make_dormant(struct name *n)
{
	uint32_t max_msg;
	int err = dev_probe(n->p, n->key.addr_be, &max_msg);
	if (err)
		return err;
	pthread_mutex_lock(&n->p->lock);
	n->state = NAME_DORMANT;
	n->max_msg = max_msg;
	pthread_mutex_unlock(&n->p->lock);
	wsd_log(WSD_LOG_INFO, "provider: port %u is held by another process: the name waits",
		ntohs(n->key.port_be));
	return 0;
}

static int bind_locked(struct name *n)
{
	struct prov *p = n->p;
	struct rdma_event_channel *channel;
	int err = dev_gate_enter(p, &channel);
	if (err)
		return err;
	struct rdma_cm_id *id;
	if (rdma_create_id(channel, &id, n, RDMA_PS_TCP)) {
		err = -errno;
		dev_gate_leave(p);
		return err;
	}
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = n->key.port_be,
		.sin_addr.s_addr = n->key.addr_be,
	};
	struct dev *dev = NULL;
	if (rdma_bind_addr(id, (struct sockaddr *)&addr))
		err = -errno;
	else
		err = dev_take(p, id, n->key.addr_be, &dev);
	if (err) {
		rdma_destroy_id(id);
	} else {
		n->id = id;
		pthread_mutex_lock(&p->lock);
		n->state = NAME_BOUND;
		n->dev = dev;
		n->max_msg = dev->max_msg;
		pthread_mutex_unlock(&p->lock);
	}
	dev_gate_leave(p);
	return err == -EADDRINUSE || err == -EADDRNOTAVAIL ? make_dormant(n) : err;
}

static int listen_locked(struct name *n)
{
	int err = 0;
	if (n->state == NAME_DOWN || n->state == NAME_DORMANT)
		err = bind_locked(n);
	if (err || n->state != NAME_BOUND)
		return err;
	if (!rdma_listen(n->id, PROV_KERNEL_BACKLOG)) {
		set_state(n, NAME_LISTENING);
		return 0;
	}
	err = -errno;
	if (err != -EADDRINUSE && err != -EADDRNOTAVAIL)
		return err;
	/* Another id is bound to the name beside ours: out of its way, and wait. */
	drop_id(n, NAME_DORMANT);
	return 0;
}

/* Makes the name bound or dormant. It stays as it is when that fails. */
int name_bind(struct name *n)
{
	pthread_mutex_lock(&n->op);
	int err = n->state == NAME_DOWN ? bind_locked(n) : 0;
	pthread_mutex_unlock(&n->op);
	return err;
}

/* Makes the name listening or dormant. */
int name_listen(struct name *n)
{
	pthread_mutex_lock(&n->op);
	int err = listen_locked(n);
	if (n->state != NAME_LISTENING) {
		pthread_mutex_lock(&n->p->lock);
		name_want_retry_locked(n);
		if (n->in_retry)
			cm_timer_locked(n->p, PROV_RETRY_MS);
		pthread_mutex_unlock(&n->p->lock);
	}
	pthread_mutex_unlock(&n->op);
	return err;
}

/*
 * After a listener left: a name without any stops listening. rdma_cm cannot undo a listen, so the id is made anew;
 * if another process takes the name in between, it is dormant, which hurts nobody.
 */
void name_quiet(struct name *n)
{
	pthread_mutex_lock(&n->op);
	pthread_mutex_lock(&n->p->lock);
	bool quiet = !n->exact && !n->wild;
	bool last = n->refs == 1;
	if (quiet)
		name_forget_retry_locked(n);
	pthread_mutex_unlock(&n->p->lock);
	if (quiet && !last && n->state == NAME_LISTENING) {
		drop_id(n, NAME_DOWN);
		int err = bind_locked(n);
		if (err)
			wsd_log(WSD_LOG_WARNING, "provider: port %u cannot be bound again: %s",
				ntohs(n->key.port_be), strerror(-err));
	}
	pthread_mutex_unlock(&n->op);
}

/* The last reference destroys the id before the name is forgotten: a newcomer waits at op. */
void name_put(struct name *n)
{
	struct prov *p = n->p;
	pthread_mutex_lock(&p->lock);
	bool last = n->refs == 1;
	if (!last)
		n->refs--;
	pthread_mutex_unlock(&p->lock);
	if (!last)
		return;
	pthread_mutex_lock(&n->op);
	pthread_mutex_lock(&p->lock);
	last = n->refs == 1;
	pthread_mutex_unlock(&p->lock);
	if (last)
		drop_id(n, NAME_DOWN);
	pthread_mutex_lock(&p->lock);
	last = --n->refs == 0;
	if (last)
		remove_locked(p, n);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&n->op);
	if (last) {
		pthread_mutex_destroy(&n->op);
		free(n);
	}
}

/* The name's device was removed. Called by the event thread, with a reference. */
void name_lost(struct name *n, struct dev *dev)
{
	pthread_mutex_lock(&n->op);
	if (n->dev == dev) {
		drop_id(n, NAME_DOWN);
		pthread_mutex_lock(&n->p->lock);
		name_want_retry_locked(n);
		pthread_mutex_unlock(&n->p->lock);
	}
	pthread_mutex_unlock(&n->op);
}

/*
 * One more try for a name with listeners, which the caller took off prov->retry; it goes back there if it is
 * not done. True: it must be tried on the timer; false: done, or the next snapshot brings it back.
 */
bool name_retry(struct name *n, const struct nic_snapshot *snap)
{
	bool here = served_find(n->p, snap, n->key.addr_be);
	pthread_mutex_lock(&n->op);
	pthread_mutex_lock(&n->p->lock);
	bool wanted = n->exact || n->wild;
	pthread_mutex_unlock(&n->p->lock);
	int err = wanted && here ? listen_locked(n) : 0;
	pthread_mutex_lock(&n->p->lock);
	name_want_retry_locked(n);
	bool again = n->in_retry && here;
	pthread_mutex_unlock(&n->p->lock);
	pthread_mutex_unlock(&n->op);
	if (err)
		wsd_log(WSD_LOG_DEBUG, "provider: port %u: %s", ntohs(n->key.port_be),
			strerror(-err));
	return again;
}

/* ---- listeners and the list of names to be tried again; under prov->lock ---- */

/* Exact beats wildcard, then the earliest [PROV-BIND-22]. */
struct use *name_first_listener(struct name *n)
{
	return n->exact ? n->exact : n->wild;
}

/* Puts the name on the list if it has listeners and does not listen. */
void name_want_retry_locked(struct name *n)
{
	if (n->in_retry || n->state == NAME_LISTENING || (!n->exact && !n->wild))
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
