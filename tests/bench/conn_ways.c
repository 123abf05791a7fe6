/* SPDX-License-Identifier: MIT
 *
 * The contenders of conn_figures: each opens, uses and closes a connection as a program would that
 * knows only this way.
 */
#include "conn_ways.h"

#include "raw.h"

#include <wsd/abi.h>
#include <wsd/api.h>

#include <errno.h>
#include <pthread.h>
#include <rdma/rsocket.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FLIGHT_MAX = 256 };

struct end {
	struct raw_end raw;
	SOCKET s; /* the library's */
	int fd;   /* rsockets', the kernel's */
};

static int new_ends(struct end **client, struct end **server)
{
	*client = calloc(1, sizeof(**client));
	*server = calloc(1, sizeof(**server));
	return *client && *server ? 0 : -1;
}

/* ---- bare librdmacm ---- */

static struct raw_cm raw_cm;
static struct sockaddr_in raw_at;
static int raw_users;

static int raw_start(const struct sockaddr_in *at)
{
	raw_at = *at;
	raw_at.sin_port = htons((uint16_t)(ntohs(at->sin_port) + 3));
	return raw_users++ ? 0 : raw_listen(&raw_cm, &raw_at);
}

static void raw_stop(void)
{
	if (!--raw_users)
		raw_unlisten(&raw_cm);
}

static int raw_open(size_t size, struct end **client, struct end **server)
{
	return new_ends(client, server) ||
	       raw_connect(&raw_cm, &raw_at, RAW_OWN_CQ, size, &(*client)->raw, &(*server)->raw);
}

static int raw_cm_open(size_t size, struct end **client, struct end **server)
{
	return new_ends(client, server) ||
	       raw_connect(&raw_cm, &raw_at, RAW_CM_ONLY, 0, &(*client)->raw, &(*server)->raw);
}

static int raw_fly(int n, struct end **clients, struct end **servers)
{
	struct raw_end *c[FLIGHT_MAX], *s[FLIGHT_MAX];
	if (n > FLIGHT_MAX)
		return -1;
	for (int i = 0; i < n; i++) {
		if (new_ends(&clients[i], &servers[i]))
			return -1;
		c[i] = &clients[i]->raw;
		s[i] = &servers[i]->raw;
	}
	return raw_flight(&raw_cm, &raw_at, n, c, s);
}

static void raw_done(struct end *client, struct end *server)
{
	raw_close(&client->raw, &server->raw);
	free(client);
	free(server);
}

static int raw_way_send(struct end *e, const char *data, size_t n)
{
	return raw_send(&e->raw, n); /* what lies in its buffer */
}

static int raw_way_recv(struct end *e, char *data, size_t n)
{
	return raw_recv(&e->raw) == (int)n ? 0 : -1;
}

/* ---- the library ---- */

static SOCKET listener = INVALID_SOCKET;
static struct wsd_sockaddr_in listen_name;

static int switch_start(const struct sockaddr_in *at)
{
	WSADATA data;
	memset(&listen_name, 0, sizeof(listen_name));
	listen_name.sin_family = WSD_AF_INET;
	listen_name.sin_port = at->sin_port;
	listen_name.sin_addr.s_addr = at->sin_addr.s_addr;
	if (wsd_WSAStartup(0x0202, &data))
		return -1;
	listener = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	return wsd_bind(listener, (struct wsd_sockaddr *)&listen_name, sizeof(listen_name)) ||
	       wsd_listen(listener, 200);
}

static void switch_stop(void)
{
	wsd_closesocket(listener);
	wsd_WSACleanup();
}

static int switch_open(size_t size, struct end **client, struct end **server)
{
	if (new_ends(client, server))
		return -1;
	(*client)->s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	if (wsd_connect((*client)->s, (struct wsd_sockaddr *)&listen_name, sizeof(listen_name)))
		return -1;
	(*server)->s = wsd_accept(listener, NULL, NULL);
	return (*server)->s == INVALID_SOCKET ? -1 : 0;
}

/* Connecting sockets, until all are connected. */
static int all_writable(int n, struct end **ends)
{
	WSAPOLLFD fds[FLIGHT_MAX];
	for (int left = n; left;) {
		left = 0;
		for (int i = 0; i < n; i++)
			fds[i] = (WSAPOLLFD){.fd = ends[i]->s, .events = WSD_POLLOUT};
		if (wsd_WSAPoll(fds, (ULONG)n, 5000) <= 0)
			return -1;
		for (int i = 0; i < n; i++) {
			if (fds[i].revents & ~WSD_POLLOUT)
				return -1;
			left += !fds[i].revents;
		}
	}
	return 0;
}

static int switch_fly(int n, struct end **clients, struct end **servers)
{
	ULONG on = 1;
	if (n > FLIGHT_MAX)
		return -1;
	for (int i = 0; i < n; i++) {
		if (new_ends(&clients[i], &servers[i]))
			return -1;
		clients[i]->s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		wsd_ioctlsocket(clients[i]->s, WSD_FIONBIO, &on);
		if (!wsd_connect(clients[i]->s, (struct wsd_sockaddr *)&listen_name,
				 sizeof(listen_name)) ||
		    wsd_WSAGetLastError() != WSAEWOULDBLOCK)
			return -1;
	}
	for (int i = 0; i < n; i++) {
		servers[i]->s = wsd_accept(listener, NULL, NULL);
		if (servers[i]->s == INVALID_SOCKET)
			return -1;
	}
	return all_writable(n, clients);
}

static void switch_done(struct end *client, struct end *server)
{
	wsd_closesocket(client->s);
	wsd_closesocket(server->s);
	free(client);
	free(server);
}

static int switch_send(struct end *e, const char *data, size_t n)
{
	return wsd_send(e->s, data, (int)n, 0) == (int)n ? 0 : -1;
}

static int switch_recv(struct end *e, char *data, size_t n)
{
	for (size_t got = 0; got < n;) {
		int r = wsd_recv(e->s, data + got, (int)(n - got), 0);
		if (r <= 0)
			return -1;
		got += (size_t)r;
	}
	return 0;
}

/* ---- rsockets: a thread of its own accepts while another connects ---- */

static int rlistener = -1;
static struct sockaddr_in rname;

static int rsockets_start(const struct sockaddr_in *at)
{
	rname = *at;
	rname.sin_port = htons((uint16_t)(ntohs(at->sin_port) + 1));
	rlistener = rsocket(AF_INET, SOCK_STREAM, 0);
	return rlistener < 0 || rbind(rlistener, (struct sockaddr *)&rname, sizeof(rname)) ||
	       rlisten(rlistener, 128);
}

static void rsockets_stop(void)
{
	rclose(rlistener);
}

static int rsockets_open(size_t size, struct end **client, struct end **server)
{
	if (new_ends(client, server))
		return -1;
	(*client)->fd = rsocket(AF_INET, SOCK_STREAM, 0);
	if (rconnect((*client)->fd, (struct sockaddr *)&rname, sizeof(rname)))
		return -1;
	(*server)->fd = raccept(rlistener, NULL, NULL);
	return (*server)->fd < 0 ? -1 : 0;
}

/* rclose of a connected rsocket waits for the other side, so both go at once. */
static void *rsockets_close_one(void *arg)
{
	rclose(*(int *)arg);
	return NULL;
}

static void rsockets_done(struct end *client, struct end *server)
{
	pthread_t t;
	rshutdown(client->fd, SHUT_RDWR);
	if (!pthread_create(&t, NULL, rsockets_close_one, &server->fd)) {
		rclose(client->fd);
		pthread_join(t, NULL);
	}
	free(client);
	free(server);
}

static int rsockets_send(struct end *e, const char *data, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = rsend(e->fd, data + sent, n - sent, 0);
		if (r <= 0)
			return -1;
		sent += (size_t)r;
	}
	return 0;
}

static int rsockets_recv(struct end *e, char *data, size_t n)
{
	return rrecv(e->fd, data, n, MSG_WAITALL) == (ssize_t)n ? 0 : -1;
}

/* ---- kernel TCP ---- */

static int tcp_listener = -1;
static struct sockaddr_in tcp_name;

static int tcp_start(const struct sockaddr_in *at)
{
	int one = 1;
	tcp_name = *at;
	tcp_name.sin_port = htons((uint16_t)(ntohs(at->sin_port) + 2));
	tcp_listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(tcp_listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return bind(tcp_listener, (struct sockaddr *)&tcp_name, sizeof(tcp_name)) ||
	       listen(tcp_listener, 128);
}

static void tcp_stop(void)
{
	close(tcp_listener);
}

static int tcp_open(size_t size, struct end **client, struct end **server)
{
	if (new_ends(client, server))
		return -1;
	(*client)->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect((*client)->fd, (struct sockaddr *)&tcp_name, sizeof(tcp_name)))
		return -1;
	(*server)->fd = accept4(tcp_listener, NULL, NULL, SOCK_CLOEXEC);
	return (*server)->fd < 0 ? -1 : 0;
}

static int tcp_fly(int n, struct end **clients, struct end **servers)
{
	for (int i = 0; i < n; i++) {
		if (new_ends(&clients[i], &servers[i]))
			return -1;
		clients[i]->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (connect(clients[i]->fd, (struct sockaddr *)&tcp_name, sizeof(tcp_name)) &&
		    errno != EINPROGRESS)
			return -1;
	}
	for (int i = 0; i < n; i++) {
		servers[i]->fd = accept4(tcp_listener, NULL, NULL, SOCK_CLOEXEC);
		if (servers[i]->fd < 0)
			return -1;
	}
	return 0;
}

static void tcp_done(struct end *client, struct end *server)
{
	close(client->fd);
	close(server->fd);
	free(client);
	free(server);
}

static int tcp_send(struct end *e, const char *data, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(e->fd, data + sent, n - sent, MSG_NOSIGNAL);
		if (r <= 0)
			return -1;
		sent += (size_t)r;
	}
	return 0;
}

static int tcp_recv(struct end *e, char *data, size_t n)
{
	return recv(e->fd, data, n, MSG_WAITALL) == (ssize_t)n ? 0 : -1;
}

const struct way ways[WAY_COUNT] = {
	[WAY_RAW] = {"raw librdmacm", raw_start, raw_stop, raw_open, raw_fly, raw_done,
		     raw_way_send, raw_way_recv},
	[WAY_RAW_CM] = {"raw, no queue pair", raw_start, raw_stop, raw_cm_open, NULL, raw_done,
			NULL, NULL},
	[WAY_SWITCH] = {"wsdirect", switch_start, switch_stop, switch_open, switch_fly, switch_done,
			switch_send, switch_recv},
	[WAY_RSOCKETS] = {"rsockets", rsockets_start, rsockets_stop, rsockets_open, NULL,
			  rsockets_done, rsockets_send, rsockets_recv},
	[WAY_TCP] = {"kernel TCP", tcp_start, tcp_stop, tcp_open, tcp_fly, tcp_done, tcp_send,
		     tcp_recv},
};
