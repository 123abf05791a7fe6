/* SPDX-License-Identifier: MIT
 *
 * ioctlsocket and WSAIoctl: checked here, done by the TCP/IP provider.
 *
 * Locks: s->lock, held over the TCP/IP provider's WSPIoctl.
 */
#include "ioctl.h"
#include "extension.h"
#include "san_connect.h"
#include "transport.h"
#include "netevents.h"
#include "usermem.h"

#include <string.h>

enum { IN_MAX = 64 }; /* the longest input of a code that is served */

static int ask(struct sw_socket *s, const struct sw_ioctl *call, const void *in, DWORD *ret_len)
{
	INT error = 0;
	s->options.kernel_set |= call->code == SIO_KEEPALIVE_VALS;
	int r = s->process->tcpip.lpWSPIoctl(s->tcp, call->code, (LPVOID)(uintptr_t)in,
					     call->in_len, call->out, call->out_len, ret_len, NULL,
					     NULL, NULL, &error);
	return r ? error : 0;
}

static int ioctl_locked(struct sw_socket *s, const struct sw_ioctl *call)
{
	char in[IN_MAX];
	DWORD on, n = 0, in_len = call->in_len < IN_MAX ? call->in_len : IN_MAX;
	/* Overlapped calls come with the overlapped part of the switch. */
	if (call->overlapped || call->routine)
		return WSAEOPNOTSUPP;
	if (!call->ret_len || memory_probe(call->ret_len, sizeof(n)) < 0)
		return WSAEFAULT;
	if (in_len && (!call->in || memory_read(in, call->in, in_len) < 0))
		return WSAEFAULT;
	if (call->out_len && (!call->out || memory_probe(call->out, call->out_len) < 0))
		return WSAEFAULT;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (call->code == WSD_FIONBIO && call->in_len >= sizeof(on)) {
		memcpy(&on, in, sizeof(on));
		if (!on && netevents_selected(s)) /* as WSAEventSelect's page says */
			return WSAEINVAL;
	}
	int code = ask(s, call, call->in ? in : NULL, &n);
	if (!code || n) /* with WSAEFAULT it is the room that is needed */
		memory_write(call->ret_len, &n, sizeof(n));
	if (!code && call->code == WSD_FIONBIO) {
		memcpy(&on, in, sizeof(on));
		s->options.nonblocking = on != 0;
	}
	if (!code && call->code == SIO_KEEPALIVE_VALS && s->session)
		san_session_options(s);
	return code;
}

/* FIONREAD and SIOCATMARK of a connection that TCP/IP knows nothing of. No lock held. */
static int ask_transport(struct sw_socket *s, const struct sw_transport *t,
			 const struct sw_ioctl *call)
{
	DWORD n = sizeof(DWORD);
	uint32_t value = 0;
	bool at = true;
	if (call->overlapped || call->routine)
		return WSAEOPNOTSUPP;
	if (!call->ret_len || memory_probe(call->ret_len, sizeof(n)) < 0 || !call->out ||
	    call->out_len < sizeof(value) || memory_probe(call->out, sizeof(value)) < 0)
		return WSAEFAULT;
	int code = call->code == WSD_FIONREAD ? t->readable(s, &value) : t->at_mark(s, &at);
	if (code)
		return code;
	if (call->code == WSD_SIOCATMARK)
		value = at;
	memory_write(call->out, &value, sizeof(value));
	memory_write(call->ret_len, &n, sizeof(n));
	return 0;
}

/* The transport, if it is another than TCP/IP and is to be asked. */
static const struct sw_transport *asked(struct sw_socket *s, DWORD code)
{
	if (code != WSD_FIONREAD && code != WSD_SIOCATMARK)
		return NULL;
	pthread_mutex_lock(&s->lock);
	const struct sw_transport *t = s->transport;
	pthread_mutex_unlock(&s->lock);
	return t == &transport_tcp ? NULL : t;
}

int sw_ioctl(struct sw_process *p, SOCKET handle, const struct sw_ioctl *call)
{
	const struct sw_transport *t;
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = WSAENETDOWN;
	if (sw_fault_netdown(p, "ioctl")) {
		/* the knob */
	} else if (call->code == SIO_GET_EXTENSION_FUNCTION_POINTER) {
		code = extension_pointer(call);
	} else if ((t = asked(s, call->code))) {
		code = ask_transport(s, t, call);
	} else {
		pthread_mutex_lock(&s->lock);
		code = ioctl_locked(s, call);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

int sw_ioctlsocket(struct sw_process *p, SOCKET handle, LONG cmd, ULONG *value)
{
	ULONG n;
	DWORD returned;
	struct sw_socket *s = sw_socket_find(p, handle);
	sw_socket_put(s);
	if (!s)
		return WSAENOTSOCK;
	if (!value || memory_read(&n, value, sizeof(n)) < 0)
		return WSAEFAULT;
	if ((ULONG)cmd != WSD_FIONBIO && (ULONG)cmd != WSD_FIONREAD && (ULONG)cmd != WSD_SIOCATMARK)
		return WSAEINVAL;
	bool in = (ULONG)cmd == WSD_FIONBIO;
	struct sw_ioctl call = {
		.code = (DWORD)cmd,
		.in = in ? &n : NULL,
		.in_len = in ? sizeof(n) : 0,
		.out = in ? NULL : &n,
		.out_len = in ? 0 : sizeof(n),
		.ret_len = &returned,
	};
	int code = sw_ioctl(p, handle, &call);
	if (!code && !in && memory_write(value, &n, sizeof(n)) < 0)
		code = WSAEFAULT;
	return code;
}
