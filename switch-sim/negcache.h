/* SPDX-License-Identifier: MIT
 *
 * Hosts that did not answer on the SAN, so that the next connect does not wait for them again
 * [SW-FALLBACK-6]. Entered only for want of any answer, never for a reject; forgotten when the way
 * to the host may have changed. Time is passed in. Lock: its own, a leaf.
 */
#ifndef WSD_SWITCH_NEGCACHE_H
#define WSD_SWITCH_NEGCACHE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	NEGCACHE_HOSTS = 64, /* the one that is due first makes room */
	NEGCACHE_LLADDR = 32,
	NEGCACHE_FIRST_S = 30,
	NEGCACHE_LONGEST_S = 600,
};

struct negcache_host {
	uint32_t addr_be; /* 0: free */
	uint64_t until_ns, period_ns;
	/* What the kernel says of the neighbour: another link address is another machine, and one
	 * that was gone and is back is worth a try. */
	uint8_t lladdr[NEGCACHE_LLADDR];
	uint8_t lladdr_len;
	bool gone;
};

struct negcache {
	pthread_mutex_t lock;
	atomic_uint count;
	struct negcache_host hosts[NEGCACHE_HOSTS];
};

void negcache_init(struct negcache *c);
void negcache_destroy(struct negcache *c);

/* It did not answer. Return: for how many seconds it is left alone. */
unsigned negcache_add(struct negcache *c, uint32_t addr_be, uint64_t now_ns);
bool negcache_has(struct negcache *c, uint32_t addr_be, uint64_t now_ns);
/* It answers: forget it. */
void negcache_remove(struct negcache *c, uint32_t addr_be);
/* A link or a route changed. */
void negcache_clear(struct negcache *c);
/* The neighbour table: @up: the host was just reached, at this link address; else it is gone. */
void negcache_neighbour(struct negcache *c, uint32_t addr_be, bool up, const void *lladdr,
			size_t len);

#endif
