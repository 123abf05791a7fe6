/* SPDX-License-Identifier: MIT
 *
 * Codes and words for enum sw_reason. No locks.
 */
#include "reason.h"

static const struct {
	const char *code, *text;
} rows[] = {
	[SW_REASON_NONE] = {"none", "the connection is on the SAN, or there is none"},
	[SW_REASON_FAMILY] = {"family", "only IPv4 stream sockets can use a SAN"},
	[SW_REASON_NO_PROVIDER] = {"no-provider", "no SAN provider runs in this process"},
	[SW_REASON_LOOPBACK] = {"loopback", "127.0.0.0/8 stays on TCP/IP"},
	[SW_REASON_OFF_SUBNET] = {"off-subnet", "the destination is on no network of a SAN"},
	[SW_REASON_LOCAL] = {"local-address", "the socket is bound to an address that is not on "
					      "the destination's SAN"},
	[SW_REASON_SOCKET] = {"provider-refused", "the provider refused the socket, its name or an "
						  "option"},
	[SW_REASON_BUSY] = {"provider-failed", "the provider's connect failed"},
	[SW_REASON_TIMEOUT] = {"no-answer", "nobody answered on the SAN in time"},
	[SW_REASON_NO_WSD] = {"peer-without-wsd", "the peer's host has RDMA, but nobody there "
						  "speaks for the port"},
	[SW_REASON_NEGOTIATION] = {"negotiation-failed", "the two switches did not agree"},
	[SW_REASON_REMEMBERED] = {"remembered",
				  "a short while ago nobody answered there on the SAN"},
	[SW_REASON_ACCEPTED] = {"peer-came-by-tcp", "the peer connected over TCP/IP"},
	[SW_REASON_OPTION] = {"option", "an option of the socket asks for TCP/IP"},
	[SW_REASON_OFF] = {"off", "the SAN is turned off by the configuration"},
	[SW_REASON_TAKEN] = {"names-taken", "a connection has both names already"},
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == SW_REASON_COUNT, "word every reason");

const char *sw_reason_code(enum sw_reason r)
{
	return rows[r].code;
}

const char *sw_reason_text(enum sw_reason r)
{
	return rows[r].text;
}
