/* SPDX-License-Identifier: MIT
 *
 * The loop provider: sockets and their states, events, options, closing
 * [provider.md parts 3 to 5, 8, 11, 13]. Lock: loop.h.
 */
#include "loop.h"

#include <stdlib.h>
#include <string.h>

/* The socket whose WPUSetEvent runs on this thread. */
static _Thread_local struct loop_socket *setting;

/* [provider.md part 5] */
static const int codes[][6] = {
	/* by loop_call: CREATED, BOUND, LISTENING, CONNECTING, CONNECTED, BROKEN */
	[LC_BIND] = {0, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL},
	[LC_LISTEN] = {WSAEINVAL, 0, 0, WSAEINVAL, WSAEISCONN, WSAEISCONN},
	[LC_CONNECT] = {WSAEINVAL, 0, WSAEINVAL, WSAEALREADY, WSAEISCONN, WSAEISCONN},
	[LC_ACCEPT] = {WSAEINVAL, WSAEINVAL, 0, WSAEINVAL, WSAEINVAL, WSAEINVAL},
	[LC_REGISTER] = {WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, 0, WSAENOTCONN},
	[LC_DEREGISTER] = {WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, 0, 0},
};

int loop_state_code(const struct loop_socket *s, enum loop_call call)
{
	return codes[call][s->state];
}

int loop_done(LPINT error, int code)
{
	pthread_mutex_unlock(&loop.lock);
	if (error)
		*error = code;
	return code ? SOCKET_ERROR : 0;
}

struct loop_socket *loop_find(SOCKET s)
{
	struct loop_object *o = loop.startups ? loop_object_find(s) : NULL;
	if (o && o->kind == LOOP_SOCKET)
		return (struct loop_socket *)o;
	atomic_fetch_add(&loop_control.stale, 1);
	return NULL;
}

void loop_ref(struct loop_socket *s)
{
	s->refs++;
}

void loop_unref(struct loop_socket *s)
{
	if (--s->refs)
		return;
	loop_memory_free(s);
	free(s);
	atomic_fetch_sub(&loop_control.sockets, 1);
}

void loop_kick(struct loop_socket *s)
{
	if (s->kicked)
		return;
	s->kicked = true;
	s->next_kicked = loop.kicked;
	loop.kicked = s;
	loop_ref(s);
	loop_wake();
}

/* ---- events [provider.md part 8] ---- */

/* What is recorded and selected sets the event; gives the lock up. */
static void set_event(struct loop_socket *s)
{
	struct loop_socket *outer = setting;
	WSAEVENT event = s->event;
	int ignored;
	if (s->closed || !event || !(s->record & s->mask))
		return;
	loop_ref(s);
	s->upcalls++;
	setting = s;
	pthread_mutex_unlock(&loop.lock);
	loop.up.lpWPUSetEvent(event, &ignored);
	pthread_mutex_lock(&loop.lock);
	setting = outer;
	s->upcalls--;
	pthread_cond_broadcast(&loop.cond);
	loop_unref(s);
}

void loop_record(struct loop_socket *s, LONG events)
{
	s->record |= events;
	set_event(s);
}

static int WSPAPI do_event_select(SOCKET desc, WSAEVENT event, LONG events, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return loop_done(error, WSAENOTSOCK);
	if (events & ~(LONG)(FD_ACCEPT | FD_CONNECT))
		return loop_done(error, WSAEINVAL);
	s->mask = events;
	s->event = events ? event : NULL;
	if (s->queue)
		s->record |= FD_ACCEPT;
	set_event(s);
	return loop_done(error, 0);
}

static int WSPAPI do_enum(SOCKET desc, WSAEVENT event, LPWSANETWORKEVENTS ret, LPINT error)
{
	int ignored;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s || !ret)
		return loop_done(error, s ? WSAEINVAL : WSAENOTSOCK);
	/* [PROV-EVENT-5]: nothing may come between copy and reset, so this upcall is made under
	 * the lock; the switch's is a leaf */
	if (event && !loop.up.lpWPUResetEvent(event, &ignored))
		return loop_done(error, WSAEINVAL);
	memset(ret, 0, sizeof(*ret));
	ret->lNetworkEvents = s->record;
	ret->iErrorCode[FD_CONNECT_BIT] = s->connect_code;
	s->record = 0;
	s->connect_code = 0;
	return loop_done(error, 0);
}

/* ---- birth ---- */

struct loop_socket *loop_make(void)
{
	struct loop_socket *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->object = (struct loop_object){.kind = LOOP_SOCKET, .fd = -1};
	s->handle = INVALID_SOCKET;
	s->refs = 1;
	loop_data_init(s);
	atomic_fetch_add(&loop_control.sockets, 1);
	return s;
}

/* WPUCreateSocketHandle; gives the lock up. 0 or a code. */
int loop_ask_handle(struct loop_socket *s)
{
	int code = 0;
	pthread_mutex_unlock(&loop.lock);
	SOCKET handle = loop.up.lpWPUCreateSocketHandle(loop.catalog_entry, (DWORD_PTR)s, &code);
	pthread_mutex_lock(&loop.lock);
	s->handle = handle;
	return handle != INVALID_SOCKET ? 0 : code ? code : WSAENOBUFS;
}

void loop_return_handle(struct loop_socket *s)
{
	int ignored;
	SOCKET handle = s->handle;
	if (handle == INVALID_SOCKET)
		return;
	s->handle = INVALID_SOCKET;
	pthread_mutex_unlock(&loop.lock);
	loop.up.lpWPUCloseSocketHandle(handle, &ignored);
	pthread_mutex_lock(&loop.lock);
}

static SOCKET WSPAPI do_socket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
			       DWORD flags, LPINT error)
{
	int code = 0;
	SOCKET desc = INVALID_SOCKET;
	pthread_mutex_lock(&loop.lock);
	if (!loop.startups)
		code = WSAENETDOWN;
	else if (af != WSD_AF_INET)
		code = WSAEAFNOSUPPORT;
	else if (type != WSD_SOCK_STREAM)
		code = WSAESOCKTNOSUPPORT;
	else if (protocol != WSD_IPPROTO_TCP)
		code = WSAEPROTONOSUPPORT;
	else if (g || !(flags & WSA_FLAG_OVERLAPPED) || (info && info->dwProviderReserved))
		code = WSAEINVAL;
	struct loop_socket *s = code ? NULL : loop_make();
	if (!code && !s)
		code = WSAENOBUFS;
	if (!code)
		code = loop_ask_handle(s);
	if (!code && !loop_object_add(&s->object)) {
		loop_return_handle(s);
		code = WSAEMFILE;
	}
	if (!code)
		desc = (SOCKET)s->object.id;
	else if (s)
		loop_unref(s);
	loop_done(error, code);
	return desc;
}

static int WSPAPI do_bind(SOCKET desc, const struct wsd_sockaddr *name, int namelen, LPINT error)
{
	struct wsd_sockaddr_in in;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return loop_done(error, WSAENOTSOCK);
	if (!name || namelen < (int)sizeof(in))
		return loop_done(error, WSAEFAULT);
	memcpy(&in, name, sizeof(in));
	if (in.sin_family != WSD_AF_INET)
		return loop_done(error, WSAEFAULT);
	int code = loop_state_code(s, LC_BIND);
	bool wildcard = in.sin_addr.s_addr == 0 && loop_control.options.wildcard;
	if (!code && (!in.sin_port || (!wildcard && !loop_serves(in.sin_addr.s_addr))))
		code = WSAEADDRNOTAVAIL;
	if (!code) {
		s->local = in;
		s->state = LS_BOUND;
	}
	return loop_done(error, code);
}

/* ---- closing [PROV-CLOSE-1] ---- */

int loop_close(struct loop_socket *s)
{
	s->closed = true;
	if (s->state == LS_LISTENING)
		loop_stop_listening(s);
	if (s->state == LS_CONNECTING)
		loop_stop_connecting(s);
	loop_object_remove(&s->object);
	loop_data_close(s);
	loop_deliver(s);
	/* upcalls of other threads end; this one's own are outer frames */
	while ((s->delivering && !pthread_equal(s->deliverer, pthread_self())) ||
	       s->upcalls > (setting == s ? 1u : 0u))
		pthread_cond_wait(&loop.cond, &loop.lock);
	loop_return_handle(s);
	loop_unref(s);
	return 0;
}

static int WSPAPI do_close(SOCKET desc, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	return loop_done(error, s ? loop_close(s) : WSAENOTSOCK);
}

/* ---- options [PROV-OPT] ---- */

static int option_value(const struct loop_socket *s, int option, uint32_t *ret)
{
	const struct loop_options *o = &loop_control.options;
	uint32_t msg = o->max_msg && o->max_msg < LOOP_MSG_LIMIT ? o->max_msg : LOOP_MSG_LIMIT / 2;
	switch (option) {
	case WSD_SO_DEBUG:
		*ret = (uint32_t)s->debug;
		return 0;
	case SO_MAX_MSG_SIZE:
		*ret = msg;
		return 0;
	case SO_MAX_RDMA_SIZE:
		*ret = o->max_rdma ? o->max_rdma : 1u << 30;
		return 0;
	case SO_RDMA_THRESHOLD_SIZE:
		*ret = o->threshold ? o->threshold : 16 * 1024;
		return 0;
	default:
		return WSAENOPROTOOPT;
	}
}

static int WSPAPI do_get_sock_opt(SOCKET desc, int level, int option, char *value, LPINT len,
				  LPINT error)
{
	uint32_t number = 0;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = !s ? WSAENOTSOCK : level != WSD_SOL_SOCKET ? WSAEINVAL : 0;
	if (!code)
		code = option_value(s, option, &number);
	if (!code && (!value || !len || *len < (int)sizeof(number))) {
		if (len)
			*len = sizeof(number);
		code = WSAEFAULT;
	}
	if (!code) {
		memcpy(value, &number, sizeof(number));
		*len = sizeof(number);
	}
	return loop_done(error, code);
}

static int WSPAPI do_set_sock_opt(SOCKET desc, int level, int option, const char *value, int len,
				  LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = !s                                      ? WSAENOTSOCK
		   : level != WSD_SOL_SOCKET               ? WSAEINVAL
		   : option != WSD_SO_DEBUG                ? WSAENOPROTOOPT
		   : !value || len < (int)sizeof(s->debug) ? WSAEFAULT
							   : 0;
	if (!code)
		memcpy(&s->debug, value, sizeof(s->debug));
	return loop_done(error, code);
}

static BOOL WSPAPI do_qos(SOCKET desc, LPWSABUF name, LPQOS qos, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	loop_done(error, loop_find(desc) ? WSAEOPNOTSUPP : WSAENOTSOCK);
	return FALSE;
}

static int WSPAPI do_duplicate(SOCKET desc, DWORD process, LPWSAPROTOCOL_INFOW info, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	return loop_done(error, loop_find(desc) ? WSAEINVAL : WSAENOTSOCK);
}

void loop_fill_sockets(WSPPROC_TABLE *table)
{
	table->lpWSPBind = do_bind;
	table->lpWSPCloseSocket = do_close;
	table->lpWSPDuplicateSocket = do_duplicate;
	table->lpWSPEnumNetworkEvents = do_enum;
	table->lpWSPEventSelect = do_event_select;
	table->lpWSPGetQOSByName = do_qos;
	table->lpWSPGetSockOpt = do_get_sock_opt;
	table->lpWSPSetSockOpt = do_set_sock_opt;
	table->lpWSPSocket = do_socket;
}
