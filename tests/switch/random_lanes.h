/* SPDX-License-Identifier: MIT
 *
 * test_ws_random.c's two connections, what was done to them, and what can be seen of them. Header
 * only. One thread.
 */
#ifndef WSD_TESTS_RANDOM_LANES_H
#define WSD_TESTS_RANDOM_LANES_H

#include "stream_pair.h"

#include <stdarg.h>
#include <wsd/rare.h>

enum { TCP, SAN, LANES, ENDS = 2, PENDING = 3, ROOM = 6000, QUEUED_MOST = 12000, SETTLE_MS = 4000 };

struct pending {
	WSAOVERLAPPED o;
	char buffer[ROOM];
	bool used, peeks;
};

struct end {
	SOCKET s;
	WSAEVENT event;
	LONG seen; /* network events since the last call */
	int codes[FD_MAX_EVENTS];
	struct pending *pending; /* PENDING of them */
};

struct lane {
	SOCKET listener;
	struct end end[ENDS];
};

/* What is known without asking; the same for both lanes. */
struct model {
	bool open[ENDS], in_line[ENDS];
	uint64_t sent[ENDS], got[ENDS], mark[ENDS]; /* by and at that end; before it: urgent */
	bool urgent[ENDS];                          /* one was sent to it, and perhaps not read */
};

static struct {
	struct lane lane[LANES];
	struct model m;
	uint64_t rng;
	unsigned seed, step;
	char told[24][160]; /* the last calls */
	unsigned n_told;
} w;

struct answer {
	int ret, code;
	unsigned long long more;
};

static unsigned dice(unsigned n)
{
	uint64_t z = (w.rng += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ (z >> 31)) % n);
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
	char *line = w.told[w.n_told++ % 24];
	va_list list;
	va_start(list, format);
	vsnprintf(line, sizeof(w.told[0]), format, list);
	va_end(list);
	if (getenv("WSD_TEST_TELL"))
		fprintf(stderr, "# %u.%u %s\n", w.seed, w.step, line);
}

static void differ(const char *what, const char *tcp, const char *san)
{
	static char text[8192];
	size_t n = (size_t)snprintf(text, sizeof(text), "seed %u call %u, %s: TCP/IP %s, SAN %s\n",
				    w.seed, w.step, what, tcp, san);
	for (unsigned i = w.n_told > 24 ? w.n_told - 24 : 0; i < w.n_told; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "#   %s\n", w.told[i % 24]);
	cr_assert(false, "%s", text);
}

static void same(const struct answer a[LANES], const char *what)
{
	char text[LANES][64];
	for (int i = 0; i < LANES; i++)
		snprintf(text[i], sizeof(text[i]), "%d code %d more %llx", a[i].ret, a[i].code,
			 a[i].more);
	tell("-> %s", text[0]);
	if (strcmp(text[0], text[1]))
		differ(what, text[0], text[1]);
}

static struct answer answer(int ret)
{
	struct answer a = {ret, ret == SOCKET_ERROR ? wsd_WSAGetLastError() : 0, 0};
	return a;
}

static unsigned long long digest(const void *data, size_t n)
{
	unsigned long long h = 1469598103934665603u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ ((const unsigned char *)data)[i]) * 1099511628211u;
	return h;
}

/* ---- what can be seen ---- */

static int internal(const struct pending *p)
{
	return (int)__atomic_load_n(&p->o.Internal, __ATOMIC_ACQUIRE);
}

static bool is_over(const struct pending *p)
{
	return internal(p) != (int)WSS_OPERATION_IN_PROGRESS;
}

static bool in_set(SOCKET s, int which)
{
	static const struct timeval now;
	struct wsd_fd_set set = {1, {s}}, *sets[3] = {NULL};
	sets[which] = &set;
	return wsd_select(0, sets[0], sets[1], sets[2], &now) == 1;
}

static void look_pending(const struct end *e, char *text, size_t *n, size_t size)
{
	for (int i = 0; i < PENDING; i++) {
		struct pending *p = &e->pending[i];
		DWORD bytes = 0, flags = 0;
		if (!p->used)
			continue;
		bool over = is_over(p), asked = false;
		if (over && e->s != INVALID_SOCKET)
			asked = wsd_WSAGetOverlappedResult(e->s, &p->o, &bytes, 0, &flags);
		*n += (size_t)snprintf(text + *n, size - *n, " [%d %d %d %u %x %llx]", i, over,
				       over && !asked ? internal(p) : 0, bytes, flags,
				       over ? digest(p->buffer, ROOM) : 0);
	}
}

static void look_events(struct end *e)
{
	WSANETWORKEVENTS now;
	if (!e->event || wsd_WSAEnumNetworkEvents(e->s, e->event, &now))
		return;
	for (int i = 0; i < FD_MAX_EVENTS; i++)
		if (now.lNetworkEvents & (1 << i))
			e->codes[i] = now.iErrorCode[i];
	e->seen |= now.lNetworkEvents;
}

static void look(struct lane *l, char *text, size_t size)
{
	size_t n = 0;
	*text = '\0';
	for (int k = 0; k < ENDS; k++) {
		struct end *e = &l->end[k];
		ULONG bytes = 0, mark = 0;
		n += (size_t)snprintf(text + n, size - n, "%s%c:", k ? "; " : "", "ab"[k]);
		look_pending(e, text, &n, size);
		if (!w.m.open[k])
			continue;
		WSAPOLLFD p = {.fd = e->s,
			       .events = WSD_POLLRDNORM | WSD_POLLRDBAND | WSD_POLLWRNORM};
		int polled = wsd_WSAPoll(&p, 1, 0);
		int b = ws_code(wsd_ioctlsocket(e->s, (LONG)WSD_FIONREAD, &bytes));
		int m = ws_code(wsd_ioctlsocket(e->s, (LONG)WSD_SIOCATMARK, &mark));
		n += (size_t)snprintf(text + n, size - n,
				      " poll %d %x set %d%d%d bytes %d %u mark %d %u", polled,
				      (unsigned)p.revents, in_set(e->s, 0), in_set(e->s, 1),
				      in_set(e->s, 2), b, bytes, m, mark);
		look_events(e);
		n += (size_t)snprintf(text + n, size - n, " events %lx", (unsigned long)e->seen);
		for (int i = 0; i < FD_MAX_EVENTS; i++)
			if (e->seen & (1 << i) && e->codes[i])
				n += (size_t)snprintf(text + n, size - n, " %d=%d", i, e->codes[i]);
	}
}

static bool looks_same(char text[LANES][1024])
{
	for (int i = 0; i < LANES; i++)
		look(&w.lane[i], text[i], sizeof(text[i]));
	return !strcmp(text[0], text[1]);
}

static void settle(void)
{
	char text[LANES][1024], before[1024] = "";
	int times = 0;
	bool equal = WSD_UNTIL(
		(times = looks_same(text) && (!times || !strcmp(text[0], before)) ? times + 1 : 0,
		 strcpy(before, text[0]), times >= 3),
		SETTLE_MS);
	tell("   %s", text[0]);
	if (!equal)
		differ("what is seen", text[0], text[1]);
}

#endif
