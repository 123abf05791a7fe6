/* SPDX-License-Identifier: MIT
 *
 * The loop provider: the names that this process listens on, each an AF_UNIX socket. Abstract ones
 * are known in one network namespace; where the net is a folder they are files in it, for processes
 * of several hosts. Lock: loop.h.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { QUEUE = 4096 };

static bool in_folder(void)
{
	return loop_control.options.net[0] == '/';
}

static socklen_t path_of(struct sockaddr_un *un, uint32_t addr_be, uint16_t port_be)
{
	const char *net = loop_control.options.net;
	bool folder = in_folder();
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	int n = snprintf(un->sun_path + !folder, sizeof(un->sun_path) - 1, "%s%s/%08x:%u",
			 folder ? "" : "wsd-loop/", net, ntohl(addr_be), ntohs(port_be));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

/* A file outlives its owner, a lock does not: who has the lock may take the name. */
static int take_file(const char *path)
{
	char lock[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	snprintf(lock, sizeof(lock), "%s.lock", path);
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB)) {
		close(fd);
		return -1;
	}
	if (fd >= 0) {
		fchmod(fd, 0666); /* the next one's user may be another */
		unlink(path);
	}
	return fd;
}

static void give_lock(struct loop_name *n)
{
	if (n->lock_fd >= 0)
		close(n->lock_fd);
	n->lock_fd = -1;
}

/* Another process may have it: then it is dormant, and loop_timers tries again. */
void loop_name_open(struct loop_name *n)
{
	struct sockaddr_un un;
	socklen_t len = path_of(&un, n->addr_be, n->port_be);
	n->lock_fd = in_folder() ? take_file(un.sun_path) : -1;
	if (in_folder() && n->lock_fd < 0)
		return;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&un, len) == 0 &&
	    (!in_folder() || chmod(un.sun_path, 0666) == 0) && listen(fd, QUEUE) == 0) {
		n->object.fd = fd;
		loop_watch(&n->object, EPOLLIN);
		return;
	}
	if (fd >= 0)
		close(fd);
	give_lock(n);
}

static void name_close(struct loop_name *n)
{
	struct sockaddr_un un;
	path_of(&un, n->addr_be, n->port_be);
	if (n->lock_fd >= 0)
		unlink(un.sun_path);
	loop_object_remove(&n->object);
	give_lock(n);
}

int loop_name_call(int fd, const struct wsd_sockaddr_in *name)
{
	struct sockaddr_un un;
	socklen_t len = path_of(&un, name->sin_addr.s_addr, name->sin_port);
	return connect(fd, (struct sockaddr *)&un, len);
}

static int name_join(uint32_t addr_be, uint16_t port_be)
{
	struct loop_name *n = loop.names;
	while (n && (n->addr_be != addr_be || n->port_be != port_be))
		n = n->next;
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return WSAENOBUFS;
		n->lock_fd = -1;
		n->object = (struct loop_object){.kind = LOOP_NAME, .fd = -1};
		if (!loop_object_add(&n->object)) {
			free(n);
			return WSAEMFILE;
		}
		n->addr_be = addr_be;
		n->port_be = port_be;
		n->next = loop.names;
		loop.names = n;
		loop_name_open(n);
		if (n->object.fd < 0)
			loop_wake();
	}
	n->refs++;
	return 0;
}

static void name_leave(uint32_t addr_be, uint16_t port_be)
{
	struct loop_name **at = &loop.names;
	while (*at && ((*at)->addr_be != addr_be || (*at)->port_be != port_be))
		at = &(*at)->next;
	struct loop_name *n = *at;
	if (!n || --n->refs)
		return;
	*at = n->next;
	name_close(n);
	free(n);
}

int loop_names_join(const struct loop_socket *s)
{
	const struct loop_options *o = &loop_control.options;
	if (s->local.sin_addr.s_addr)
		return name_join(s->local.sin_addr.s_addr, s->local.sin_port);
	int code = 0;
	for (unsigned i = 0; i < o->n_addrs && !code; i++)
		code = name_join(o->addrs_be[i], s->local.sin_port);
	return code;
}

void loop_names_leave(const struct loop_socket *s)
{
	const struct loop_options *o = &loop_control.options;
	if (s->local.sin_addr.s_addr)
		name_leave(s->local.sin_addr.s_addr, s->local.sin_port);
	for (unsigned i = 0; i < o->n_addrs && !s->local.sin_addr.s_addr; i++)
		name_leave(o->addrs_be[i], s->local.sin_port);
}

void loop_names_abandon(void)
{
	for (struct loop_name *n = loop.names; n; n = n->next)
		give_lock(n);
}
