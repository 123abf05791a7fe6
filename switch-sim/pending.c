/* SPDX-License-Identifier: MIT
 *
 * What the modules that come next define; each goes when they are there.
 */
#include "san_connect.h"
#include "session.h"
#include "transport.h"

#define WEAK __attribute__((weak))

WEAK const struct sw_transport transport_san = {.name = "SAN"};

WEAK void session_close(struct session *ss, uint32_t linger_ms)
{
}

WEAK int session_create(const struct session_link *link, bool initiator,
			const struct session_config *config, const struct session_ops *ops,
			void *ctx, struct reactor *reactor, struct session **ret)
{
	return WSAEOPNOTSUPP;
}

WEAK void *session_context(const struct session *ss)
{
	return NULL;
}

WEAK void session_free(struct session *ss)
{
}

WEAK void session_get_stats(struct session *ss, struct session_stats *ret)
{
	*ret = (struct session_stats){0};
}
