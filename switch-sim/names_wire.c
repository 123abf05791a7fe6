/* SPDX-License-Identifier: MIT */
/*
 * names_wire.c: sends, receives and checks the messages of names_wire.h. Nothing here waits but
 * wire_wait. No locks.
 */
#include "names_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct wire_head wire_head(enum wire_type type)
{
	return (struct wire_head){WIRE_MAGIC, WIRE_VERSION, (uint16_t)type};
}

size_t wire_size(const union wire_any *m)
{
	static const size_t fixed[WIRE_TYPE_COUNT] = {
		[WIRE_HELLO] = sizeof(struct wire_hello),
		[WIRE_WELCOME] = sizeof(struct wire_welcome),
		[WIRE_REFUSE] = sizeof(struct wire_refuse),
		[WIRE_ASK] = sizeof(struct wire_ask),
		[WIRE_ANSWER] = offsetof(struct wire_answer, shadow),
		[WIRE_EVENT] = offsetof(struct wire_event, shadow),
		[WIRE_PING] = sizeof(struct wire_head),
		[WIRE_PONG] = sizeof(struct wire_head),
	};
	if (m->head.type >= WIRE_TYPE_COUNT || !fixed[m->head.type])
		return 0;
	size_t size = fixed[m->head.type];
	if (m->head.type == WIRE_ANSWER)
		size += m->answer.shadows * sizeof(m->answer.shadow[0]);
	if (m->head.type == WIRE_EVENT && m->event.kind == EVENT_SHADOW)
		size += m->event.shadows * sizeof(m->event.shadow[0]);
	return size;
}

int wire_send(int fd, const void *message, const int *fds, unsigned count)
{
	union {
		char room[CMSG_SPACE(WIRE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {(void *)message, wire_size(message)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == ENOBUFS || errno == ENOMEM))
		return -EAGAIN; /* later, and the connection stays */
	return n < 0 ? -errno : 0;
}

/* Alignment leaves room for more than we expect, and the kernel fills it. */
enum { FDS_ROOM = (CMSG_SPACE(WIRE_FDS * sizeof(int)) - CMSG_LEN(0)) / sizeof(int) };

static unsigned take_fds(struct msghdr *msg, int fds[FDS_ROOM])
{
	unsigned taken = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		unsigned count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		for (unsigned i = 0; i < count && taken < FDS_ROOM; i++)
			memcpy(&fds[taken++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return taken;
}

/* 0, or why the @size bytes are no message of ours. */
static int check(const union wire_any *m, size_t size, bool truncated)
{
	if (truncated || size < sizeof(m->head) || m->head.magic != WIRE_MAGIC)
		return -EPROTO;
	if (m->head.type == WIRE_REFUSE && size == sizeof(m->refuse))
		return 0;
	if (m->head.version != WIRE_VERSION)
		return -EPROTONOSUPPORT;
	if (m->head.type == WIRE_ANSWER &&
	    (size < offsetof(struct wire_answer, shadow) || m->answer.shadows > WIRE_SHADOWS))
		return -EPROTO;
	if (m->head.type == WIRE_EVENT &&
	    (size < offsetof(struct wire_event, shadow) || m->event.kind >= EVENT_COUNT ||
	     (m->event.kind == EVENT_SHADOW && m->event.shadows > WIRE_SHADOWS)))
		return -EPROTO;
	return wire_size(m) == size ? 0 : -EPROTO;
}

static int receive(int fd, union wire_any *ret, int *fds, unsigned *ret_count, int flags)
{
	union {
		char room[CMSG_SPACE(WIRE_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {ret, sizeof(*ret)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	ssize_t n;

	do
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	int got[FDS_ROOM];
	unsigned count = take_fds(&msg, got);
	int r = n == 0 ? -ECONNRESET : check(ret, (size_t)n, msg.msg_flags & MSG_TRUNC);
	if (r == 0 && count > WIRE_FDS)
		r = -EPROTO;
	if (r == 0 && msg.msg_flags & MSG_CTRUNC)
		r = -EMFILE;
	if (r < 0 || !fds) {
		while (count)
			close(got[--count]);
	} else {
		memcpy(fds, got, count * sizeof(int));
		*ret_count = count;
	}
	return r;
}

int wire_recv(int fd, union wire_any *ret, int *fds, unsigned *ret_count)
{
	return receive(fd, ret, fds, ret_count, 0);
}

int wire_peek(int fd, union wire_any *ret, int *fds, unsigned *ret_count)
{
	return receive(fd, ret, fds, ret_count, MSG_PEEK);
}

int wire_failure(void)
{
	return errno > 0 ? -errno : -EIO;
}

int64_t wire_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool wire_wait(int fd, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (;;) {
		int64_t left = deadline_ms - wire_now_ms();
		int n = poll(&p, 1, left > 0 ? (int)left : 0);
		if (n > 0)
			return true;
		if (n == 0 && left <= 0)
			return false;
	}
}

socklen_t wire_address(const char *name, const char *suffix, struct sockaddr_un *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->sun_family = AF_UNIX;
	int n = snprintf(ret->sun_path + 1, sizeof(ret->sun_path) - 1, "%s%s", name,
			 suffix ? suffix : "");
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int wire_connect(const char *name, const char *suffix)
{
	struct sockaddr_un to;
	socklen_t len = wire_address(name, suffix, &to);
	int fd = open_socket();

	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, len) < 0) {
		int error = errno;
		close(fd);
		fd = -error;
	}
	return fd;
}

int wire_bind(const char *name, const char *suffix)
{
	struct sockaddr_un to;
	socklen_t len = wire_address(name, suffix, &to);
	int fd = open_socket();

	if (fd >= 0 && bind(fd, (struct sockaddr *)&to, len) < 0) {
		int error = errno;
		close(fd);
		fd = -error;
	}
	return fd;
}

int wire_peer(int fd, struct wire_peer *ret)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	ret->uid = cred.uid;
	ret->pid = cred.pid;
	return 0;
}

void wire_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
