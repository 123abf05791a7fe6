/* SPDX-License-Identifier: MIT
 *
 * Many connections, listeners and cycles over the loop provider's SAN, and listeners that are
 * closed in the middle: nothing hangs, nothing is left. [SW-ACCEPT-9, SW-CLOSE-2, SW-CONNECT-2,
 * SW-LISTEN-2, WS-ACCEPT-5]
 */
#include "pair.h"

#include <signal.h>
#include <sys/resource.h>

enum { PATIENCE_MS = 20000 };

static void nonblocking(SOCKET s)
{
	ULONG yes = 1;
	cr_assert_eq(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &yes), 0);
}

static unsigned short port_of(SOCKET s)
{
	struct wsd_sockaddr_in name = {0};
	int len = sizeof(name);
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&name, &len), 0);
	return ntohs(name.sin_port);
}

/* Connected to oneself by one thread: client and server end. */
static void connect_both(SOCKET l, unsigned short port, SOCKET *ret_client, SOCKET *ret_server)
{
	*ret_client = bed_socket();
	cr_assert_eq(pair_connect(*ret_client, "10.77.0.1", port), 0);
	*ret_server = wsd_accept(l, NULL, NULL);
	cr_assert_neq(*ret_server, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
}

/* ---- a listener that goes ---- */

/* What waits for it in every way. */
struct goes {
	SOCKET l;
	pthread_t accepting[2], selecting;
	atomic_int ended;
	int code[2];
	WSAOVERLAPPED o[2];
	SOCKET with[2];
	char names[2][128];
};

static void *accepting(void *arg)
{
	struct goes *g = arg;
	SOCKET s;
	while ((s = wsd_accept(g->l, NULL, NULL)) != INVALID_SOCKET)
		bed_close(s);
	g->code[atomic_fetch_add(&g->ended, 1)] = wsd_WSAGetLastError();
	return NULL;
}

static void *selecting(void *arg)
{
	struct goes *g = arg;
	struct wsd_fd_set r;
	do
		r = (struct wsd_fd_set){.fd_count = 1, .fd_array = {g->l}};
	while (wsd_select(0, &r, NULL, NULL, NULL) == 1 && r.fd_count == 1);
	return NULL;
}

static void goes_begin(struct goes *g)
{
	*g = (struct goes){.l = bed_listener("10.77.0.1", BED_PORT)};
	for (int i = 0; i < 2; i++) {
		DWORD bytes;
		g->o[i].hEvent = wsd_WSACreateEvent();
		g->with[i] = bed_socket();
		cr_assert_not(wsd_AcceptEx(g->l, g->with[i], g->names[i], i ? 64 : 0, 32, 32,
					   &bytes, &g->o[i]));
		cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
		cr_assert_eq(pthread_create(&g->accepting[i], NULL, accepting, g), 0);
	}
	cr_assert_eq(pthread_create(&g->selecting, NULL, selecting, g), 0);
}

static void goes_end(struct goes *g)
{
	bed_close(g->l);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(
			wsd_WSAWaitForMultipleEvents(1, &g->o[i].hEvent, TRUE, PATIENCE_MS, FALSE),
			0, "AcceptEx %d does not end", i);
		cr_assert(g->o[i].Internal == 0 || g->o[i].Internal == WSA_OPERATION_ABORTED,
			  "AcceptEx %d: %d", i, (int)g->o[i].Internal);
		bed_close(g->with[i]);
		wsd_WSACloseEvent(g->o[i].hEvent);
		cr_assert_eq(pthread_join(g->accepting[i], NULL), 0);
	}
	cr_assert_eq(pthread_join(g->selecting, NULL), 0);
	for (int i = 0; i < 2; i++)
		cr_assert(g->code[i] == WSAEINTR || g->code[i] == WSAENOTSOCK, "%d", g->code[i]);
}

/* Clauses: WS-ACCEPT-5 */
Test(san_hard, SW_ACCEPT_09_whatever_waits_for_a_listener_ends_with_it, .timeout = 100)
{
	enum { ROUNDS = 8, CLIENTS = 12, SILENT = 5 };
	PAIR_BEGIN();
	bed_start(&bed);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct goes g;
		SOCKET c[CLIENTS];
		int fds[SILENT];
		goes_begin(&g);
		for (int i = 0; i < CLIENTS; i++) {
			c[i] = bed_socket();
			nonblocking(c[i]);
			pair_connect(c[i], "10.77.0.1", BED_PORT);
		}
		for (unsigned short i = 0; i < SILENT; i++)
			fds[i] = loop_san->knock("10.77.0.1", BED_PORT, "10.77.0.9",
						 (uint16_t)(4000 + i));
		usleep(round * 1500);
		goes_end(&g);
		for (int i = 0; i < CLIENTS; i++) {
			struct wsd_fd_set w = {.fd_count = 1, .fd_array = {c[i]}}, x = w;
			struct timeval long_enough = {.tv_sec = PATIENCE_MS / 1000};
			cr_assert_geq(wsd_select(0, NULL, &w, &x, &long_enough), 1,
				      "attempt %d does not end", i);
			bed_close(c[i]);
		}
		for (int i = 0; i < SILENT; i++)
			close(fds[i]);
	}
	bed_stop(&bed);
	PAIR_END();
}

/* ---- closed while a condition function runs ---- */

struct asked {
	SOCKET l, other, client;
	int answer, inside, code;
};

static void *close_all(void *arg)
{
	struct asked *a = arg;
	bed_close(a->l);
	bed_close(a->client);
	return NULL;
}

/* From inside, closing is refused; another thread may, and waits for nobody. */
static int CALLBACK condition(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos,
			      LPWSABUF callee, LPWSABUF callee_data, GROUP *g, DWORD_PTR data)
{
	struct asked *a = (struct asked *)data;
	pthread_t closer;
	a->inside = wsd_closesocket(a->other) ? wsd_WSAGetLastError() : 0;
	cr_assert_eq(pthread_create(&closer, NULL, close_all, a), 0);
	cr_assert_eq(pthread_join(closer, NULL), 0);
	return a->answer;
}

/* Clauses: WS-ACCEPT-4 */
Test(san_hard, SW_ACCEPT_09_closed_while_the_condition_function_runs, .timeout = 60)
{
	static const struct {
		int answer, code;
	} rows[] = {{CF_ACCEPT, 0},
		    {CF_REJECT, WSAECONNREFUSED},
		    {CF_DEFER, WSATRY_AGAIN},
		    {99, WSAEINVAL}};
	PAIR_BEGIN();
	bed_start(&bed);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct asked a = {.l = bed_listener("10.77.0.1", BED_PORT),
				  .other = bed_socket(),
				  .client = bed_socket(),
				  .answer = rows[i].answer};
		cr_assert_eq(pair_connect(a.client, "10.77.0.1", BED_PORT), 0);
		cr_assert_str_eq(pair_look(a.client).transport, "SAN");
		SOCKET s = wsd_WSAAccept(a.l, NULL, NULL, condition, (DWORD_PTR)&a);
		int code = s == INVALID_SOCKET ? wsd_WSAGetLastError() : 0;
		cr_assert_eq(code, rows[i].code, "row %zu: %d", i, code);
		cr_assert_eq(a.inside, WSAEINPROGRESS);
		if (s != INVALID_SOCKET) {
			char c;
			cr_assert_eq(wsd_recv(s, &c, 1, 0), 0, "the client's end is told");
			bed_close(s);
		}
		bed_close(a.other);
	}
	bed_stop(&bed);
	PAIR_END();
}

/* ---- many ---- */

static bool room_for(rlim_t files)
{
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return limit.rlim_cur >= files;
}

/* Clauses: SW-CONNECT-2 */
Test(san_hard, SW_LISTEN_02_two_thousand_connections_and_then_500_listeners, .timeout = 110)
{
	enum { CONNECTIONS = 2000, LISTENERS = 500, FILES = 4 * CONNECTIONS + 2 * LISTENERS + 200 };
	static SOCKET client[CONNECTIONS], server[CONNECTIONS], more[LISTENERS];
	char c;
	if (!room_for(FILES))
		cr_skip_test("RLIMIT_NOFILE's hard limit is lower than %d", FILES);
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT);
	unsigned listening = atomic_load(&loop_san->sockets);
	for (int i = 0; i < CONNECTIONS; i++) {
		connect_both(l, BED_PORT, &client[i], &server[i]);
		pair_send(client[i], (char *)&i, sizeof(i));
	}
	cr_assert_eq(atomic_load(&loop_san->sockets), listening + 2 * CONNECTIONS,
		     "each is on the SAN");
	unsigned before = atomic_load(&loop_san->sockets);
	for (int i = 0; i < LISTENERS; i++)
		more[i] = bed_listener("10.77.0.1", 0);
	cr_assert_eq(atomic_load(&loop_san->sockets), before + LISTENERS, "each has a companion");
	for (int i = 0; i < LISTENERS; i++) {
		SOCKET one, two;
		connect_both(more[i], port_of(more[i]), &one, &two);
		cr_assert_str_eq(pair_look(one).transport, "SAN");
		cr_assert_str_eq(pair_look(two).transport, "SAN");
		pair_send(one, "x", 1);
		cr_assert_eq(pair_recv(two, &c, 1), 1);
		bed_close(one);
		bed_close(two);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		int number = -1;
		cr_assert_eq(pair_recv(server[i], &number, sizeof(number)), sizeof(number));
		cr_assert_eq(number, i);
		bed_close(client[i]);
		bed_close(server[i]);
	}
	for (int i = 0; i < LISTENERS; i++)
		bed_close(more[i]);
	cr_assert(WSD_UNTIL(atomic_load(&loop_san->sockets) == listening, PATIENCE_MS));
	cr_assert_eq(atomic_load(&loop_san->registrations), 0);
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}

/* One connection, and some bytes, in one of the ways that it may end. */
static void cycle(SOCKET l, int i)
{
	static char out[40000], in[40000];
	static const struct wsd_linger hard = {1, 0};
	int len = i % 10 == 0 ? (int)sizeof(out) : 100;
	SOCKET client, server;
	connect_both(l, BED_PORT, &client, &server);
	memset(out, i, sizeof(out));
	memset(in, ~i, sizeof(in));
	nonblocking(client);
	cr_assert_eq(wsd_send(client, out, len, 0), len);
	cr_assert_eq(pair_recv(server, in, len), len);
	cr_assert_eq(memcmp(in, out, (size_t)len), 0);
	if (i % 3 == 1)
		cr_assert_eq(wsd_setsockopt(client, WSD_SOL_SOCKET, WSD_SO_LINGER,
					    (const char *)&hard, sizeof(hard)),
			     0);
	if (i % 4 == 2)
		cr_assert_eq(wsd_send(server, out, len, 0), len, "never read");
	bed_close(i % 2 ? client : server);
	bed_close(i % 2 ? server : client);
}

Test(san_hard, SW_CLOSE_02_two_thousand_cycles_leave_nothing, .timeout = 110)
{
	enum { WARM = 50, CYCLES = 2100 };
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT);
	unsigned listening = atomic_load(&loop_san->sockets), fds = 0, threads = 0;
	for (int i = 0; i < WARM + CYCLES; i++) {
		if (i == WARM) {
			cr_assert(WSD_UNTIL(atomic_load(&loop_san->sockets) == listening,
					    PATIENCE_MS));
			fds = wsd_check_fds();
			threads = wsd_check_threads();
		}
		cycle(l, i);
	}
	cr_assert_eq(atomic_load(&loop_san->connects), WARM + CYCLES, "all were on the SAN");
	cr_assert(WSD_UNTIL(atomic_load(&loop_san->sockets) == listening, PATIENCE_MS),
		  "%u SAN sockets are left", atomic_load(&loop_san->sockets) - listening);
	cr_assert_eq(atomic_load(&loop_san->registrations), 0);
	cr_assert(WSD_UNTIL(wsd_check_fds() <= fds, PATIENCE_MS), "%u descriptors, %u before",
		  wsd_check_fds(), fds);
	cr_assert_eq(wsd_check_threads(), threads);
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}
