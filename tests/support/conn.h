/* SPDX-License-Identifier: MIT
 *
 * For tests of connections: pairs of sockets, calls that run on a thread of their own, and bytes
 * moved on the kernel's side of a peer that does not use the library. Header only.
 */
#ifndef WSD_TESTS_CONN_H
#define WSD_TESTS_CONN_H

#include "ws.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

enum { CONN_WAIT_MS = 10000 };

__attribute__((unused)) static int conn_connect(SOCKET s, const char *ip, unsigned port)
{
	SOCKADDR_IN a = ws_in(ip, port);
	SOCKADDR_IN6 a6 = ws_in6(ip, port);
	return strchr(ip, ':') ? wsd_connect(s, (SOCKADDR *)&a6, sizeof(a6))
			       : wsd_connect(s, (SOCKADDR *)&a, sizeof(a));
}

__attribute__((unused)) static SOCKET conn_listener(const char *ip, unsigned port, int backlog)
{
	SOCKET s = ws_socket(strchr(ip, ':') ? WSD_AF_INET6 : WSD_AF_INET, WSD_SOCK_STREAM);
	WS_OK(ws_bind(s, ip, port));
	WS_OK(wsd_listen(s, backlog));
	return s;
}

/* The code of a call that returns a socket: 0 when it is one, which goes to *ret. */
__attribute__((unused)) static int conn_accept_code(SOCKET listener, SOCKET *ret)
{
	wsd_WSASetLastError(-1);
	SOCKET s = wsd_accept(listener, NULL, NULL);
	*ret = s;
	return s == INVALID_SOCKET ? wsd_WSAGetLastError() : 0;
}

__attribute__((unused)) static SOCKET conn_accept(SOCKET listener)
{
	SOCKET s;
	int code = conn_accept_code(listener, &s);
	cr_assert_eq(code, 0, "accept: code %d", code);
	return s;
}

/* A connection within this process: client and server end. */
struct conn_pair {
	SOCKET listener, client, server;
};

__attribute__((unused)) static struct conn_pair conn_pair(const char *ip)
{
	struct conn_pair p = {.listener = conn_listener(ip, 0, 5)};
	p.client = ws_socket(strchr(ip, ':') ? WSD_AF_INET6 : WSD_AF_INET, WSD_SOCK_STREAM);
	int r = conn_connect(p.client, ip, ws_port(p.listener));
	cr_assert_eq(r, 0, "connect: code %d", wsd_WSAGetLastError());
	p.server = conn_accept(p.listener);
	return p;
}

__attribute__((unused)) static void conn_end(struct conn_pair *p)
{
	WS_OK(wsd_closesocket(p->client));
	WS_OK(wsd_closesocket(p->server));
	WS_OK(wsd_closesocket(p->listener));
}

__attribute__((unused)) static void conn_nonblocking(SOCKET s, bool on)
{
	ULONG value = on;
	WS_OK(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &value));
}

/* ---- peers that do not use the library ---- */

/* Connected, or -1 with errno. */
__attribute__((unused)) static int conn_foreign(const char *ip, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

__attribute__((unused)) static void conn_reset(int fd)
{
	struct linger hard = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(fd);
}

/* What a foreign peer reads within the time: bytes, 0 for the end, -errno; -ETIMEDOUT: nothing. */
__attribute__((unused)) static int conn_foreign_read(int fd, char *buffer, size_t len)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	if (poll(&p, 1, CONN_WAIT_MS) != 1)
		return -ETIMEDOUT;
	ssize_t n = read(fd, buffer, len);
	return n < 0 ? -errno : (int)n;
}

/* ---- a call on a thread of its own ---- */

struct conn_call {
	int (*fn)(struct conn_call *c); /* returns a code */
	SOCKET s, ret;
	const char *ip;
	unsigned port;
	int code;
	pthread_t thread;
	_Atomic int tid;
	_Atomic bool over;
};

__attribute__((unused)) static void *conn_call_run(void *arg)
{
	struct conn_call *c = arg;
	c->tid = gettid();
	c->code = c->fn(c);
	c->over = true;
	return NULL;
}

__attribute__((unused)) static int conn_call_accept(struct conn_call *c)
{
	return conn_accept_code(c->s, &c->ret);
}

__attribute__((unused)) static int conn_call_connect(struct conn_call *c)
{
	return ws_code(conn_connect(c->s, c->ip, c->port));
}

/* Asleep in the kernel: in poll, if nothing else is wrong. */
__attribute__((unused)) static bool conn_asleep(int tid)
{
	char path[64], text[64] = "";
	snprintf(path, sizeof(path), "/proc/self/task/%d/wchan", tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	char state = '?';
	if (f) {
		if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = '?';
		fclose(f);
	}
	return state == 'S';
}

/* Starts it, and waits until it sleeps or is over. */
__attribute__((unused)) static void conn_call_start(struct conn_call *c)
{
	c->tid = 0;
	c->over = false;
	c->ret = INVALID_SOCKET;
	cr_assert_eq(pthread_create(&c->thread, NULL, conn_call_run, c), 0);
	int asleep = 0; /* looks in a row */
	WSD_UNTIL(c->over || (c->tid && (asleep = conn_asleep(c->tid) ? asleep + 1 : 0) >= 5),
		  CONN_WAIT_MS);
}

/* Its code, within the time. */
__attribute__((unused)) static int conn_call_end(struct conn_call *c)
{
	cr_assert(WSD_UNTIL(c->over, CONN_WAIT_MS), "the call does not return");
	pthread_join(c->thread, NULL);
	return c->code;
}

#endif
