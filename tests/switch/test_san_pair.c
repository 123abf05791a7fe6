/* SPDX-License-Identifier: MIT
 *
 * The whole switch over the loop provider: an ordinary Winsock client and server find the SAN, and
 * where they do not, TCP/IP serves and the reason is right.
 */
#include "pair.h"
#include "reason.h"

/* Send, get it back, be told of the end. */
static void echo(SOCKET s, const char *text)
{
	char back[64] = "";
	int len = (int)strlen(text);
	pair_send(s, text, len);
	cr_assert_eq(pair_recv(s, back, len), len);
	cr_assert_str_eq(back, text);
}

static void end(SOCKET s)
{
	char c;
	cr_assert_eq(wsd_shutdown(s, WSD_SD_SEND), 0);
	cr_assert_eq(wsd_recv(s, &c, 1, 0), 0, "%d", wsd_WSAGetLastError());
	bed_close(s);
}

Test(san_pair, SW_CONNECT_01_a_client_and_a_server_find_the_san)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct pair_server server;
	pair_start(&server, "10.77.0.1", BED_PORT, 1);
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	struct pair_view v = pair_look(s);
	cr_assert_str_eq(v.transport, "SAN", "%s", sw_reason_text((enum sw_reason)v.reason));
	echo(s, "hello");
	echo(s, "and again");
	end(s);
	pair_stop(&server);
	cr_assert_str_eq(server.seen.transport, "SAN");
	cr_assert_geq(atomic_load(&loop_san->messages), 4, "it was the SAN that carried it");
	cr_assert_geq(atomic_load(&loop_san->message_bytes), 28);
	bed_stop(&bed);
	PAIR_END();
}
