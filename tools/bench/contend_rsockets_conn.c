/* SPDX-License-Identifier: MIT
 *
 * contend_rsockets_conn.c - connections of rsockets: blocking calls. An accept cannot be
 * interrupted: a connection of our own to ourselves may stall (rdma-core 44). No state.
 */
#include "contend.h"

#include <errno.h>
#include <rdma/rsocket.h>
#include <stdlib.h>
#include <sys/socket.h>

struct listener {
	int fd;
};

struct conn {
	int fd;
};

static int give_up(void *memory, int fd)
{
	int err = errno;
	free(memory);
	if (fd >= 0)
		rclose(fd);
	errno = err;
	return -1;
}

static int rsockets_listen(struct sockaddr_in *at, int backlog, struct listener **ret)
{
	static const int one = 1;
	struct listener *l = malloc(sizeof(*l));
	socklen_t len = sizeof(*at);
	if (!l)
		return -1;
	l->fd = rsocket(AF_INET, SOCK_STREAM, 0);
	if (l->fd < 0 || rsetsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    rbind(l->fd, (struct sockaddr *)at, sizeof(*at)) || rlisten(l->fd, backlog) ||
	    rgetsockname(l->fd, (struct sockaddr *)at, &len))
		return give_up(l, l->fd);
	*ret = l;
	return 0;
}

static void rsockets_unlisten(struct listener *l)
{
	rclose(l->fd);
	free(l);
}

static int make(int fd, struct conn **ret)
{
	struct conn *c = malloc(sizeof(*c));
	if (!c)
		return give_up(NULL, fd);
	c->fd = fd;
	*ret = c;
	return 0;
}

static int rsockets_accept(struct listener *l, size_t message, struct conn **ret)
{
	(void)message;
	int fd = raccept(l->fd, NULL, NULL);
	return fd < 0 ? -1 : make(fd, ret);
}

static int rsockets_connect(const struct sockaddr_in *to, size_t message, struct conn **ret)
{
	(void)message;
	int fd = rsocket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	if (rconnect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return give_up(NULL, fd);
	return make(fd, ret);
}

static int rsockets_send(struct conn *c, const void *data, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = rsend(c->fd, (const char *)data + sent, n - sent, 0);
		if (r <= 0)
			return -1;
		sent += (size_t)r;
	}
	return 0;
}

static int rsockets_recv(struct conn *c, void *data, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t r = rrecv(c->fd, (char *)data + got, n - got, 0);
		if (!r)
			errno = EPIPE;
		if (r <= 0)
			return -1;
		got += (size_t)r;
	}
	return 0;
}

static void rsockets_close(struct conn *c)
{
	rshutdown(c->fd, SHUT_RDWR);
	rclose(c->fd);
	free(c);
}

const struct conn_ops rsockets_conns = {
	.listen = rsockets_listen,
	.unlisten = rsockets_unlisten,
	.accept = rsockets_accept,
	.connect = rsockets_connect,
	.send = rsockets_send,
	.recv = rsockets_recv,
	.close = rsockets_close,
};
