/* SPDX-License-Identifier: MIT
 *
 * The whole switch over the real provider on soft-RoCE: an ordinary client and server find the
 * SAN. The same as tests/switch/test_san_pair.c, where the provider is a simple one.
 */
#include "process.h"
#include "reason.h"
#include "stack.h"
#include "stack_way.h"
#include "transport.h"

#include <pthread.h>

enum { MIB = 1 << 20 };

/* The emulated guest with sanitizers needs more than a second for what it does the first time. */
static void pair_start(void)
{
	setenv("WSD_CONNECT_SAN_MS", "20000", 1);
	stack_start();
}

static void send_all(SOCKET s, const char *data, int len)
{
	for (int sent = 0, n; sent < len; sent += n) {
		n = wsd_send(s, data + sent, len - sent, 0);
		cr_assert_gt(n, 0, "send: %d", wsd_WSAGetLastError());
	}
}

static int recv_all(SOCKET s, char *data, int len)
{
	int got = 0, n = 1;
	while (got < len && (n = wsd_recv(s, data + got, len - got, 0)) > 0)
		got += n;
	cr_assert_geq(n, 0, "recv: %d", wsd_WSAGetLastError());
	return got;
}

static void *serve(void *arg)
{
	static char buffer[1 << 16];
	SOCKET l = *(SOCKET *)arg, s = wsd_accept(l, NULL, NULL);
	cr_assert_neq(s, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
	cr_assert_str_eq(way_of(s), "SAN");
	for (int n; (n = wsd_recv(s, buffer, sizeof(buffer), 0)) > 0;)
		send_all(s, buffer, n);
	cr_assert_eq(wsd_closesocket(s), 0);
	return NULL;
}

struct sending {
	SOCKET s;
	const char *data;
	int len;
};

static void *send_and_shut(void *arg)
{
	const struct sending *x = arg;
	send_all(x->s, x->data, x->len);
	wsd_shutdown(x->s, WSD_SD_SEND);
	return NULL;
}

static void bounce(const char *ip, int len)
{
	SOCKET l = listener(ip, PORT, 5), s = ws_tcp();
	pthread_t server, sender;
	struct wsd_sockaddr_in to;
	char *out = malloc((size_t)len), *in = malloc((size_t)len + 1);
	for (int i = 0; i < len; i++)
		out[i] = (char)(i * 31 + i / 4093);
	memset(&to, 0, sizeof(to));
	to.sin_family = WSD_AF_INET;
	to.sin_port = htons(PORT);
	to.sin_addr.s_addr = inet_addr(ip);
	cr_assert_eq(pthread_create(&server, NULL, serve, &l), 0);
	WS_OK(wsd_connect(s, (struct wsd_sockaddr *)&to, sizeof(to)));
	cr_assert_str_eq(way_of(s), "SAN");
	struct sending x = {s, out, len};
	cr_assert_eq(pthread_create(&sender, NULL, send_and_shut, &x), 0);
	cr_assert_eq(recv_all(s, in, len + 1), len);
	cr_assert_eq(memcmp(in, out, (size_t)len), 0);
	pthread_join(sender, NULL);
	pthread_join(server, NULL);
	free(out);
	free(in);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(l));
}

Test(stack_pair, SW_CONNECT_01_a_client_and_a_server_find_the_san)
{
	pair_start();
	bounce(SAN0, 5);
	bounce(SAN1, 4000);
	WS_OK(wsd_WSACleanup());
}

Test(stack_pair, SW_FLOW_05_large_transfers)
{
	pair_start();
	bounce(SAN0, MIB + 17);
	WS_OK(wsd_WSACleanup());
}
