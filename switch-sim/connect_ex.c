/* SPDX-License-Identifier: MIT
 *
 * ConnectEx: an attempt whose end an overlapped structure tells, with data behind it.
 * [WS-CONNECT-7, WS-NAME-6]
 *
 * Locks: s->lock while the call is judged and begun; completions are given, and data is sent, with
 * no lock held.
 */
#include "connect_priv.h"
#include "disconnect.h"
#include "overlapped.h"
#include "transport.h"
#include "usermem.h"

#include <stdlib.h>

struct connect_ex {
	struct sw_request r; /* of the data */
	LPWSAOVERLAPPED overlapped;
	WSAEVENT event;
	void *data;
	DWORD len;
};

static void complete(struct sw_socket *s, struct connect_ex *ex, int code)
{
	overlapped_end(s, ex->overlapped, ex->event, code, code ? 0 : (DWORD)ex->r.done, 0);
	free(ex);
	sw_socket_put(s); /* the caller has another, or needs none */
}

static void data_sent(struct sw_request *r)
{
	struct connect_ex *ex = (struct connect_ex *)(void *)r;
	complete(r->s, ex, r->code);
}

static void send_data(struct sw_socket *s, const struct sw_transport *t, struct connect_ex *ex)
{
	sw_request_init(&ex->r, s, SW_OP_SEND, 0);
	sw_request_one(&ex->r, ex->data, ex->len);
	ex->r.finish = data_sent;
	if (t->submit(s, &ex->r))
		complete(s, ex, ex->r.code);
}

void connect_ex_ended(struct sw_socket *s)
{
	pthread_mutex_lock(&s->lock);
	struct connector *c = s->connector;
	struct connect_ex *ex = c && c->phase == CONNECT_IDLE ? c->ex : NULL;
	int code = 0;
	bool connected = s->state == SW_CONNECTED;
	const struct sw_transport *t = s->transport; /* DisconnectEx may take it away */
	if (ex) {
		c->ex = NULL;
		code = c->code;
	}
	pthread_mutex_unlock(&s->lock);
	if (!ex)
		return;
	if (!code && connected && ex->len)
		send_data(s, t, ex);
	else
		complete(s, ex, code || connected ? code : WSA_OPERATION_ABORTED);
}

/* Caller holds s->lock. */
static int start(struct sw_socket *s, const void *name, int namelen,
		 const struct sw_connect_ex *how)
{
	struct wsd_sockaddr_storage to;
	int len, code = connect_judge(s, name, namelen, CONNECT_EX, &to, &len);
	if (code)
		return code;
	if (s->connector && s->connector->ex) /* its end is being told */
		return WSAEALREADY;
	struct connect_ex *ex = calloc(1, sizeof(*ex));
	struct connector *c = connect_of(s);
	code = ex && c ? overlapped_begin(how->overlapped, &ex->event) : WSAENOBUFS;
	if (code) {
		free(ex);
		return code;
	}
	ex->overlapped = how->overlapped;
	ex->data = how->data;
	ex->len = how->data ? how->len : 0;
	c->ex = ex;
	sw_socket_ref(s);
	code = connect_begin(s, &to, len, CONNECT_EX);
	if (code) {
		overlapped_refuse(how->overlapped, code);
		c->ex = NULL;
		free(ex);
		sw_socket_put(s); /* the caller has another */
	}
	return code;
}

int sw_connect_ex(struct sw_process *p, SOCKET handle, const void *name, int namelen,
		  const struct sw_connect_ex *how)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = sw_fault_netdown(p, "connect") ? WSAENETDOWN
		   : !how->overlapped             ? WSA_INVALID_PARAMETER
						  : 0;
	if (!code) {
		disconnect_tidy(s);
		pthread_mutex_lock(&s->lock);
		code = start(s, name, namelen, how);
		pthread_mutex_unlock(&s->lock);
		if (!code)
			connect_ex_ended(s); /* perhaps already */
	}
	sw_socket_put(s);
	return code ? code : WSA_IO_PENDING;
}

bool connect_is_ex(const struct sw_socket *s)
{
	return s->connector && s->connector->mode == CONNECT_EX;
}

bool connect_unnamed(const struct sw_socket *s)
{
	return s->connector && s->connector->update_due;
}

int connect_update_context(struct sw_socket *s)
{
	int code = 0;
	pthread_mutex_lock(&s->lock);
	if (s->state != SW_CONNECTED)
		code = s->state == SW_CLOSED ? WSAENOTSOCK : WSAENOTCONN;
	else if (s->connector)
		s->connector->update_due = false;
	pthread_mutex_unlock(&s->lock);
	return code;
}
