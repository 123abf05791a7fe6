/* SPDX-License-Identifier: MIT
 *
 * The negative cache: a short table, looked at only when something is in it. See negcache.h.
 */
#include "negcache.h"

#include <string.h>

#define SECOND UINT64_C(1000000000)

void negcache_init(struct negcache *c)
{
	memset(c, 0, sizeof(*c));
	pthread_mutex_init(&c->lock, NULL);
}

void negcache_destroy(struct negcache *c)
{
	pthread_mutex_destroy(&c->lock);
}

/* Caller holds the lock. */
static struct negcache_host *find(struct negcache *c, uint32_t addr_be, uint16_t port_be)
{
	for (int i = 0; i < NEGCACHE_HOSTS; i++)
		if (addr_be && c->hosts[i].addr_be == addr_be && c->hosts[i].port_be == port_be)
			return &c->hosts[i];
	return NULL;
}

static void drop(struct negcache *c, struct negcache_host *h)
{
	memset(h, 0, sizeof(*h));
	atomic_fetch_sub(&c->count, 1);
}

/* A free place, or that of the host that is due first. */
static struct negcache_host *place(struct negcache *c)
{
	struct negcache_host *best = &c->hosts[0];
	for (int i = 0; i < NEGCACHE_HOSTS; i++) {
		struct negcache_host *h = &c->hosts[i];
		if (!h->addr_be)
			return h;
		if (h->until_ns < best->until_ns)
			best = h;
	}
	drop(c, best);
	return best;
}

unsigned negcache_add(struct negcache *c, uint32_t addr_be, uint16_t port_be, uint64_t now_ns)
{
	uint64_t longest = (port_be ? NEGCACHE_PORT_LONGEST_S : NEGCACHE_LONGEST_S) * SECOND;
	pthread_mutex_lock(&c->lock);
	struct negcache_host *h = find(c, addr_be, port_be);
	if (!h) {
		h = place(c);
		h->addr_be = addr_be;
		h->port_be = port_be;
		h->period_ns = (port_be ? NEGCACHE_PORT_FIRST_S : NEGCACHE_FIRST_S) * SECOND;
		atomic_fetch_add(&c->count, 1);
	} else if (h->until_ns <= now_ns) { /* tried again, in vain */
		h->period_ns *= 2;
		if (h->period_ns > longest)
			h->period_ns = longest;
	}
	h->until_ns = now_ns + h->period_ns;
	unsigned seconds = (unsigned)(h->period_ns / SECOND);
	pthread_mutex_unlock(&c->lock);
	return seconds;
}

bool negcache_has(struct negcache *c, uint32_t addr_be, uint16_t port_be, uint64_t now_ns)
{
	if (!atomic_load(&c->count))
		return false;
	bool has = false;
	pthread_mutex_lock(&c->lock);
	/* one that is due keeps its place: if it fails again its period doubles */
	for (int i = 0; i < NEGCACHE_HOSTS; i++) {
		const struct negcache_host *h = &c->hosts[i];
		has |= addr_be && h->addr_be == addr_be && h->until_ns > now_ns &&
		       (!h->port_be || h->port_be == port_be);
	}
	pthread_mutex_unlock(&c->lock);
	return has;
}

void negcache_remove(struct negcache *c, uint32_t addr_be, uint16_t port_be)
{
	if (!atomic_load(&c->count))
		return;
	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < NEGCACHE_HOSTS; i++) {
		struct negcache_host *h = &c->hosts[i];
		if (addr_be && h->addr_be == addr_be && (!h->port_be || h->port_be == port_be))
			drop(c, h);
	}
	pthread_mutex_unlock(&c->lock);
}

void negcache_clear(struct negcache *c)
{
	pthread_mutex_lock(&c->lock);
	memset(c->hosts, 0, sizeof(c->hosts));
	atomic_store(&c->count, 0);
	pthread_mutex_unlock(&c->lock);
}

static void neighbour(struct negcache *c, struct negcache_host *h, bool up, const void *lladdr,
		      size_t len)
{
	if (!up) {
		h->gone = true;
	} else if (h->gone || (h->lladdr_len &&
			       (h->lladdr_len != len || memcmp(h->lladdr, lladdr, len) != 0))) {
		drop(c, h);
	} else if (len) {
		memcpy(h->lladdr, lladdr, len);
		h->lladdr_len = (uint8_t)len;
	}
}

void negcache_neighbour(struct negcache *c, uint32_t addr_be, bool up, const void *lladdr,
			size_t len)
{
	if (len > NEGCACHE_LLADDR)
		len = NEGCACHE_LLADDR;
	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < NEGCACHE_HOSTS; i++)
		if (addr_be && c->hosts[i].addr_be == addr_be)
			neighbour(c, &c->hosts[i], up, lladdr, len);
	pthread_mutex_unlock(&c->lock);
}
