/* SPDX-License-Identifier: MIT */
/*
 * names_lab.c: see names_lab.h. Every wait has a deadline.
 */
#include "names_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void lab_open(struct lab *lab, const char *what)
{
	static atomic_uint number;

	memset(lab, 0, sizeof(*lab));
	snprintf(lab->book, sizeof(lab->book), "wsd.test.%d.%u", (int)getpid(), number++);
	for (int i = 0; i < LAB_PROCS; i++)
		lab->proc[i].in = lab->proc[i].out = -1;
}

static void clear(struct lab_proc *p)
{
	if (p->in >= 0)
		close(p->in);
	if (p->out >= 0)
		close(p->out);
	p->pid = 0;
	p->in = p->out = -1;
	p->filled = 0;
	p->events[0] = '\0';
}

void lab_close(struct lab *lab)
{
	for (int i = 0; i < LAB_PROCS; i++) {
		struct lab_proc *p = &lab->proc[i];
		if (p->pid) {
			kill(p->pid, SIGKILL);
			waitpid(p->pid, NULL, 0);
		}
		clear(p);
	}
}

void lab_fail(struct lab *lab, const char *format, ...)
{
	char text[sizeof(lab->failure)];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!lab->failure[0])
		memcpy(lab->failure, text, sizeof(text));
}

void lab_start(struct lab *lab, int i, const char *arg1, const char *arg2)
{
	struct lab_proc *p = &lab->proc[i];
	int in[2], out[2];
	char room[64];
	char *argv[] = {(char *)"names_helper", lab->book, (char *)arg1, arg1 ? (char *)arg2 : NULL,
			NULL};
	posix_spawn_file_actions_t actions;

	if (lab->failure[0])
		return;
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		lab_fail(lab, "pipe: %s", strerror(errno));
		return;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	int r = posix_spawn(&p->pid, NAMES_HELPER, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	if (r) {
		p->pid = 0;
		lab_fail(lab, "cannot start %s: %s", NAMES_HELPER, strerror(r));
	} else if (strcmp(lab_answer(lab, i, room, sizeof(room)), "ready") != 0) {
		lab_fail(lab, "%d is not ready: %s", i, room);
	}
}

/* Move whole lines on: events to their log, the first answer to @answer. */
static bool take_lines(struct lab_proc *p, char *answer, size_t size)
{
	char *end;

	while ((end = memchr(p->buffer, '\n', p->filled))) {
		size_t len = (size_t)(end - p->buffer);
		*end = '\0';
		bool event = strncmp(p->buffer, "! ", 2) == 0;
		if (event && strlen(p->events) + len < sizeof(p->events))
			snprintf(p->events + strlen(p->events),
				 sizeof(p->events) - strlen(p->events), "%s\n", p->buffer + 2);
		if (!event && answer)
			snprintf(answer, size, "%s", p->buffer);
		if (!event && !answer) {
			*end = '\n';
			return false;
		}
		p->filled -= len + 1;
		memmove(p->buffer, end + 1, p->filled);
		if (!event)
			return true;
	}
	return false;
}

/* False: nothing came, or the process is gone. */
static bool read_more(struct lab_proc *p, long long deadline)
{
	struct pollfd fd = {.fd = p->out, .events = POLLIN};
	long long left = deadline - now_ms();

	if (poll(&fd, 1, left > 0 ? (int)left : 0) <= 0)
		return false;
	ssize_t n = read(p->out, p->buffer + p->filled, sizeof(p->buffer) - p->filled);
	if (n <= 0)
		return false;
	p->filled += (size_t)n;
	return true;
}

const char *lab_answer(struct lab *lab, int i, char *room, size_t size)
{
	long long deadline = now_ms() + LAB_PATIENCE_MS;

	room[0] = '\0';
	while (!lab->failure[0] && !take_lines(&lab->proc[i], room, size))
		if (!read_more(&lab->proc[i], deadline))
			lab_fail(lab, "no answer from process %d", i);
	return room;
}

void lab_tell(struct lab *lab, int i, const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[len++] = '\n';
	if (!lab->failure[0] && write(lab->proc[i].in, line, (size_t)len) != len)
		lab_fail(lab, "process %d does not listen", i);
}

static bool matches(const char *text, const char *expect)
{
	const char *star = strchr(expect, '*');

	return star ? strncmp(text, expect, (size_t)(star - expect)) == 0
		    : strcmp(text, expect) == 0;
}

void lab_check(struct lab *lab, int i, const char *expect, const char *format, ...)
{
	char room[4096], command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	lab_tell(lab, i, "%s", command);
	lab_answer(lab, i, room, sizeof(room));
	if (!lab->failure[0] && !matches(room, expect))
		lab_fail(lab, "%d: \"%s\" said \"%s\", not \"%s\"", i, command, room, expect);
}

bool lab_has_event(struct lab *lab, int i, const char *event)
{
	struct lab_proc *p = &lab->proc[i];
	size_t len = strlen(event);

	while (read_more(p, 0))
		;
	take_lines(p, NULL, 0);
	for (char *line = p->events; *line; line = strchr(line, '\n') + 1)
		if (strncmp(line, event, len) == 0 && line[len] == '\n') {
			memmove(line, line + len + 1, strlen(line + len + 1) + 1);
			return true;
		}
	return false;
}

void lab_expect_event(struct lab *lab, int i, const char *event)
{
	long long deadline = now_ms() + LAB_PATIENCE_MS;

	while (!lab->failure[0] && !lab_has_event(lab, i, event))
		if (!read_more(&lab->proc[i], deadline))
			lab_fail(lab, "%d: no event \"%s\", but: %s", i, event,
				 lab->proc[i].events);
}

void lab_signal(struct lab *lab, int i, int sig)
{
	if (lab->proc[i].pid)
		kill(lab->proc[i].pid, sig);
}

/* Until it is what @stopped says; WNOHANG so that a hang is a failure and not a hang. */
static void wait_state(struct lab *lab, int i, bool stopped)
{
	long long deadline = now_ms() + LAB_PATIENCE_MS;
	struct lab_proc *p = &lab->proc[i];

	while (!lab->failure[0] && p->pid) {
		int status;
		pid_t r = waitpid(p->pid, &status, WNOHANG | (stopped ? WUNTRACED : 0));
		if (r == p->pid && stopped && WIFSTOPPED(status))
			return;
		if (r == p->pid) {
			clear(p);
			if (!stopped && WIFEXITED(status) && WEXITSTATUS(status) != 0)
				lab_fail(lab, "%d ended with %d", i, WEXITSTATUS(status));
			if (stopped)
				lab_fail(lab, "%d ended (%x) instead of stopping", i,
					 (unsigned)status);
			return;
		}
		if (now_ms() >= deadline)
			lab_fail(lab, "%d does not %s", i, stopped ? "stop" : "end");
		usleep(500);
	}
}

void lab_wait_stopped(struct lab *lab, int i)
{
	wait_state(lab, i, true);
}

void lab_wait_dead(struct lab *lab, int i)
{
	wait_state(lab, i, false);
}

void lab_end(struct lab *lab, int i)
{
	if (lab->proc[i].in >= 0)
		close(lab->proc[i].in);
	lab->proc[i].in = -1;
	wait_state(lab, i, false);
}
