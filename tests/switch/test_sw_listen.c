/* SPDX-License-Identifier: MIT
 *
 * Listening: companions, call by call [switch.md parts 3, 4 and 6].
 */
#include "sw.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- SW-LISTEN-1, -2: the order ---- */

Test(listen, SW_LISTEN_02_order_with_tcpip_in_front)
{
	BED(1);
	usual_addresses();
	bed_trace_on(&bed);
	started();
	SOCKET s = bed_bound("10.77.0.1", BED_PORT);
	static char lines[BED_TRACE][SCRIPTED_TEXT];
	size_t from = bed_trace_lines(&bed, lines, BED_TRACE);
	cr_assert_eq(wsd_listen(s, 5), 0);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_traced(&bed, from, "TCP/IP WSPListen", "a WSPSocket", "a WSPBind", "a WSPListen",
		   "a WSPEventSelect");
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	BED_END();
}

/* A foreign listener, without SO_REUSEPORT, makes the kernel refuse: no name of ours is in the way.
 */
Test(listen, SW_LISTEN_01_when_tcpip_fails_no_san_call_follows)
{
	BED(1);
	usual_addresses();
	started();
	int foreign = netbed_bind_reuse("10.77.0.1", BED_PORT);
	cr_assert_geq(foreign, 0);
	SOCKET s = bed_bound("10.77.0.1", BED_PORT);
	cr_assert_eq(netbed_listen(foreign), 0);
	cr_assert_eq(wsd_listen(s, 5), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEADDRINUSE);
	bed_expect_quiet(&bed, 0);
	close(foreign);
	cr_assert_eq(wsd_listen(s, 5), 0, "and can be tried again");
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- SW-LISTEN-3, SW-WILD-1, -2: the targets; 0, 1, 2 providers ---- */

struct targets {
	unsigned providers;
	const char *wildcard, *addr;
	unsigned a, b; /* companions on each */
};

static void check_targets(const struct targets *t)
{
	setenv("WSD_WILDCARD", t->wildcard, 1);
	started();
	SOCKET s = bed_listener(t->addr, BED_PORT);
	cr_assert_eq(bed_count(&bed, "a WSPBind"), t->a, "%u %s %s: a %u", t->providers,
		     t->wildcard, t->addr, bed_count(&bed, "a WSPBind"));
	cr_assert_eq(bed_count(&bed, "b WSPBind"), t->b, "%u %s %s: b %u", t->providers,
		     t->wildcard, t->addr, bed_count(&bed, "b WSPBind"));
	cr_assert_eq(bed_count(&bed, "0.0.0.0"),
		     !strcmp(t->wildcard, "legacy") && !strcmp(t->addr, "0.0.0.0") ? t->providers
										   : 0);
	cr_assert_eq(bed_count(&bed, "WSPEventSelect"), t->a + t->b);
	bed_close(s);
	stopped();
}

/* Specific and wildcard, legacy and vista, with 0, 1 and 2 providers. Clauses: SW-CHECK-1 */
Test(listen, SW_LISTEN_03_targets_without_a_provider)
{
	BED(0);
	static const struct targets rows[] = {{0, "vista", "0.0.0.0", 0, 0},
					      {0, "legacy", "0.0.0.0", 0, 0},
					      {0, "vista", "10.77.0.1", 0, 0},
					      {0, "legacy", "10.77.0.1", 0, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_targets(&rows[i]);
	BED_END();
}

Test(listen, SW_LISTEN_03_targets_with_one_provider)
{
	BED(1);
	usual_addresses();
	static const struct targets rows[] = {
		{1, "vista", "0.0.0.0", 3, 0},   {1, "legacy", "0.0.0.0", 1, 0},
		{1, "vista", "10.77.0.1", 1, 0}, {1, "legacy", "10.77.0.1", 1, 0},
		{1, "vista", "10.77.1.1", 0, 0}, {1, "vista", "10.78.0.1", 0, 0},
		{1, "vista", "127.0.0.1", 0, 0}, {1, "legacy", "127.0.0.1", 0, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_targets(&rows[i]);
	BED_END();
}

Test(listen, SW_LISTEN_03_targets_with_two_providers)
{
	BED(2);
	usual_addresses();
	static const struct targets rows[] = {
		{2, "vista", "0.0.0.0", 3, 1},    {2, "legacy", "0.0.0.0", 1, 1},
		{2, "vista", "10.77.0.1", 1, 0},  {2, "vista", "10.77.1.1", 0, 1},
		{2, "legacy", "10.77.1.1", 0, 1}, {2, "vista", "10.78.0.1", 0, 0},
		{2, "legacy", "10.78.0.1", 0, 0}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_targets(&rows[i]);
	BED_END();
}

Test(listen, SW_LISTEN_03_three_nics_with_four_addresses_over_two_providers_make_four_companions)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"),
		   COMPANION("a", "3", "10.77.2.1:5150"), COMPANION("a", "4", "10.77.2.101:5150"),
		   COMPANION("b", "2", "10.77.1.1:5150"));
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"), CLOSED("a", "3"), CLOSED("a", "4"), CLOSED("b", "2"));
	stopped();
	BED_END();
}

Test(listen, SW_LISTEN_03_an_address_of_two_providers_is_the_first_ones)
{
	BED(2);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_addrs(&bed, 1, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(listen, SW_SUBNET_06_a_provider_without_addresses_stays_loaded)
{
	BED(1);
	bed_start(&bed);
	bed_expect(&bed, INIT("a", "0"));
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"));
	BED_END();
}

Test(listen, SW_SUBNET_05_the_applications_own_query_goes_to_tcpip)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET s = bed_socket();
	char list[1024];
	DWORD bytes = 0;
	cr_assert_eq(wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, list, sizeof(list), &bytes,
				  NULL, NULL),
		     0);
	cr_assert_gt(((SOCKET_ADDRESS_LIST *)list)->iAddressCount, 3);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	stopped();
	BED_END();
}

Test(listen, SW_LISTEN_03_ipv6_and_udp_have_no_companions)
{
	BED(1);
	usual_addresses();
	started();
	struct wsd_sockaddr_in6 any6 = {.sin6_family = WSD_AF_INET6, .sin6_port = 0x1e14};
	SOCKET s = wsd_socket(WSD_AF_INET6, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	cr_assert_neq(s, INVALID_SOCKET);
	cr_assert_eq(wsd_bind(s, (struct wsd_sockaddr *)&any6, sizeof(any6)), 0);
	cr_assert_eq(wsd_listen(s, 5), 0);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	static const char *const names[] = {"10.77.0.1", "0.0.0.0"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = 0x1e14};
		cr_assert_eq(inet_pton(AF_INET, names[i], &in.sin_addr), 1);
		SOCKET u = wsd_socket(WSD_AF_INET, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP);
		cr_assert_neq(u, INVALID_SOCKET);
		cr_assert_eq(wsd_bind(u, (struct wsd_sockaddr *)&in, sizeof(in)), 0, "%s",
			     names[i]);
		cr_assert_eq(wsd_listen(u, 5), SOCKET_ERROR);
		cr_assert_eq(wsd_WSAGetLastError(), WSAEOPNOTSUPP);
		bed_expect_quiet(&bed, 0);
		bed_close(u);
	}
	/* the same name as a stream has one */
	SOCKET stream = bed_listener("10.77.0.1", 5150);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(stream);
	bed_expect(&bed, CLOSED("a", "2"));
	bed_expect_quiet(&bed, 0);
	stopped();
	BED_END();
}

/* ---- SW-LISTEN-4: failures leave the rest alone ---- */

static void failing_companion(const char *call, int error, const char *const *calls, unsigned n)
{
	char said[160];
	bed_fail(&bed, 0, call, "", error);
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	cr_assert_eq(bed.calls.count, n + 4, "%s: %u calls", call, bed.calls.count);
	for (unsigned i = 0; i < n; i++)
		cr_assert(strstr(bed.calls.lines[i], calls[i]), "%s: call %u is %s", call, i,
			  bed.calls.lines[i]);
	snprintf(said, sizeof(said), "no companion on 10.77.0.1:5150, TCP/IP serves it: %s", call);
	cr_assert(bed_logged(&bed, said), "%s", said);
	bed_heal(&bed, 0);
	bed_clear(&bed);
	bed_close(s);
	cr_assert_eq(bed.calls.count, 1, "only b has something to close");
	bed_clear(&bed);
}

Test(listen, SW_LISTEN_04_each_failing_step)
{
	BED(2);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_addrs(&bed, 1, "10.77.1.1", NULL);
	started();
	static const char *const steps[] = {"a WSPSocket", "a WSPBind", "a WSPListen",
					    "a WSPEventSelect", "a WSPCloseSocket"};
	static const char *const to_bind[] = {"a WSPSocket", "a WSPBind", "a WSPCloseSocket"};
	static const char *const to_listen[] = {"a WSPSocket", "a WSPBind", "a WSPListen",
						"a WSPCloseSocket"};
	failing_companion("WSPSocket", WSAEMFILE, steps, 1);
	failing_companion("WSPBind", WSAENETDOWN, to_bind, 3);
	failing_companion("WSPListen", WSAENOBUFS, to_listen, 4);
	failing_companion("WSPEventSelect", WSAENETDOWN, steps, 5);
	stopped();
	BED_END();
}

Test(listen, SW_BIND_05_every_code_of_bind_leaves_the_socket_on_tcpip)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	/* the six it may say, and two that it never should */
	static const int codes[] = {WSAENETDOWN, WSAEADDRNOTAVAIL, WSAEFAULT,     WSAEINVAL,
				    WSAENOBUFS,  WSAENOTSOCK,      WSAEADDRINUSE, WSAEINPROGRESS};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		bed_fail(&bed, 0, "WSPBind", "", codes[i]);
		SOCKET s = bed_listener("10.77.0.1", BED_PORT);
		cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), 1);
		bed_close(s);
		cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), 1);
		bed_heal(&bed, 0);
		bed_clear(&bed);
	}
	stopped();
	BED_END();
}

Test(listen, SW_LISTEN_04_a_companion_of_several_fails)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.1", "10.77.2.101", NULL);
	started();
	bed_fail(&bed, 0, "WSPBind", "10.77.2.1:", WSAEADDRNOTAVAIL);
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"), "a WSPSocket() = 3",
		   "a WSPBind(3, 10.77.2.1:5150) = WSAEADDRNOTAVAIL", CLOSED("a", "3"),
		   COMPANION("a", "4", "10.77.2.101:5150"));
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"), CLOSED("a", "4"));
	stopped();
	BED_END();
}

/* ---- SW-LISTEN-7 ---- */

Test(listen, SW_LISTEN_07_the_backlog_is_the_providers_and_a_second_listen_changes_nothing)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_bound("10.77.0.1", BED_PORT);
	cr_assert_eq(wsd_listen(s, 9), 0);
	cr_assert_eq(bed.p[0]->sockets[2].backlog, 9);
	bed_clear(&bed);
	cr_assert_eq(wsd_listen(s, 20), 0);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	s = bed_bound("10.77.0.1", BED_PORT); /* here the provider is to choose [PROV-LISTEN-2] */
	cr_assert_eq(wsd_listen(s, WSD_SOMAXCONN), 0);
	cr_assert_eq(bed.p[0]->sockets[3].backlog, WSD_SOMAXCONN);
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- companions: SW-BIND-1, -2, -4, -6, -7; options are in test_sw_opt.c ---- */

Test(bind, SW_BIND_01_SW_BIND_02_socket_and_bind_are_tcpips_alone)
{
	BED(2);
	usual_addresses();
	bed_trace_on(&bed);
	started();
	static char lines[BED_TRACE][SCRIPTED_TEXT];
	size_t from = bed_trace_lines(&bed, lines, BED_TRACE);
	SOCKET s = bed_bound("10.77.0.1", BED_PORT), any = bed_bound("0.0.0.0", BED_PORT + 1);
	bed_close(s);
	bed_close(any);
	bed_expect_quiet(&bed, 0);
	size_t n = bed_trace_lines(&bed, lines, BED_TRACE);
	for (size_t i = from; i < n; i++)
		cr_assert_eq(strncmp(lines[i], "TCP/IP ", 7), 0, "%s", lines[i]);
	cr_assert_geq(n, from + 6);
	stopped();
	BED_END();
}

Test(bind, SW_BIND_04_two_handles_for_one_socket)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	struct scripted *p = bed.p[0];
	SOCKET handle = p->sockets[2].handle;
	DWORD_PTR context = 0;
	int error = -1;
	cr_assert_eq(p->upcalls.lpWPUQuerySocketHandleContext(handle, &context, &error), 0);
	cr_assert(context == 1002 && error == 0);
	cr_assert_eq(p->upcalls.lpWPUQuerySocketHandleContext(handle, NULL, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAEFAULT);
	/* the provider's descriptor is none of the switch's handles */
	cr_assert_eq(p->upcalls.lpWPUQuerySocketHandleContext(2, &context, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAENOTSOCK);
	bed_close(s);
	/* stale after WPUCloseSocketHandle, also when the slot is used again */
	SOCKET again = bed_listener("10.77.0.1", BED_PORT);
	cr_assert_eq(p->upcalls.lpWPUQuerySocketHandleContext(handle, &context, &error),
		     SOCKET_ERROR);
	cr_assert_eq(error, WSAENOTSOCK);
	cr_assert_eq(p->upcalls.lpWPUCloseSocketHandle(handle, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAENOTSOCK);
	cr_assert_neq(p->sockets[3].handle, handle);
	bed_close(again);
	stopped();
	BED_END();
}

/* A name is made fully qualified for a provider (the row's own address, the port that TCP/IP gave
 * to 0), and the wildcard never goes down. */
Test(bind, SW_BIND_06_a_concrete_name_for_the_provider)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	struct wsd_sockaddr_in in;
	int len = sizeof(in);
	SOCKET s = bed_bound("0.0.0.0", 0);
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&in, &len), 0);
	cr_assert_eq(in.sin_addr.s_addr, 0);
	unsigned port = ntohs(in.sin_port);
	cr_assert_geq(port, 49152, "not of the dynamic range");
	bed_expect_quiet(&bed, 0);
	cr_assert_eq(wsd_listen(s, 5), 0);
	char bind[64];
	snprintf(bind, sizeof(bind), "a WSPBind(2, 10.77.0.1:%u) = 0", port);
	bed_expect(&bed, "a WSPSocket() = 2", bind, "a WSPListen(2, 5) = 0",
		   "a WSPEventSelect(2, FD_ACCEPT) = 0");
	bed_close(s);
	stopped();
	BED_END();
}

Test(bind, SW_BIND_07_the_companion_is_not_visible)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	struct wsd_sockaddr_in in;
	int len = sizeof(in);
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&in, &len), 0);
	cr_assert_eq(in.sin_addr.s_addr, 0);
	SOCKET companion = bed.p[0]->sockets[2].handle;
	cr_assert_neq(companion, s);
	cr_assert_eq(wsd_listen(companion, 1), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAENOTSOCK);
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- the service thread ---- */

Test(listen, SW_LISTEN_02_an_event_is_taken_by_the_service_thread)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	bed.p[0]->signal(bed.p[0], 3, FD_ACCEPT);
	bed_expect(&bed, "a WSPEnumNetworkEvents(3) = FD_ACCEPT",
		   "a WSPAccept(3) = WSAEWOULDBLOCK");
	bed.p[1]->signal(bed.p[1], 2, FD_ACCEPT);
	bed_expect(&bed, "b WSPEnumNetworkEvents(2) = FD_ACCEPT",
		   "b WSPAccept(2) = WSAEWOULDBLOCK");
	bed.p[0]->signal(bed.p[0], 3, FD_ACCEPT);
	bed_expect(&bed, "a WSPEnumNetworkEvents(3) = FD_ACCEPT",
		   "a WSPAccept(3) = WSAEWOULDBLOCK");
	/* what was not selected is not signalled */
	bed.p[0]->signal(bed.p[0], 3, FD_CONNECT);
	bed_expect_quiet(&bed, 50);
	bed_close(s);
	stopped();
	BED_END();
}

Test(listen, SW_LISTEN_02_an_event_is_not_lost_when_the_provider_fails)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_clear(&bed);
	bed_fail(&bed, 0, "WSPEnumNetworkEvents", "", WSAENETDOWN);
	bed.p[0]->signal(bed.p[0], 2, FD_ACCEPT);
	bed_expect(&bed, "a WSPEnumNetworkEvents(2) = WSAENETDOWN");
	bed_heal(&bed, 0);
	bed.p[0]->signal(bed.p[0], 2, FD_ACCEPT);
	bed_expect(&bed, "a WSPEnumNetworkEvents(2) = FD_ACCEPT",
		   "a WSPAccept(2) = WSAEWOULDBLOCK");
	bed_close(s);
	stopped();
	BED_END();
}

static void signal_at_close(struct scripted *p, const char *call, void *arg)
{
	if (!strcmp(call, "WSPCloseSocket"))
		p->signal(p, 2, FD_ACCEPT);
}

/* An event while the socket is being closed goes nowhere; no call comes after WSPCloseSocket. */
Test(listen, SW_LISTEN_02_no_call_after_the_close)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_clear(&bed);
	bed.p[0]->hook = signal_at_close;
	bed_close(s);
	bed.p[0]->hook = NULL;
	bed_expect(&bed, CLOSED("a", "2"));
	bed_expect_quiet(&bed, 50);
	stopped();
	BED_END();
}

Test(listen, SW_LISTEN_02_events_of_the_switch_and_of_the_provider)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	const WSPUPCALLTABLEEX *up = &bed.p[0]->upcalls;
	WSAEVENT of_socket = bed.p[0]->sockets[2].event;
	int error = -1;
	cr_assert_eq(up->lpWPUResetEvent(of_socket, &error), TRUE);
	/* it lives and dies with its socket */
	cr_assert_eq(up->lpWPUCloseEvent(of_socket, &error), FALSE);
	cr_assert_eq(error, WSA_INVALID_HANDLE);
	WSAEVENT own = up->lpWPUCreateEvent(&error);
	cr_assert_not_null(own);
	cr_assert_eq(up->lpWPUSetEvent(own, &error), TRUE);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &own, TRUE, 0, FALSE), WSA_WAIT_EVENT_0);
	cr_assert_eq(up->lpWPUResetEvent(own, &error), TRUE);
	cr_assert_eq(up->lpWPUCloseEvent(own, &error), TRUE);
	cr_assert_eq(up->lpWPUSetEvent(own, &error), FALSE);
	cr_assert_eq(error, WSA_INVALID_HANDLE);
	bed_close(s);
	cr_assert_eq(up->lpWPUSetEvent(of_socket, &error), FALSE);
	cr_assert_eq(error, WSA_INVALID_HANDLE);
	stopped();
	BED_END();
}

/* The rest of the 16 upcalls [provider.md part 14]. */
Test(listen, SW_BIND_04_the_other_upcalls)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	const WSPUPCALLTABLEEX *up = &bed.p[0]->upcalls;
	SOCKET handle = bed.p[0]->sockets[2].handle;
	int error = 0, length = 4;
	WCHAR path[300];
	GUID id = {0x5c210000, 0x77aa, 0x4bd1, {0x9c, 0x1e, 0x01, 0x23, 0x45, 0x67, 0x89, 0xa0}};
	cr_assert_eq(up->lpWPUGetProviderPath(&id, path, &length, &error), SOCKET_ERROR);
	cr_assert(error == WSAEFAULT && length > 10);
	cr_assert_eq(up->lpWPUGetProviderPath(&id, path, &length, &error), 0);
	cr_assert(path[0] == '/' && path[length - 1] == 0);
	id.Data1 = 1;
	cr_assert_eq(up->lpWPUGetProviderPath(&id, path, &length, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAEINVALIDPROVIDER);
	struct wsd_fd_set set = {.fd_count = 1, .fd_array = {handle}};
	cr_assert_eq(up->lpWPUFDIsSet(handle, &set), 1);
	cr_assert_eq(up->lpWPUFDIsSet(handle + 1, &set), 0);
	cr_assert_eq(up->lpWPUModifyIFSHandle(1, handle, &error), INVALID_SOCKET);
	cr_assert_eq(error, WSAEOPNOTSUPP);
	cr_assert_eq(up->lpWPUPostMessage(NULL, 1, 2, 3), FALSE);
	cr_assert_eq(up->lpWPUQueryBlockingCallback(1, NULL, NULL, &error), SOCKET_ERROR);
	cr_assert_eq(up->lpWPUQueueApc(NULL, NULL, 0, &error), SOCKET_ERROR);
	cr_assert_eq(up->lpWPUOpenCurrentThread(NULL, &error), SOCKET_ERROR);
	cr_assert_eq(up->lpWPUCloseThread(NULL, &error), SOCKET_ERROR);
	WSAOVERLAPPED o = {.Internal = WSS_OPERATION_IN_PROGRESS,
			   .hEvent = up->lpWPUCreateEvent(&error)};
	cr_assert_eq(up->lpWPUCompleteOverlappedRequest(handle, &o, WSAECONNRESET, 7, &error), 0);
	cr_assert(o.Internal == WSAECONNRESET && o.InternalHigh == 7);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, 0, FALSE), WSA_WAIT_EVENT_0);
	cr_assert_eq(up->lpWPUCompleteOverlappedRequest(handle, NULL, 0, 0, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAEINVAL);
	cr_assert_eq(up->lpWPUCompleteOverlappedRequest(1, &o, 0, 0, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAENOTSOCK);
	cr_assert_eq(up->lpWPUCloseEvent(o.hEvent, &error), TRUE);
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- shortage ---- */

Test(listen, SW_LISTEN_02_no_descriptors_for_the_service_thread)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_bound("10.77.0.1", BED_PORT), later = bed_bound("10.77.0.1", BED_PORT + 1);
	struct rlimit limit, none;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	int result = wsd_listen(s, 5);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(result, 0);
	bed_expect_quiet(&bed, 0);
	cr_assert(bed_logged(&bed, "no service thread, so TCP/IP only: Too many open files"));
	/* the next listener starts it, and it brings up those that came before */
	cr_assert_eq(wsd_listen(later, 5), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, "WSPEventSelect") == 2, 2000));
	cr_assert_eq(bed_count(&bed, "10.77.0.1:5150"), 1);
	cr_assert_eq(bed_count(&bed, "10.77.0.1:5151"), 1);
	bed_close(s);
	bed_close(later);
	stopped();
	BED_END();
}
