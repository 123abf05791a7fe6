/* SPDX-License-Identifier: MIT */
/*
 * names_call.c: what a participant hears: calls of a new keeper on its beacon, events of the
 * present one. The service thread, under `lock`.
 */
#include "names_priv.h"

#include <errno.h>
#include <limits.h>
#include <log.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUND = 64, ROUNDS = 4096 / ROUND + 1 /* the queue of a beacon, and who comes meanwhile */ };

static void close_call(struct names *n, unsigned i)
{
	service_unwatch(n, n->calls[i]);
	wire_close(&n->calls[i]);
}

void call_close_all(struct names *n)
{
	for (unsigned i = 0; i < CALLS; i++)
		close_call(n, i);
}

static bool is_silent(int fd)
{
	char byte;

	return recv(fd, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/*
 * A place for one more. Anybody may connect, and a keeper speaks as it connects: a silent one goes,
 * in turn. One that has spoken does not, for to be hung up on would tell a keeper that we are dead.
 * CALLS: all have spoken, and are heard first.
 */
static unsigned free_call(struct names *n)
{
	for (unsigned i = 0; i < CALLS; i++)
		if (n->calls[i] < 0)
			return i;
	for (unsigned i = 0; i < CALLS; i++) {
		unsigned at = n->call_turn++ % CALLS;
		if (!is_silent(n->calls[at]))
			continue;
		close_call(n, at);
		return at;
	}
	return CALLS;
}

static int accept_call(struct names *n)
{
	int fd = accept4(n->beacon, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && service_spend(n))
		fd = accept4(n->beacon, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

/* True: there may be more. */
static bool accept_calls(struct names *n)
{
	for (int i = 0; i < ROUND; i++) {
		unsigned place = free_call(n);
		int fd = place < CALLS ? accept_call(n) : -EAGAIN;
		if (fd == -EMFILE || fd == -ENFILE)
			service_starve(n);
		if (fd < 0)
			return false;
		n->calls[place] = fd;
		if (service_watch(n, fd, WATCH_CALL, (uint32_t)fd, place) < 0)
			close_call(n, place);
	}
	return true;
}

void call_beacon_ready(struct names *n)
{
	accept_calls(n);
}

static void close_fds(const int *fd, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fd[i]);
}

/*
 * A welcome that only a participant can have sent. It is left unread: if we have no descriptors for
 * it, or it is not for us to act on now, hanging up would say to the caller that we are dead. *ret:
 * fds that are not sent are -1.
 */
static int peek_call(struct names *n, int fd, struct wire_welcome *ret, int fds[WIRE_FDS])
{
	union wire_any m;
	unsigned count = 0;
	int r = wire_peek(fd, &m, fds, &count);

	if (r == -EMFILE && service_spend(n))
		r = wire_peek(fd, &m, fds, &count);
	if (r < 0)
		return r;
	if (m.head.type != WIRE_WELCOME || count != WIRE_FDS || m.welcome.slot != n->slot ||
	    memcmp(m.welcome.secret, n->fence->secret, sizeof(n->fence->secret)) != 0) {
		close_fds(fds, count);
		return -EPROTO;
	}
	*ret = m.welcome;
	return 0;
}

/* The new keeper may be found at another place than the old one. Until it has sent us the sockets
 * of that place, ours do: we hear the alarm there, and could serve there. */
static void ask_place(struct names *n, uint32_t place)
{
	struct wire_ask ask = {.head = wire_head(WIRE_ASK), .op = OP_PLACE};

	if (place != n->place)
		wire_send(n->ask_fd, &ask, NULL, 0);
}

static void move(struct names *n, const struct wire_welcome *w, int fds[WIRE_FDS])
{
	if (w->place != n->place) {
		service_unwatch(n, n->alarm);
		wire_close(&n->listener);
		wire_close(&n->alarm);
		n->place = w->place;
		n->listener = fds[2];
		n->alarm = fds[3];
		fds[2] = fds[3] = -1;
		service_watch(n, n->alarm, WATCH_ALARM, 0, 0);
	}
	for (int i = 0; i < WIRE_FDS; i++)
		wire_close(&fds[i]);
}

int call_adopt(struct names *n, const struct wire_welcome *w, int fd, int event_fd, int table_fd)
{
	const struct table *t = NULL;
	int r = table_map(table_fd, &t);

	if (r == 0 && (t->token != w->token || t->keeper >= TABLE_CLIENTS))
		r = -EPROTO;
	if (r == 0) {
		ring_disconnect(n, false);
		r = service_watch(n, event_fd, WATCH_EVENT, n->connection, 0);
	}
	if (r < 0) {
		table_unmap(t);
		close_fds((int[]){fd, event_fd, table_fd}, 3);
		return r;
	}
	n->keeper_pid = t->client[t->keeper].pid;
	table_comm(n->keeper_comm, t->client[t->keeper].comm);
	table_unmap(t);
	wire_close(&n->table_fd);
	n->table_fd = table_fd;
	n->ask_fd = fd;
	n->event_fd = event_fd;
	n->token = w->token;
	n->departed = n->watched = 0;
	oneway_flush(n);
	pthread_cond_broadcast(&n->changed);
	return 0;
}

/*
 * Of a keeper that is deposed: we are not its client, but what it served counts: if we claim, it is
 * from this table. All of @fds are closed, or ours.
 */
static void keep_newer(struct names *n, const struct wire_welcome *w, int fds[WIRE_FDS])
{
	const struct table *t;
	uint64_t turn = 0;

	if (n->table_fd >= 0 && table_map(n->table_fd, &t) == 0) {
		turn = t->token >> 32;
		table_unmap(t);
	}
	if (w->token >> 32 > turn && table_map(fds[0], &t) == 0) {
		bool right = t->token == w->token;
		table_unmap(t);
		if (right) {
			wire_close(&n->table_fd);
			n->table_fd = fds[0];
			fds[0] = -1;
		}
	}
	for (int i = 0; i < WIRE_FDS; i++)
		wire_close(&fds[i]);
}

void call_ready(struct names *n, uint32_t index, uint32_t generation)
{
	struct wire_welcome w;
	union wire_any message;
	int fd = index < CALLS ? n->calls[index] : -1, fds[WIRE_FDS];

	if (fd < 0 || ((uint32_t)fd & 0xffffff) != generation)
		return;
	int r = peek_call(n, fd, &w, fds);
	if (r == -EMFILE)
		service_starve(n);
	if (r == -EAGAIN || r == -EMFILE)
		return;
	ring_is_keeper(n); /* if it just turns out that we are not, first leave the book */
	if (r < 0 || !fence_is(n, w.token)) { /* no call, or its caller is deposed by now */
		if (r == 0)
			keep_newer(n, &w, fds);
		close_call(n, index);
		return;
	}
	wire_recv(fd, &message, NULL, NULL);
	service_unwatch(n, fd);
	n->calls[index] = -1;
	NAMES_STEP(call_read);
	close_fds(fds + 2, WIRE_FDS - 2);
	if (call_adopt(n, &w, fd, fds[1], fds[0]) == 0)
		ask_place(n, w.place);
	else
		wsd_log(WSD_LOG_WARNING,
			"names: a new keeper of the names called, and made no sense");
	service_reserve(n);
}

/*
 * One accepted call. Return: false: it is of a later keeper than @before, or of one that we do not
 * know yet: it stays, unread, for that one may have deposed us and waits for us.
 */
static bool older_call(struct names *n, int fd, uint64_t before)
{
	struct wire_welcome w;
	int fds[WIRE_FDS];

	int r = peek_call(n, fd, &w, fds);
	if (r < 0)
		return r != -EMFILE && r != -EAGAIN;
	bool older = w.token >> 32 < before >> 32;
	if (older)
		keep_newer(n, &w, fds);
	for (int i = 0; i < WIRE_FDS; i++)
		wire_close(&fds[i]);
	return older;
}

void call_newest(struct names *n, uint64_t before)
{
	/* All of the queue, whoever else stands in it. */
	bool more = true;
	for (int round = 0; round < ROUNDS && more; round++) {
		more = accept_calls(n);
		for (unsigned i = 0; i < CALLS; i++)
			if (n->calls[i] >= 0 && older_call(n, n->calls[i], before))
				close_call(n, i);
	}
}

static void take_event(struct names *n, const struct wire_event *e)
{
	static const enum book_event kind[EVENT_COUNT] = {
		[EVENT_TAKEOVER] = BOOK_TAKEOVER,
		[EVENT_SHADOW] = BOOK_SHADOW,
		[EVENT_RETRY] = BOOK_RETRY,
	};
	if (e->kind == EVENT_ACK)
		oneway_done(n, e->shadows);
	else if (e->kind == EVENT_YIELD)
		n->yielded = true;
	else if (!events_push(n, e->id, e->cookie, kind[e->kind], e->shadow,
			      e->kind == EVENT_SHADOW ? e->shadows : 0))
		wsd_log(WSD_LOG_ERROR, "names: no memory to pass on a change of rank");
}

/* -errno when nothing more comes: -EAGAIN as yet, else for good. 0: there may be more. */
static int read_events(struct names *n, int max)
{
	union wire_any m;
	int r = 0, fds[WIRE_FDS];

	for (int i = 0; i < max && r == 0; i++) {
		unsigned count = 0;
		r = wire_recv(n->event_fd, &m, fds, &count);
		if (r == -EMFILE) { /* no room to move: we stay where we are */
			r = 0;
			continue;
		}
		if (r == 0 && m.head.type == WIRE_WELCOME && count == WIRE_FDS) {
			move(n, &m.welcome, fds);
			continue;
		}
		close_fds(fds, count);
		if (r == 0 && m.head.type == WIRE_EVENT)
			take_event(n, &m.event);
		else if (r == 0 && m.head.type == WIRE_PONG)
			n->pinged = 0;
	}
	return r;
}

void call_event_ready(struct names *n)
{
	int r = n->event_fd < 0 ? -EAGAIN : read_events(n, ROUND);

	if (r < 0 && r != -EAGAIN)
		ring_disconnect(n, true);
}

void call_last_events(struct names *n)
{
	/* What was sent counts as told. From now on nothing can be sent: the kernel takes it or
	 * refuses it. */
	shutdown(n->event_fd, SHUT_RD);
	read_events(n, INT_MAX);
}
