/* SPDX-License-Identifier: MIT
 *
 * select [WS-SELECT-1, WS-CONNECT-3, -8, WS-DATA-4]: the sets as they come, any number of entries.
 * A socket that is in several sets is waited for once.
 *
 * Locks: none held over a wait.
 */
#include "select.h"
#include "usermem.h"
#include "waitset.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { SETS = 3, READ = 0, WRITE = 1, EXCEPT = 2, MOST_SECONDS = 1 << 30 };

static const unsigned wants[SETS] = {
	[READ] = SW_READY_READ | SW_READY_ACCEPT,
	[WRITE] = SW_READY_WRITE,
	/* a connect that failed; a connection that is lost says so where it is read and written */
	[EXCEPT] = SW_READY_URGENT | SW_READY_CONNECT,
};

struct set {
	struct wsd_fd_set *at; /* the application's; NULL: none */
	unsigned count;
	SOCKET *sockets;          /* a copy */
	struct wait_item **items; /* of each */
};

struct call {
	struct set sets[SETS];
	unsigned total;
	struct waitset wait;
	unsigned *buckets; /* index + 1 into wait.items, by socket; open addressing */
	unsigned mask;
};

/* ---- the sets ---- */

static int read_long(void *to, const void *from, size_t n)
{
	for (size_t at = 0; at < n; at += MEMORY_MAX) {
		size_t part = n - at < MEMORY_MAX ? n - at : MEMORY_MAX;
		if (memory_read((char *)to + at, (const char *)from + at, part) < 0)
			return WSAEFAULT;
	}
	return 0;
}

static int write_long(void *to, const void *from, size_t n)
{
	for (size_t at = 0; at < n; at += MEMORY_MAX) {
		size_t part = n - at < MEMORY_MAX ? n - at : MEMORY_MAX;
		if (memory_write((char *)to + at, (const char *)from + at, part) < 0)
			return WSAEFAULT;
	}
	return 0;
}

static char *array_of(struct wsd_fd_set *set)
{
	return (char *)set + offsetof(struct wsd_fd_set, fd_array);
}

/* All of it can be written when this succeeds. */
static int read_set(struct set *set)
{
	UINT count;
	if (!set->at)
		return 0;
	if (memory_read(&count, &set->at->fd_count, sizeof(count)) < 0)
		return WSAEFAULT;
	size_t size = count * sizeof(SOCKET);
	if (!count)
		return 0;
	if (memory_probe(set->at, (size_t)(array_of(set->at) - (char *)set->at) + size) < 0)
		return WSAEFAULT;
	set->sockets = malloc(size);
	set->items = calloc(count, sizeof(struct wait_item *));
	if (!set->sockets || !set->items)
		return WSAENOBUFS;
	set->count = count;
	return read_long(set->sockets, array_of(set->at), size);
}

/* Leaves those that are ready, in their order. */
static int write_set(struct set *set, unsigned which, int *ret_count)
{
	UINT kept = 0;
	if (!set->at || !set->count)
		return 0;
	for (unsigned i = 0; i < set->count; i++)
		if (set->items[i]->got & wants[which])
			set->sockets[kept++] = set->sockets[i];
	*ret_count += (int)kept;
	int code = write_long(array_of(set->at), set->sockets, kept * sizeof(SOCKET));
	if (!code && memory_write(&set->at->fd_count, &kept, sizeof(kept)) < 0)
		code = WSAEFAULT;
	return code;
}

/* ---- the sockets ---- */

static struct wait_item *add(struct call *c, struct sw_socket *s, unsigned want)
{
	unsigned at = (unsigned)((uintptr_t)s >> 6) * 2654435761U;
	for (;; at++) {
		unsigned *bucket = &c->buckets[at & c->mask];
		if (!*bucket) {
			struct wait_item *item = waitset_add(&c->wait, s, want);
			*bucket = c->wait.count;
			return item;
		}
		struct wait_item *item = &c->wait.items[*bucket - 1];
		if (item->s != s)
			continue;
		item->want |= want;
		sw_socket_put(s); /* the first one's reference does for all */
		return item;
	}
}

static int find_all(struct sw_process *p, struct call *c)
{
	for (unsigned k = 0; k < SETS; k++)
		for (unsigned i = 0; i < c->sets[k].count; i++) {
			struct sw_socket *s = sw_socket_find(p, c->sets[k].sockets[i]);
			if (!s)
				return WSAENOTSOCK;
			c->sets[k].items[i] = add(c, s, wants[k]);
		}
	return 0;
}

static int read_deadline(const struct timeval *timeout, uint64_t *ret)
{
	struct timeval t;
	*ret = WAITER_FOREVER;
	if (!timeout)
		return 0;
	if (memory_read(&t, timeout, sizeof(t)) < 0)
		return WSAEFAULT;
	if (t.tv_sec < 0 || t.tv_usec < 0)
		return WSAEINVAL;
	if (!t.tv_sec && !t.tv_usec)
		*ret = 0;
	else if (t.tv_sec < MOST_SECONDS && t.tv_usec / 1000000 < MOST_SECONDS)
		*ret = waiter_now_ns() + (uint64_t)t.tv_sec * 1000000000U +
		       (uint64_t)t.tv_usec * 1000U;
	return 0;
}

static int read_all(struct call *c)
{
	int code = 0;
	for (unsigned k = 0; !code && k < SETS; k++) {
		code = read_set(&c->sets[k]);
		c->total += c->sets[k].count;
	}
	if (!code && !c->total)
		code = WSAEINVAL;
	return code;
}

static int begin_wait(struct call *c)
{
	unsigned buckets = 4;
	while (buckets < c->total * 2)
		buckets *= 2;
	c->mask = buckets - 1;
	c->buckets = calloc(buckets, sizeof(*c->buckets));
	return c->buckets && waitset_begin(&c->wait, c->total) ? 0 : WSAENOBUFS;
}

/* Sockets that were closed meanwhile: whoever would read one hears of it, as of an end; of one that
 * nobody would, the call does. Then no set has a socket [WS-ACCEPT-5]. */
static int tell_gone(struct call *c)
{
	int code = 0;
	for (unsigned i = 0; i < c->wait.count; i++) {
		struct wait_item *item = &c->wait.items[i];
		if (item->got & SW_READY_GONE) {
			item->got = item->want & SW_READY_READ;
			code = item->got ? code : WSAENOTSOCK;
		}
	}
	for (unsigned i = 0; code && i < c->wait.count; i++)
		c->wait.items[i].got = 0;
	return code;
}

static int finish(struct call *c, int *ret_count)
{
	int code = tell_gone(c), bad = 0, count = 0;
	for (unsigned k = 0; !bad && k < SETS; k++)
		bad = write_set(&c->sets[k], k, &count);
	if (!code && !bad)
		*ret_count = count;
	return code ? code : bad;
}

int sw_select(struct sw_process *p, struct wsd_fd_set *const sets[3], const struct timeval *timeout,
	      int *ret_count)
{
	struct call c = {.sets = {{.at = sets[0]}, {.at = sets[1]}, {.at = sets[2]}}};
	uint64_t deadline;
	if (sw_fault_netdown(p, "select"))
		return WSAENETDOWN;
	int code = read_all(&c);
	if (!code)
		code = read_deadline(timeout, &deadline);
	if (!code)
		code = begin_wait(&c);
	if (!code) {
		code = find_all(p, &c);
		if (!code)
			code = waitset_wait(&c.wait, deadline);
		if (!code)
			code = finish(&c, ret_count);
		waitset_end(&c.wait);
	}
	for (unsigned k = 0; k < SETS; k++) {
		free(c.sets[k].sockets);
		free(c.sets[k].items);
	}
	free(c.buckets);
	return code;
}
