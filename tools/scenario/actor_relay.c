/* SPDX-License-Identifier: MIT
 *
 * See actor.h. A process of a scenario whose calls another program makes: one that is built for
 * another system, and so has neither our sockets nor JSON. It reads a line for each call and
 * writes one for each result, with tabs between the words:
 *
 *   THREAD, VARIABLE or -, CALL, ARGUMENT...
 *   THREAD, result or wrong, the text
 *
 * Calls of different threads may be under way at the same time. Whether one waits, nobody sees from
 * here: one that begins is given a while.
 */
#include "actor.h"
#include "calls.h"
#include "scenario.h"
#include "text_json.h"
#include "troupe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BEGIN_MS = 500, LINE = CALLS_RESULT + 64 };

struct relay {
	int fd; /* to the director */
	FILE *to;
	int from;
	pid_t pid;
	char line[LINE]; /* of the program, as far as it has come */
	size_t len;
	char told[NAME_SIZE];  /* the thread that was told a call last */
	char begun[NAME_SIZE]; /* one whose call begins, and the director waits for that */
	long long begun_at;
};

static void answer(const struct relay *r, const char *thread, const char *key, const char *text)
{
	json_t *o = json_pack("{s:s, s:s}", "thread", thread, key, text);
	char *packet = o ? json_dumps(o, JSON_COMPACT) : NULL;
	if (!packet || send(r->fd, packet, strlen(packet), MSG_NOSIGNAL) < 0)
		_exit(1);
	free(packet);
	json_decref(o);
}

static void start(struct relay *r, const char *command)
{
	int to[2], from[2];
	pid_t parent = getpid();
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		_exit(1);
	r->pid = fork();
	if (r->pid == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		signal(SIGPIPE, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	r->to = fdopen(to[1], "w");
	r->from = from[0];
	if (r->pid < 0 || !r->to)
		_exit(1);
}

/* ---- calls ---- */

/* What would be taken for the end of an argument cannot be told. */
static bool put(struct relay *r, const char *word)
{
	if (strpbrk(word, "\t\r\n"))
		return false;
	fprintf(r->to, "\t%s", word);
	return true;
}

/* This thread is the one that the director looks at: it sleeps. */
static void tell_begun(struct relay *r)
{
	char key[48], tid[16];
	snprintf(key, sizeof(key), "%s begun", r->begun);
	snprintf(tid, sizeof(tid), "%d", (int)gettid());
	r->begun[0] = '\0';
	answer(r, key, "result", tid);
}

static void make_call(struct relay *r, const json_t *task)
{
	const char *thread = json_string_value(json_object_get(task, "thread"));
	const char *variable = json_string_value(json_object_get(task, "variable"));
	const json_t *args = json_object_get(task, "args");
	snprintf(r->told, sizeof(r->told), "%s", thread);
	fprintf(r->to, "%s\t%s", thread, variable ? variable : "-");
	bool told = put(r, json_string_value(json_object_get(task, "call")));
	for (size_t i = 0; i < json_array_size(args) && told; i++) {
		char *text = text_of_json(json_array_get(args, i));
		told = text && put(r, text);
		free(text);
	}
	if (!told) {
		answer(r, thread, "wrong",
		       "another program cannot be told of tabs and ends of lines");
		return; /* and nothing follows: this ends the scenario */
	}
	fputc('\n', r->to);
	if (fflush(r->to))
		_exit(1); /* the director hears that this process has died */
	if (json_is_true(json_object_get(task, "begin"))) {
		snprintf(r->begun, sizeof(r->begun), "%s", thread);
		r->begun_at = troupe_now_ms();
	}
}

/* ---- results ---- */

static void take_line(struct relay *r, char *line)
{
	char *key = strchr(line, '\t'), *text = key ? strchr(key + 1, '\t') : NULL;
	if (!text) {
		answer(r, r->told, "wrong", "the other program's answer is none");
		return;
	}
	*key++ = *text++ = '\0';
	if (!strcmp(line, r->begun))
		tell_begun(r);
	answer(r, line, key, text);
}

static void hear_program(struct relay *r)
{
	ssize_t n = read(r->from, r->line + r->len, sizeof(r->line) - 1 - r->len);
	if (n <= 0)
		_exit(1); /* likewise, as if a line is too long */
	r->len += (size_t)n;
	r->line[r->len] = '\0';
	for (char *end; (end = strchr(r->line, '\n'));) {
		size_t used = (size_t)(end - r->line) + 1;
		r->line[strcspn(r->line, "\r\n")] = '\0';
		take_line(r, r->line);
		memmove(r->line, r->line + used, r->len - used + 1);
		r->len -= used;
	}
}

/* ---- the director ---- */

/* It ends when there is nobody who tells it calls. */
static void stop(struct relay *r)
{
	fclose(r->to);
	close(r->from);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void hear_director(struct relay *r)
{
	static char packet[ACTOR_MESSAGE];
	ssize_t n = recv(r->fd, packet, sizeof(packet), 0);
	if (n < 0 && errno == EINTR)
		return;
	json_t *message = n > 0 ? json_loadb(packet, (size_t)n, 0, NULL) : NULL;
	const char *what = json_string_value(json_object_get(message, "do"));
	if (!what || !strcmp(what, "exit"))
		stop(r);
	else if (!strcmp(what, "call"))
		make_call(r, message);
	else
		answer(r, "", "wrong", "another program has no providers");
	json_decref(message);
}

void actor_relay(int fd, const char *command)
{
	static struct relay r;
	r.fd = fd;
	start(&r, command);
	for (;;) {
		struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
				       {.fd = r.from, .events = POLLIN}};
		long long left = r.begun_at + BEGIN_MS - troupe_now_ms();
		int n = poll(fds, 2, !r.begun[0] ? -1 : left > 0 ? (int)left : 0);
		if (n == 0 && r.begun[0])
			tell_begun(&r);
		if (n > 0 && fds[1].revents)
			hear_program(&r);
		if (n > 0 && fds[0].revents)
			hear_director(&r);
	}
}
