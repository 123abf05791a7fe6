/* SPDX-License-Identifier: MIT */
/*
 * names_hello.c: a newcomer's or a guest's first words to the keeper, by the book's public name.
 * Takes no lock; waits, bounded.
 */
#include "names_priv.h"

#include <errno.h>
#include <log.h>
#include <stdio.h>
#include <string.h>

void ring_book_name(const struct names *n, unsigned place, char ret[WIRE_NAME_MAX + 8])
{
	/* The first place has the plain name: it is the one that tools and people know. */
	if (place)
		snprintf(ret, WIRE_NAME_MAX + 8, "%s.%c", n->book_name, '0' + (int)(place % 10));
	else
		snprintf(ret, WIRE_NAME_MAX + 8, "%s", n->book_name);
}

void names_comm(char ret[16])
{
	/* program_invocation_short_name can be longer, and is what the user typed */
	snprintf(ret, 16, "%.15s", program_invocation_short_name);
}

void hello_drop(struct hello *h)
{
	while (h->fds)
		wire_close(&h->got[--h->fds]);
	wire_close(&h->fd);
}

/* Wake every participant: the keeper does not answer newcomers. They ping it, and take over if it
 * is stopped. */
static void raise_alarm(const char *name)
{
	int fd = wire_connect(name, ".alarm");
	wire_close(&fd);
}

static int refused(const union wire_any *m)
{
	if (m->refuse.status == -EPROTONOSUPPORT || m->head.version != WIRE_VERSION)
		wsd_log(WSD_LOG_ERROR,
			"names: the process that keeps the names of this host (pid %u) speaks "
			"version %u, this "
			"library version %d; one of the two must be replaced",
			m->refuse.pid, m->head.version, WIRE_VERSION);
	else
		wsd_log(WSD_LOG_ERROR,
			"names: refused by the process that keeps the names (pid %u): %s",
			m->refuse.pid, strerror(-m->refuse.status));
	return m->refuse.status == -EUSERS ? -EUSERS : -EPROTO;
}

static int read_welcome(struct hello *h, unsigned fds)
{
	union wire_any m;
	int r = wire_recv(h->fd, &m, h->got, &h->fds);

	if (r == -ECONNRESET)
		return -EAGAIN; /* it went, or was deposed, in the middle: ask again */
	if (r == -EPROTONOSUPPORT || r == -EPROTO)
		wsd_log(WSD_LOG_ERROR, "names: an answer of another version or not of ours at all");
	if (r < 0)
		return r == -EPROTONOSUPPORT ? -EPROTO : r;
	if (m.head.type == WIRE_REFUSE)
		return refused(&m);
	if (m.head.type != WIRE_WELCOME || h->fds != fds)
		return -EPROTO;
	h->welcome = m.welcome;
	return 0;
}

/**
 * hello_say - @fd: connected; taken. @patience: how long to wait for an answer, ms
 * Return: 0; -EAGAIN: hung up on, try again; -ETIMEDOUT: no answer; -EPROTO; -EUSERS; -errno
 */
int hello_say(struct names *n, int fd, const char *name, int64_t patience, struct hello *ret)
{
	struct wire_hello hello = {.head = wire_head(WIRE_HELLO)};
	struct hello h = {.fd = fd};

	hello.flags = n->guest ? HELLO_GUEST : 0;
	memcpy(hello.beacon, n->beacon_id, sizeof(hello.beacon));
	names_comm(hello.comm);
	int r = wire_send(h.fd, &hello, NULL, 0);
	NAMES_STEP(hello_sent);
	if (r == 0 && !wire_wait(h.fd, wire_now_ms() + patience)) {
		raise_alarm(name);
		r = -ETIMEDOUT;
	}
	if (r == 0)
		r = read_welcome(&h, n->guest ? 1 : WIRE_FDS);
	else if (r == -EPIPE || r == -ECONNRESET)
		r = -EAGAIN;
	if (r < 0) {
		hello_drop(&h);
		return r;
	}
	*ret = h;
	return 0;
}
