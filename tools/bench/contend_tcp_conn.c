/* SPDX-License-Identifier: MIT
 *
 * contend_tcp_conn.c - connections of kernel TCP: blocking calls. No state.
 */
#include "contend.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener {
	int fd;
	struct sockaddr_in at;
	atomic_bool interrupted;
};

struct conn {
	int fd;
};

static int tcp_listen(struct sockaddr_in *at, int backlog, struct listener **ret)
{
	static const int one = 1;
	struct listener *l = calloc(1, sizeof(*l));
	socklen_t len = sizeof(*at);
	if (!l)
		return -1;
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(l->fd, (struct sockaddr *)at, sizeof(*at)) || listen(l->fd, backlog) ||
	    getsockname(l->fd, (struct sockaddr *)at, &len))
		return contend_give_up(l, l->fd);
	l->at = *at;
	*ret = l;
	return 0;
}

static void tcp_unlisten(struct listener *l)
{
	close(l->fd);
	free(l);
}

static void tcp_interrupt(struct listener *l)
{
	atomic_store(&l->interrupted, true);
	contend_poke(&l->at);
}

static int make(int fd, size_t message, struct conn **ret)
{
	static const int one = 1;
	struct conn *c = malloc(sizeof(*c));
	if (!c || (message && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))))
		return contend_give_up(c, fd);
	c->fd = fd;
	*ret = c;
	return 0;
}

static int tcp_accept(struct listener *l, size_t message, struct conn **ret)
{
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	if (atomic_exchange(&l->interrupted, false)) {
		close(fd);
		errno = ECANCELED;
		return -1;
	}
	return make(fd, message, ret);
}

static int tcp_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return contend_give_up(NULL, fd);
	return make(fd, message, ret);
}

static int tcp_send(struct conn *c, const void *data, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(c->fd, (const char *)data + sent, n - sent, MSG_NOSIGNAL);
		if (r < 0)
			return -1;
		sent += (size_t)r;
	}
	return 0;
}

static int tcp_recv(struct conn *c, void *data, size_t n)
{
	ssize_t r = recv(c->fd, data, n, MSG_WAITALL);
	if (r >= 0 && (size_t)r < n)
		errno = EPIPE;
	return r == (ssize_t)n ? 0 : -1;
}

static void tcp_close(struct conn *c)
{
	close(c->fd);
	free(c);
}

static void tcp_reset(struct conn *c)
{
	static const struct linger at_once = {.l_onoff = 1};
	(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	tcp_close(c);
}

const struct conn_ops tcp_conns = {
	.listen = tcp_listen,
	.unlisten = tcp_unlisten,
	.accept = tcp_accept,
	.interrupt = tcp_interrupt,
	.connect = tcp_connect,
	.send = tcp_send,
	.recv = tcp_recv,
	.close = tcp_close,
	.reset = tcp_reset,
};
