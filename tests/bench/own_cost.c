/* SPDX-License-Identifier: MIT
 *
 * What own-cost counts, under callgrind: calls of the library over the loop provider's SAN, in a
 * namespace of their own, so many times. A plain program, not a test. Exits 77 where no namespace
 * can be had.
 *
 *   own_cost bind COUNT    socket, bind to a SAN address, closesocket
 *   own_cost none COUNT    socket, closesocket: what is to be taken off
 *   own_cost ready COUNT   64 bytes there and back; each message is there when it is asked for
 *   own_cost sleep COUNT   the same, and each receive sleeps first
 */
#include "loop_provider.h"
#include "netbed.h"
#include "stress_bed.h"

#include <wsd/api.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PORT = 6300, SIZE = 64, WARM_UP = 40, PATIENCE_MS = 20000 };

static char to_send[SIZE], received[2][SIZE]; /* not on a stack: the costlier kind of memory */
static struct loop_control *san;

static void check(bool well, const char *what)
{
	if (well)
		return;
	fprintf(stderr, "own_cost: %s failed: WSA code %d\n", what, wsd_WSAGetLastError());
	stress_end();
	exit(1);
}

static struct wsd_sockaddr_in name_of(unsigned port)
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET};
	in.sin_port = htons((uint16_t)port);
	in.sin_addr.s_addr = inet_addr("10.77.0.1");
	return in;
}

static SOCKET a_socket(void)
{
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	check(s != INVALID_SOCKET, "socket");
	return s;
}

static void binds(int count, bool bound)
{
	struct wsd_sockaddr_in in = name_of(PORT);
	for (int i = 0; i < count; i++) {
		SOCKET s = a_socket();
		check(!bound || !wsd_bind(s, (struct wsd_sockaddr *)&in, sizeof(in)), "bind");
		check(!wsd_closesocket(s), "closesocket");
	}
}

/* ---- data ---- */

static void pair(SOCKET *ret_client, SOCKET *ret_server)
{
	struct wsd_sockaddr_in in = name_of(PORT);
	SOCKET listener = a_socket();
	check(!wsd_bind(listener, (struct wsd_sockaddr *)&in, sizeof(in)), "bind");
	check(!wsd_listen(listener, 4), "listen");
	*ret_client = a_socket();
	check(!wsd_connect(*ret_client, (struct wsd_sockaddr *)&in, sizeof(in)), "connect");
	*ret_server = wsd_accept(listener, NULL, NULL);
	check(*ret_server != INVALID_SOCKET, "accept");
	check(atomic_load(&san->connects) == 1, "connecting over the SAN");
}

static void give(SOCKET s)
{
	check(wsd_send(s, to_send, SIZE, 0) == SIZE, "send");
}

static void take(SOCKET s, int whose)
{
	check(wsd_recv(s, received[whose], SIZE, 0) == SIZE, "recv");
}

static void *echo(void *arg)
{
	SOCKET s = *(SOCKET *)arg;
	while (wsd_recv(s, received[1], SIZE, 0) == SIZE && wsd_send(s, to_send, SIZE, 0) == SIZE)
		;
	return NULL;
}

static void trips(SOCKET client, SOCKET server, int count, bool asleep)
{
	for (int i = 0; i < count; i++) {
		give(client);
		if (!asleep) {
			take(server, 1);
			give(server);
		}
		take(client, 0);
	}
}

static void data(int count, bool asleep)
{
	pthread_t thread;
	SOCKET client, server;
	pair(&client, &server);
	if (asleep)
		check(!pthread_create(&thread, NULL, echo, &server), "a thread");
	trips(client, server, count + WARM_UP, asleep);
	fflush(stdout);
	stress_end();
	_exit(0); /* what the end costs is not asked for */
}

int main(int argc, char **argv)
{
	WSADATA started;
	const char *what = argc > 2 ? argv[1] : "";
	int count = argc > 2 ? atoi(argv[2]) : 0;
	if (argc != 3 || count < 0 || !strstr(" bind none ready sleep ", what)) {
		fputs("usage: own_cost bind|none|ready|sleep COUNT\n", stderr);
		return 2;
	}
	if (!netbed_enter() || netbed_add_link("san0") ||
	    netbed_add_addr("san0", "10.77.0.1", 24)) {
		puts("skipped: no network namespace of one's own");
		return 77;
	}
	setenv("LOOP_ADDRS", "10.77.0.1", 1);
	setenv("LOOP_ATTEND", "1", 1);
	setenv("LOOP_CONNECT_MS", "20000", 1);
	setenv("WSD_CONNECT_SAN_MS", "20000", 1);
	san = stress_catalogue(LOOP_MODULE, LOOP_CONTROL);
	check(san != NULL, "the catalogue");
	check(!wsd_WSAStartup(0x0202, &started), "WSAStartup");
	if (!strcmp(what, "bind") || !strcmp(what, "none"))
		binds(count + WARM_UP, !strcmp(what, "bind"));
	else
		data(count, !strcmp(what, "sleep"));
	wsd_WSACleanup();
	stress_end();
	return 0;
}
