/* SPDX-License-Identifier: MIT
 *
 * A bed whose SAN provider is the loop provider, and a Winsock server and client on it. One of each
 * in a test's process.
 */
#ifndef WSD_TESTS_PAIR_H
#define WSD_TESTS_PAIR_H

#include "loop_provider.h"
#include "sw.h"
#include "transport.h"

#include <arpa/inet.h>
#include <dlfcn.h>

static struct loop_control *loop_san;

/* The loop provider serves san0's and san1's addresses. False: skip. */
static bool pair_make(void)
{
	if (!bed_make(&bed, 0))
		return false;
	bed_install(&bed, 0, LOOP_MODULE, "");
	bed_register(&bed, 0);
	setenv("LOOP_ADDRS", "10.77.0.1,10.77.1.1", 1);
	setenv("LOOP_CONNECT_MS", "20000", 1);
	void *module = dlopen(LOOP_MODULE, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	loop_san = dlsym(module, LOOP_CONTROL);
	return true;
}

#define PAIR_BEGIN()                                               \
	if (!pair_make())                                          \
		cr_skip_test("no network namespace of one's own"); \
	WSD_TEST_BEGIN()
#define PAIR_END()                                                                          \
	do {                                                                                \
		cr_assert_eq(atomic_load(&loop_san->sockets), 0, "%u SAN sockets are left", \
			     atomic_load(&loop_san->sockets));                              \
		cr_assert_eq(atomic_load(&loop_san->stale), 0);                             \
		bed_free(&bed);                                                             \
		WSD_TEST_END();                                                             \
	} while (0)

__attribute__((unused)) static struct wsd_sockaddr_in pair_addr(const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in in;
	memset(&in, 0, sizeof(in));
	in.sin_family = WSD_AF_INET;
	in.sin_port = htons(port);
	inet_pton(AF_INET, ip, &in.sin_addr.s_addr);
	return in;
}

__attribute__((unused)) static int pair_connect(SOCKET s, const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in to = pair_addr(ip, port);
	return wsd_connect(s, (struct wsd_sockaddr *)&to, sizeof(to)) ? wsd_WSAGetLastError() : 0;
}

struct pair_view {
	char transport[8];
	int reason;
};

/* What the switch knows of a socket. */
__attribute__((unused)) static struct pair_view pair_look(SOCKET s)
{
	struct pair_view v = {"none", -1};
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, s);
	cr_assert_not_null(sock);
	pthread_mutex_lock(&sock->lock);
	if (sock->transport)
		snprintf(v.transport, sizeof(v.transport), "%s", sock->transport->name);
	v.reason = sock->tcp_reason;
	pthread_mutex_unlock(&sock->lock);
	sw_socket_put(sock);
	sw_leave(p);
	return v;
}

__attribute__((unused)) static void pair_send(SOCKET s, const void *data, int len)
{
	for (int sent = 0; sent < len;) {
		int n = wsd_send(s, (const char *)data + sent, len - sent, 0);
		cr_assert_gt(n, 0, "send: %d", wsd_WSAGetLastError());
		sent += n;
	}
}

/* Until @len bytes or the end; how many. */
__attribute__((unused)) static int pair_recv(SOCKET s, void *data, int len)
{
	int got = 0, n = 1;
	while (got < len && (n = wsd_recv(s, (char *)data + got, len - got, 0)) > 0)
		got += n;
	cr_assert_geq(n, 0, "recv: %d", wsd_WSAGetLastError());
	return got;
}

/* A server: takes @clients connections, one after the other, and echoes until each one's end. */
struct pair_server {
	SOCKET listener;
	int clients;
	pthread_t thread;
	struct pair_view seen; /* of the last one */
};

static void *pair_serve(void *arg)
{
	struct pair_server *server = arg;
	static char buffer[1 << 16];
	for (int i = 0; i < server->clients; i++) {
		SOCKET s = wsd_accept(server->listener, NULL, NULL);
		cr_assert_neq(s, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
		server->seen = pair_look(s);
		for (int n; (n = wsd_recv(s, buffer, sizeof(buffer), 0)) > 0;)
			pair_send(s, buffer, n);
		bed_close(s);
	}
	return NULL;
}

__attribute__((unused)) static void pair_start(struct pair_server *server, const char *ip,
					       unsigned short port, int clients)
{
	server->listener = bed_listener(ip, port);
	server->clients = clients;
	cr_assert_eq(pthread_create(&server->thread, NULL, pair_serve, server), 0);
}

__attribute__((unused)) static void pair_stop(struct pair_server *server)
{
	cr_assert_eq(pthread_join(server->thread, NULL), 0);
	bed_close(server->listener);
}

#endif
