/* SPDX-License-Identifier: MIT
 *
 * The whole stack, and what it must not do: wait for a network in bind or listen, keep a refusal
 * waiting, hold a device that somebody deletes. [PROV-BIND-20, SW-LISTEN-7, PROV-IOCTL-3]
 */
#include "nl_do.h"
#include "stack.h"
#include "wire.h"

#include <sys/prctl.h>

enum { CALLS = 40, REFUSALS = 10, REFUSED_MS = 300, DELETED_MS = 1000, SEEN_MS = 10000 };

static void clean_up(void)
{
	wire_mend();
	wire_command("rdma link show rxe1/1 >/dev/null 2>&1 || "
		     "rdma link add rxe1 type rxe netdev san1");
}

TestSuite(idle, .init = clean_up, .fini = clean_up, .timeout = 120);

/* ---- bind and listen wait for nobody ---- */

static void bind_listen_and_close(double ms, const char *ip, unsigned port)
{
	SOCKET s = ws_tcp();
	cr_assert_eq(TIMED_WITHIN(ms, "bind", ws_bind(s, ip, port)), 0, "%s", ip);
	cr_assert_eq(TIMED_WITHIN(ms, "listen", wsd_listen(s, 5)), 0, "%s", ip);
	cr_assert_eq(TIMED_WITHIN(ms, "closesocket", wsd_closesocket(s)), 0);
}

/* From the first call on: librdmacm opens the devices, the service thread starts, the book opens.
 */
static void on_a_dead_wire(const char *what)
{
	wire_break();
	wire_is_dead();
	stack_start();
	lost_begin();
	bind_listen_and_close(FIRST_MS, ANY4, PORT);
	double first_ms = wire_worst_ms;
	wire_worst_ms = 0;
	for (unsigned i = 0; i < CALLS; i++)
		bind_listen_and_close(AT_ONCE_MS, ANY4, PORT + i);
	for (unsigned i = 0; i < CALLS; i++)
		bind_listen_and_close(AT_ONCE_MS, sans[i % 4], PORT + i);
	for (unsigned i = 0; i < CALLS / 4; i++)
		bind_listen_and_close(AT_ONCE_MS, ANY4, 0);
	/* a shared name, where only the first serves, and refusals */
	SOCKET first = ws_tcp(), second = ws_tcp(), third = ws_tcp();
	WS_OK(ws_set(first, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_set(second, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	cr_assert_eq(TIMED("bind", ws_bind(first, ANY4, PORT)), 0);
	cr_assert_eq(TIMED("listen", wsd_listen(first, 5)), 0);
	cr_assert_eq(TIMED("bind", ws_bind(second, ANY4, PORT)), 0);
	cr_assert_eq(TIMED("listen", wsd_listen(second, 5)), 0);
	cr_assert_eq(TIMED("a taken name", ws_bind(third, ANY4, PORT)), SOCKET_ERROR);
	cr_assert_eq(TIMED("a neighbour", ws_bind(third, "10.77.0.2", PORT)), SOCKET_ERROR);
	cr_assert_eq(TIMED("far away", ws_bind(third, "192.0.2.1", PORT)), SOCKET_ERROR);
	cr_assert_eq(TIMED("the head closes", wsd_closesocket(first)), 0);
	WS_OK(wsd_closesocket(second));
	WS_OK(wsd_closesocket(third));
	lost_end();
	wire_is_dead();
	WS_OK(wsd_WSACleanup());
	measured("%-28s %s %.1f ms, of the first %.1f ms\n", "longest call, a dead wire", what,
		 wire_worst_ms, first_ms);
}

/* Clauses: PROV-BIND-20, SW-LISTEN-2, SW-WILD-2 */
Test(idle, PROV_BIND_20_nothing_is_waited_for_on_a_dead_wire_in_vista)
{
	setenv("WSD_WILDCARD", "vista", 1);
	on_a_dead_wire("vista");
}

/* Clauses: PROV-BIND-20, SW-LISTEN-2, SW-WILD-1 */
Test(idle, PROV_BIND_20_nothing_is_waited_for_on_a_dead_wire_in_legacy)
{
	setenv("WSD_WILDCARD", "legacy", 1);
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "yes", 1);
	on_a_dead_wire("legacy");
}

/* ---- a refusal is there at once ---- */

/* A peer that is not answered at all asks again after seconds (rdma_cm: 4 s and more). */
Test(idle, SW_LISTEN_07_a_refusal_is_there_at_once)
{
	setenv("WSD_CONNECT_SAN_MS", "20000", 1);
	stack_start();
	SOCKET s = listener(SAN1, PORT, 1), first = queued_client(SAN1, PORT);
	double worst = 0;
	lost_begin();
	for (int i = 0; i < REFUSALS; i++) {
		struct rdma_peer c = {0};
		cr_assert_eq(rdma_peer_connect(&c, SAN1, SAN1, PORT, NULL, 0), 0);
		double from = now_ms();
		cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
		double took = now_ms() - from, lost;
		cr_assert(c.data_len >= 3 && !memcmp(c.data, "WSD", 3));
		lost = took < REFUSED_MS ? 0 : lost_between(from, from + took);
		cr_assert_lt(took - lost, REFUSED_MS, "%.1f ms (%.1f lost)", took, lost);
		worst = took > worst ? took : worst;
		rdma_peer_close(&c);
	}
	lost_end();
	measured("%-28s %.1f ms\n", "refusal, the switch", worst);
	WS_OK(wsd_closesocket(first));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_WSACleanup());
}

/* ---- rdma link del while nothing happens ---- */

struct tool {
	pid_t pid;
	int fd;
	char said[65536];
	size_t n;
};

/* What `wsd nics --watch` has said since @from holds @text, within SEEN_MS. */
static bool says(struct tool *t, size_t from, const char *text)
{
	struct pollfd p = {t->fd, POLLIN, 0};
	double end = now_ms() + SEEN_MS;
	while (now_ms() < end) {
		t->said[t->n] = '\0';
		if (strstr(t->said + from, text))
			return true;
		if (poll(&p, 1, 100) <= 0)
			continue;
		ssize_t got = read(t->fd, t->said + t->n, sizeof(t->said) - 1 - t->n);
		if (got <= 0)
			return false;
		t->n += (size_t)got;
	}
	return false;
}

static void watch_nics(struct tool *t)
{
	int fds[2];
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	t->n = 0;
	t->pid = fork();
	if (t->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		dup2(fds[1], STDOUT_FILENO);
		execl(WSD_TOOL, "wsd", "nics", "--watch", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	t->fd = fds[0];
	cr_assert(says(t, 0, "rxe1/1"), "wsd nics --watch shows no rxe1");
}

/* From a process of its own: in this one librdmacm would keep the device open. */
static bool queued(const char *ip, unsigned port)
{
	char line[512];
	snprintf(line, sizeof(line), "%s %s %u", WSD_TEST_KNOCK, ip, port);
	return wire_command(line) == 0;
}

static uint32_t device_number(const char *device)
{
	char line[64];
	unsigned n = 0;
	snprintf(line, sizeof(line), "rdma dev show %s", device);
	FILE *f = popen(line, "re");
	cr_assert(f && fscanf(f, "%u:", &n) == 1, "no %s", device);
	pclose(f);
	return n;
}

/*
 * Who is there while rxe1 is deleted: the tool that watches, a program that has only started, and
 * one that has bound, listened and closed, so that its librdmacm has had the device open. The
 * kernel's answer to `rdma link del` waits for every process that has it open.
 */
Test(idle, PROV_IOCTL_3_deleting_a_device_returns_at_once_while_programs_are_idle)
{
	enum { ROUNDS = 4 };
	static struct tool tool;
	setenv("WSD_CATALOG", WSD_TEST_CATALOG, 1);
	ws_environment();
	struct peer fresh = peer_start(0), used = peer_start(0);
	int s = peer_socket(&used, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(peer_bind(&used, s, SAN1, PORT), 0);
	cr_assert_eq(peer_do(&used, PEER_LISTEN, s), 0);
	cr_assert(queued(SAN1, PORT), "it does not listen on the SAN");
	cr_assert_eq(peer_do(&used, PEER_CLOSE, s), 0);
	watch_nics(&tool);
	double worst = 0;
	lost_begin();
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t from = tool.n;
		uint32_t number = device_number("rxe1");
		double began = now_ms();
		/* what `rdma link del` asks the kernel, and in the last round that itself, for
		 * which starting a program is most of the time */
		int gone = i < ROUNDS - 1 ? do_rxe_del(number)
					  : wire_command("timeout 20 rdma link del rxe1");
		double took = now_ms() - began, lost = lost_between(began, began + took);
		int back = wire_command("rdma link add rxe1 type rxe netdev san1");
		cr_assert_eq(gone, 0, "it hangs: somebody holds the device");
		cr_assert_eq(back, 0);
		cr_assert_lt(took - lost, DELETED_MS, "it took %.1f ms (%.1f lost)", took, lost);
		worst = took > worst && i < ROUNDS - 1 ? took : worst;
		cr_assert(says(&tool, from, " - rxe1/1"), "wsd nics --watch does not tell of it");
		cr_assert(says(&tool, from, " + rxe1/1"), "nor that it is there again");
		/* both go on as before; each has then had it open */
		struct peer *one = i % 2 ? &used : &fresh;
		s = peer_socket(one, WSD_AF_INET, WSD_SOCK_STREAM, 0);
		cr_assert_eq(peer_bind(one, s, SAN1, PORT), 0);
		cr_assert_eq(peer_do(one, PEER_LISTEN, s), 0);
		cr_assert(WSD_UNTIL(queued(SAN1, PORT), SEEN_MS), "round %u: nobody answers", i);
		cr_assert_eq(peer_do(one, PEER_CLOSE, s), 0);
	}
	lost_end();
	measured("%-28s %.1f ms\n", "rdma link del, idle programs", worst);
	kill(tool.pid, SIGTERM);
	waitpid(tool.pid, NULL, 0);
	close(tool.fd);
	cr_assert_eq(peer_do(&fresh, PEER_CLEANUP, 0), 0);
	cr_assert_eq(peer_do(&used, PEER_CLEANUP, 0), 0);
	peer_end(&used, 0);
	peer_end(&fresh, 0);
}
