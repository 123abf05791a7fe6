/* SPDX-License-Identifier: MIT
 *
 * The kernel's news about links, routes and neighbours, for the negative cache [SW-FALLBACK-6].
 * Watched only while a host is in it; the service thread's alone, no locks.
 */
#ifndef WSD_SWITCH_NEIGH_H
#define WSD_SWITCH_NEIGH_H

#include "negcache.h"
#include "reactor.h"

struct neigh {
	struct reactor *reactor;
	struct negcache *cache;
	struct reactor_watch watch; /* fd -1: not watched */
};

/* Watch, if it is not done yet. Without a socket only time helps. */
void neigh_watch(struct neigh *n, struct reactor *r, struct negcache *cache);
/* The reactor has ended, or this is its thread. */
void neigh_stop(struct neigh *n);
/* One message of rtnetlink against the cache; exposed for its test. */
void neigh_take(struct negcache *cache, const void *messages, size_t size);

#endif
