/* SPDX-License-Identifier: MIT
 *
 * WSPGetSockOpt, WSPSetSockOpt and WSPGetQOSByName: one row per option, each value 32 bits. Takes
 * sock->call by sock_enter(), then prov->lock. PROV-OPT-1 to 4.
 */
#include <string.h>

#include "conn.h"
#include "wsp.h"

/* What one message can carry on the devices of the socket's names. */
static int get_max_msg(struct sock *s, uint32_t *ret)
{
	struct prov *p = s->p;
	int code = 0;
	uint32_t min = 0;
	const struct conn *c = atomic_load(&s->conn);
	wsd_lock(&p->lock);
	if (s->state == SS_CONNECTED && c->dev)
		min = c->dev->max_msg;
	for (const struct use *u = min ? NULL : s->uses; u; u = u->next) {
		if (u->n->state == NAME_DOWN) {
			if (!s->wildcard)
				code = WSAENETDOWN;
		} else if (!min || u->n->max_msg < min) {
			min = u->n->max_msg;
		}
	}
	/* Not bound, or to no device (yet): the least of the devices that are known. */
	for (const struct dev *d = min ? NULL : p->devs; d; d = d->next)
		if (!d->gone && (!min || d->max_msg < min))
			min = d->max_msg;
	wsd_unlock(&p->lock);
	if (!code)
		*ret = min ? min : PROV_MSG_UNBOUND;
	return code;
}

static int get_threshold(struct sock *s, uint32_t *ret)
{
	uint32_t max;
	int code = get_max_msg(s, &max);
	if (!code)
		*ret = s->p->threshold < max ? s->p->threshold : max;
	return code;
}

static int get_debug(struct sock *s, uint32_t *ret)
{
	*ret = (uint32_t)s->debug;
	return 0;
}

static int set_debug(struct sock *s, uint32_t value)
{
	s->debug = value != 0;
	return 0;
}

/* SO_GROUP_ID and SO_GROUP_PRIORITY belong to QoS, which there is none of: no rows. */
static const struct option {
	int name;
	int (*get)(struct sock *s, uint32_t *ret);
	int (*set)(struct sock *s, uint32_t value); /* NULL: read-only */
} options[] = {
	{WSD_SO_DEBUG, get_debug, set_debug},
	{SO_MAX_MSG_SIZE, get_max_msg, NULL},
	{SO_MAX_RDMA_SIZE, get_max_msg, NULL},
	{SO_RDMA_THRESHOLD_SIZE, get_threshold, NULL},
};

static const struct option *find_option(int name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].name == name)
			return &options[i];
	return NULL;
}

/* Order: descriptor, level, option, pointers and length. */
int WSPAPI prov_WSPGetSockOpt(SOCKET descriptor, int level, int optname, char *optval, LPINT optlen,
			      LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return sock_fail(lpErrno, code);
	const struct option *o = find_option(optname);
	uint32_t value = 0;
	if (level != WSD_SOL_SOCKET)
		code = WSAEINVAL;
	else if (!o)
		code = WSAENOPROTOOPT;
	else if (!optval || !optlen)
		code = WSAEFAULT;
	else if (*optlen < (int)sizeof(value)) {
		*optlen = sizeof(value); /* [PROV-OPT-2] */
		code = WSAEFAULT;
	} else {
		code = o->get(s, &value);
	}
	if (!code) {
		memcpy(optval, &value, sizeof(value));
		*optlen = sizeof(value);
	}
	sock_leave(s);
	return sock_fail(lpErrno, code);
}

int WSPAPI prov_WSPSetSockOpt(SOCKET descriptor, int level, int optname, const char *optval,
			      int optlen, LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return sock_fail(lpErrno, code);
	const struct option *o = find_option(optname);
	uint32_t value;
	if (level != WSD_SOL_SOCKET) {
		code = WSAEINVAL;
	} else if (!o || !o->set) {
		code = WSAENOPROTOOPT;
	} else if (!optval || optlen < (int)sizeof(value)) {
		code = WSAEFAULT;
	} else {
		memcpy(&value, optval, sizeof(value));
		code = o->set(s, value);
	}
	sock_leave(s);
	return sock_fail(lpErrno, code);
}

/* No QoS: WSAEOPNOTSUPP whatever the arguments are [PROV-OPT-4]. */
BOOL WSPAPI prov_WSPGetQOSByName(SOCKET descriptor, LPWSABUF lpQOSName, LPQOS lpQOS, LPINT lpErrno)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (!code) {
		sock_leave(s);
		code = WSAEOPNOTSUPP;
	}
	sock_fail(lpErrno, code);
	return FALSE;
}
