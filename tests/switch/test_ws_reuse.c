/* SPDX-License-Identifier: MIT
 *
 * Who may share a name: all cells of the tables, through the exported calls, with the first holder
 * bound and with it listening, of the same user and of another. [WS-REUSE-1 to 8, 12, 13]
 */
#include "peer.h"

#include <sys/mman.h>

enum mode { DEF, REUSE, EXCL };
enum { OK = 0, INUSE = WSAEADDRINUSE, ACCESS = WSAEACCES, CELLS = 6 };

static const int option_of[] = {
	[DEF] = 0, [REUSE] = WSD_SO_REUSEADDR, [EXCL] = SO_EXCLUSIVEADDRUSE};
static const char *const kind_name[CELLS] = {"Def W",   "Def S",  "REUSE W",
					     "REUSE S", "EXCL W", "EXCL S"};

/* Rows: first; columns: second; both in the order of kind_name. */
static const int same_user[CELLS][CELLS] = {
	{INUSE, OK, ACCESS, OK, INUSE, OK},
	{OK, INUSE, OK, ACCESS, INUSE, INUSE},
	{INUSE, OK, OK, OK, INUSE, OK},
	{OK, INUSE, OK, OK, INUSE, INUSE},
	{INUSE, ACCESS, ACCESS, ACCESS, INUSE, ACCESS},
	{OK, INUSE, OK, ACCESS, INUSE, INUSE},
};
static const int other_user[CELLS][CELLS] = {
	{INUSE, ACCESS, ACCESS, ACCESS, INUSE, ACCESS}, {OK, INUSE, OK, ACCESS, INUSE, INUSE},
	{INUSE, ACCESS, OK, OK, INUSE, ACCESS},         {OK, INUSE, OK, OK, INUSE, INUSE},
	{INUSE, ACCESS, ACCESS, ACCESS, INUSE, ACCESS}, {OK, INUSE, OK, ACCESS, INUSE, INUSE},
};

static const char *address_of(int kind)
{
	return kind % 2 ? LOOPBACK : ANY4;
}

static SOCKET make(int type, enum mode mode)
{
	SOCKET s = ws_socket(WSD_AF_INET, type);
	if (mode != DEF)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, option_of[mode], 1));
	return s;
}

static void check_same_user(int type, bool listening)
{
	for (int f = 0; f < CELLS; f++)
		for (int g = 0; g < CELLS; g++) {
			SOCKET first = make(type, f / 2), second = make(type, g / 2);
			WS_OK(ws_bind(first, address_of(f), 0));
			unsigned port = ws_port(first);
			if (listening)
				WS_OK(wsd_listen(first, 1));
			WS_IS(ws_bind(second, address_of(g), port), same_user[f][g],
			      "(%s, then %s, %s)", kind_name[f], kind_name[g],
			      listening ? "listening" : "bound");
			if (type == WSD_SOCK_STREAM && !same_user[f][g])
				WS_OK(wsd_listen(second, 1));
			WS_OK(wsd_closesocket(first));
			if (type == WSD_SOCK_STREAM && !same_user[f][g])
				cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 1000),
					  "%s, then %s", kind_name[f], kind_name[g]);
			WS_OK(wsd_closesocket(second));
		}
}

Test(reuse, WS_REUSE_2_all_cells_first_bound)
{
	WS_BEGIN();
	check_same_user(WSD_SOCK_STREAM, false);
	WS_END();
}

Test(reuse, WS_REUSE_2_all_cells_first_listening)
{
	WS_BEGIN();
	check_same_user(WSD_SOCK_STREAM, true);
	WS_END();
}

Test(reuse, WS_REUSE_2_all_cells_udp)
{
	WS_BEGIN();
	check_same_user(WSD_SOCK_DGRAM, false);
	WS_END();
}

Test(reuse, WS_REUSE_2_all_cells_between_processes, .timeout = 60)
{
	WS_BEGIN();
	struct peer p = peer_start(0);
	for (int f = 0; f < CELLS; f++) {
		int first = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, f / 2);
		cr_assert_eq(peer_bind(&p, first, address_of(f), 0), 0);
		unsigned port = (unsigned)peer_do(&p, PEER_PORT, first);
		for (int g = 0; g < CELLS; g++) {
			SOCKET second = make(WSD_SOCK_STREAM, g / 2);
			WS_IS(ws_bind(second, address_of(g), port), same_user[f][g],
			      "(%s, then %s)", kind_name[f], kind_name[g]);
			WS_OK(wsd_closesocket(second));
		}
	}
	peer_end(&p, 0);
	WS_END();
}

static void check_other_user(bool listening)
{
	struct peer p = peer_start(65534);
	for (int f = 0; f < CELLS; f++)
		for (int g = 0; g < CELLS; g++) {
			int first = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, f / 2);
			SOCKET second = make(WSD_SOCK_STREAM, g / 2);
			cr_assert_eq(peer_bind(&p, first, address_of(f), 0), 0);
			unsigned port = (unsigned)peer_do(&p, PEER_PORT, first);
			if (listening)
				cr_assert_eq(peer_do(&p, PEER_LISTEN, first), 0);
			WS_IS(ws_bind(second, address_of(g), port), other_user[f][g],
			      "(%s, then another user's %s, %s)", kind_name[f], kind_name[g],
			      listening ? "listening" : "bound");
			if (!other_user[f]
				       [g]) /* WS-REUSE-13: put off, and done when the first goes */
				WS_OK(wsd_listen(second, 1));
			cr_assert_eq(peer_do(&p, PEER_CLOSE, first), 0);
			if (!other_user[f][g])
				cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 1000),
					  "%s, then %s: nobody listens", kind_name[f],
					  kind_name[g]);
			WS_OK(wsd_closesocket(second));
			/* the peer has room for 64 sockets; a fresh one for each row is enough */
		}
	peer_end(&p, 0);
}

Test(reuse, WS_REUSE_3_all_cells_first_bound_by_another_user, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WS_BEGIN();
	check_other_user(false);
	WS_END();
}

Test(reuse, WS_REUSE_3_all_cells_another_user_listening, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WS_BEGIN();
	check_other_user(true);
	WS_END();
}

Test(reuse, WS_REUSE_13_put_off_until_another_users_listener_dies, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WS_BEGIN();
	struct peer p = peer_start(65534);
	int first = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, REUSE);
	cr_assert_eq(peer_bind(&p, first, LOOPBACK, 0), 0);
	unsigned port = (unsigned)peer_do(&p, PEER_PORT, first);
	cr_assert_eq(peer_do(&p, PEER_LISTEN, first), 0);
	SOCKET wild = make(WSD_SOCK_STREAM, REUSE), same = make(WSD_SOCK_STREAM, REUSE);
	WS_OK(ws_bind(wild, ANY4, port));
	WS_OK(ws_bind(same, LOOPBACK, port));
	cr_assert_eq(ws_port(wild), port);
	WS_OK(wsd_listen(same, 1));
	WS_IS(ws_bind(same, LOOPBACK, port), WSAEINVAL, "it counts as bound");
	peer_end(&p, SIGKILL);
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 5000));
	WS_OK(wsd_listen(wild, 1));
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK2, port), 5000));
	WS_OK(wsd_closesocket(same));
	cr_assert(ws_answers(LOOPBACK, port));
	WS_END();
}

static int plain_listener(const char *ip)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, ip, &a.sin_addr);
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

/* A program without this library has the port; that another user's name of another address or
 * protocol has the same number is no reason to wait for it. */
Test(reuse, WS_REUSE_13_a_foreign_holder_is_not_waited_for, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WS_BEGIN();
	int foreign = plain_listener(LOOPBACK);
	unsigned port = port_of(foreign);
	struct peer p = peer_start(65534);
	int other = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	int udp = peer_socket(&p, WSD_AF_INET, WSD_SOCK_DGRAM, 0);
	cr_assert_eq(peer_bind(&p, other, LOOPBACK2, port), 0);
	cr_assert_eq(peer_bind(&p, udp, LOOPBACK, port), 0);
	SOCKET s = make(WSD_SOCK_STREAM, 0);
	WS_IS(ws_bind(s, LOOPBACK, port), WSAEADDRINUSE);
	peer_end(&p, SIGKILL);
	close(foreign);
	WS_OK(ws_bind(s, LOOPBACK, port));
	WS_END();
}

/* The kernel looks at a zone of link-local addresses only, so no other tells names apart. */
Test(reuse, WS_REUSE_2_a_zone_without_meaning)
{
	WS_BEGIN();
	unsigned port = 0;
	for (ULONG zone = 0; zone < 3; zone++) {
		SOCKET s = wsd_socket(WSD_AF_INET6, WSD_SOCK_STREAM, 0);
		SOCKADDR_IN6 a = ws_in6("::1", port);
		a.sin6_scope_id = zone;
		WS_OK(ws_set(s, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
		WS_IS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), zone ? WSAEADDRINUSE : 0, "zone %lu",
		      (unsigned long)zone);
		port = zone ? port : ws_port(s);
	}
	WS_END();
}

/* ---- the other rules ---- */

Test(reuse, WS_REUSE_1_only_before_bind)
{
	WS_BEGIN();
	SOCKET first = ws_tcp(), second = make(WSD_SOCK_STREAM, REUSE);
	WS_OK(ws_bind(first, LOOPBACK, WS_PORT));
	WS_OK(ws_set(first, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1)); /* accepted, without effect */
	cr_assert_eq(ws_get(first, WSD_SOL_SOCKET, WSD_SO_REUSEADDR), 1);
	WS_IS(ws_bind(second, LOOPBACK, WS_PORT), ACCESS);
	SOCKET third = make(WSD_SOCK_STREAM, REUSE), fourth = make(WSD_SOCK_STREAM, REUSE);
	WS_OK(ws_bind(third, LOOPBACK2, WS_PORT));
	WS_OK(ws_set(third, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 0));
	WS_OK(ws_set(third, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
	WS_OK(ws_bind(fourth, LOOPBACK2, WS_PORT));
	WS_END();
}

Test(reuse, WS_REUSE_1_any_user_may_set_either)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WSD_TEST_BEGIN();
	ws_environment();
	struct peer p = peer_start(65534);
	for (int mode = REUSE; mode <= EXCL; mode++) {
		int s = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, mode);
		cr_assert_eq(peer_bind(&p, s, LOOPBACK, 0), 0);
	}
	peer_end(&p, 0);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_4_legacy)
{
	static const int legacy[3][3] = {
		{INUSE, OK, INUSE},
		{INUSE, OK, INUSE},
		{INUSE, ACCESS, INUSE},
	};
	WSD_TEST_BEGIN();
	setenv("WSD_REUSE", "legacy", 1);
	ws_start();
	for (int f = 0; f < CELLS; f++)
		for (int g = 0; g < CELLS; g++) {
			SOCKET first = make(WSD_SOCK_STREAM, f / 2),
			       second = make(WSD_SOCK_STREAM, g / 2);
			WS_OK(ws_bind(first, address_of(f), 0));
			WS_IS(ws_bind(second, address_of(g), ws_port(first)), legacy[f / 2][g / 2],
			      "(%s, then %s)", kind_name[f], kind_name[g]);
			WS_OK(wsd_closesocket(first));
			WS_OK(wsd_closesocket(second));
		}
	WS_END();
}

Test(reuse, WS_REUSE_5_two_specific_addresses)
{
	WS_BEGIN();
	for (int f = 0; f < 3; f++)
		for (int g = 0; g < 3; g++) {
			SOCKET first = make(WSD_SOCK_STREAM, f), second = make(WSD_SOCK_STREAM, g);
			WS_OK(ws_bind(first, LOOPBACK, WS_PORT));
			WS_OK(ws_bind(second, LOOPBACK2, WS_PORT));
			WS_OK(wsd_closesocket(first));
			WS_OK(wsd_closesocket(second));
		}
	WS_END();
}

Test(reuse, WS_REUSE_6_against_each_holder_and_INUSE_wins)
{
	WS_BEGIN();
	/* against EXCL W it would be ACCESS, against Def S INUSE */
	SOCKET specific = ws_tcp(), wild = make(WSD_SOCK_STREAM, REUSE), late = ws_tcp();
	WS_OK(ws_bind(specific, LOOPBACK, WS_PORT));
	WS_OK(ws_bind(wild, ANY4, WS_PORT));
	WS_IS(ws_bind(late, LOOPBACK, WS_PORT), INUSE);
	WS_OK(ws_bind(late, LOOPBACK2, WS_PORT));
	/* REUSE S: against Def S ACCESS, against REUSE W OK; REUSE W: against Def S OK, against
	 * REUSE W OK */
	SOCKET again = make(WSD_SOCK_STREAM, REUSE), twice = make(WSD_SOCK_STREAM, REUSE);
	WS_IS(ws_bind(again, LOOPBACK, WS_PORT), ACCESS);
	WS_OK(ws_bind(again, ANY4, WS_PORT));
	/* EXCL W: INUSE by all */
	SOCKET exclusive = make(WSD_SOCK_STREAM, EXCL);
	WS_IS(ws_bind(exclusive, ANY4, WS_PORT), INUSE);
	WS_OK(wsd_closesocket(twice));
	WS_END();
}

Test(reuse, WS_REUSE_6_INUSE_and_ACCESS_together)
{
	WS_BEGIN();
	SOCKET first = make(WSD_SOCK_STREAM, EXCL), second = ws_tcp(),
	       third = make(WSD_SOCK_STREAM, DEF);
	WS_OK(ws_bind(first, LOOPBACK, WS_PORT)); /* EXCL S */
	WS_OK(ws_bind(second, ANY4, WS_PORT));    /* Def W */
	/* a REUSE W: against Def W ACCESS, against EXCL S OK */
	SOCKET reuse = make(WSD_SOCK_STREAM, REUSE);
	WS_IS(ws_bind(reuse, ANY4, WS_PORT), ACCESS);
	/* Def S on the same address: against EXCL S INUSE, against Def W OK */
	WS_IS(ws_bind(third, LOOPBACK, WS_PORT), INUSE);
	/* REUSE S: against EXCL S ACCESS, against Def W OK */
	WS_IS(ws_bind(reuse, LOOPBACK, WS_PORT), ACCESS);
	WS_END();
}

Test(reuse, WS_REUSE_7_the_two_exclude_each_other)
{
	WS_BEGIN();
	static const int a[] = {WSD_SO_REUSEADDR, SO_EXCLUSIVEADDRUSE};
	for (int i = 0; i < 2; i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_set(s, WSD_SOL_SOCKET, a[i], 1));
		WS_IS(ws_set(s, WSD_SOL_SOCKET, a[!i], 1), WSAEINVAL);
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, a[!i]), 0);
		WS_OK(ws_set(s, WSD_SOL_SOCKET, a[!i], 0));
		WS_OK(ws_set(s, WSD_SOL_SOCKET, a[i], 1));
		WS_OK(ws_set(s, WSD_SOL_SOCKET, a[i], 0));
		WS_OK(ws_set(s, WSD_SOL_SOCKET, a[!i], 1));
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, a[!i]), 1);
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, a[i]), 0);
	}
	WS_END();
}

static SOCKET make6(enum mode mode, bool dual)
{
	SOCKET s = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	if (mode != DEF)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, option_of[mode], 1));
	if (dual)
		WS_OK(ws_set(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, 0));
	return s;
}

Test(reuse, WS_REUSE_8_dual_stack)
{
	static const struct {
		const char *first;
		enum mode first_mode;
		bool first_dual;
		const char *second;
		enum mode second_mode;
		bool second_dual;
		int code;
	} rows[] = {
		{"::", EXCL, true, LOOPBACK, DEF, false, ACCESS},
		{"::", EXCL, true, LOOPBACK, REUSE, false, ACCESS},
		{"::", EXCL, true, ANY4, DEF, false, ACCESS},
		{"::", EXCL, true, ANY4, REUSE, false, ACCESS},
		{LOOPBACK, DEF, false, "::", EXCL, true, INUSE},
		{"::", DEF, true, ANY4, DEF, false, OK},
		{"::", DEF, true, ANY4, EXCL, false, OK},
		{"::ffff:0.0.0.0", DEF, true, ANY4, DEF, false, INUSE},
		{"::ffff:127.0.0.1", DEF, true, LOOPBACK, DEF, false, INUSE},
		{LOOPBACK, DEF, false, "::ffff:127.0.0.1", DEF, true, INUSE},
		{"::1", DEF, true, LOOPBACK, DEF, false, OK},
		{"::1", EXCL, false, LOOPBACK, EXCL, false, OK},
		{"::", DEF, false, ANY4, DEF, false, OK},
		{"::", EXCL, false, ANY4, EXCL, false, OK},
		{"::", DEF, false, "::1", DEF, false, OK},
		{"::", DEF, false, "::", DEF, false, INUSE},
	};
	WS_BEGIN();
	cr_assert_eq(
		ws_get(ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM), WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY),
		1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SOCKET first = strchr(rows[i].first, ':')
				       ? make6(rows[i].first_mode, rows[i].first_dual)
				       : make(WSD_SOCK_STREAM, rows[i].first_mode);
		SOCKET second = strchr(rows[i].second, ':')
					? make6(rows[i].second_mode, rows[i].second_dual)
					: make(WSD_SOCK_STREAM, rows[i].second_mode);
		WS_OK(ws_bind(first, rows[i].first, WS_PORT));
		WS_IS(ws_bind(second, rows[i].second, WS_PORT), rows[i].code,
		      "(row %zu: %s, then %s)", i, rows[i].first, rows[i].second);
		if (!rows[i].code) {
			WS_OK(wsd_listen(first, 1));
			WS_OK(wsd_listen(second, 1));
		}
		WS_OK(wsd_closesocket(first));
		WS_OK(wsd_closesocket(second));
	}
	WS_END();
}

Test(reuse, WS_REUSE_12_values)
{
	WS_BEGIN();
	static const int a[] = {WSD_SO_REUSEADDR, SO_EXCLUSIVEADDRUSE};
	static const struct {
		unsigned char bytes[8];
		int len, value;
	} rows[] = {
		{{1}, 1, 1},
		{{0xff}, 1, 1},
		{{0}, 1, 0},
		{{2, 0}, 2, 1},
		{{0, 0, 1}, 3, 1},
		{{0, 0, 0, 0x80}, 4, 1},
		{{0, 0, 0, 0, 9}, 8, 0},
		{{7, 0, 0, 0, 9}, 8, 1},
		{{9}, 0, 0},
	};
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			SOCKET s = ws_tcp();
			WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, a[k], (const char *)rows[i].bytes,
					     rows[i].len));
			cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, a[k]), rows[i].value, "row %zu", i);
			WS_OK(wsd_closesocket(s));
		}
	SOCKET s = ws_tcp();
	for (int k = 0; k < 2; k++) {
		WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, a[k], NULL, 4), WSAEFAULT);
		WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, a[k], NULL, 0), WSAEFAULT);
		WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, a[k], (const char *)1, 4), WSAEFAULT);
	}
	WS_END();
}

Test(reuse, WS_REUSE_13_the_application_sees_its_own_values)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR), 0);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE), 0);
	WS_END();
}

Test(reuse, WS_REUSE_13_specific_beside_wildcard_receives)
{
	WS_BEGIN();
	SOCKET wild = ws_tcp(), specific = ws_tcp();
	WS_OK(ws_bind(wild, ANY4, 0));
	unsigned port = ws_port(wild);
	WS_OK(ws_bind(specific, LOOPBACK, port));
	WS_OK(wsd_listen(wild, 1));
	WS_OK(wsd_listen(specific, 1));
	cr_assert(ws_answers(LOOPBACK, port));
	cr_assert(ws_answers(LOOPBACK2, port));
	WS_OK(wsd_closesocket(wild));
	cr_assert(ws_answers(LOOPBACK, port));
	cr_assert_not(ws_answers(LOOPBACK2, port));
	WS_END();
}
