/* SPDX-License-Identifier: MIT
 *
 * `wsd sockets`: what a running program tells of its connections, to whom, and what happens to
 * those who ask in a wrong way.
 */
#include "run_tool.h"
#include "tool_pair.h"

#include <fcntl.h>
#include <jansson.h>
#include <linux/un.h>
#include <stddef.h>
#include <sys/socket.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

static struct run *ask(const char *options)
{
	char arguments[64];
	snprintf(arguments, sizeof(arguments), "sockets %s %d", options, (int)getpid());
	return run_tool("", arguments);
}

static json_t *ask_json(const char *options, json_t **ret_rows)
{
	struct run *r = ask(options);
	cr_assert_eq(r->status, 0, "%s", r->text);
	json_t *all = json_loads(r->text, 0, NULL);
	cr_assert_not_null(all, "%s", r->text);
	*ret_rows = json_object_get(all, "sockets");
	cr_assert(json_is_array(*ret_rows));
	free(r);
	return all;
}

static const char *text(json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "";
}

Test(wsd_sockets, connections_with_transport_and_reason)
{
	WS_BEGIN();
	struct pair p = connect_pair();
	json_t *rows, *row;
	size_t i, connected = 0;
	json_t *all = ask_json("--json", &rows);
	json_array_foreach(rows, i, row)
	{
		cr_assert_eq(json_integer_value(json_object_get(row, "pid")), getpid());
		if (strcmp(text(row, "state"), "connected") != 0)
			continue;
		connected++;
		cr_assert_str_eq(text(row, "transport"), "TCP/IP");
		cr_assert(*text(row, "local") && *text(row, "peer") && *text(row, "why"));
		cr_assert(json_is_integer(json_object_get(row, "bytes_sent")));
		bool server = !strcmp(text(row, "local"), "127.0.0.1:27015");
		if (server)
			cr_assert_str_eq(text(row, "reason"), "peer-came-by-tcp");
	}
	cr_assert_eq(connected, 2u);
	json_decref(all);
	struct run *r = ask("");
	cr_assert_not_null(strstr(r->text, "peer-came-by-tcp: "), "%s", r->text);
	free(r);
	wsd_closesocket(p.client);
	wsd_closesocket(p.server);
	wsd_closesocket(p.listener);
	WS_END();
}

/* A server is asked while it waits for the first one. */
Test(wsd_sockets, a_listener_before_its_first_connection)
{
	WS_BEGIN();
	struct wsd_sockaddr_in a = {.sin_family = WSD_AF_INET,
				    .sin_port = htons(WS_PORT),
				    .sin_addr.s_addr = inet_addr(LOOPBACK)};
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	WS_OK(wsd_bind(s, (struct wsd_sockaddr *)&a, sizeof(a)));
	WS_OK(wsd_listen(s, 5));
	json_t *rows;
	json_t *all = ask_json("--json", &rows);
	cr_assert_eq(json_array_size(rows), 1u);
	json_decref(all);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

Test(wsd_sockets, sockets_without_a_connection_when_asked)
{
	WS_BEGIN();
	struct pair p = connect_pair();
	SOCKET idle = wsd_socket(WSD_AF_INET, WSD_SOCK_DGRAM, 0);
	json_t *rows;
	json_t *all = ask_json("--json", &rows);
	cr_assert_eq(json_array_size(rows), 3u, "two ends and the listener");
	json_decref(all);
	all = ask_json("--json --all", &rows);
	cr_assert_eq(json_array_size(rows), 4u);
	json_decref(all);
	wsd_closesocket(idle);
	wsd_closesocket(p.client);
	wsd_closesocket(p.server);
	wsd_closesocket(p.listener);
	WS_END();
}

Test(wsd_sockets, usage_and_processes_that_do_not_answer)
{
	WS_BEGIN();
	struct run *r = run_tool("", "sockets 1");
	cr_assert_eq(r->status, 1);
	cr_assert_not_null(strstr(r->text, "process 1 has made no connection"), "%s", r->text);
	free(r);
	r = run_tool("", "sockets nonsense");
	cr_assert_eq(r->status, 2);
	free(r);
	r = ask("");
	cr_assert_eq(r->status, 1, "no connection yet, so no control socket: %s", r->text);
	free(r);
	WS_END();
}

static int call(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "wsd-control.%d", (int)getpid());
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
	return connect(fd, (struct sockaddr *)&a, len) ? -1 : fd;
}

/* Those who connect and say nothing, nonsense, or do not read, hold nobody up. */
Test(wsd_sockets, bad_callers_hold_nobody_up)
{
	WS_BEGIN();
	struct pair p = connect_pair();
	int silent[6], deaf = call();
	for (int i = 0; i < 6; i++)
		silent[i] = call();
	cr_assert_geq(deaf, 0);
	cr_assert_eq(send(deaf, "sockets", 7, MSG_NOSIGNAL), 7);
	struct run *r = ask("");
	cr_assert_eq(r->status, 0, "%s", r->text);
	free(r);
	char answer[256] = "";
	cr_assert_eq(send(silent[0], "nonsense", 8, MSG_NOSIGNAL), 8);
	cr_assert_gt(recv(silent[0], answer, sizeof(answer) - 1, 0), 0);
	cr_assert_not_null(strstr(answer, "does not know the request"));
	for (int i = 0; i < 6; i++)
		close(silent[i]);
	close(deaf);
	wsd_closesocket(p.client);
	wsd_closesocket(p.server);
	wsd_closesocket(p.listener);
	WS_END();
}

/* Who is refused is hung up on; what he was told must reach him even if he asks after that. */
Test(wsd_sockets, another_user_is_told_so)
{
	if (geteuid() != 0)
		cr_skip_test("another user is needed, and only root can become one");
	WS_BEGIN();
	struct pair p = connect_pair();
	static const struct {
		const char *command;
		bool all;
		int status;
		const char *said;
	} cases[] = {{"sockets", true, 0, ""},
		     {"sockets", false, 1, "another user"},
		     {"trace", false, 1, "another user"}};
	char pid[16], text[1024];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	int tool = open(WSD_TOOL, O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 45; i++) {
		int ends[2], status;
		const char *command = cases[i % 3].command, *of = cases[i % 3].all ? NULL : pid;
		cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
		pid_t child = fork();
		if (child == 0) {
			char *const words[] = {(char *)(uintptr_t) "wsd",
					       (char *)(uintptr_t)command, (char *)(uintptr_t)of,
					       NULL};
			dup2(ends[1], 1);
			dup2(ends[1], 2);
			if (setgid(65534) || setuid(65534))
				_exit(99);
			fexecve(tool, words, environ);
			_exit(98);
		}
		close(ends[1]);
		size_t len = 0;
		ssize_t n;
		while ((n = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0)
			len += (size_t)n;
		text[len] = '\0';
		close(ends[0]);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert_eq(WEXITSTATUS(status), cases[i % 3].status, "%s: %s", command, text);
		cr_assert_not_null(strstr(text, cases[i % 3].said), "%s: %s", command, text);
	}
	close(tool);
	wsd_closesocket(p.client);
	wsd_closesocket(p.server);
	wsd_closesocket(p.listener);
	WS_END();
}

Test(wsd_sockets, other_users_are_not_told)
{
	if (geteuid() != 0)
		cr_skip_test("another user is needed, and only root can become one");
	WS_BEGIN();
	struct pair p = connect_pair();
	int gate[2];
	cr_assert_eq(pipe2(gate, O_CLOEXEC), 0);
	pid_t owner = getpid(), child = fork();
	if (!child) {
		char answer[256] = "";
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "wsd-control.%d",
				 (int)owner);
		socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
		if (setuid(65534))
			_exit(2);
		int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&a, len))
			_exit(3);
		if (recv(fd, answer, sizeof(answer) - 1, 0) <= 0)
			_exit(4);
		_exit(strstr(answer, "another user") ? 0 : 5);
	}
	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0, "status %#x", status);
	close(gate[0]);
	close(gate[1]);
	wsd_closesocket(p.client);
	wsd_closesocket(p.server);
	wsd_closesocket(p.listener);
	WS_END();
}
