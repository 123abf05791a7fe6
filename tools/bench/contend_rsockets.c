/* SPDX-License-Identifier: MIT
 *
 * contend_rsockets.c - rsockets of librdmacm. State: whether it is started.
 */
#include "contend.h"

#include <errno.h>
#include <rdma/rsocket.h>
#include <stdlib.h>

struct bound {
	int fd;
};

static bool started;

static int rsockets_make(struct bound **ret)
{
	static const int one = 1;
	struct bound *b = malloc(sizeof(*b));
	if (!b)
		return -1;
	b->fd = rsocket(AF_INET, SOCK_STREAM, 0);
	if (b->fd < 0) {
		free(b);
		return -1;
	}
	rsetsockopt(b->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	*ret = b;
	return 0;
}

/* It has SO_REUSEADDR already, which lets a name be bound twice as long as nobody listens there. */
static int rsockets_bind(struct bound *b, const struct sockaddr_in *name, unsigned flags)
{
	if (flags) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return rbind(b->fd, (const struct sockaddr *)name, sizeof(*name));
}

static int rsockets_listen(struct bound *b, int backlog)
{
	return rlisten(b->fd, backlog);
}

static int rsockets_name(struct bound *b, struct sockaddr_in *ret)
{
	socklen_t size = sizeof(*ret);
	return rgetsockname(b->fd, (struct sockaddr *)ret, &size);
}

static int rsockets_serve(struct bound *b)
{
	int fd = raccept(b->fd, NULL, NULL);
	if (fd < 0)
		return -1;
	rclose(fd);
	return 0;
}

static int rsockets_close(struct bound *b)
{
	int r = rclose(b->fd);
	free(b);
	return r;
}

const struct name_ops rsockets_names = {rsockets_make, rsockets_bind,  rsockets_listen,
					rsockets_name, rsockets_serve, rsockets_close};

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	if (contend_rdma(here, why, size))
		return -1;
	started = true;
	return 0;
}

static void stop(void)
{
	if (started)
		contend_rdma_done();
	started = false;
}

const struct contender contend_rsockets = {
	.name = "rsockets",
	.title = "rsockets",
	.start = start,
	.stop = stop,
	.names = &rsockets_names,
	.conns = &rsockets_conns,
};
