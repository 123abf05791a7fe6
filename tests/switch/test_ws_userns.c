/* SPDX-License-Identifier: MIT
 *
 * Whose a name is, between processes that do not see the same uids: of two user namespaces, by the
 * exported calls.
 */
#include "peer.h"

/* A peer in a user namespace where nobody has a number, itself included. */
static struct peer peer_without_users(void)
{
	signal(SIGPIPE, SIG_IGN);
	setenv(PEER_USERNS, "1", 1);
	struct peer p = peer_fork(0);
	unsetenv(PEER_USERNS);
	if (peer_do(&p, PEER_START, 0) == 0)
		return p;
	peer_end(&p, SIGKILL);
	cr_skip_test("no user namespaces here");
}

static unsigned peer_bound(struct peer *p, const char *ip)
{
	int s = peer_socket(p, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(peer_bind(p, s, ip, 0), 0);
	return (unsigned)peer_do(p, PEER_PORT, s);
}

/* What a program without the library has is not waited for [WS-REUSE-13]: a name of @p's own on
 * another address is no other user's, whatever the keeper calls @p. */
static void check_foreign_beside_own(struct peer *p)
{
	int foreign = ws_foreign(SOCK_STREAM, LOOPBACK, 0, true);
	cr_assert_geq(foreign, 0);
	unsigned port = ws_foreign_port(foreign);
	int own = peer_socket(p, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	int wild = peer_socket(p, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(peer_bind(p, own, LOOPBACK2, port), 0);
	cr_assert_eq(peer_bind(p, wild, ANY4, port), WSAEADDRINUSE);
	close(foreign);
	cr_assert_eq(peer_bind(p, wild, ANY4, port), 0);
}

Test(userns, WS_REUSE_13_a_foreign_holder_and_a_binder_in_a_user_namespace, .timeout = 60)
{
	WSD_TEST_BEGIN();
	ws_environment();
	struct peer keeper = peer_start(0);
	peer_bound(&keeper, LOOPBACK);
	struct peer p = peer_without_users();
	check_foreign_beside_own(&p);
	peer_end(&p, 0);
	peer_end(&keeper, 0);
	WSD_TEST_END();
}

Test(userns, WS_REUSE_13_a_foreign_holder_and_a_keeper_in_a_user_namespace, .timeout = 60)
{
	WSD_TEST_BEGIN();
	ws_environment();
	struct peer keeper = peer_without_users();
	peer_bound(&keeper, LOOPBACK);
	struct peer p = peer_start(0);
	check_foreign_beside_own(&p);
	check_foreign_beside_own(&keeper);
	peer_end(&p, 0);
	peer_end(&keeper, 0);
	WSD_TEST_END();
}

/* Two users whom the keeper has no number for are two, and each of them is one. */
Test(userns, WS_REUSE_3_two_users_and_a_keeper_in_a_user_namespace, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WSD_TEST_BEGIN();
	ws_environment();
	struct peer keeper = peer_without_users();
	peer_bound(&keeper, LOOPBACK);
	struct peer a = peer_start(1001), b = peer_start(1002);
	unsigned port = peer_bound(&a, ANY4);
	int mine = peer_socket(&a, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	int other = peer_socket(&b, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(peer_bind(&b, other, LOOPBACK, port), WSAEACCES);
	cr_assert_eq(peer_bind(&a, mine, LOOPBACK, port), 0);
	peer_end(&a, 0);
	peer_end(&b, 0);
	peer_end(&keeper, 0);
	WSD_TEST_END();
}
