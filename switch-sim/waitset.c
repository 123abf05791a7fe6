/* SPDX-License-Identifier: MIT
 *
 * A wait mixes two kinds of news: kernel descriptors, polled together by one system call, and the
 * sockets' lists of waiting threads. [WS-SELECT-1, SW-BLOCK-1, -3, WS-ACCEPT-5]
 *
 * Locks: none of its own, none held over calls.
 */
#include "waitset.h"
#include "ready.h"

#include <errno.h>
#include <stdlib.h>

/* A socket may become another kind of thing while it is waited for. */
enum {
	ALWAYS =
		SW_READY_GONE | SW_READY_CONNECT | SW_READY_CLOSE | SW_READY_ERROR | SW_READY_ACCEPT
};

bool waitset_begin(struct waitset *w, unsigned most)
{
	*w = (struct waitset){.items = calloc(most, sizeof(*w->items)),
			      .fds = calloc((size_t)most + 1, sizeof(*w->fds)),
			      .fd_owners = calloc(most, sizeof(*w->fd_owners))};
	if (w->items && w->fds && w->fd_owners)
		return true;
	waitset_end(w);
	return false;
}

void waitset_end(struct waitset *w)
{
	for (unsigned i = 0; i < w->count; i++)
		sw_socket_put(w->items[i].s);
	free(w->items);
	free(w->fds);
	free(w->fd_owners);
}

struct wait_item *waitset_add(struct waitset *w, struct sw_socket *s, unsigned want)
{
	struct wait_item *item = &w->items[w->count++];
	item->s = s;
	item->want = want;
	return item;
}

/* What is known without the kernel, and whose descriptors to ask. Return: how many are ready. */
static unsigned look(struct waitset *w)
{
	unsigned ready = 0;
	w->n_fds = 0;
	for (unsigned i = 0; i < w->count; i++) {
		struct wait_item *item = &w->items[i];
		struct pollfd fd;
		item->got = sw_ready(item->s, item->want, &fd);
		ready += item->got != 0;
		/* who is ready for one thing may be for another, which only the kernel knows */
		if (fd.fd < 0 || item->deaf || (item->got & item->want) == item->want)
			continue;
		fd.revents = 0;
		w->fd_owners[w->n_fds] = i;
		w->fds[w->n_fds++] = fd;
	}
	return ready;
}

/* After a poll. Return: how many more are ready. */
static unsigned take_events(struct waitset *w)
{
	unsigned ready = 0;
	for (unsigned i = 0; i < w->n_fds; i++) {
		const struct pollfd *fd = &w->fds[i];
		struct wait_item *item = &w->items[w->fd_owners[i]];
		if (!fd->revents)
			continue;
		item->got |= sw_ready(item->s, item->want, NULL);
		ready += item->got != 0;
		/* POLLHUP and POLLERR come unasked, and stay: they must not make us spin */
		if (!item->got && !(fd->revents & fd->events))
			item->deaf = true;
	}
	return ready;
}

static unsigned look_everywhere(struct waitset *w)
{
	unsigned ready = look(w);
	if (w->n_fds && poll(w->fds, w->n_fds, 0) > 0)
		ready += take_events(w);
	return ready;
}

static int sleep_until_ready(struct waitset *w, struct waiter *waiter, uint64_t deadline_ns)
{
	for (;;) {
		unsigned ready = look(w);
		if (ready) { /* the others have their turn, too */
			if (w->n_fds && poll(w->fds, w->n_fds, 0) > 0)
				take_events(w);
			return 0;
		}
		int r = waiter_sleep(waiter, w->fds, w->n_fds, deadline_ns);
		if (r == -ETIMEDOUT)
			return 0;
		if (r < 0)
			return WSAENOBUFS;
		for (unsigned i = 0; r > 0 && i < w->count; i++)
			w->items[i].deaf = false; /* something has changed */
		if (take_events(w)) {
			look_everywhere(w);
			return 0;
		}
	}
}

int waitset_wait(struct waitset *w, uint64_t deadline_ns)
{
	struct waiter waiter;
	if (look_everywhere(w) || deadline_ns <= waiter_now_ns())
		return 0;
	if (waiter_begin(&waiter) < 0)
		return WSAENOBUFS;
	for (unsigned i = 0; i < w->count; i++)
		waiter_link(&w->items[i].s->waiters, &w->items[i].link, &waiter,
			    w->items[i].want | ALWAYS);
	int code = sleep_until_ready(w, &waiter, deadline_ns);
	for (unsigned i = 0; i < w->count; i++)
		waiter_unlink(&w->items[i].link);
	waiter_end(&waiter);
	return code;
}
