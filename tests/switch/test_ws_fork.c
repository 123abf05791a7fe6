/* SPDX-License-Identifier: MIT
 *
 * Forks with live connections, over the transport of the environment (stream_pair.h): what a child
 * does, how it ends and how long it lives mean nothing to its parent's connections. [WS-STARTUP-6,
 * PROV-MEM-14]
 */
#include "stream_pair.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { KIB = 1024, MIB = 1024 * KIB, LARGE = 300 * KIB };

/* A child that has come to where it waits; it goes on when its pipe is closed. */
struct child {
	pid_t pid;
	int in[2], out[2];
};

/* In the child: true. */
static bool child_begin(struct child *c)
{
	cr_assert_eq(pipe(c->in) + pipe(c->out), 0);
	fflush(NULL);
	c->pid = wsd_fork();
	cr_assert_geq(c->pid, 0);
	return c->pid == 0;
}

/* In the child: tell the parent, and wait for it. */
static void child_waits(struct child *c)
{
	char x = 0;
	close(c->out[1]);
	if (write(c->in[1], "", 1) == 1 && read(c->out[0], &x, 1) >= 0)
		return;
	_exit(9);
}

static void child_ready(struct child *c)
{
	char x;
	cr_assert_eq(read(c->in[0], &x, 1), 1, "the child has died");
}

/* Let it go on; what it says at its end. */
static int child_end(struct child *c)
{
	int status = -1;
	close(c->out[1]);
	cr_assert_eq(waitpid(c->pid, &status, 0), c->pid);
	close(c->in[0]);
	close(c->in[1]);
	close(c->out[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

static void one_way(SOCKET from, SOCKET to, unsigned seed, uint64_t bytes, size_t piece)
{
	struct pair_flow f = {
		.s = from, .send = true, .seed = seed, .bytes = bytes, .piece = piece};
	pair_flow_start(&f);
	cr_assert_eq(pair_recv_all(to, seed, bytes, piece), 0);
	cr_assert_eq(pair_flow_end(&f), 0);
}

/* Small ones and large ones, both ways. */
static void talk(struct pair *p)
{
	one_way(p->a, p->b, 1, 5000, 700);
	one_way(p->b, p->a, 2, LARGE, LARGE);
	one_way(p->a, p->b, 3, LARGE, LARGE);
	one_way(p->b, p->a, 4, 5000, 700);
}

/* Clauses: PROV-MEM-14 */
Test(fork, WS_STARTUP_6_a_child_that_ends_in_any_way, .timeout = 100)
{
	enum { EXIT_AT_ONCE, EXIT, KILLED, EXEC, WAYS };
	WS_BEGIN();
	struct pair p = pair_open();
	talk(&p);
	for (int way = 0; way < WAYS; way++) {
		struct child c;
		if (child_begin(&c)) {
			child_waits(&c);
			if (way == EXIT)
				exit(7);
			if (way == KILLED)
				raise(SIGKILL);
			if (way == EXEC)
				execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
			_exit(7);
		}
		child_ready(&c);
		talk(&p);
		int status = child_end(&c);
		cr_assert_eq(status, way == KILLED ? 256 + SIGKILL : 7, "way %d: %d", way, status);
		talk(&p);
		cr_assert_str_eq(pair_transport(p.a), pair_on_san() ? "SAN" : "TCP/IP");
	}
	pair_close(&p);
	WS_END();
}

/* What a child may not: each call, before its own WSAStartup and after it. */
static int childs_calls(const struct pair *p, int want)
{
	char c = 0;
	struct wsd_sockaddr_in name;
	int len = sizeof(name);
	const int codes[] = {
		ws_code(wsd_send(p->a, &c, 1, 0) == SOCKET_ERROR ? SOCKET_ERROR : 0),
		ws_code(wsd_recv(p->b, &c, 1, 0) == SOCKET_ERROR ? SOCKET_ERROR : 0),
		ws_code(wsd_shutdown(p->a, WSD_SD_BOTH)),
		ws_code(wsd_getpeername(p->a, (SOCKADDR *)&name, &len)),
		ws_code(wsd_closesocket(p->a)),
		ws_code(wsd_closesocket(p->b)),
		ws_code(wsd_closesocket(p->listener)),
	};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] != want)
			return 10 + (int)i;
	return 0;
}

/* Its own connections, to its parent. Exit status; 0 is fine. */
static int childs_life(const struct pair *p, unsigned port)
{
	char text[16] = "";
	int wrong = childs_calls(p, WSANOTINITIALISED);
	if (wrong)
		return wrong;
	if (ws_startup())
		return 1;
	wrong = childs_calls(p, WSAENOTSOCK);
	if (wrong)
		return 20 + wrong;
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	if (conn_connect(s, pair_address(), port))
		return 2;
	if (strcmp(pair_transport(s), pair_on_san() ? "SAN" : "TCP/IP") != 0)
		return 3;
	if (wsd_send(s, "from the child", 14, 0) != 14 || wsd_recv(s, text, 15, 0) != 6 ||
	    strcmp(text, "parent") != 0)
		return 4;
	if (wsd_closesocket(s))
		return 5;
	return wsd_WSACleanup() ? 6 : 0;
}

Test(fork, WS_STARTUP_6_a_child_with_a_life_of_its_own, .timeout = 100)
{
	WS_BEGIN();
	struct pair p = pair_open();
	unsigned port = ws_port(p.listener);
	struct child c;
	talk(&p);
	if (child_begin(&c)) {
		child_waits(&c);
		_exit(childs_life(&p, port));
	}
	child_ready(&c);
	close(c.out[1]);
	c.out[1] = -1;
	SOCKET s = conn_accept(p.listener);
	char text[16] = "";
	cr_assert_str_eq(pair_transport(s), pair_on_san() ? "SAN" : "TCP/IP");
	talk(&p);
	cr_assert_eq(wsd_recv(s, text, sizeof(text), 0), 14);
	cr_assert_str_eq(text, "from the child");
	cr_assert_eq(wsd_send(s, "parent", 6, 0), 6);
	cr_assert_eq(wsd_recv(s, text, 1, 0), 0);
	WS_OK(wsd_closesocket(s));
	int status = child_end(&c);
	cr_assert_eq(status, 0, "the child says %d", status);
	talk(&p);
	pair_close(&p);
	WS_END();
}

/* Operations that are pending when the child comes: they are the parent's, and its memory. */
Test(fork, WS_STARTUP_6_operations_that_are_pending, .timeout = 100)
{
	WS_BEGIN();
	struct pair p = pair_open();
	WSAOVERLAPPED in = {.hEvent = wsd_WSACreateEvent()}, out = {.hEvent = wsd_WSACreateEvent()};
	const size_t size = MIB;
	unsigned char *from = malloc(size), *to = calloc(1, size);
	WSABUF send = {(ULONG)size, (char *)from}, receive = {(ULONG)size, (char *)to};
	DWORD moved = 0, flags = WSD_MSG_WAITALL;
	size_t wrong = 0;
	struct child c;
	pair_fill(from, size, 7, 0);
	/* one receive that waits for data, one send that waits for a receive */
	cr_assert_eq(wsd_WSARecv(p.a, &receive, 1, NULL, &flags, &in, NULL), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
	cr_assert_eq(ws_set(p.a, WSD_SOL_SOCKET, WSD_SO_SNDBUF, 8192), 0);
	int r = wsd_WSASend(p.a, &send, 1, NULL, 0, &out, NULL);
	cr_assert(r == 0 || wsd_WSAGetLastError() == WSA_IO_PENDING);
	if (child_begin(&c)) {
		memset(from, 0xcc, size); /* its own copies */
		memset(to, 0xcc, size);
		child_waits(&c);
		_exit(0);
	}
	child_ready(&c);
	unsigned char *got = malloc(size);
	for (size_t at = 0; at < size;) {
		int n = wsd_recv(p.b, (char *)got + at, (int)(size - at), 0);
		cr_assert_gt(n, 0, "code %d", wsd_WSAGetLastError());
		at += (size_t)n;
	}
	cr_assert(pair_same(got, size, 7, 0, &wrong), "byte %zu of the send", wrong);
	pair_fill(got, size, 8, 0);
	struct pair_flow back = {.s = p.b, .send = true, .seed = 8, .bytes = size, .piece = size};
	pair_flow_start(&back);
	WSAEVENT events[] = {in.hEvent, out.hEvent};
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(2, events, TRUE, CONN_WAIT_MS, FALSE), 0);
	cr_assert_eq(pair_flow_end(&back), 0);
	cr_assert(wsd_WSAGetOverlappedResult(p.a, &out, &moved, FALSE, &flags));
	cr_assert_eq(moved, size);
	cr_assert(wsd_WSAGetOverlappedResult(p.a, &in, &moved, FALSE, &flags));
	cr_assert_eq(moved, size);
	cr_assert(pair_same(to, size, 8, 0, &wrong), "byte %zu of the receive", wrong);
	cr_assert_eq(child_end(&c), 0);
	talk(&p);
	pair_close(&p);
	wsd_WSACloseEvent(in.hEvent);
	wsd_WSACloseEvent(out.hEvent);
	free(from);
	free(to);
	free(got);
	WS_END();
}

/* A child that lives on holds no connection: who is cut off by the parent is told at once. */
Test(fork, WS_STARTUP_6_a_child_keeps_no_connection_alive, .timeout = 100)
{
	enum { ABORT, CLOSE, WAYS };
	static const struct wsd_linger hard = {1, 0};
	WS_BEGIN();
	for (int way = 0; way < WAYS; way++) {
		struct pair p = pair_open();
		struct child c;
		char x;
		talk(&p);
		if (child_begin(&c)) {
			child_waits(&c);
			_exit(0);
		}
		child_ready(&c);
		if (way == ABORT)
			WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER,
					     (const char *)&hard, sizeof(hard)));
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, CONN_WAIT_MS));
		WS_IS(wsd_recv(p.b, &x, 1, 0), way == CLOSE ? 0 : WSAECONNRESET);
		unsigned port = ws_port(p.listener);
		pair_close(&p);
		/* nor the name */
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, pair_address(), port));
		WS_OK(wsd_listen(s, 1));
		WS_OK(wsd_closesocket(s));
		cr_assert_eq(child_end(&c), 0);
	}
	WS_END();
}
