/* SPDX-License-Identifier: MIT
 *
 * role.c - see role.h: the side of the measuring process.
 */
#include "role.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the environment ---- */

void knobs_set(struct knob *knobs, int n)
{
	for (int i = 0; i < n; i++) {
		const char *now = getenv(knobs[i].name);
		knobs[i].before = now ? strdup(now) : NULL;
		setenv(knobs[i].name, knobs[i].value, 1);
	}
}

void knobs_restore(struct knob *knobs, int n)
{
	for (int i = 0; i < n; i++) {
		if (knobs[i].before)
			setenv(knobs[i].name, knobs[i].before, 1);
		else
			unsetenv(knobs[i].name);
		free(knobs[i].before);
		knobs[i].before = NULL;
	}
}

/* ---- a process ---- */

/* A socket, whose writes do not end us when the other process is gone. */
static int spawn(struct role *r, char *const argv[])
{
	int ends[2];
	posix_spawn_file_actions_t files;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, ends[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
	int err = posix_spawn(&r->pid, "/proc/self/exe", &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(ends[1]);
	r->fd = ends[0];
	if (!err)
		return 0;
	close(r->fd);
	errno = err;
	return -1;
}

int role_start(struct role *r, enum role_kind kind, const struct contender *who,
	       const struct sockaddr_in *at, unsigned flags, char *why, size_t size)
{
	char ip[INET_ADDRSTRLEN], port[8], bits[8], which[4];
	snprintf(which, sizeof(which), "%d", (int)kind);
	snprintf(port, sizeof(port), "%u", ntohs(at->sin_port));
	snprintf(bits, sizeof(bits), "%u", flags);
	inet_ntop(AF_INET, &at->sin_addr, ip, sizeof(ip));
	char *const argv[] = {"wsd-bench", "--role", which, (char *)(uintptr_t)who->name,
			      ip,          port,     bits,  NULL};
	if (spawn(r, argv)) {
		snprintf(why, size, "cannot start a process: %s", strerror(errno));
		return -1;
	}
	double at_ns;
	if (!role_hear(r, "ready", &at_ns, why, size))
		return 0;
	role_kill(r);
	role_end(r);
	return -1;
}

int role_say(struct role *r, const char *word)
{
	char line[32];
	int n = snprintf(line, sizeof(line), "%s\n", word);
	return send(r->fd, line, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -1;
}

bool role_spoke(const struct role *r)
{
	struct pollfd p = {.fd = r->fd, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

/* A line is written at once. 0, or -1: it ended. Who hangs is given up by the runner, and ends with
 * this process. */
static int hear_line(struct role *r, char *line, size_t size)
{
	ssize_t n = recv(r->fd, line, size - 1, MSG_PEEK);
	char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	if (!end || recv(r->fd, line, (size_t)(end + 1 - line), 0) != end + 1 - line)
		return -1;
	*end = '\0';
	return 0;
}

int role_hear(struct role *r, const char *word, double *ret, char *why, size_t size)
{
	char line[160];
	size_t n = strlen(word);
	if (hear_line(r, line, sizeof(line))) {
		snprintf(why, size, "the other process does not say '%s'", word);
		return -1;
	}
	if (!strncmp(line, word, n) && line[n] == ' ') {
		*ret = strtod(line + n, NULL);
		return 0;
	}
	snprintf(why, size, "the other process: %.120s", line);
	return -1;
}

void role_kill(struct role *r)
{
	if (r->pid > 0)
		kill(r->pid, SIGKILL);
}

void role_end(struct role *r)
{
	if (r->pid <= 0)
		return;
	close(r->fd);
	waitpid(r->pid, NULL, 0);
	r->pid = 0;
}
