/* SPDX-License-Identifier: MIT
 *
 * The whole stack on soft-RoCE: libwsdirect over the real provider, asked by its exported calls and
 * answered to a bare librdmacm client. What is shown to be on the SAN is shown by its refusal: a
 * full backlog is refused with our tag, which neither the kernel nor TCP/IP can do.
 */
#include "names.h"
#include "stack.h"

#include <sys/resource.h>

static long long received_packets(const char *device)
{
	char path[128];
	long long n = -1;
	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/hw_counters/rcvd_pkts",
		 device);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%lld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

Test(stack, SW_LISTEN_03_a_listener_on_a_san_address_is_on_the_wire)
{
	stack_start();
	cr_assert_eq(knock(SAN0, PORT), INVALID_SERVICE, "nobody listens yet");
	long long before = received_packets("rxe0");
	SOCKET s = listener(SAN0, PORT, 2);
	cr_assert(served(SAN0, PORT));
	cr_assert_gt(received_packets("rxe0"), before, "the device's counter did not move");
	cr_assert_eq(knock(SAN2, PORT), INVALID_SERVICE, "only on its own address");
	WS_OK(wsd_closesocket(s));
	cr_assert_eq(knock(SAN0, PORT), INVALID_SERVICE, "closed");
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_BIND_02_bind_alone_reaches_no_provider)
{
	stack_start();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, SAN0, PORT));
	cr_assert_eq(knock(SAN0, PORT), INVALID_SERVICE);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_LISTEN_07_a_full_backlog_refuses_at_once_with_our_tag)
{
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); /* the emulated guest is slow the first time */
	stack_start();
	SOCKET s = listener(SAN1, PORT, 1);
	struct rdma_peer second = {0};
	cr_assert(served(SAN1, PORT), "who says nothing takes no place in the queue");
	SOCKET first = queued_client(SAN1, PORT);
	cr_assert_eq(rdma_peer_connect(&second, SAN1, SAN1, PORT, NULL, 0), 0);
	cr_assert_eq(rdma_peer_wait(&second, SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(memcmp(second.data, "WSD", 3), 0, "the refusal carries our tag");
	rdma_peer_close(&second);
	/* the first is taken: its place is free again */
	SOCKET got = wsd_accept(s, NULL, NULL);
	cr_assert_neq(got, INVALID_SOCKET);
	cr_assert(served(SAN1, PORT));
	WS_OK(wsd_closesocket(got));
	WS_OK(wsd_closesocket(first));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_WILD_02_vista_serves_all_four_addresses)
{
	setenv("WSD_WILDCARD", "vista", 1);
	stack_start();
	SOCKET s = listener(ANY4, PORT, 1);
	for (size_t i = 0; i < 4; i++)
		cr_assert(served(sans[i], PORT), "%s", sans[i]);
	WS_OK(wsd_closesocket(s));
	for (size_t i = 0; i < 4; i++)
		cr_assert_eq(knock(sans[i], PORT), INVALID_SERVICE, "%s", sans[i]);
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_WILD_01_legacy_serves_all_four_addresses_by_one_companion)
{
	setenv("WSD_WILDCARD", "legacy", 1);
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "yes", 1);
	stack_start();
	SOCKET s = listener(ANY4, PORT, 4);
	for (size_t i = 0; i < 4; i++) /* one queue for all: four requests fill it */
		cr_assert_eq(knock(sans[i], PORT), 0, "%s", sans[i]);
	cr_assert(served(SAN2B, PORT));
	WS_OK(wsd_closesocket(s));
	cr_assert_eq(knock(SAN2B, PORT), INVALID_SERVICE);
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_WILD_05_a_specific_listener_owns_its_address)
{
	stack_start();
	SOCKET wild = ws_tcp(), own = ws_tcp();
	WS_OK(ws_bind(wild, ANY4, PORT));
	WS_OK(wsd_listen(wild, 1));
	WS_OK(ws_bind(own, SAN1, PORT));
	WS_OK(wsd_listen(own, 3));
	cr_assert(served(SAN0, PORT));
	cr_assert(served(SAN1, PORT));
	WS_OK(wsd_closesocket(own));
	cr_assert(WSD_UNTIL(served(SAN1, PORT), SERVED_MS), "the wildcard takes the address over");
	WS_OK(wsd_closesocket(wild));
	WS_OK(wsd_WSACleanup());
}

/* Linux does not let another user bind below the wildcard listener, so that one's listener waits.
 */
Test(stack, SW_WILD_05_a_listener_that_waits_leaves_the_address_to_the_wildcard)
{
	stack_start();
	struct peer other = peer_start(NOBODY);
	SOCKET wild = ws_tcp();
	WS_OK(ws_set(wild, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(wild, ANY4, PORT));
	WS_OK(wsd_listen(wild, 1));
	peer_socket(&other, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&other, 0, SAN1, PORT), 0);
	cr_assert_eq(peer_do(&other, PEER_LISTEN, 0), 0);
	usleep(QUIET_MS * 1000);
	cr_assert(served(SAN1, PORT), "nobody serves the address");
	WS_OK(wsd_closesocket(wild));
	cr_assert(WSD_UNTIL(served(SAN1, PORT), SERVED_MS), "it is the other's turn");
	cr_assert_eq(knock(SAN0, PORT), INVALID_SERVICE);
	peer_end(&other, 0);
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_LISTEN_03_a_nic_without_rdma_stays_on_tcp)
{
	stack_start();
	SOCKET s = listener(LAN0, PORT, 1);
	cr_assert(ws_answers(LAN0, PORT));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_WSACleanup());
}

static void take_over(int sig)
{
	stack_start();
	struct peer first = peer_start(0), second = peer_start(0);
	peer_socket(&first, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	peer_socket(&second, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&first, 0, SAN0, PORT), 0);
	cr_assert_eq(peer_bind(&second, 0, SAN0, PORT), 0);
	cr_assert_eq(peer_do(&first, PEER_LISTEN, 0), 0);
	cr_assert_eq(peer_do(&second, PEER_LISTEN, 0), 0);
	cr_assert(served(SAN0, PORT));
	if (sig)
		peer_end(&first, sig);
	else
		cr_assert_eq(peer_do(&first, PEER_CLOSE, 0), 0);
	cr_assert(WSD_UNTIL(knock(SAN0, PORT) == 0, SERVED_MS), "nobody took over");
	cr_assert(served(SAN0, PORT));
	cr_assert(ws_answers(SAN0, PORT), "TCP/IP too");
	peer_end(&second, 0); /* forked later, it holds an end of the first's pipe */
	if (!sig)
		peer_end(&first, 0);
	cr_assert(WSD_UNTIL(knock(SAN0, PORT) == INVALID_SERVICE, SERVED_MS));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_SHARE_03_the_next_takes_over_when_the_head_closes)
{
	take_over(0);
}

Test(stack, SW_SHARE_03_the_next_takes_over_when_the_head_is_killed)
{
	take_over(SIGKILL);
}

Test(stack, SW_LISTEN_06_an_address_that_comes_joins_and_one_that_goes_leaves)
{
	stack_start();
	SOCKET s = listener(ANY4, PORT, 1);
	cr_assert_eq(command("ip addr add 10.77.0.77/24 dev san0"), 0);
	bool came = WSD_UNTIL(served("10.77.0.77", PORT), SERVED_MS);
	cr_assert_eq(command("ip addr del 10.77.0.77/24 dev san0"), 0);
	cr_assert(came, "the wildcard listener did not join");
	cr_assert(served(SAN0, PORT), "the others stay");
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_WSACleanup());
}

/* ---- a link that flaps: what `wsd names` would say ---- */

static void not_told(void *ctx, uint64_t id, uint64_t cookie)
{
}

static void no_shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4],
		      size_t count)
{
}

struct count {
	unsigned port;
	int companions;
};

static void count_entry(void *arg, const struct names_entry *e)
{
	struct count *c = arg;
	if (e->port == c->port)
		c->companions = (int)e->companions;
}

/* Of the listener on @port; -1: there is none. */
static int companions(unsigned port)
{
	static const struct names_ops ops = {not_told, no_shadow, not_told};
	struct names_config cfg = {.broker_name = getenv("WSD_BROKER_NAME"), .guest = true};
	struct count c = {port, -1};
	struct names *n = NULL;
	cr_assert_eq(names_open(&cfg, &ops, NULL, &n), 0);
	cr_assert_eq(names_list(n, count_entry, &c), 0);
	names_close(n);
	return c.companions;
}

enum { FLAPS = 5, FLAP_MS = 2000 };

/* @n: companions of the wildcard listener with all links up, @n_down: with san1 down. */
static void flap(int n, int n_down)
{
	stack_start();
	SOCKET wild = listener(ANY4, PORT, 1), own = listener(SAN1, PORT + 1, 1);
	cr_assert_eq(companions(PORT), n);
	cr_assert_eq(companions(PORT + 1), 1);
	for (int i = 0; i < FLAPS; i++) {
		cr_assert_eq(command("ip link set san1 down"), 0);
		bool went =
			WSD_UNTIL(companions(PORT) == n_down && companions(PORT + 1) == 0, FLAP_MS);
		int left = companions(PORT), left_own = companions(PORT + 1);
		cr_assert_eq(command("ip link set san1 up"), 0);
		cr_assert(went, "flap %d: %d and %d while it is down", i, left, left_own);
		cr_assert(WSD_UNTIL(companions(PORT) == n && companions(PORT + 1) == 1, FLAP_MS),
			  "flap %d: %d and %d when it is up again", i, companions(PORT),
			  companions(PORT + 1));
	}
	/* down and up before anybody has looked: nothing is left out */
	cr_assert_eq(command("ip link set san1 down; ip link set san1 up"), 0);
	usleep(FLAP_MS * 1000);
	cr_assert_eq(companions(PORT), n);
	cr_assert_eq(companions(PORT + 1), 1);
	cr_assert(WSD_UNTIL(served(SAN1, PORT + 1), SERVED_MS), "nobody answers at the NIC");
	cr_assert(WSD_UNTIL(served(SAN1, PORT), SERVED_MS));
	WS_OK(wsd_closesocket(wild));
	WS_OK(wsd_closesocket(own));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_LISTEN_06_SW_PNP_02_a_link_that_flaps_in_vista)
{
	setenv("WSD_WILDCARD", "vista", 1);
	flap(4, 3);
}

Test(stack, SW_LISTEN_06_SW_PNP_02_a_link_that_flaps_in_legacy)
{
	setenv("WSD_WILDCARD", "legacy", 1);
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "yes", 1);
	flap(1, 1); /* the provider itself follows its NICs */
}

Test(stack, SW_LISTEN_06_a_device_that_goes_and_comes_back)
{
	stack_start();
	SOCKET s = listener(SAN1, PORT, 1), other = listener(SAN0, PORT, 1);
	long long start = wsd_check_now_ms();
	/* `timeout` is a process of its own, so the device is not held by the waiter */
	int gone = command("timeout 20 rdma link del rxe1");
	long long took = wsd_check_now_ms() - start;
	int back = command("rdma link add rxe1 type rxe netdev san1");
	cr_assert_eq(gone, 0, "deleting the device hangs while we listen on it");
	cr_assert_eq(back, 0);
	cr_assert_lt(took, 15000, "deleting took %lld ms", took);
	cr_assert(served(SAN0, PORT), "the other NIC goes on");
	cr_assert(WSD_UNTIL(served(SAN1, PORT), SERVED_MS), "the listener is not back");
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(other));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_INIT_02_without_any_device_tcp_goes_on)
{
	cr_assert_eq(command("for i in 0 1 2; do timeout 20 rdma link del rxe$i || exit 1; done"),
		     0);
	stack_start();
	/* room for more than the connection over TCP/IP, which stays in the kernel's queue */
	SOCKET s = listener(SAN0, PORT, 5), wild = listener(ANY4, PORT + 1, 5);
	bool tcp = ws_answers(SAN0, PORT);
	int back = command(
		"for i in 0 1 2; do rdma link add rxe$i type rxe netdev san$i || exit 1; done");
	cr_assert(tcp);
	cr_assert_eq(back, 0);
	cr_assert(WSD_UNTIL(served(SAN0, PORT), SERVED_MS), "a device that comes later is used");
	cr_assert(WSD_UNTIL(served(SAN2, PORT + 1), SERVED_MS));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(wild));
	WS_OK(wsd_WSACleanup());
}

Test(stack, PROV_LISTEN_01_an_unprivileged_user_with_8_MiB_of_locked_memory)
{
	struct rlimit limit = {8 << 20, 8 << 20};
	cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	cr_assert_eq(setgid(NOBODY), 0);
	cr_assert_eq(setuid(NOBODY), 0);
	stack_start();
	SOCKET s = listener(SAN0, PORT, 1), wild = listener(ANY4, PORT + 1, 1);
	cr_assert(served(SAN0, PORT));
	cr_assert(served(SAN2B, PORT + 1));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(wild));
	WS_OK(wsd_WSACleanup());
}

Test(stack, SW_LISTEN_02_a_thousand_listeners_leave_nothing_behind)
{
	enum { MANY = 1000 };
	static SOCKET s[MANY];
	stack_start();
	for (size_t i = 0; i < 4; i++) { /* the devices are open now, for good */
		SOCKET first = listener(sans[i], PORT, 1);
		cr_assert(served(sans[i], PORT));
		WS_OK(wsd_closesocket(first));
	}
	unsigned fds = wsd_check_fds(), threads = wsd_check_threads();
	for (int i = 0; i < MANY; i++)
		s[i] = listener(sans[i % 4], 7000 + (unsigned)i / 4, 1);
	cr_assert(served(SAN2B, 7000 + (MANY - 1) / 4));
	for (int i = 0; i < MANY; i++)
		WS_OK(wsd_closesocket(s[i]));
	cr_assert_eq(knock(SAN2B, 7000 + (MANY - 1) / 4), INVALID_SERVICE);
	cr_assert_eq(wsd_check_fds(), fds);
	cr_assert_eq(wsd_check_threads(), threads);
	WS_OK(wsd_WSACleanup());
}
