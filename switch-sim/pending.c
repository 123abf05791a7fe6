/* SPDX-License-Identifier: MIT
 *
 * What the modules that come next define; each goes when they are there.
 */
#include "san_connect.h"
#include "session.h"
#include "transport.h"

#define WEAK __attribute__((weak))

WEAK const struct sw_transport transport_tcp = {.name = "TCP/IP"};
WEAK const struct sw_transport transport_san = {.name = "SAN"};

WEAK void session_close(struct session *ss, uint32_t linger_ms)
{
}

WEAK void san_session_attach(struct session *session, struct sw_socket *s)
{
}

WEAK void session_get_stats(struct session *ss, struct session_stats *ret)
{
	*ret = (struct session_stats){0};
}
