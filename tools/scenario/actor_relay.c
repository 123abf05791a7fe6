/* SPDX-License-Identifier: MIT
 *
 * See actor.h. A process of a scenario whose calls another program makes: one that is built for
 * another system, and so has neither our sockets nor JSON. It reads a line for each call and
 * writes one for each result:
 *
 *   VARIABLE or -, CALL, ARGUMENT..., with tabs between them
 *   result or wrong, a tab, the text
 *
 * One thread: a call that waits keeps the others waiting.
 */
#include "actor.h"
#include "calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct relay {
	int fd; /* to the director */
	FILE *to, *from;
	pid_t pid;
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
	r->from = fdopen(from[0], "r");
	if (r->pid < 0 || !r->to || !r->from)
		_exit(1);
}

/* What would be taken for the end of an argument cannot be told. */
static bool put(struct relay *r, const char *word)
{
	if (strpbrk(word, "\t\r\n"))
		return false;
	fprintf(r->to, "\t%s", word);
	return true;
}

static const char *ask(struct relay *r, const json_t *task, char *line, int size)
{
	const char *variable = json_string_value(json_object_get(task, "variable"));
	const json_t *args = json_object_get(task, "args");
	fputs(variable ? variable : "-", r->to);
	bool told = put(r, json_string_value(json_object_get(task, "call")));
	for (size_t i = 0; i < json_array_size(args) && told; i++)
		told = put(r, json_string_value(json_array_get(args, i)));
	if (!told)
		return "another program cannot be told of tabs and ends of lines";
	fputc('\n', r->to);
	if (fflush(r->to) || !fgets(line, size, r->from))
		_exit(1); /* the director hears that this process has died */
	line[strcspn(line, "\r\n")] = '\0';
	return NULL;
}

static void make_call(struct relay *r, const json_t *task)
{
	char line[CALLS_RESULT + 16];
	const char *thread = json_string_value(json_object_get(task, "thread"));
	const char *wrong = ask(r, task, line, sizeof(line));
	char *text = wrong ? NULL : strchr(line, '\t');
	if (wrong) {
		answer(r, thread, "wrong", wrong);
	} else if (!text) {
		answer(r, thread, "wrong", "the other program's answer is none");
	} else {
		*text++ = '\0';
		answer(r, thread, line, text);
	}
}

/* It ends when there is nobody who tells it calls. */
static void stop(struct relay *r)
{
	fclose(r->to);
	fclose(r->from);
	while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
		;
	_exit(0);
}

void actor_relay(int fd, const char *command)
{
	static char packet[ACTOR_MESSAGE];
	struct relay r = {.fd = fd};
	start(&r, command);
	for (;;) {
		ssize_t n = recv(fd, packet, sizeof(packet), 0);
		if (n < 0 && errno == EINTR)
			continue;
		json_t *message = n > 0 ? json_loadb(packet, (size_t)n, 0, NULL) : NULL;
		const char *what = json_string_value(json_object_get(message, "do"));
		if (!what || !strcmp(what, "exit"))
			stop(&r);
		else if (!strcmp(what, "call"))
			make_call(&r, message);
		else
			answer(&r, "", "wrong", "another program has no providers");
		json_decref(message);
	}
}
