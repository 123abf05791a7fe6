/* SPDX-License-Identifier: MIT
 *
 * The SAN side of connecting: nobody connects there yet.
 */
#include "san_connect.h"

bool san_connect(struct san *san, struct sw_socket *s, const struct wsd_sockaddr_in *to,
		 enum sw_reason *ret_reason)
{
	*ret_reason = SW_REASON_NO_PROVIDER;
	return false;
}

void san_connect_cancel(struct san *san, struct sw_socket *s)
{
}
