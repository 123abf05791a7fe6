/* SPDX-License-Identifier: MIT
 *
 * What tests with the provider linked in ask of a connection. Header only.
 */
#ifndef WSD_TESTS_PROV_CONN_H
#define WSD_TESTS_PROV_CONN_H

#include "../../provider/conn.h" /* tests/support has another */

/* The connection of a descriptor with a reference to its socket; NULL with the code that a transfer
 * would have: WSAENOTSOCK, WSAENOTCONN, or what broke it. */
__attribute__((unused)) static struct conn *conn_enter(SOCKET descriptor, struct sock **ret_s,
						       int *ret_code)
{
	struct sock *s;
	struct conn *c = conn_find(descriptor, &s, ret_code);
	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	int code = c->up ? 0 : c->broken ? c->broken : WSAENOTCONN;
	pthread_mutex_unlock(&c->lock);
	if (code) {
		sock_unref(s);
		*ret_code = code;
		return NULL;
	}
	*ret_s = s;
	return c;
}

#endif
