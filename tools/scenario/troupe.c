/* SPDX-License-Identifier: MIT
 *
 * See troupe.h. The director's only thread.
 */
#include "troupe.h"
#include "actor.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 100 };

volatile int troupe_interrupted;

long long troupe_now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct player *troupe_find(struct troupe *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->players[i].pid && !strcmp(t->players[i].name, name))
			return &t->players[i];
	return NULL;
}

static void become(struct troupe *t, int fd, long uid, int net, pid_t director)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->players[i].pid)
			close(t->players[i].fd);
	signal(SIGINT, SIG_IGN); /* a terminal's goes to all; the director sees to us */
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (net >= 0 && setns(net, CLONE_NEWNET))
		_exit(1);
	if (uid >= 0) {
		gid_t gid = (gid_t)uid;
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) ||
		    setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid))
			_exit(1);
		/* changing the user took these */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_DUMPABLE, 1);
	}
	if (getppid() != director)
		_exit(1);
	if (t->command) {
		setpgid(0, 0);
		actor_relay(fd, t->command);
	}
	actor_live(fd);
}

struct player *troupe_add(struct troupe *t, const char *name, long uid, int net)
{
	int ends[2];
	pid_t director = getpid();
	if (t->n == TROUPE_MAX) {
		errno = E2BIG;
		return NULL;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return NULL;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		become(t, ends[1], uid, net, director);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return NULL;
	}
	/* here and there, whoever comes first: all that the command starts goes with it */
	if (t->command)
		setpgid(pid, pid);
	struct player *p = &t->players[t->n++];
	*p = (struct player){.pid = pid,
			     .spawned = pid,
			     .group = t->command != NULL,
			     .fd = ends[0],
			     .answers = json_object(),
			     .busy = json_object()};
	snprintf(p->name, sizeof(p->name), "%s", name);
	return p;
}

bool troupe_tell(struct player *p, const json_t *message)
{
	char *packet = json_dumps(message, JSON_COMPACT);
	if (packet && strlen(packet) > ACTOR_MESSAGE) { /* it would arrive cut */
		free(packet);
		errno = EMSGSIZE;
		return false;
	}
	bool sent = packet && send(p->fd, packet, strlen(packet), MSG_NOSIGNAL) >= 0;
	free(packet);
	return sent;
}

/* One packet more, kept by its thread. False: with errno set. */
static bool take(struct player *p, long long deadline_ms)
{
	static char packet[ACTOR_MESSAGE];
	struct pollfd pfd = {.fd = p->fd, .events = POLLIN};
	int n = 0;
	while (n <= 0) {
		long long left = deadline_ms - troupe_now_ms();
		/* a signal that comes just before poll does not end it: hence no long ones */
		n = poll(&pfd, 1, left > SLICE_MS ? SLICE_MS : left > 0 ? (int)left : 0);
		if (troupe_interrupted || (n <= 0 && left <= 0)) {
			errno = troupe_interrupted ? EINTR : ETIMEDOUT;
			return false;
		}
	}
	ssize_t len = recv(p->fd, packet, sizeof(packet), 0);
	json_t *answer = len > 0 ? json_loadb(packet, (size_t)len, 0, NULL) : NULL;
	if (!answer) {
		errno = ECONNRESET;
		return false;
	}
	json_object_set_new(p->answers, json_string_value(json_object_get(answer, "thread")),
			    answer);
	return true;
}

json_t *troupe_hear(struct player *p, const char *thread, long long deadline_ms)
{
	for (;;) {
		json_t *answer = json_incref(json_object_get(p->answers, thread));
		if (answer) {
			json_object_del(p->answers, thread);
			return answer;
		}
		if (!take(p, deadline_ms))
			return NULL;
	}
}

bool troupe_answered(struct player *p, const char *thread)
{
	while (take(p, 0))
		;
	return json_object_get(p->answers, thread) != NULL;
}

void troupe_signal(struct player *p, int signal)
{
	kill(p->group ? -p->pid : p->pid, signal);
	p->stopped = signal == SIGSTOP;
}

static void gone(struct player *p)
{
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(p->fd);
	json_decref(p->answers);
	json_decref(p->busy);
	p->pid = 0;
}

void troupe_exit(struct player *p, long long deadline_ms)
{
	json_t *message = json_pack("{s:s}", "do", "exit");
	if (troupe_tell(p, message))
		while (take(p, deadline_ms)) /* until there is nobody at the other end */
			;
	json_decref(message);
	troupe_end(p);
}

void troupe_end(struct player *p)
{
	kill(p->group ? -p->pid : p->pid, SIGKILL);
	gone(p);
}

void troupe_end_all(struct troupe *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->players[i].pid)
			troupe_end(&t->players[i]);
	t->n = 0;
}
