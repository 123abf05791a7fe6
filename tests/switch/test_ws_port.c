/* SPDX-License-Identifier: MIT
 *
 * The wildcard, port 0, the dynamic ranges. [WS-PORT-1 to 7]
 */
#include "peer.h"

#include "names.h"

Test(port, WS_PORT_1_wildcard_is_any_local_address)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	WS_OK(ws_bind(s, ANY4, 0));
	WS_OK(wsd_listen(s, 8));
	unsigned port = ws_port(s);
	cr_assert(ws_answers(LOOPBACK, port));
	cr_assert(ws_answers(LOOPBACK2, port));
	WS_OK(ws_bind(six, "::", port)); /* IPV6_V6ONLY: another protocol */
	WS_OK(wsd_listen(six, 8));
	WS_END();
}

Test(port, WS_PORT_2_port_0_comes_from_winsocks_range)
{
	WS_BEGIN();
	static const int types[] = {WSD_SOCK_STREAM, WSD_SOCK_DGRAM};
	static const int families[] = {WSD_AF_INET, WSD_AF_INET6};
	for (int i = 0; i < 4; i++) {
		unsigned seen[20];
		for (int k = 0; k < 20; k++) {
			SOCKET s = ws_socket(families[i / 2], types[i % 2]);
			WS_OK(ws_bind(s, i / 2 ? "::1" : LOOPBACK, 0));
			seen[k] = ws_port(s);
			cr_assert(seen[k] >= 49152 && seen[k] <= 65535, "port %u", seen[k]);
			for (int j = 0; j < k; j++)
				cr_assert_neq(seen[j], seen[k]);
		}
	}
	WS_END();
}

Test(port, WS_PORT_2_legacy_range)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_LEGACY", "yes", 1);
	ws_start();
	for (int i = 0; i < 20; i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, LOOPBACK, 0));
		cr_assert(ws_port(s) >= 1025 && ws_port(s) <= 5000, "port %u", ws_port(s));
	}
	WS_END();
}

Test(port, WS_PORT_3_a_MaxUserPort)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_LEGACY", "yes", 1);
	setenv("WSD_MAXUSERPORT", "6000", 1);
	ws_start();
	unsigned most = 0;
	for (int i = 0; i < 200; i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, LOOPBACK, 0));
		unsigned port = ws_port(s);
		cr_assert(port >= 1025 && port <= 6000, "port %u", port);
		most = port > most ? port : most;
	}
	cr_assert_gt(most, 5000, "200 ports and none above the old end");
	WS_END();
}

Test(port, WS_PORT_3_b_four_ranges)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_TCP4", "20000,300", 1);
	setenv("WSD_DYNAMICPORT_UDP4", "21000,300", 1);
	setenv("WSD_DYNAMICPORT_TCP6", "22000,300", 1);
	setenv("WSD_DYNAMICPORT_UDP6", "100,300", 1); /* illegal: the default stays */
	ws_start();
	static const struct {
		int af, type;
		unsigned low, high;
	} rows[] = {
		{WSD_AF_INET, WSD_SOCK_STREAM, 20000, 20299},
		{WSD_AF_INET, WSD_SOCK_DGRAM, 21000, 21299},
		{WSD_AF_INET6, WSD_SOCK_STREAM, 22000, 22299},
		{WSD_AF_INET6, WSD_SOCK_DGRAM, 49152, 65535},
	};
	for (size_t i = 0; i < 4; i++)
		for (int k = 0; k < 20; k++) {
			SOCKET s = ws_socket(rows[i].af, rows[i].type);
			WS_OK(ws_bind(s, rows[i].af == WSD_AF_INET ? LOOPBACK : "::1", 0));
			unsigned port = ws_port(s);
			cr_assert(port >= rows[i].low && port <= rows[i].high, "row %zu: %u", i,
				  port);
		}
	WS_END();
}

static void *open_guest(void)
{
	struct names *n = NULL;
	struct names_config cfg = {.guest = true};
	cr_assert_eq(names_open(&cfg, NULL, NULL, &n), 0);
	return n;
}

Test(port, WS_PORT_3_a_change_is_effective_at_once)
{
	WS_BEGIN();
	WS_OK(ws_bind(ws_tcp(), LOOPBACK, 0));
	struct names *n = open_guest();
	cr_assert_eq(names_ports_set(n, NAMES_TCP4, (struct names_range){30000, 255}), 0);
	names_close(n);
	for (int i = 0; i < 20; i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, LOOPBACK, 0));
		cr_assert(ws_port(s) >= 30000 && ws_port(s) < 30255, "port %u", ws_port(s));
	}
	WS_END();
}

Test(port, WS_PORT_4_unique_whatever_the_address_and_the_options)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_TCP4", "20000,255", 1);
	ws_start();
	static const char *const addresses[] = {LOOPBACK, LOOPBACK2, ANY4};
	bool seen[255] = {false};
	for (int i = 0; i < 255; i++) {
		SOCKET s = ws_tcp();
		if (i % 2)
			WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
		WS_OK(ws_bind(s, addresses[i % 3], 0));
		unsigned k = ws_port(s) - 20000;
		cr_assert_lt(k, 255);
		cr_assert_not(seen[k], "port %u twice", k + 20000);
		seen[k] = true;
	}
	/* WS-PORT-6: one full turn, then WSAENOBUFS [WS-BIND-4] */
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_IS(ws_bind(s, "127.0.0.3", 0), WSAENOBUFS);
	WS_IS(ws_bind(s, "192.0.2.1", 0), WSAEADDRNOTAVAIL, "address before resources");
	WS_OK(ws_bind(s, LOOPBACK, 19999));
	WS_END();
}

Test(port, WS_PORT_4_other_processes_and_foreign_programs)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_TCP4", "20300,255", 1);
	ws_start();
	/* a foreign program has most of the range on the same address */
	int fd[250];
	unsigned taken = 0;
	for (int i = 0; i < 250; i++) {
		fd[i] = ws_foreign(SOCK_STREAM, LOOPBACK, (unsigned)(20300 + i), true);
		taken += fd[i] >= 0;
	}
	unsigned got = 0;
	for (;; got++) {
		SOCKET s = ws_tcp();
		if (ws_bind(s, LOOPBACK, 0)) {
			cr_assert_eq(wsd_WSAGetLastError(), WSAENOBUFS, "%d",
				     wsd_WSAGetLastError());
			break;
		}
		cr_assert_geq(ws_port(s), 20300);
		WS_OK(wsd_listen(s, 1));
	}
	cr_assert_eq(got, 255 - taken);
	/* the ports that were tried in vain are not held */
	struct names *n = open_guest();
	close(fd[0]);
	fd[0] = -1;
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(ws_port(s), 20300);
	for (int i = 0; i < 250; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	names_close(n);
	WS_END();
}

Test(port, WS_PORT_5_port_scalability)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_TCP4", "20600,255", 1);
	ws_start();
	static const char *const addresses[] = {LOOPBACK, LOOPBACK2};
	for (int a = 0; a < 2; a++) /* two addresses give the range twice */
		for (int i = 0; i < 255; i++) {
			SOCKET s = ws_tcp();
			WS_OK(ws_set(s, WSD_SOL_SOCKET, SO_PORT_SCALABILITY, 1));
			WS_OK(ws_bind(s, addresses[a], 0));
		}
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, SO_PORT_SCALABILITY, 1));
	WS_IS(ws_bind(s, LOOPBACK, 0), WSAENOBUFS);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_PORT_SCALABILITY), 1);
	WS_IS(ws_bind(ws_tcp(), "127.0.0.3", 0), WSAENOBUFS, "every port is held on some address");
	WS_OK(ws_bind(s, "127.0.0.3", 0));
	WS_END();
}

Test(port, WS_PORT_6_random_start)
{
	WS_BEGIN();
	unsigned first = 0;
	bool differs = false;
	for (int i = 0; i < 10; i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, LOOPBACK, 0));
		unsigned port = ws_port(s);
		differs = differs || (first && port != first);
		first = first ? first : port;
		WS_OK(wsd_closesocket(s));
	}
	cr_assert(differs, "ten times port %u", first);
	WS_END();
}

Test(port, WS_PORT_7_a_fixed_port_inside_the_range)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 50000));
	cr_assert_eq(ws_port(s), 50000);
	WS_OK(wsd_listen(s, 1));
	WS_END();
}
