/* SPDX-License-Identifier: MIT
 *
 * Sessions that a test plays by hand, in place of session.c's (the linker's --wrap): what
 * san_connect.c and san_accept.c do around them is looked at alone. Closing one closes its SAN
 * socket, as a session must. The lock guards the list.
 */
#ifndef WSD_TESTS_FAKE_SESSION_H
#define WSD_TESTS_FAKE_SESSION_H

#include "session.h"
#include "sw.h"
#include "transport.h"

#include <arpa/inet.h>

enum { FAKE_SESSIONS = 256 };

struct session {
	struct session_link link;
	const struct session_ops *ops;
	void *ctx;
	bool initiator, closed, freed;
	uint32_t linger_ms;
};

static struct {
	pthread_mutex_t lock;
	struct session list[FAKE_SESSIONS];
	unsigned count, open;
	int refuse; /* session_create's answer */
} fakes = {.lock = PTHREAD_MUTEX_INITIALIZER};

int __wrap_session_create(const struct session_link *link, bool initiator,
			  const struct session_config *config, const struct session_ops *ops,
			  void *ctx, struct reactor *reactor, struct session **ret);
void __wrap_session_close(struct session *ss, uint32_t linger_ms);
void __wrap_session_free(struct session *ss);
void *__wrap_session_context(const struct session *ss);
void __wrap_session_set_buffers(struct session *ss, uint32_t sndbuf, uint32_t rcvbuf,
				bool oob_inline);
void __wrap_session_keepalive(struct session *ss, uint32_t idle_ms, uint32_t interval_ms,
			      unsigned count);

int __wrap_session_create(const struct session_link *link, bool initiator,
			  const struct session_config *config, const struct session_ops *ops,
			  void *ctx, struct reactor *reactor, struct session **ret)
{
	pthread_mutex_lock(&fakes.lock);
	int code = fakes.refuse;
	if (!code) {
		struct session *ss = &fakes.list[fakes.count];
		*ss = (struct session){
			.link = *link, .ops = ops, .ctx = ctx, .initiator = initiator};
		*ret = ss;
		fakes.count++;
		fakes.open++;
	}
	pthread_mutex_unlock(&fakes.lock);
	return code;
}

void __wrap_session_close(struct session *ss, uint32_t linger_ms)
{
	int error;
	pthread_mutex_lock(&fakes.lock);
	bool first = !ss->closed;
	ss->closed = true;
	ss->linger_ms = linger_ms;
	pthread_mutex_unlock(&fakes.lock);
	if (!first)
		return;
	ss->link.provider->table.lpWSPCloseSocket(ss->link.desc, &error);
	ss->ops->ended(ss->ctx);
}

void __wrap_session_set_buffers(struct session *ss, uint32_t sndbuf, uint32_t rcvbuf,
				bool oob_inline)
{
}

void __wrap_session_keepalive(struct session *ss, uint32_t idle_ms, uint32_t interval_ms,
			      unsigned count)
{
}

void __wrap_session_free(struct session *ss)
{
	pthread_mutex_lock(&fakes.lock);
	cr_assert(ss->closed && !ss->freed);
	ss->freed = true;
	fakes.open--;
	pthread_mutex_unlock(&fakes.lock);
}

void *__wrap_session_context(const struct session *ss)
{
	return ss->ctx;
}

static unsigned fake_count(void)
{
	pthread_mutex_lock(&fakes.lock);
	unsigned n = fakes.count;
	pthread_mutex_unlock(&fakes.lock);
	return n;
}

/* The session number @i, once it has begun. */
__attribute__((unused)) static struct session *fake_session(unsigned i)
{
	cr_assert(WSD_UNTIL(fake_count() > i, 3000), "no session number %u", i);
	return &fakes.list[i];
}

__attribute__((unused)) static bool fakes_gone(void)
{
	pthread_mutex_lock(&fakes.lock);
	bool gone = !fakes.open;
	pthread_mutex_unlock(&fakes.lock);
	return gone;
}

__attribute__((unused)) static struct wsd_sockaddr_in fake_addr(const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in in;
	memset(&in, 0, sizeof(in));
	in.sin_family = WSD_AF_INET;
	in.sin_port = htons(port);
	inet_pton(AF_INET, ip, &in.sin_addr.s_addr);
	return in;
}

/* A call of connect(): 0 or the code. */
__attribute__((unused)) static int fake_connect(SOCKET s, const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in to = fake_addr(ip, port);
	return wsd_connect(s, (struct wsd_sockaddr *)&to, sizeof(to)) ? wsd_WSAGetLastError() : 0;
}

__attribute__((unused)) static void make_nonblocking(SOCKET s)
{
	ULONG yes = 1;
	cr_assert_eq(wsd_ioctlsocket(s, WSD_FIONBIO, &yes), 0);
}

/* The code that an attempt has ended with; SW_CONNECTED is 0. */
__attribute__((unused)) static int end_of_connect(SOCKET s)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, s);
	int error = -1;
	cr_assert(WSD_UNTIL(__extension__({
				    pthread_mutex_lock(&sock->lock);
				    enum sw_state state = sock->state;
				    error = sock->error;
				    pthread_mutex_unlock(&sock->lock);
				    state != SW_CONNECTING;
			    }),
			    3000),
		  "it goes on");
	sw_socket_put(sock);
	sw_leave(p);
	return error;
}

__attribute__((unused)) static int reason_of(SOCKET s)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, s);
	pthread_mutex_lock(&sock->lock);
	int reason = sock->tcp_reason;
	pthread_mutex_unlock(&sock->lock);
	sw_socket_put(sock);
	sw_leave(p);
	return reason;
}

__attribute__((unused)) static const char *transport_of(SOCKET s)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, s);
	pthread_mutex_lock(&sock->lock);
	const char *name = sock->transport ? sock->transport->name : "none";
	pthread_mutex_unlock(&sock->lock);
	sw_socket_put(sock);
	sw_leave(p);
	return name;
}

#endif
