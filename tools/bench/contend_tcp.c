/* SPDX-License-Identifier: MIT
 *
 * contend_tcp.c - kernel TCP, as a program uses it that knows nothing else. No state.
 */
#include "contend.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct bound {
	int fd;
};

static int tcp_make(struct bound **ret)
{
	static const int one = 1;
	struct bound *b = malloc(sizeof(*b));
	if (!b)
		return -1;
	b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	if (b->fd < 0) {
		free(b);
		return -1;
	}
	/* as every server does: else a name in TIME_WAIT is taken */
	setsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	*ret = b;
	return 0;
}

static int tcp_bind(struct bound *b, const struct sockaddr_in *name, unsigned flags)
{
	static const int one = 1;
	if (flags & BIND_EXCLUSIVE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (flags & BIND_SHARE && setsockopt(b->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)))
		return -1;
	return bind(b->fd, (const struct sockaddr *)name, sizeof(*name));
}

static int tcp_listen(struct bound *b, int backlog)
{
	return listen(b->fd, backlog);
}

static int tcp_name(struct bound *b, struct sockaddr_in *ret)
{
	socklen_t size = sizeof(*ret);
	return getsockname(b->fd, (struct sockaddr *)ret, &size);
}

static int tcp_serve(struct bound *b)
{
	int fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int tcp_close(struct bound *b)
{
	int r = close(b->fd);
	free(b);
	return r;
}

const struct name_ops tcp_names = {tcp_make, tcp_bind, tcp_listen, tcp_name, tcp_serve, tcp_close};

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	(void)here, (void)why, (void)size;
	return 0;
}

static void stop(void)
{
}

const struct contender contend_tcp = {
	.name = "tcp",
	.title = "kernel TCP",
	.start = start,
	.stop = stop,
	.names = &tcp_names,
	.conns = &tcp_conns,
};
