/* SPDX-License-Identifier: MIT
 *
 * A connection of this process with itself, for tests of what the tool tells of running programs.
 */
#ifndef WSD_TESTS_TOOL_PAIR_H
#define WSD_TESTS_TOOL_PAIR_H

#include "ws.h"

struct pair {
	SOCKET listener, client, server;
};

static struct pair connect_pair(void)
{
	struct wsd_sockaddr_in a = {.sin_family = WSD_AF_INET,
				    .sin_port = htons(WS_PORT),
				    .sin_addr.s_addr = inet_addr(LOOPBACK)};
	struct pair p;
	p.listener = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	p.client = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(ws_code(wsd_bind(p.listener, (struct wsd_sockaddr *)&a, sizeof(a))), 0);
	cr_assert_eq(ws_code(wsd_listen(p.listener, 5)), 0);
	cr_assert_eq(ws_code(wsd_connect(p.client, (struct wsd_sockaddr *)&a, sizeof(a))), 0);
	p.server = wsd_accept(p.listener, NULL, NULL);
	cr_assert_neq(p.server, INVALID_SOCKET);
	return p;
}

#endif
