/* SPDX-License-Identifier: MIT
 *
 * See measure.h. The child is forked before either has a socket of the library, speaks over a
 * socket pair, and ends with it. No state.
 */
#include "measure.h"

#include "cells.h"
#include "wsaname.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_S = 30, TRIES = 3 };

struct question {
	int kind;
	char address[16];
	unsigned short port;
};

struct second {
	int fd;
	pid_t pid;
};

/* ---- the child ---- */

static int become(long user)
{
	if (user < 0)
		return 0;
	return setgroups(0, NULL) || setgid((gid_t)user) || setuid((uid_t)user) ? errno : 0;
}

static _Noreturn void serve(int fd, long user)
{
	struct question q;
	int code = become(user);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* which another user would lose; `fd` tells as well */
	if (!code)
		code = cells_start();
	if (send(fd, &code, sizeof(code), MSG_NOSIGNAL) != sizeof(code) || code)
		_exit(1);
	while (read(fd, &q, sizeof(q)) == sizeof(q)) {
		unsigned long long s;
		code = cell_bind(q.kind, q.address, &q.port, &s);
		if (!code)
			cell_close(s);
		if (send(fd, &code, sizeof(code), MSG_NOSIGNAL) != sizeof(code))
			break;
	}
	cells_stop();
	_exit(0);
}

/* ---- the parent ---- */

static int answer(const struct second *s, char *why, size_t size)
{
	int code;
	if (read(s->fd, &code, sizeof(code)) == sizeof(code))
		return code;
	snprintf(why, size, "the second process does not answer");
	return MATRIX_NOT_MEASURED;
}

struct second *second_start(long user, char *why, size_t size)
{
	const struct timeval patience = {.tv_sec = ANSWER_S};
	struct second *s = calloc(1, sizeof(*s));
	int pair[2];
	if (!s || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		snprintf(why, size, "%s", strerror(errno));
		free(s);
		return NULL;
	}
	fflush(NULL);
	s->pid = fork();
	if (!s->pid) {
		close(pair[0]);
		serve(pair[1], user);
	}
	close(pair[1]);
	s->fd = pair[0];
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	int code = s->pid < 0 ? errno : answer(s, why, size);
	if (!code)
		return s;
	if (code > 0)
		snprintf(why, size, "the second process cannot begin: %s",
			 wsaname(code) ? wsaname(code) : strerror(code));
	second_end(s);
	return NULL;
}

void second_end(struct second *s)
{
	if (!s)
		return;
	close(s->fd);
	if (s->pid > 0) {
		int left = ANSWER_S * 10;
		while (!waitpid(s->pid, NULL, WNOHANG) && left-- > 0)
			usleep(100000);
		if (left < 0) {
			kill(s->pid, SIGKILL);
			waitpid(s->pid, NULL, 0);
		}
	}
	free(s);
}

/* A port that nobody has on any address: another program's would be in the way of a wildcard. */
static unsigned short free_port(void)
{
	unsigned long long s;
	unsigned short port = 0;
	if (cell_bind(0, "", &port, &s)) /* the wildcard */
		return 0;
	cell_close(s);
	return port;
}

/* MATRIX_NOT_MEASURED: m->why says why. */
static int try_cell(struct matrix *m, const struct second *s, int first, int second)
{
	struct question q = {.kind = second, .port = free_port()};
	unsigned long long held;
	int measured = MATRIX_NOT_MEASURED;
	snprintf(q.address, sizeof(q.address), "%s", m->address);
	int code = cell_bind(first, q.address, &q.port, &held);
	if (code) {
		char text[24];
		snprintf(m->why, sizeof(m->why), "the first bind of %s fails: %s",
			 matrix_kind_names[first], matrix_word(code, text));
		return measured;
	}
	if (send(s->fd, &q, sizeof(q), MSG_NOSIGNAL) == sizeof(q))
		measured = answer(s, m->why, sizeof(m->why));
	else
		snprintf(m->why, sizeof(m->why), "the second process has ended");
	cell_close(held);
	return measured;
}

/* Somebody may have come to the port meanwhile: what differs is tried on others. */
static void cell(struct matrix *m, const struct second *s, int first, int second)
{
	for (int i = 0; i < TRIES && !m->why[0]; i++) {
		m->measured[first][second] = try_cell(m, s, first, second);
		if (!matrix_differs(m, first, second))
			return;
	}
}

void measure(struct matrix *m, struct second *s)
{
	memset(m->measured, 0xff, sizeof(m->measured)); /* MATRIX_NOT_MEASURED */
	for (int first = 0; first < KINDS && !m->why[0]; first++)
		for (int second = 0; second < KINDS && !m->why[0]; second++)
			cell(m, s, first, second);
}
