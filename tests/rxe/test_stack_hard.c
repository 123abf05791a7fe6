/* SPDX-License-Identifier: MIT
 *
 * The whole stack on soft-RoCE under many connections, cycles, forks and peers that die: what
 * tests/switch/test_san_hard.c, test_san_killed.c and test_ws_fork.c do over a simple provider,
 * where real objects can leak. Few by default, thousands with WSD_TEST_LONG. [SW-CLOSE-2, -6,
 * SW-LISTEN-2, WS-STARTUP-6]
 */
#include "process.h"
#include "reason.h"
#include "stack.h"
#include "stack_way.h"
#include "transport.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { LARGE = 100000, END_MS = 20000, ENDPOINTS = 4 };

static bool is_long(void)
{
	return getenv("WSD_TEST_LONG") != NULL;
}

/* The emulated guest with sanitizers needs more than a second for what it does the first time. */
static void hard_start(void)
{
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	setenv("WSD_CONNECT_SAN_MS", "20000", 1);
	setenv("WSD_RDMA_ENDPOINTS", "4", 1); /* ENDPOINTS */
	stack_start();
}

/* Objects of all devices, whoever's: "0: rxe0: pd 1 cq 2 qp 2 cm_id 3 mr 4 ...". */
static unsigned objects(const char *kind)
{
	char line[512];
	unsigned total = 0;
	FILE *f = popen("rdma resource show", "re"); /* NOLINT(cert-env33-c) */
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *save = NULL;
		for (char *w = strtok_r(line, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
			if (!strcmp(w, kind) && (w = strtok_r(NULL, " \n", &save)))
				total += (unsigned)strtoul(w, NULL, 10);
	}
	pclose(f);
	return total;
}

static SOCKET connected(const char *ip, unsigned port)
{
	SOCKET s = ws_tcp();
	SOCKADDR_IN to = ws_in(ip, port);
	WS_OK(wsd_connect(s, (SOCKADDR *)&to, sizeof(to)));
	cr_assert_str_eq(way_of(s), "SAN", "%s", way_of(s));
	return s;
}

static SOCKET accepted(SOCKET l)
{
	SOCKET s = wsd_accept(l, NULL, NULL);
	cr_assert_neq(s, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
	cr_assert_str_eq(way_of(s), "SAN", "%s", way_of(s));
	return s;
}

static void receive(SOCKET s, char *at, int len)
{
	for (int got = 0, n; got < len; got += n) {
		n = wsd_recv(s, at + got, len - got, 0);
		cr_assert_gt(n, 0, "recv: %d", wsd_WSAGetLastError());
	}
}

/* There, and nothing is mixed up. */
static void pass(SOCKET from, SOCKET to, int len, int seed)
{
	static char out[LARGE], in[LARGE];
	ULONG yes = 1, no = 0;
	memset(out, seed, (size_t)len);
	memset(in, ~seed, (size_t)len);
	WS_OK(wsd_ioctlsocket(from, (LONG)WSD_FIONBIO, &yes));
	cr_assert_eq(wsd_send(from, out, len, 0), len);
	receive(to, in, len);
	cr_assert_eq(memcmp(in, out, (size_t)len), 0);
	WS_OK(wsd_ioctlsocket(from, (LONG)WSD_FIONBIO, &no));
}

/* ---- cycles ---- */

static void cycle(SOCKET l, int i)
{
	static const struct wsd_linger hard = {1, 0};
	SOCKET s = connected(SAN0, PORT), a = accepted(l);
	pass(s, a, i % 10 ? 100 : LARGE, i);
	if (i % 3 == 1)
		WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (const char *)&hard,
				     sizeof(hard)));
	WS_OK(wsd_closesocket(i % 2 ? s : a));
	WS_OK(wsd_closesocket(i % 2 ? a : s));
}

static const char *const kinds[] = {"qp", "cq", "pd", "cm_id"};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]), CACHE = 32 /* regions of an endpoint */ };

Test(stack_hard, SW_CLOSE_02_cycles_leave_nothing, .timeout = 280)
{
	int cycles = is_long() ? 2100 : 60;
	unsigned before[KINDS], fds = 0, threads = 0;
	unsigned before_mr = objects("mr"); /* other processes' */
	hard_start();
	SOCKET l = listener(SAN0, PORT, 5);
	for (int i = 0; i < cycles; i++) {
		if (i == 10) { /* the pool is full, or nearly so */
			usleep(500000);
			for (int k = 0; k < KINDS; k++)
				before[k] = objects(kinds[k]);
			fds = wsd_check_fds();
			threads = wsd_check_threads();
		}
		cycle(l, i);
	}
	for (int k = 0; k < KINDS; k++)
		cr_assert(WSD_UNTIL(objects(kinds[k]) <= before[k] + ENDPOINTS, END_MS),
			  "%u %s, %u before", objects(kinds[k]), kinds[k], before[k]);
	/* what endpoints remember of memory is bounded; an early buffer each */
	cr_assert(WSD_UNTIL(objects("mr") <= before_mr + ENDPOINTS * (CACHE + 1), END_MS));
	cr_assert(WSD_UNTIL(wsd_check_fds() <= fds + ENDPOINTS, END_MS),
		  "%u descriptors, %u before", wsd_check_fds(), fds);
	cr_assert_eq(wsd_check_threads(), threads);
	WS_OK(wsd_closesocket(l));
	WS_OK(wsd_WSACleanup());
}

/* ---- many at a time, and then listeners of ports that the switch chooses ---- */

Test(stack_hard, SW_LISTEN_02_many_connections_and_then_many_listeners, .timeout = 280)
{
	enum { MOST = 2000, MOST_LISTENERS = 500 };
	static SOCKET client[MOST], server[MOST], more[MOST_LISTENERS];
	int n = is_long() ? MOST : 100, listeners = is_long() ? MOST_LISTENERS : 25;
	hard_start();
	SOCKET l = listener(SAN0, PORT, 5);
	for (int i = 0; i < n; i++) {
		client[i] = connected(SAN0, PORT);
		server[i] = accepted(l);
	}
	for (int i = 0; i < listeners; i++)
		more[i] = listener(SAN0, 0, 1);
	for (int i = 0; i < listeners; i++)
		cr_assert(served(SAN0, ws_port(more[i])), "listener %d is not on the SAN", i);
	for (int i = 0; i < n; i++)
		pass(client[i], server[i], 500, i);
	for (int i = 0; i < n; i++) {
		WS_OK(wsd_closesocket(client[i]));
		WS_OK(wsd_closesocket(server[i]));
	}
	for (int i = 0; i < listeners; i++)
		WS_OK(wsd_closesocket(more[i]));
	WS_OK(wsd_closesocket(l));
	WS_OK(wsd_WSACleanup());
}

/* ---- a fork with live connections ---- */

Test(stack_hard, WS_STARTUP_6_a_child_means_nothing_to_connections, .timeout = 120)
{
	enum { EXIT, KILLED, EXEC, WAYS };
	hard_start();
	SOCKET l = listener(SAN0, PORT, 5), s = connected(SAN0, PORT), a = accepted(l);
	pass(s, a, LARGE, 1);
	for (int way = 0; way < WAYS; way++) {
		int go[2], status;
		char c;
		cr_assert_eq(pipe(go), 0);
		fflush(NULL);
		pid_t child = wsd_fork();
		if (!child) {
			close(go[1]);
			if (read(go[0], &c, 1) < 0)
				_exit(1);
			if (wsd_send(s, "x", 1, 0) != SOCKET_ERROR ||
			    wsd_WSAGetLastError() != WSANOTINITIALISED)
				_exit(2);
			if (way == KILLED)
				raise(SIGKILL);
			if (way == EXEC)
				execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
			_exit(0);
		}
		pass(s, a, LARGE, 2 + way);
		pass(a, s, LARGE, 3 + way);
		close(go[0]);
		close(go[1]);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(way == KILLED ? WIFSIGNALED(status)
					: WIFEXITED(status) && !WEXITSTATUS(status),
			  "way %d: %x", way, (unsigned)status);
		pass(s, a, LARGE, 4 + way);
		pass(a, s, 100, 5 + way);
	}
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(a));
	WS_OK(wsd_closesocket(l));
	WS_OK(wsd_WSACleanup());
}

/* ---- a peer that is killed ---- */

struct call {
	SOCKET s;
	bool send;
	pthread_t thread;
	atomic_bool over;
	int code;
};

static void *run(void *arg)
{
	static char large[4 << 20];
	struct call *c = arg;
	char x;
	int n = c->send ? wsd_send(c->s, large, sizeof(large), 0) : wsd_recv(c->s, &x, 1, 0);
	c->code = n == SOCKET_ERROR ? wsd_WSAGetLastError() : 0;
	atomic_store(&c->over, true);
	return NULL;
}

static void be_peer(int ready)
{
	static SOCKET a[4];
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody on the name */
	hard_start();
	SOCKET l = listener(SAN1, PORT, 5);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (int i = 0; i < 4; i++)
		cr_assert_neq(a[i] = wsd_accept(l, NULL, NULL), INVALID_SOCKET);
	for (;;)
		pause();
}

Test(stack_hard, SW_CLOSE_06_a_killed_peer_ends_what_waits_for_it, .timeout = 200)
{
	for (int stopped = 0; stopped < 2; stopped++) {
		int ready[2], status;
		char c;
		cr_assert_eq(pipe(ready), 0);
		fflush(NULL);
		pid_t peer = fork();
		if (!peer)
			be_peer(ready[1]);
		cr_assert_eq(read(ready[0], &c, 1), 1);
		hard_start();
		SOCKET l = listener(SAN0, PORT, 5), s = connected(SAN0, PORT), a = accepted(l);
		struct call calls[2] = {{.s = connected(SAN1, PORT), .send = true},
					{.s = connected(SAN1, PORT)}};
		for (int i = 0; i < 2; i++)
			cr_assert_eq(pthread_create(&calls[i].thread, NULL, run, &calls[i]), 0);
		usleep(300000);
		if (stopped) {
			cr_assert_eq(kill(peer, SIGSTOP), 0);
			usleep(500000);
		}
		for (int i = 0; i < 2; i++)
			cr_assert_not(atomic_load(&calls[i].over), "call %d: %d", i, calls[i].code);
		pass(s, a, LARGE, 1);
		cr_assert_eq(kill(peer, SIGKILL), 0);
		cr_assert_eq(waitpid(peer, &status, 0), peer);
		for (int i = 0; i < 2; i++) {
			cr_assert(WSD_UNTIL(atomic_load(&calls[i].over), END_MS), "call %d", i);
			cr_assert_eq(pthread_join(calls[i].thread, NULL), 0);
			cr_assert_eq(calls[i].code, WSAECONNRESET, "call %d: %d", i, calls[i].code);
			WS_OK(wsd_closesocket(calls[i].s));
		}
		pass(a, s, LARGE, 2);
		WS_OK(wsd_closesocket(s));
		WS_OK(wsd_closesocket(a));
		WS_OK(wsd_closesocket(l));
		WS_OK(wsd_WSACleanup());
		close(ready[0]);
		close(ready[1]);
	}
}
