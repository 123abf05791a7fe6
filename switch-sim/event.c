/* SPDX-License-Identifier: MIT
 *
 * Event objects over eventfds: readable means set. They live in the handle table, beside the
 * sockets, and outlive WSACleanup. No lock: an eventfd is its own.
 */
#include "event.h"
#include "handle.h"
#include "process.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct event {
	struct handle_slot *slot;
	int fd;
	bool auto_reset;
};

static struct event *find(WSAEVENT e)
{
	return handles_find(sw_handles(), HANDLE_EVENT, (uintptr_t)e);
}

/* The slot keeps the object until the descriptor is closed: a fork finds both or neither. */
static void put(struct event *e)
{
	if (!handle_put(e->slot))
		return;
	sw_fds_begin();
	close(e->fd);
	e->fd = -1;
	sw_fds_end();
	handles_recycle(sw_handles(), e->slot);
	free(e);
}

int event_create_kind(bool auto_reset, bool set, WSAEVENT *ret_event)
{
	uint32_t value;
	struct event *e = malloc(sizeof(*e));
	if (!e)
		return WSA_NOT_ENOUGH_MEMORY;
	e->auto_reset = auto_reset;
	sw_fds_begin();
	e->fd = eventfd(set, EFD_CLOEXEC | EFD_NONBLOCK);
	int code = e->fd >= 0 ? 0 : errno == EMFILE ? WSAEMFILE : WSA_NOT_ENOUGH_MEMORY;
	if (!code && handles_add(sw_handles(), HANDLE_EVENT, e, &e->slot, &value) < 0) {
		close(e->fd);
		code = WSA_NOT_ENOUGH_MEMORY;
	}
	sw_fds_end();
	if (code) {
		free(e);
		return code;
	}
	*ret_event = (WSAEVENT)(uintptr_t)value;
	return 0;
}

int event_create(WSAEVENT *ret_event)
{
	return event_create_kind(false, false, ret_event);
}

int event_close(WSAEVENT handle)
{
	struct event *e = handles_remove(sw_handles(), HANDLE_EVENT, (uintptr_t)handle);
	if (!e)
		return WSA_INVALID_HANDLE;
	put(e);
	return 0;
}

static void raise_fd(int fd)
{
	/* EAGAIN: the counter is full, so it is set */
	if (eventfd_write(fd, 1) < 0)
		return;
}

/* Return: whether it was set. */
static bool lower_fd(int fd)
{
	eventfd_t count;
	return eventfd_read(fd, &count) == 0;
}

int event_set(WSAEVENT handle)
{
	struct event *e = find(handle);
	if (!e)
		return WSA_INVALID_HANDLE;
	raise_fd(e->fd);
	put(e);
	return 0;
}

int event_reset(WSAEVENT handle)
{
	struct event *e = find(handle);
	if (!e)
		return WSA_INVALID_HANDLE;
	lower_fd(e->fd);
	put(e);
	return 0;
}

int event_fd(WSAEVENT handle)
{
	struct event *e = find(handle);
	if (!e)
		return -1;
	int fd = e->fd;
	put(e);
	return fd;
}

struct event *event_ref(WSAEVENT handle)
{
	return handle ? find(handle) : NULL;
}

struct event *event_again(struct event *e)
{
	if (e)
		handle_ref(e->slot);
	return e;
}

void event_unref(struct event *e)
{
	if (e)
		put(e);
}

void event_raise(struct event *e)
{
	if (e)
		raise_fd(e->fd);
}

void event_lower(struct event *e)
{
	if (e)
		lower_fd(e->fd);
}

void event_after_fork(void *object)
{
	struct event *e = object;
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One that is set: reset it if it resets itself. False: another thread was quicker. */
static bool consume(struct event *e)
{
	return !e->auto_reset || lower_fd(e->fd);
}

/* All are set: reset those that reset themselves, or none. */
static bool consume_all(struct event **e, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (consume(e[i]))
			continue;
		while (i--)
			if (e[i]->auto_reset)
				raise_fd(e[i]->fd);
		return false;
	}
	return true;
}

struct wait {
	struct event **e;
	unsigned count;
	bool endless;
	int64_t deadline_ms;
};

static void fill(const struct wait *w, struct pollfd *fds)
{
	for (unsigned i = 0; i < w->count; i++)
		fds[i] = (struct pollfd){.fd = w->e[i]->fd, .events = POLLIN};
}

/* poll(2) until the deadline, whatever signals come. Return: as poll. */
static int poll_until(const struct wait *w, struct pollfd *fds, nfds_t count)
{
	for (;;) {
		int64_t left = w->endless ? -1 : w->deadline_ms - now_ms();
		if (!w->endless && left < 0)
			left = 0;
		int n = poll(fds, count, left > INT32_MAX ? INT32_MAX : (int)left);
		if (n > 0 || (n == 0 && left <= INT32_MAX) || (n < 0 && errno != EINTR))
			return n;
	}
}

static int wait_any(const struct wait *w, unsigned *ret_index)
{
	struct pollfd fds[WSA_MAXIMUM_WAIT_EVENTS];
	for (;;) {
		fill(w, fds);
		int n = poll_until(w, fds, w->count);
		if (n <= 0)
			return n ? WSA_NOT_ENOUGH_MEMORY : WSA_WAIT_TIMEOUT;
		for (unsigned i = 0; i < w->count; i++)
			if (fds[i].revents && consume(w->e[i])) {
				*ret_index = i;
				return 0;
			}
	}
}

/* Looks at all of them, then waits for the first that is not set, and looks again. */
static int wait_all(const struct wait *w, unsigned *ret_index)
{
	struct pollfd fds[WSA_MAXIMUM_WAIT_EVENTS];
	for (;;) {
		unsigned i = 0;
		fill(w, fds);
		if (poll(fds, w->count, 0) < 0 && errno != EINTR)
			return WSA_NOT_ENOUGH_MEMORY;
		while (i < w->count && fds[i].revents)
			i++;
		if (i == w->count) {
			if (!consume_all(w->e, w->count))
				continue;
			*ret_index = 0;
			return 0;
		}
		int n = poll_until(w, &fds[i], 1);
		if (n <= 0)
			return n ? WSA_NOT_ENOUGH_MEMORY : WSA_WAIT_TIMEOUT;
	}
}

int event_wait(const WSAEVENT *events, unsigned count, bool all, DWORD timeout_ms,
	       unsigned *ret_index)
{
	struct event *e[WSA_MAXIMUM_WAIT_EVENTS];
	unsigned n = 0;
	while (n < count && (e[n] = find(events[n])))
		n++;
	struct wait w = {e, count, timeout_ms == WSA_INFINITE, now_ms() + timeout_ms};
	int code = n < count ? WSA_INVALID_HANDLE
		   : all     ? wait_all(&w, ret_index)
			     : wait_any(&w, ret_index);
	while (n--)
		put(e[n]);
	return code;
}
