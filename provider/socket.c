/* SPDX-License-Identifier: MIT
 *
 * Socket objects: WSPSocket, look-up of descriptors, references. Takes sock->call (sock_enter keeps it until
 * sock_leave) and the handle table's lock. PROV-SOCKET-1 to 8, PROV-CLOSE-6.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "errmap.h"
#include "prov.h"
#include "wsp.h"

int sock_fail(LPINT lpErrno, int code)
{
	if (lpErrno)
		*lpErrno = code;
	return code ? SOCKET_ERROR : 0;
}

void sock_ref(struct sock *s)
{
	atomic_fetch_add(&s->refs, 1);
}

static void ref_object(void *obj)
{
	sock_ref(obj);
}

void sock_unref(struct sock *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	struct prov *p = s->p;
	pthread_mutex_destroy(&s->call);
	free(s);
	prov_put(p);
}

/*
 * The socket of a descriptor, with a reference and its call lock, if @call is legal in its state
 * (SC_COUNT: whatever its state). Otherwise the code, and nothing is held.
 */
int sock_enter(SOCKET descriptor, enum sock_call call, struct sock **ret)
{
	struct prov *p = prov_get();
	if (!p)
		return WSAENOTSOCK;
	struct sock *s = htable_get(&p->handles, descriptor, ref_object);
	prov_put(p); /* s holds one */
	if (!s)
		return WSAENOTSOCK;
	pthread_mutex_lock(&s->call);
	int code = sock_check(s->state, call == SC_COUNT ? SC_QUERY : call);
	if (call == SC_COUNT && s->state != SS_CLOSED)
		code = 0;
	if (code) {
		sock_leave(s);
		return code;
	}
	*ret = s;
	return 0;
}

void sock_leave(struct sock *s)
{
	pthread_mutex_unlock(&s->call);
	sock_unref(s);
}

/* [PROV-SOCKET-5], in the order family, type, protocol, group, flags. */
static int check_kind(int af, int type, int protocol, GROUP g, DWORD flags)
{
	if (af != WSD_AF_INET)
		return WSAEAFNOSUPPORT;
	if (type != WSD_SOCK_STREAM)
		return type == WSD_SOCK_DGRAM && protocol == WSD_IPPROTO_TCP ? WSAEPROTOTYPE
									     : WSAESOCKTNOSUPPORT;
	if (protocol != WSD_IPPROTO_TCP)
		return protocol == WSD_IPPROTO_UDP ? WSAEPROTOTYPE : WSAEPROTONOSUPPORT;
	if (g || !(flags & WSA_FLAG_OVERLAPPED) ||
	    (flags & ~(DWORD)(WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT)))
		return WSAEINVAL;
	return 0;
}

static int sock_create(struct prov *p, struct sock **ret)
{
	struct sock *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	uint64_t value;
	int err = htable_reserve(&p->handles, &value);
	if (err) {
		free(s);
		return err;
	}
	s->p = p; /* takes the caller's reference */
	atomic_init(&s->refs, 1);
	pthread_mutex_init(&s->call, NULL);
	s->descriptor = (SOCKET)value;
	*ret = s;
	return 0;
}

SOCKET WSPAPI prov_WSPSocket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo,
			     GROUP g, DWORD dwFlags, LPINT lpErrno)
{
	int code = check_kind(af, type, protocol, g, dwFlags);
	/* Take-over of a duplicated socket is not built yet, so the value names none [PROV-SOCKET-7]. */
	if (!code && lpProtocolInfo && lpProtocolInfo->dwProviderReserved)
		code = WSAEINVAL;
	struct prov *p = code ? NULL : prov_get();
	if (!code && !p)
		code = errmap(EO_SOCKET, -ESHUTDOWN);
	if (code) {
		sock_fail(lpErrno, code);
		return INVALID_SOCKET;
	}

	struct sock *s;
	int err = sock_create(p, &s);
	if (err) {
		prov_put(p);
		sock_fail(lpErrno, errmap(EO_SOCKET, err));
		return INVALID_SOCKET;
	}
	DWORD entry = lpProtocolInfo ? lpProtocolInfo->dwCatalogEntryId : p->tcp.dwCatalogEntryId;
	/* The context by which the switch can name the socket to us is the descriptor [PROV-SOCKET-2]. */
	s->switch_handle = p->up.lpWPUCreateSocketHandle(entry, s->descriptor, &code);
	if (s->switch_handle == INVALID_SOCKET) {
		code = code ? code : WSAENOBUFS;
	} else if (htable_publish(&p->handles, s->descriptor, s)) {
		code = errmap(EO_SOCKET, -ESHUTDOWN);
		int ignored;
		p->up.lpWPUCloseSocketHandle(s->switch_handle, &ignored);
	} else {
		code = 0;
	}
	SOCKET descriptor = s->descriptor;
	sock_fail(lpErrno, code);
	if (code) {
		htable_release(&p->handles, descriptor);
		sock_unref(s);
		return INVALID_SOCKET;
	}
	return descriptor;
}
