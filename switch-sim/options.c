/* SPDX-License-Identifier: MIT
 *
 * setsockopt and getsockopt. One table says for each option: who may have it, where its value is
 * kept, who else is told. The kernel is told only what it must know, and never asked for what is
 * kept.
 *
 * Locks: s->lock.
 */
#include "options.h"
#include "accept.h"
#include "conname.h"
#include "connect.h"
#include "usermem.h"
#include "options_table.h"
#include "protocols.h"
#include "san.h"
#include "san_connect.h"

#include <string.h>

enum { VALUE_MAX = 64, BLOB_ROUND = 4 };

static int32_t *kept(struct sw_socket *s, const struct option_row *row)
{
	return row->offset ? (int32_t *)(void *)((char *)s + row->offset) : NULL;
}

static bool applies(const struct sw_socket *s, const struct option_row *row)
{
	unsigned type = s->type == WSD_SOCK_STREAM  ? OPT_STREAM
			: s->type == WSD_SOCK_DGRAM ? OPT_DGRAM
						    : OPT_RAW;
	unsigned family = s->af == WSD_AF_INET    ? OPT_INET
			  : s->af == WSD_AF_INET6 ? OPT_INET6
						  : OPT_UNIX;
	return (row->who & type) && (row->who & family);
}

static bool known_level(int level)
{
	static const int levels[] = {WSD_SOL_SOCKET, WSD_IPPROTO_IP, WSD_IPPROTO_TCP,
				     WSD_IPPROTO_UDP, WSD_IPPROTO_IPV6};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (levels[i] == level)
			return true;
	return false;
}

/* ---- set ---- */

/* A BOOL of any length from 1 on; none at all is FALSE [WS-REUSE-12]. */
static int read_bool(const void *value, int len, int32_t *ret)
{
	char bytes[4] = {0};
	int n = len > 4 ? 4 : len;
	if (!value || len < 0 || memory_read(bytes, value, (size_t)n) < 0)
		return WSAEFAULT;
	*ret = bytes[0] || bytes[1] || bytes[2] || bytes[3];
	return 0;
}

static int read_value(const struct option_row *row, const void *value, int len, char *buffer)
{
	int size = row->kind == OPT_BLOB ? row->size : (int)sizeof(int32_t);
	if (row->kind == OPT_BOOL) {
		int32_t number = 0;
		int code = len > 0 && len < 4 && row->level != WSD_SOL_SOCKET
				   ? WSAEFAULT
				   : read_bool(value, len, &number);
		memcpy(buffer, &number, sizeof(number));
		return code;
	}
	if (!value || len < size || memory_read(buffer, value, (size_t)size) < 0)
		return WSAEFAULT;
	return 0;
}

/* Refusals that hang on other options or on the state. */
static int check_set(const struct sw_socket *s, const struct option_row *row, int32_t number)
{
	if (row->rule == OPT_EXCLUDES_EXCLUSIVE && number && s->options.exclusive)
		return WSAEINVAL; /* WS-REUSE-7 */
	if (row->rule == OPT_EXCLUDES_REUSE && number && s->options.reuse)
		return WSAEINVAL;
	if (row->rule == OPT_BEFORE_BIND && s->state != SW_CREATED)
		return WSAEINVAL;
	return 0;
}

static int tell_tcpip(struct sw_socket *s, const struct option_row *row, const char *buffer)
{
	INT error = 0;
	s->options.kernel_set = true;
	int size = row->kind == OPT_BLOB ? row->size : (int)sizeof(int32_t);
	int r = s->process->tcpip.lpWSPSetSockOpt(s->tcp, row->level, row->name, buffer, size,
						  &error);
	return r ? error : 0;
}

/* SO_DONTLINGER is the other side of SO_LINGER. */
static int set_dontlinger(struct sw_socket *s, int32_t number)
{
	struct wsd_linger linger;
	const struct option_row *row = options_find(WSD_SOL_SOCKET, WSD_SO_LINGER);
	char buffer[VALUE_MAX] = {0};
	memcpy(&linger, &s->options.linger, sizeof(linger));
	linger.l_onoff = !number;
	memcpy(buffer, &linger, sizeof(linger));
	int code = tell_tcpip(s, row, buffer);
	if (!code)
		memcpy(&s->options.linger, &linger, sizeof(linger));
	return code;
}

/* Those that a session must know as well. */
static bool concerns_session(const struct option_row *row)
{
	static const int names[] = {WSD_SO_SNDBUF, WSD_SO_RCVBUF, WSD_SO_OOBINLINE,
				    WSD_SO_KEEPALIVE};
	static const int tcp_names[] = {WSD_TCP_KEEPIDLE, WSD_TCP_KEEPINTVL, WSD_TCP_KEEPCNT};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (row->level == WSD_SOL_SOCKET && row->name == names[i])
			return true;
	for (size_t i = 0; i < sizeof(tcp_names) / sizeof(tcp_names[0]); i++)
		if (row->level == WSD_IPPROTO_TCP && row->name == tcp_names[i])
			return true;
	return false;
}

static int set_locked(struct sw_socket *s, const struct option_row *row, const void *value, int len)
{
	char buffer[VALUE_MAX] = {0};
	int32_t number;
	int code = read_value(row, value, len, buffer);
	memcpy(&number, buffer, sizeof(number));
	if (!code && s->state == SW_CLOSED)
		code = WSAENOTSOCK;
	if (!code)
		code = check_set(s, row, number);
	if (code)
		return code;
	if (row->rule == OPT_IS_DONTLINGER)
		return set_dontlinger(s, number);
	if (row->to_kernel)
		code = tell_tcpip(s, row, buffer);
	if (code)
		return code;
	if (kept(s, row))
		*kept(s, row) = number;
	if (s->session && concerns_session(row))
		san_session_options(s);
	if (row->rule == OPT_TO_COMPANIONS) {
		if (row->name == WSD_SO_DEBUG)
			s->options.debug_set = true;
		else
			s->options.group_priority_set = true;
		san_setsockopt(s->process->san, s, row->name);
	}
	return 0;
}

/* SO_OPENTYPE belongs to no socket, and comes with INVALID_SOCKET. */
static int set_open_type(struct sw_process *p, const void *value, int len)
{
	int32_t number;
	if (!value || len < (int)sizeof(number) || memory_read(&number, value, sizeof(number)) < 0)
		return WSAEFAULT;
	atomic_store(&p->open_type, number);
	return 0;
}

/* The row that @s may use, or the code. */
static int choose(const struct sw_socket *s, int level, int name, unsigned direction,
		  const struct option_row **ret)
{
	if (!known_level(level))
		return WSAEINVAL;
	*ret = options_find(level, name);
	return *ret && applies(s, *ret) && ((*ret)->direction & direction) ? 0 : WSAENOPROTOOPT;
}

/* The options that end an AcceptEx or a ConnectEx. */
static int set_context(struct sw_socket *s, const struct option_row *row, const void *value,
		       int len)
{
	SOCKET listener;
	if (row->rule == OPT_IS_CONNECT_CONTEXT)
		return connect_update_context(s);
	if (!value || len < (int)sizeof(listener) ||
	    memory_read(&listener, value, sizeof(listener)) < 0)
		return WSAEFAULT;
	return accept_update_context(s, listener);
}

static bool is_context(const struct option_row *row)
{
	return row->rule == OPT_IS_ACCEPT_CONTEXT || row->rule == OPT_IS_CONNECT_CONTEXT;
}

int sw_setsockopt(struct sw_process *p, SOCKET handle, int level, int name, const void *value,
		  int len)
{
	const struct option_row *row;
	if (level == WSD_SOL_SOCKET && name == SO_OPENTYPE)
		return set_open_type(p, value, len);
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = sw_fault_netdown(p, "setsockopt")  ? WSAENETDOWN
		   : sw_fault_nobufs(p, "setsockopt") ? WSAENOBUFS
						      : choose(s, level, name, OPT_SET, &row);
	if (!code && is_context(row)) {
		code = set_context(s, row, value, len);
	} else if (!code && !value) {
		code = WSAEFAULT;
	} else if (!code) {
		pthread_mutex_lock(&s->lock);
		code = set_locked(s, row, value, len);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

/* ---- get ---- */

/* What is neither kept nor known to the kernel. */
static int32_t computed(const struct sw_socket *s, const struct option_row *row)
{
	struct wsd_linger linger;
	switch (row->name) {
	case SO_DONTLINGER:
		memcpy(&linger, &s->options.linger, sizeof(linger));
		return !linger.l_onoff;
	case WSD_SO_TYPE:
		return s->type;
	case WSD_SO_ACCEPTCONN:
		return s->state == SW_LISTENING;
	case SO_MAX_MSG_SIZE:
		/* of UDP: 65,535 less the headers; a stream has no messages [SW-OPT-3] */
		return s->type == WSD_SOCK_STREAM ? 0 : s->af == WSD_AF_INET6 ? 65527 : 65507;
	case SO_CONNECT_TIME: /* WS-ACCEPT-7 */
		return s->state == SW_CONNECTED
			       ? (int32_t)((waiter_now_ns() - s->connected_ns) / 1000000000u)
			       : -1;
	case WSD_SO_ERROR:
		return s->error;
	default:
		return 0;
	}
}

static int ask_tcpip(struct sw_socket *s, const struct option_row *row, char *buffer, int *size)
{
	INT error = 0;
	return s->process->tcpip.lpWSPGetSockOpt(s->tcp, row->level, row->name, buffer, size,
						 &error)
		       ? error
		       : 0;
}

static int get_value(struct sw_socket *s, const struct option_row *row, char *buffer, int *size)
{
	int code = 0;
	*size = row->kind == OPT_BLOB ? row->size : (int)sizeof(int32_t);
	bool forwarded = row->rule == OPT_TO_COMPANIONS || row->rule == OPT_OF_COMPANIONS;
	if (forwarded && san_getsockopt(s->process->san, s, row->name, buffer, size, &code))
		return code;
	if (row->rule == OPT_OF_COMPANIONS)
		return WSAENOPROTOOPT;
	if (kept(s, row) && !(row->rule == OPT_KERNEL_UNTIL_SET && *kept(s, row) < 0))
		memcpy(buffer, kept(s, row), sizeof(int32_t));
	else if (row->to_kernel && !(row->rule == OPT_IS_ERROR && s->type == WSD_SOCK_STREAM))
		return ask_tcpip(s, row, buffer, size);
	else
		memcpy(buffer, &(int32_t){computed(s, row)}, sizeof(int32_t));
	return 0;
}

static int get_protocol_info(const struct sw_socket *s, int name, char *buffer, int *size)
{
	const WSAPROTOCOL_INFOW *info = protocols_find(s->af, s->type, s->protocol);
	WSAPROTOCOL_INFOA narrow;
	if (!info)
		return WSAENOPROTOOPT;
	if (name == SO_PROTOCOL_INFOW) {
		*size = sizeof(*info);
		memcpy(buffer, info, sizeof(*info));
		return 0;
	}
	protocols_narrow(info, &narrow);
	*size = sizeof(narrow);
	memcpy(buffer, &narrow, sizeof(narrow));
	return 0;
}

/* Store the value; a BOOL may be cut to the room there is. */
static int give(const struct option_row *row, void *value, int *len, const char *buffer, int size)
{
	int room;
	if (!value || !len || memory_read(&room, len, sizeof(room)) < 0)
		return WSAEFAULT;
	if (row->kind == OPT_BOOL && room > 0 && room < size)
		size = room;
	if (room < size || memory_write(len, &size, sizeof(size)) < 0)
		return WSAEFAULT;
	if (memory_write(value, buffer, (size_t)size) == 0)
		return 0;
	memory_write(len, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}

static int get_locked(struct sw_socket *s, const struct option_row *row, void *value, int *len)
{
	char buffer[sizeof(WSAPROTOCOL_INFOW)] = {0};
	int room, size = 0;
	if (!value || !len || memory_read(&room, len, sizeof(room)) < 0 || room <= 0)
		return WSAEFAULT;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (row->rule == OPT_IS_NAMES)
		return conname_bsp_state(s, value, len);
	int code = row->rule == OPT_IS_PROTOCOL_INFO
			   ? get_protocol_info(s, row->name, buffer, &size)
			   : get_value(s, row, buffer, &size);
	return code ? code : give(row, value, len, buffer, size);
}

static int get_open_type(struct sw_process *p, void *value, int *len)
{
	static const struct option_row row = {.kind = OPT_NUMBER};
	int32_t number = atomic_load(&p->open_type);
	return give(&row, value, len, (const char *)&number, sizeof(number));
}

int sw_getsockopt(struct sw_process *p, SOCKET handle, int level, int name, void *value, int *len)
{
	const struct option_row *row;
	if (level == WSD_SOL_SOCKET && name == SO_OPENTYPE)
		return get_open_type(p, value, len);
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = sw_fault_netdown(p, "getsockopt")  ? WSAENETDOWN
		   : sw_fault_nobufs(p, "getsockopt") ? WSAENOBUFS
						      : choose(s, level, name, OPT_GET, &row);
	if (!code) {
		pthread_mutex_lock(&s->lock);
		code = get_locked(s, row, value, len);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}
