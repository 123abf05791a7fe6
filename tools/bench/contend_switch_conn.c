/* SPDX-License-Identifier: MIT
 *
 * contend_switch_conn.c - connections of the library as Winsock programs make them: blocking calls.
 * No state.
 */
#include "contend.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <wsd/api.h>

enum { PIECE_MAX = 1 << 30 }; /* Winsock's lengths are int */

struct listener {
	SOCKET s;
	struct sockaddr_in at;
	atomic_bool interrupted;
};

struct conn {
	SOCKET s;
};

static int failed(void *memory, SOCKET s)
{
	int code = wsd_WSAGetLastError();
	free(memory);
	if (s != INVALID_SOCKET)
		wsd_closesocket(s);
	return contend_result(code ? code : WSAEFAULT);
}

static int switch_listen(struct sockaddr_in *at, int backlog, struct listener **ret)
{
	struct wsd_sockaddr_in name = contend_winsock_name(at);
	int len = sizeof(name);
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -1;
	l->s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (l->s == INVALID_SOCKET || wsd_bind(l->s, (struct wsd_sockaddr *)&name, sizeof(name)) ||
	    wsd_listen(l->s, backlog) || wsd_getsockname(l->s, (struct wsd_sockaddr *)&name, &len))
		return failed(l, l->s);
	l->at = *at = contend_socket_name(&name);
	*ret = l;
	return 0;
}

static void switch_unlisten(struct listener *l)
{
	wsd_closesocket(l->s);
	free(l);
}

/* Who sends messages that others wait for does not want them gathered (over TCP/IP). */
static int make(SOCKET s, size_t message, struct conn **ret)
{
	static const int one = 1;
	if (message &&
	    wsd_setsockopt(s, WSD_IPPROTO_TCP, WSD_TCP_NODELAY, (const char *)&one, sizeof(one)))
		return failed(NULL, s);
	struct conn *c = malloc(sizeof(*c));
	if (!c)
		return failed(NULL, s);
	c->s = s;
	*ret = c;
	return 0;
}

static int switch_accept(struct listener *l, size_t message, struct conn **ret)
{
	SOCKET s = wsd_accept(l->s, NULL, NULL);
	if (s == INVALID_SOCKET)
		return failed(NULL, s);
	if (atomic_exchange(&l->interrupted, false)) {
		wsd_closesocket(s);
		errno = ECANCELED;
		return -1;
	}
	return make(s, message, ret);
}

static void switch_interrupt(struct listener *l)
{
	atomic_store(&l->interrupted, true);
	contend_poke(&l->at);
}

static int switch_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	struct wsd_sockaddr_in name = contend_winsock_name(to);
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (s == INVALID_SOCKET || wsd_connect(s, (struct wsd_sockaddr *)&name, sizeof(name)))
		return failed(NULL, s);
	return make(s, message, ret);
}

static int switch_send(struct conn *c, const void *data, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		size_t piece = n - sent < PIECE_MAX ? n - sent : PIECE_MAX;
		int r = wsd_send(c->s, (const char *)data + sent, (int)piece, 0);
		if (r < 0)
			return contend_result(wsd_WSAGetLastError());
		sent += (size_t)r;
	}
	return 0;
}

static int switch_recv(struct conn *c, void *data, size_t n)
{
	for (size_t got = 0; got < n;) {
		size_t piece = n - got < PIECE_MAX ? n - got : PIECE_MAX;
		int r = wsd_recv(c->s, (char *)data + got, (int)piece, 0);
		if (r < 0)
			return contend_result(wsd_WSAGetLastError());
		if (!r) {
			errno = EPIPE;
			return -1;
		}
		got += (size_t)r;
	}
	return 0;
}

static void switch_close(struct conn *c)
{
	wsd_closesocket(c->s);
	free(c);
}

static void switch_reset(struct conn *c)
{
	static const struct wsd_linger at_once = {.l_onoff = 1};
	wsd_setsockopt(c->s, WSD_SOL_SOCKET, WSD_SO_LINGER, (const char *)&at_once,
		       sizeof(at_once));
	switch_close(c);
}

const struct conn_ops switch_conns = {
	.listen = switch_listen,
	.unlisten = switch_unlisten,
	.accept = switch_accept,
	.interrupt = switch_interrupt,
	.connect = switch_connect,
	.send = switch_send,
	.recv = switch_recv,
	.close = switch_close,
	.reset = switch_reset,
};
