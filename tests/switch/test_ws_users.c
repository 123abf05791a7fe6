/* SPDX-License-Identifier: MIT
 *
 * Two users on one port, where Linux refuses what Winsock allows: put off, and made good when the
 * one in the way goes. [WS-REUSE-3, WS-REUSE-13]
 */
#include "peer.h"

enum { OTHER_USER = 2001, ROUNDS = 300 };

static SOCKET reuse_socket(void)
{
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	return s;
}

#define NEEDS_ROOT()        \
	if (geteuid() != 0) \
	cr_skip_test("another user needs root")

/* What the address of a listener on @ip answers to, and the wildcard's other addresses. */
static const struct pair {
	const char *mine, *theirs;
} pairs[] = {{ANY4, LOOPBACK}, {LOOPBACK, ANY4}, {LOOPBACK, LOOPBACK}};

static bool served(const char *ip, unsigned port)
{
	return ws_answers(strcmp(ip, ANY4) ? ip : LOOPBACK2, port);
}

/* Both are bound before either listens: Linux lets the second bind, and not listen. */
static void check_both_bound(const struct pair *a, bool i_listen_first)
{
	struct peer p = peer_start(OTHER_USER);
	SOCKET mine = reuse_socket();
	WS_OK(ws_bind(mine, a->mine, 0));
	unsigned port = ws_port(mine);
	int theirs = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&p, theirs, a->theirs, port), 0);
	if (i_listen_first)
		WS_OK(wsd_listen(mine, 5));
	int code = peer_do(&p, PEER_LISTEN, theirs);
	cr_assert_eq(code, 0, "%s beside %s: %d", a->theirs, a->mine, code);
	if (!i_listen_first)
		WS_OK(wsd_listen(mine, 5));
	cr_assert(WSD_UNTIL(served(i_listen_first ? a->mine : a->theirs, port), 1000));
	if (i_listen_first) {
		WS_OK(wsd_closesocket(mine));
		cr_assert(WSD_UNTIL(served(a->theirs, port), 5000), "%s", a->theirs);
	} else {
		cr_assert_eq(peer_do(&p, PEER_CLOSE, theirs), 0);
		cr_assert(WSD_UNTIL(served(a->mine, port), 5000), "%s", a->mine);
		WS_OK(wsd_closesocket(mine));
	}
	peer_end(&p, 0);
}

Test(users, WS_REUSE_13_both_bound_before_either_listens, .timeout = 60)
{
	NEEDS_ROOT();
	WS_BEGIN();
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		check_both_bound(&pairs[i], true);
		check_both_bound(&pairs[i], false);
	}
	WS_END();
}

/* Whoever is in the kernel's way may be gone from the book when one looks. */
Test(users, WS_REUSE_3_while_another_user_closes, .timeout = 60)
{
	NEEDS_ROOT();
	WS_BEGIN();
	struct peer p = peer_start(OTHER_USER);
	SOCKET holder = reuse_socket(); /* the book is ours; nobody listens here */
	WS_OK(ws_bind(holder, LOOPBACK, WS_PORT));
	cr_assert(peer_tell(&p, PEER_CHURN, ROUNDS, WS_PORT, 0, LOOPBACK));
	for (int i = 0; i < ROUNDS; i++) {
		SOCKET s = reuse_socket();
		WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
		WS_OK(wsd_listen(s, 5));
		WS_OK(wsd_closesocket(s));
	}
	struct peer_answer r = peer_hear(&p);
	cr_assert_eq(r.result, 0, "%d refused, code %d", r.result, r.code);
	peer_end(&p, 0);
	WS_END();
}

/* The book knows who somebody was when it joined, the kernel who it is. */
Test(users, WS_REUSE_3_a_process_that_changes_its_user)
{
	NEEDS_ROOT();
	WS_BEGIN();
	struct peer p = peer_start(0);
	int early = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&p, early, LOOPBACK, WS_PORT), 0); /* it has joined */
	cr_assert_eq(peer_do(&p, PEER_CLOSE, early), 0);
	cr_assert_eq(peer_do(&p, PEER_SETUID, OTHER_USER), 0);
	int s = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&p, s, LOOPBACK, WS_PORT), 0);
	cr_assert_eq(peer_do(&p, PEER_LISTEN, s), 0);
	SOCKET mine = reuse_socket();
	WS_OK(ws_bind(mine, LOOPBACK, WS_PORT));
	WS_OK(wsd_listen(mine, 5));
	peer_end(&p, SIGKILL);
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, WS_PORT), 5000));
	WS_END();
}
