/* SPDX-License-Identifier: MIT
 *
 * `wsd trace`: of a program that it starts, and of one that runs: this one, which is watched while
 * it calls, and goes on as if nobody did.
 */
#include "run_tool.h"
#include "tool_pair.h"
#include "watcher.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/resource.h>

TestSuite(wsd_trace, .timeout = 100);

static void close_pair(const struct pair *p)
{
	cr_assert_eq(wsd_closesocket(p->client), 0);
	cr_assert_eq(wsd_closesocket(p->server), 0);
	cr_assert_eq(wsd_closesocket(p->listener), 0);
}

static void talk(const void *pair)
{
	const struct pair *p = pair;
	char byte = 'x';
	cr_assert_eq(wsd_send(p->client, &byte, 1, 0), 1);
	cr_assert_eq(wsd_recv(p->server, &byte, 1, 0), 1);
}

static void refuse(const void *pair)
{
	const struct pair *p = pair;
	cr_assert_eq(wsd_listen(p->client, 1), SOCKET_ERROR);
}

/* The one before may not be gone yet for the program. */
static void begin_next(struct watcher *w, const char *options, const struct pair *p)
{
	for (int left = 100;; left--) {
		char first;
		cr_assert_gt(left, 0, "somebody looks on for ever");
		watch_begin(w, options);
		struct pollfd f = {.fd = fileno(w->out), .events = POLLIN};
		while (poll(&f, 1, 20) == 0)
			talk(p);
		cr_assert_eq(read(f.fd, &first, 1), 1);
		w->text[w->len++] = first;
		if (first != 'w') /* "wsd: process 4711: somebody ..." */
			return;
		pclose(w->out);
	}
}

Test(wsd_trace, a_running_program_as_text_and_as_json)
{
	WS_BEGIN();
	static struct watcher w;
	int inside = 0;
	struct pair p = connect_pair();
	watch_begin(&w, "");
	watch_until(&w, " send(s=", talk, &p);
	watch_until(&w, "TCP/IP   WSPSend(s=", talk, &p);
	watch_until(&w, "listen(s=", refuse, &p);
	watch_until(&w, "= -1 WSAEISCONN", refuse, &p);
	cr_assert_eq(strncmp(w.text, "# process ", 10), 0, "%s", w.text);
	watch_end(&w);
	begin_next(&w, "--json", &p);
	watch_until(&w, "\"call\":\"recv\"", talk, &p);
	char *line = w.text;
	for (char *newline; (newline = strchr(line, '\n')); line = newline + 1) {
		*newline = '\0';
		json_t *j = json_loads(line, 0, NULL);
		cr_assert_not_null(j, "%s", line);
		cr_assert_eq(json_integer_value(json_object_get(j, "pid")), getpid());
		const char *layer = json_string_value(json_object_get(j, "layer")),
			   *who = json_string_value(json_object_get(j, "who"));
		bool own = layer && !strcmp(layer, "application");
		cr_assert(own || (layer && !strcmp(layer, "downcall")), "%s", line);
		cr_assert_str_eq(who, own ? "" : "TCP/IP", "%s", line);
		inside += !own && json_integer_value(json_object_get(j, "parent")) > 0;
		json_decref(j);
	}
	cr_assert_gt(inside, 0, "no call of the provider's");
	watch_end(&w);
	close_pair(&p);
	WS_END();
}

Test(wsd_trace, who_does_not_read_holds_nobody_up)
{
	WS_BEGIN();
	static struct watcher w;
	struct pair p = connect_pair();
	watch_begin(&w, "");
	watch_until(&w, " send(s=", talk, &p);
	kill(w.pid, SIGSTOP);
	for (int i = 0; i < 5000; i++)
		talk(&p);
	kill(w.pid, SIGCONT);
	watch_until(&w, " records lost", talk, &p);
	watch_end(&w);
	close_pair(&p);
	WS_END();
}

/* Nothing comes after what was lost that could tell of it; and so at the end of the trace. */
Test(wsd_trace, losses_are_told_to_who_looks_at_a_silent_program)
{
	WS_BEGIN();
	static struct watcher w;
	struct pair p = connect_pair();
	for (int round = 0; round < 2; round++) {
		begin_next(&w, round ? "--json" : "", &p);
		watch_until(&w, "send", talk, &p);
		kill(w.pid, SIGSTOP);
		for (int i = 0; i < 5000; i++)
			talk(&p);
		if (round) { /* the program ends its use of the library */
			close_pair(&p);
			cr_assert_eq(wsd_WSACleanup(), 0);
		}
		kill(w.pid, SIGCONT);
		watch_until(&w, round ? "{\"lost\":" : " records lost", NULL, NULL);
		if (!round)
			watch_end(&w);
	}
	int status = pclose(w.out);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
	cr_assert_eq(wsd_WSAStartup(0x0202, &(WSADATA){0}), 0);
	WS_END();
}

/* Who reads the trace ends, or its file may not grow: records are lost, and nothing else. */
Test(wsd_trace, a_trace_that_cannot_be_written_ends_no_program)
{
	char full[] = "/tmp/wsd-full-XXXXXX";
	int file = mkstemp(full), ends[2];
	const struct rlimit none = {0, 0};
	cr_assert_geq(file, 0);
	unlink(full);
	cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	for (int i = 0; i < 2; i++) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			setenv("WSD_TRACE", "stderr", 1);
			setenv("WSD_LOG", "stderr", 1);
			setenv("WSD_LOG_LEVEL", "debug", 1);
			signal(SIGPIPE, SIG_DFL);
			signal(SIGXFSZ, SIG_DFL);
			dup2(i ? file : ends[1], STDERR_FILENO);
			if (i)
				setrlimit(RLIMIT_FSIZE, &none);
			execl(TRACED, TRACED, (char *)NULL);
			_exit(99);
		}
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d: %d", i, status);
	}
	close(ends[1]);
	close(file);
}

Test(wsd_trace, one_at_a_time)
{
	WS_BEGIN();
	static struct watcher w;
	char arguments[64];
	struct pair p = connect_pair();
	watch_begin(&w, "");
	watch_until(&w, " send(s=", talk, &p);
	snprintf(arguments, sizeof(arguments), "trace %d", (int)getpid());
	struct run *r = run_tool("", arguments);
	cr_assert_eq(r->status, 1);
	cr_assert_not_null(strstr(r->text, "somebody looks on already"), "%s", r->text);
	free(r);
	watch_end(&w);
	close_pair(&p);
	WS_END();
}

Test(wsd_trace, the_end_of_the_program_is_the_end_of_the_trace)
{
	WS_BEGIN();
	static struct watcher w;
	struct pair p = connect_pair();
	watch_begin(&w, "");
	watch_until(&w, " send(s=", talk, &p);
	close_pair(&p);
	cr_assert_eq(wsd_WSACleanup(), 0);
	int status = pclose(w.out);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
	cr_assert_eq(wsd_WSAStartup(0x0202, &(WSADATA){0}), 0);
	WS_END();
}

Test(wsd_trace, what_cannot_be_watched_is_said)
{
	char arguments[128];
	WS_BEGIN();
	RUN_TOOL_SAYS("", "trace", 2, "which process, or command?");
	RUN_TOOL_SAYS("", "trace 4711 more", 2, "a process number, or a command?");
	RUN_TOOL_SAYS("", "trace -5", 2, "invalid option");
	RUN_TOOL_SAYS("", "trace 1", 1, "does not use this library");
	snprintf(arguments, sizeof(arguments), "trace %d", (int)getpid());
	RUN_TOOL_SAYS("", arguments, 1, "it has no listener and no connection");
	RUN_TOOL_SAYS("", "trace /none/such", 127, "cannot run /none/such: No such file");
	RUN_TOOL_SAYS("", "trace no-such-command", 127, "cannot run no-such-command: No such file");
	RUN_TOOL_SAYS("", "trace 99999999999999999999", 2, "a process number, or a command?");
	RUN_TOOL_SAYS("", "trace -o /none/x true", 1, "cannot write /none/x: No such file");
	RUN_TOOL_SAYS("", "trace sh -c 'exit 5'", 5, "");
	RUN_TOOL_SAYS("", "trace /tmp", 127, "cannot run /tmp: Permission denied");
	RUN_TOOL_SAYS("cd /bin && PATH=/none:", "trace true", 0, "");
	WS_END();
}

/* A trace from before is not lost for one that does not come about. */
Test(wsd_trace, a_file_is_emptied_when_there_is_a_trace)
{
	char kept[] = "/tmp/wsd-kept-XXXXXX", arguments[128], text[16] = "";
	WS_BEGIN();
	int fd = mkstemp(kept);
	cr_assert_eq(write(fd, "keep", 4), 4);
	snprintf(arguments, sizeof(arguments), "trace -o %s 1", kept);
	RUN_TOOL_SAYS("", arguments, 1, "does not use this library");
	snprintf(arguments, sizeof(arguments), "trace -o %s /none/such", kept);
	RUN_TOOL_SAYS("", arguments, 127, "cannot run");
	cr_assert_eq(pread(fd, text, sizeof(text) - 1, 0), 4);
	cr_assert_str_eq(text, "keep");
	close(fd);
	unlink(kept);
	WS_END();
}

/* What else writes there keeps its words, and the trace its lines. */
Test(wsd_trace, json_on_a_stderr_that_is_a_file)
{
	char name[] = "/tmp/wsd-stderr-XXXXXX", command[512], line[8192];
	unsigned records = 0, words = 0;
	WSD_TEST_BEGIN();
	int fd = mkstemp(name);
	snprintf(command, sizeof(command),
		 "'%s' trace --json sh -c 'echo first >&2; \"%s\"; echo last >&2' 2>%s", WSD_TOOL,
		 TRACED, name);
	cr_assert_eq(system(command), 0);
	FILE *f = fdopen(fd, "r");
	while (fgets(line, sizeof(line), f)) {
		records += !strncmp(line, "{\"t_us\":", 8) && strstr(line, "}\n");
		words += !strcmp(line, "first\n") || !strcmp(line, "last\n");
	}
	cr_assert_eq(words, 2);
	cr_assert_gt(records, 3);
	fclose(f);
	unlink(name);
	WSD_TEST_END();
}

Test(wsd_trace, a_program_that_is_started)
{
	WSD_TEST_BEGIN();
	RUN_TOOL_SAYS("", "trace -- " TRACED, 0, "wsdirect trace of process");
	RUN_TOOL_SAYS("", "trace " TRACED, 0, "TCP/IP   WSPSocket(");
	RUN_TOOL_SAYS("", "trace --json " TRACED, 0, "\"call\":\"WSPSocket\"");
	RUN_TOOL_SAYS("", "trace -o /dev/stdout " TRACED, 0, " socket(af=AF_INET");
	WSD_TEST_END();
}
