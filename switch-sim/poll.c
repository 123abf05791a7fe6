/* SPDX-License-Identifier: MIT
 *
 * WSAPoll, after Microsoft's page: POLLPRI, POLLWRBAND and the flags that are answers may not be
 * asked for; the end of the stream is POLLHUP, and POLLRDNORM beside it only while data is left; a
 * connect that failed is told (since Windows 10 2004).
 *
 * Locks: none held over a wait.
 */
#include "ready.h"
#include "select.h"
#include "usermem.h"
#include "waitset.h"

#include <stdlib.h>

enum { ASKABLE = WSD_POLLRDNORM | WSD_POLLRDBAND | WSD_POLLWRNORM };

static int copy(WSAPOLLFD *to, WSAPOLLFD *from, size_t n, int (*fn)(void *, const void *, size_t))
{
	for (size_t at = 0; at < n * sizeof(*to); at += MEMORY_MAX) {
		size_t left = n * sizeof(*to) - at;
		if (fn((char *)to + at, (char *)from + at, left < MEMORY_MAX ? left : MEMORY_MAX) <
		    0)
			return WSAEFAULT;
	}
	return 0;
}

static unsigned want_of(SHORT events)
{
	unsigned want = SW_READY_CLOSE | SW_READY_ERROR | SW_READY_CONNECT;
	if (events & WSD_POLLRDNORM)
		want |= SW_READY_READ | SW_READY_ACCEPT;
	if (events & WSD_POLLRDBAND)
		want |= SW_READY_URGENT;
	if (events & WSD_POLLWRNORM)
		want |= SW_READY_WRITE;
	return want;
}

static SHORT answer(struct sw_socket *s, unsigned got, SHORT events)
{
	int revents = 0;
	if (got & SW_READY_GONE)
		return WSD_POLLNVAL;
	if ((got & SW_READY_ACCEPT) ||
	    ((got & SW_READY_CLOSE) ? sw_has_data(s, got) : (got & SW_READY_READ) != 0))
		revents |= WSD_POLLRDNORM;
	if (got & SW_READY_URGENT)
		revents |= WSD_POLLRDBAND;
	if (got & SW_READY_WRITE)
		revents |= WSD_POLLWRNORM;
	if (got & SW_READY_CLOSE)
		revents |= WSD_POLLHUP;
	if (got & SW_READY_ERROR)
		revents |= WSD_POLLERR | WSD_POLLHUP;
	if (got & SW_READY_CONNECT) /* only one that failed is told as such */
		revents |= WSD_POLLWRNORM & events;
	return (SHORT)revents;
}

static int check(const WSAPOLLFD *fds, ULONG count)
{
	for (ULONG i = 0; i < count; i++)
		if ((INT_PTR)fds[i].fd >= 0 && (fds[i].events & ~ASKABLE))
			return WSAEINVAL;
	return 0;
}

static int wait_for(struct sw_process *p, WSAPOLLFD *fds, ULONG count, uint64_t deadline,
		    struct waitset *w)
{
	unsigned invalid = 0, item = 0;
	for (ULONG i = 0; i < count; i++) {
		fds[i].revents = 0;
		if ((INT_PTR)fds[i].fd < 0)
			continue;
		struct sw_socket *s = sw_socket_find(p, fds[i].fd);
		if (s) {
			waitset_add(w, s, want_of(fds[i].events));
			continue;
		}
		fds[i].revents = WSD_POLLNVAL;
		invalid++;
	}
	if (!w->count)
		return WSAENOTSOCK;
	int code = waitset_wait(w, invalid ? 0 : deadline);
	for (ULONG i = 0; !code && i < count; i++)
		if ((INT_PTR)fds[i].fd >= 0 && !fds[i].revents) {
			const struct wait_item *at = &w->items[item++];
			fds[i].revents = answer(at->s, at->got, fds[i].events);
		}
	return code;
}

int sw_poll(struct sw_process *p, WSAPOLLFD *sockets, ULONG count, INT timeout_ms, int *ret_count)
{
	uint64_t deadline = timeout_ms < 0 ? WAITER_FOREVER
			    : timeout_ms   ? waiter_deadline((uint32_t)timeout_ms)
					   : 0;
	struct waitset w;
	if (sw_fault_netdown(p, "poll"))
		return WSAENETDOWN;
	if (!count)
		return WSAEINVAL;
	if (!sockets || memory_probe(sockets, count * sizeof(*sockets)) < 0)
		return WSAEFAULT;
	WSAPOLLFD *fds = malloc(count * sizeof(*fds));
	if (!fds)
		return WSAENOBUFS;
	int code = copy(fds, sockets, count, memory_read), n = 0;
	if (!code)
		code = check(fds, count);
	if (!code && !waitset_begin(&w, count))
		code = WSAENOBUFS;
	else if (!code) {
		code = wait_for(p, fds, count, deadline, &w);
		waitset_end(&w);
	}
	if (!code)
		code = copy(sockets, fds, count, memory_write);
	for (ULONG i = 0; i < count; i++)
		n += fds[i].revents != 0;
	if (!code)
		*ret_count = n;
	free(fds);
	return code;
}
