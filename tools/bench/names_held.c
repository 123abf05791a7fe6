/* SPDX-License-Identifier: MIT
 *
 * names_held.c - see names_held.h.
 */
#include "names_held.h"

#include "nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum {
	FIRST_PORT = 5000, /* above Winsock's and Linux's reserved ports */
	LAST_PORT = 64999,
	ADDRESSES_MAX = 16,
	SPARE_FILES = 256,
};

struct sockaddr_in names_own(const struct run *r, const struct contestant *c, int k)
{
	struct sockaddr_in at = r->o->address;
	long index = c - r->contestants;
	at.sin_port = htons((uint16_t)(r->o->port + 1 + (unsigned)(index * NAMES_OWN + k)));
	return at;
}

int names_fail(char *why, size_t size, const char *step)
{
	int error = errno;
	snprintf(why, size, "%s: %s", step, strerror(error));
	errno = error;
	return -1;
}

/* The addresses beside @here that RDMA serves if it serves @here; some of lo's; else @here. */
static int addresses(const struct sockaddr_in *here, struct in_addr ret[ADDRESSES_MAX])
{
	struct nic_snapshot *snap;
	const struct nic_addr *a;
	int n = 0;
	if (ntohl(here->sin_addr.s_addr) >> 24 == 127) {
		for (; n < 4; n++)
			ret[n].s_addr = htonl(ntohl(here->sin_addr.s_addr) + (uint32_t)n);
		return n;
	}
	if (!nic_discover(&snap)) {
		bool san = nic_snapshot_find(snap, here->sin_addr.s_addr);
		for (size_t i = 0; san && (a = nic_snapshot_addr(snap, i)); i++)
			if (a->usable && n < ADDRESSES_MAX)
				ret[n++].s_addr = a->addr_be;
		nic_snapshot_unref(snap);
	}
	if (!n)
		ret[n++] = here->sin_addr;
	return n;
}

int held_room(struct held *h, int n)
{
	struct rlimit files;
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < (rlim_t)n + SPARE_FILES) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	struct bound **more = reallocarray(h->names, (size_t)n + 1, sizeof(*more));
	if (!more)
		return -1;
	h->names = more;
	return 0;
}

int held_add(struct held *h, const struct sockaddr_in *name)
{
	struct bound *b;
	if (h->ops->make(&b))
		return -1;
	if (h->ops->bind(b, name, 0)) {
		int error = errno;
		h->ops->close(b);
		errno = error;
		return -1;
	}
	h->names[h->count++] = b;
	return 0;
}

void held_drop(struct held *h)
{
	while (h->count)
		h->ops->close(h->names[--h->count]);
	free(h->names);
	h->names = NULL;
}

/* Whether a test measures there. */
static bool is_own(const struct run *r, int port)
{
	int first = (int)r->o->port;
	return port >= first && port <= first + (PEERS_MAX + 1) * NAMES_OWN;
}

/* Fills the block of ports from @first on, all addresses of a port before the next one. */
static int fill(struct held *h, const struct run *r, int n, int first, int last, bool listening)
{
	struct in_addr at[ADDRESSES_MAX];
	int count = addresses(&r->o->address, at);
	for (int port = first; port <= last && h->count < n; port++) {
		for (int i = 0; i < count && h->count < n && !is_own(r, port); i++) {
			struct sockaddr_in name = {.sin_family = AF_INET,
						   .sin_port = htons((uint16_t)port),
						   .sin_addr = at[i]};
			if (held_add(h, &name)) {
				if (errno != EADDRINUSE) /* somebody else's */
					return -1;
			} else if (listening &&
				   h->ops->listen(h->names[h->count - 1], r->o->backlog)) {
				return -1;
			}
		}
	}
	return 0;
}

int held_take(struct held *h, const struct run *r, const struct contestant *c, int n,
	      bool listening, char *why, size_t size)
{
	int block = (LAST_PORT - FIRST_PORT + 1) / r->count;
	int first = FIRST_PORT + (int)(c - r->contestants) * block;
	*h = (struct held){.ops = c->who->names};
	if (!n)
		return 0;
	if (held_room(h, n))
		return names_fail(why, size, "names held beside");
	int err = fill(h, r, n, first, first + block - 1, listening);
	if (!err && h->count == n)
		return 0;
	if (err)
		snprintf(why, size, "only %d names could be held: %s", h->count, strerror(errno));
	else
		snprintf(why, size, "only %d names could be held: no more ports", h->count);
	held_drop(h);
	return -1;
}
