/* SPDX-License-Identifier: MIT
 *
 * Hosts that did not answer on the SAN, and ports that only TCP/IP serves, so that the next connect
 * does not ask in vain again [SW-FALLBACK-6]. A host is entered only for want of any answer, never
 * for a reject; a port (beyond the clause; docs/design.md) when nobody spoke for it on the SAN and
 * TCP/IP then took the connection, for much shorter: a server may be restarted as one that can.
 * Forgotten when the way to the host may have changed. Time is passed in. Lock: its own, a leaf.
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
	NEGCACHE_PORT_FIRST_S = 2,
	NEGCACHE_PORT_LONGEST_S = 60,
};

struct negcache_host {
	uint32_t addr_be; /* 0: free */
	uint16_t port_be; /* 0: the whole host */
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

/* The host did not answer (@port_be 0), or the port is TCP/IP's. Return: for how many seconds it is
 * left alone. */
unsigned negcache_add(struct negcache *c, uint32_t addr_be, uint16_t port_be, uint64_t now_ns);
/* The host, or that port of it. */
bool negcache_has(struct negcache *c, uint32_t addr_be, uint16_t port_be, uint64_t now_ns);
/* The port answers: forget it, and the host. */
void negcache_remove(struct negcache *c, uint32_t addr_be, uint16_t port_be);
/* A link or a route changed. */
void negcache_clear(struct negcache *c);
/* The neighbour table: @up: the host was just reached, at this link address; else it is gone. */
void negcache_neighbour(struct negcache *c, uint32_t addr_be, bool up, const void *lladdr,
			size_t len);

#endif
