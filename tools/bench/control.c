/* SPDX-License-Identifier: MIT
 *
 * control.c - see control.h. A line is gathered whole before it is parsed, so that it may come in
 * pieces of any size. No locks.
 */
#include "control.h"

#include "plain.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_ROOM = 4096, PAUSE_MS = 100 };

struct control {
	int fd;
	char *buf;
	size_t len, looked, room; /* bytes there; of these without a newline; allocated */
};

/* A host that is gone without a word is noticed after half a minute. */
static void keep_alive(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},   {SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 10}, {IPPROTO_TCP, TCP_KEEPINTVL, 5},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},   {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			   sizeof(options[i].value));
}

struct control *control_new(int fd)
{
	struct control *c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		errno = ENOMEM;
		return NULL;
	}
	c->fd = fd;
	return c;
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One try of each address: a descriptor, or -1 with errno. */
static int connect_any(const struct addrinfo *list)
{
	int err = EADDRNOTAVAIL;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0 && !connect(fd, a->ai_addr, a->ai_addrlen))
			return fd;
		err = errno;
		if (fd >= 0)
			close(fd);
	}
	errno = err;
	return -1;
}

struct control *control_connect(const char *name, unsigned port, double seconds, char *why,
				size_t size)
{
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	char service[16];
	double end = now_s() + seconds;
	int fd;

	snprintf(service, sizeof(service), "%u", port);
	int err = getaddrinfo(name, service, &hints, &list);
	if (err) {
		snprintf(why, size, "%s: %s", name, gai_strerror(err));
		return NULL;
	}
	while ((fd = connect_any(list)) < 0 && errno == ECONNREFUSED && now_s() < end)
		usleep(PAUSE_MS * 1000);
	err = errno;
	freeaddrinfo(list);
	if (fd < 0) {
		snprintf(why, size, "no server at %s port %u: %s", name, port, strerror(err));
		return NULL;
	}
	keep_alive(fd);
	struct control *c = control_new(fd);
	if (!c)
		snprintf(why, size, "no memory");
	return c;
}

struct control *control_accept(int listening)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return NULL;
	keep_alive(fd);
	return control_new(fd);
}

void control_patience(struct control *c, int seconds)
{
	struct timeval t = {.tv_sec = seconds};
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

void control_close(struct control *c)
{
	if (!c)
		return;
	close(c->fd);
	free(c->buf);
	free(c);
}

int control_fd(const struct control *c)
{
	return c->fd;
}

static struct sockaddr_in name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	if (ask(fd, (struct sockaddr *)&a, &len) || a.sin_family != AF_INET)
		memset(&a, 0, sizeof(a));
	return a;
}

struct sockaddr_in control_peer(const struct control *c)
{
	return name_of(c->fd, getpeername);
}

struct sockaddr_in control_here(const struct control *c)
{
	return name_of(c->fd, getsockname);
}

int control_send(struct control *c, json_t *j)
{
	char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	if (!text) {
		errno = ENOMEM;
		return -1;
	}
	size_t n = strlen(text);
	text[n++] = '\n'; /* in place of the NUL */
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(c->fd, text + sent, n - sent, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0) {
			int err = errno;
			free(text);
			errno = err;
			return -1;
		}
		sent += (size_t)r;
	}
	free(text);
	return 0;
}

static int make_room(struct control *c)
{
	if (c->len < c->room)
		return 0;
	if (c->room >= CONTROL_LINE_MAX) {
		errno = EPROTO;
		return -1;
	}
	size_t more = c->room ? 2 * c->room : FIRST_ROOM;
	char *p = realloc(c->buf, more);
	if (!p)
		return -1;
	c->buf = p;
	c->room = more;
	return 0;
}

/* The first line, which stays in the buffer: its length without the newline; -1 with errno. */
static ssize_t gather(struct control *c)
{
	for (;;) {
		char *end = c->len > c->looked
				    ? memchr(c->buf + c->looked, '\n', c->len - c->looked)
				    : NULL;
		if (end)
			return end - c->buf;
		c->looked = c->len;
		if (make_room(c))
			return -1;
		ssize_t r = recv(c->fd, c->buf + c->len, c->room - c->len, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			if (!r || errno == ECONNRESET)
				errno = EPIPE;
			return -1;
		}
		c->len += (size_t)r;
	}
}

json_t *control_recv(struct control *c)
{
	ssize_t n = gather(c);
	if (n < 0)
		return NULL;
	json_t *j = json_loadb(c->buf, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
	c->len -= (size_t)n + 1;
	memmove(c->buf, c->buf + n + 1, c->len);
	c->looked = 0;
	if (json_is_object(j) && plain_json(j))
		return j;
	json_decref(j);
	errno = EPROTO;
	return NULL;
}

bool control_pending(const struct control *c)
{
	return c->len && memchr(c->buf, '\n', c->len);
}

static const char *broken(int error)
{
	switch (error) {
	case EPIPE:
		return "the other end went away";
	case EPROTO:
		return "the other end does not speak the language of wsd bench";
	case EAGAIN:
		return "the other end says nothing";
	default:
		return strerror(error);
	}
}

json_t *control_ask(struct control *c, json_t *question, char *why, size_t size)
{
	/* who has hung up may have said why before */
	bool asked = !control_send(c, question) || errno == EPIPE || errno == ECONNRESET;
	json_t *answer = asked ? control_recv(c) : NULL;
	if (!answer) {
		snprintf(why, size, "%s", broken(errno));
		return NULL;
	}
	const char *error = json_string_value(json_object_get(answer, "error"));
	if (!error)
		return answer;
	snprintf(why, size, "%s", error);
	json_decref(answer);
	return NULL;
}
