/* SPDX-License-Identifier: MIT
 *
 * Socket objects: WSPSocket, look-up of descriptors, references. Takes sock->call (sock_enter keeps
 * it until sock_leave) and the handle table's lock. PROV-SOCKET-1 to 8, PROV-CLOSE-6.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "errmap.h"
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
	conn_free(atomic_load(&s->conn));
	wsd_lock(&prov_process.lock);
	bool keep = prov_process.live && prov_process.spare_count < PROV_SPARES;
	if (keep) {
		s->spare = prov_process.spares;
		prov_process.spares = s;
		prov_process.spare_count++;
	}
	wsd_unlock(&prov_process.lock);
	if (!keep)
		free(s);
	prov_put(p);
}

void sock_free_spares_locked(void)
{
	while (prov_process.spares) {
		struct sock *s = prov_process.spares;
		prov_process.spares = s->spare;
		free(s);
	}
	prov_process.spare_count = 0;
}

struct sock *sock_find(SOCKET descriptor)
{
	return htable_get(&prov_process.handles, descriptor, ref_object);
}

/*
 * The socket of a descriptor, with a reference and its call lock, if @call is legal in its state
 * (SC_COUNT: whatever its state). Otherwise the code, and nothing is held.
 */
int sock_enter(SOCKET descriptor, enum sock_call call, struct sock **ret)
{
	struct sock *s = sock_find(descriptor);
	if (!s)
		return WSAENOTSOCK;
	wsd_lock(&s->call);
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
	wsd_unlock(&s->call);
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

/* Takes @spare, and on success the caller's reference to p. */
int sock_create(struct prov *p, struct sock *spare, struct sock **ret, struct hslot **ret_slot)
{
	struct sock *s = spare ? spare : malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	if (!spare)
		wsd_lock_init(&s->call);
	int err = htable_reserve(&prov_process.handles, ret_slot);
	if (err) {
		free(s);
		return err;
	}
	size_t kept = sizeof(s->call);
	memset((char *)s + kept, 0, sizeof(*s) - kept);
	s->p = p;
	atomic_init(&s->refs, 1);
	s->descriptor = (SOCKET)(*ret_slot)->value;
	*ret = s;
	return 0;
}

/* From now on the descriptor is found, unless the last cleanup came first. The code. */
int sock_publish(struct sock *s, struct hslot *slot)
{
	struct prov *p = s->p;
	SOCKET descriptor = s->descriptor;
	htable_publish(slot, s);
	if (!atomic_load(&p->closing))
		return 0;
	/* The cleanup closes those that it finds; one that it did not find is closed here. */
	if (htable_remove(&prov_process.handles, descriptor))
		sock_close(s);
	return errmap(EO_SOCKET, -ESHUTDOWN);
}

SOCKET WSPAPI prov_WSPSocket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW lpProtocolInfo,
			     GROUP g, DWORD dwFlags, LPINT lpErrno)
{
	int code = check_kind(af, type, protocol, g, dwFlags);
	/* Take-over of a duplicated socket is not built yet, so the value names none
	 * [PROV-SOCKET-7]. */
	if (!code && lpProtocolInfo && lpProtocolInfo->dwProviderReserved)
		code = WSAEINVAL;
	struct sock *spare = NULL;
	struct prov *p = code ? NULL : prov_get(&spare);
	if (!code && !p)
		code = errmap(EO_SOCKET, -ESHUTDOWN);
	if (code) {
		sock_fail(lpErrno, code);
		return INVALID_SOCKET;
	}

	struct sock *s;
	struct hslot *slot;
	int err = sock_create(p, spare, &s, &slot);
	if (err) {
		prov_put(p);
		sock_fail(lpErrno, errmap(EO_SOCKET, err));
		return INVALID_SOCKET;
	}
	DWORD entry = lpProtocolInfo ? lpProtocolInfo->dwCatalogEntryId : p->tcp.dwCatalogEntryId;
	SOCKET descriptor = s->descriptor;
	/* The context by which the switch can name the socket to us is the descriptor
	 * [PROV-SOCKET-2]. */
	s->switch_handle = p->up.lpWPUCreateSocketHandle(entry, descriptor, &code);
	if (s->switch_handle == INVALID_SOCKET) {
		code = code ? code : WSAENOBUFS;
		htable_release(&prov_process.handles, slot);
		sock_unref(s);
	} else {
		code = sock_publish(s, slot);
	}
	sock_fail(lpErrno, code);
	return code ? INVALID_SOCKET : descriptor;
}
