/* SPDX-License-Identifier: MIT
 *
 * contend_provider_conn.c - sockets of the provider that listen and connect, by the calls that a
 * switch makes for them. State: the next local port. Locks: an event's.
 */
#include "contend.h"
#include "contend_provider.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* The provider chooses no ports [PROV-BIND-16], and more than one socket may have the same. */
enum { PORT_FIRST = 20000, PORTS = 12000, TRIES = 64 };

struct listener {
	SOCKET s;
	struct provider_event event;
};

/* ---- events ---- */

void provider_event_init(struct provider_event *e)
{
	*e = (struct provider_event){.set = false};
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
}

void provider_event_free(struct provider_event *e)
{
	pthread_cond_destroy(&e->changed);
	pthread_mutex_destroy(&e->lock);
}

BOOL WSPAPI provider_event_set(WSAEVENT event, LPINT err)
{
	struct provider_event *e = event;
	(void)err;
	pthread_mutex_lock(&e->lock);
	e->set = true;
	pthread_cond_broadcast(&e->changed);
	pthread_mutex_unlock(&e->lock);
	return TRUE;
}

BOOL WSPAPI provider_event_reset(WSAEVENT event, LPINT err)
{
	struct provider_event *e = event;
	(void)err;
	pthread_mutex_lock(&e->lock);
	e->set = false;
	pthread_mutex_unlock(&e->lock);
	return TRUE;
}

/* 0, or -1 and ECANCELED. */
static int wait_event(struct provider_event *e)
{
	pthread_mutex_lock(&e->lock);
	while (!e->set && !e->interrupted)
		pthread_cond_wait(&e->changed, &e->lock);
	bool stop = e->interrupted;
	e->interrupted = false;
	pthread_mutex_unlock(&e->lock);
	errno = ECANCELED;
	return stop ? -1 : 0;
}

/* ---- sockets ---- */

static int fail_socket(SOCKET s, int code)
{
	int ignored;
	if (s != INVALID_SOCKET)
		provider_calls()->table.lpWSPCloseSocket(s, &ignored);
	return contend_result(code ? code : WSAEFAULT);
}

/* Binds @s to @at, whose port is chosen if it is 0. The code. */
static int bind_somewhere(SOCKET s, struct sockaddr_in *at)
{
	static atomic_uint next;
	bool choose = !at->sin_port;
	int code = 0;
	for (int i = 0; i < (choose ? TRIES : 1); i++) {
		unsigned n = (unsigned)getpid() * 131 + atomic_fetch_add(&next, 1);
		if (choose)
			at->sin_port = htons((uint16_t)(PORT_FIRST + n % PORTS));
		struct wsd_sockaddr_in name = contend_winsock_name(at);
		if (!provider_calls()->table.lpWSPBind(s, (struct wsd_sockaddr *)&name,
						       sizeof(name), &code))
			return 0;
		if (code != WSAEADDRINUSE)
			break;
	}
	return code;
}

static SOCKET new_socket(int *code)
{
	return provider_calls()->table.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP,
						   NULL, 0, WSA_FLAG_OVERLAPPED, code);
}

static int provider_listen(struct sockaddr_in *at, int backlog, struct listener **ret)
{
	const WSPPROC_TABLE *t = &provider_calls()->table;
	int code = 0;
	struct listener *l = malloc(sizeof(*l));
	if (!l)
		return -1;
	provider_event_init(&l->event);
	l->s = new_socket(&code);
	if (l->s != INVALID_SOCKET)
		code = bind_somewhere(l->s, at);
	if (!code)
		t->lpWSPEventSelect(l->s, &l->event, FD_ACCEPT, &code);
	if (!code)
		t->lpWSPListen(l->s, backlog, &code);
	if (!code) {
		*ret = l;
		return 0;
	}
	int r = fail_socket(l->s, code);
	provider_event_free(&l->event);
	free(l);
	return r;
}

static void provider_unlisten(struct listener *l)
{
	int code;
	provider_calls()->table.lpWSPCloseSocket(l->s, &code);
	provider_event_free(&l->event);
	free(l);
}

static void provider_interrupt(struct listener *l)
{
	pthread_mutex_lock(&l->event.lock);
	l->event.interrupted = true;
	pthread_cond_broadcast(&l->event.changed);
	pthread_mutex_unlock(&l->event.lock);
}

/* ---- connections ---- */

static int CALLBACK accept_all(LPWSABUF caller, LPWSABUF data, LPQOS sqos, LPQOS gqos,
			       LPWSABUF callee, LPWSABUF callee_data, GROUP *g, DWORD_PTR context)
{
	(void)caller, (void)data, (void)sqos, (void)gqos, (void)callee, (void)callee_data, (void)g,
		(void)context;
	return CF_ACCEPT;
}

static void provider_close(struct conn *c)
{
	int code;
	provider_calls()->table.lpWSPCloseSocket(c->s, &code);
	provider_disconnected(c);
	free(c);
}

static int made(SOCKET s, size_t message, struct conn **ret)
{
	struct conn *c = calloc(1, sizeof(*c));
	if (!c)
		return fail_socket(s, WSAENOBUFS);
	if (provider_connected(c, s, message)) {
		int err = errno;
		provider_close(c);
		errno = err;
		return -1;
	}
	*ret = c;
	return 0;
}

static int provider_accept(struct listener *l, size_t message, struct conn **ret)
{
	const WSPPROC_TABLE *t = &provider_calls()->table;
	for (;;) {
		struct wsd_sockaddr_in from;
		WSANETWORKEVENTS events;
		int size = sizeof(from), code = 0;
		SOCKET s = t->lpWSPAccept(l->s, (struct wsd_sockaddr *)&from, &size, accept_all, 0,
					  &code);
		if (s != INVALID_SOCKET)
			return made(s, message, ret);
		if (code != WSAEWOULDBLOCK)
			return contend_result(code);
		if (wait_event(&l->event))
			return -1;
		t->lpWSPEnumNetworkEvents(l->s, &l->event, &events, &code);
	}
}

/* The code. */
static int finish_connecting(SOCKET s, struct provider_event *e)
{
	WSANETWORKEVENTS events = {0};
	int code = 0;
	do {
		if (wait_event(e))
			return WSAECONNABORTED;
		if (provider_calls()->table.lpWSPEnumNetworkEvents(s, e, &events, &code))
			return code;
	} while (!(events.lNetworkEvents & FD_CONNECT));
	return events.iErrorCode[FD_CONNECT_BIT];
}

static int connect_socket(SOCKET s, const struct sockaddr_in *to, struct provider_event *e)
{
	const WSPPROC_TABLE *t = &provider_calls()->table;
	struct sockaddr_in from = provider_calls()->here;
	struct wsd_sockaddr_in name = contend_winsock_name(to);
	int code = 0;
	from.sin_port = 0;
	code = bind_somewhere(s, &from);
	if (code || t->lpWSPEventSelect(s, e, FD_CONNECT, &code))
		return code;
	if (t->lpWSPConnect(s, (struct wsd_sockaddr *)&name, sizeof(name), NULL, NULL, NULL, NULL,
			    &code) &&
	    code == WSAEWOULDBLOCK)
		code = finish_connecting(s, e);
	if (!code)
		t->lpWSPEventSelect(s, NULL, 0, &code);
	return code;
}

static int provider_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	struct provider_event e;
	int code = 0;
	SOCKET s = new_socket(&code);
	if (s == INVALID_SOCKET)
		return contend_result(code);
	provider_event_init(&e);
	code = connect_socket(s, to, &e);
	int r = code ? fail_socket(s, code) : 0; /* which uses the event */
	provider_event_free(&e);
	return r ? r : made(s, message, ret);
}

const struct conn_ops provider_conns = {
	.listen = provider_listen,
	.unlisten = provider_unlisten,
	.accept = provider_accept,
	.interrupt = provider_interrupt,
	.connect = provider_connect,
	.send = provider_send,
	.recv = provider_recv,
	.close = provider_close,
};
