/* SPDX-License-Identifier: MIT
 *
 * The names of connections: getpeername, SO_BSP_STATE. All out of the record, whatever the
 * transport [WS-NAME-5 to -8].
 *
 * Locks: s->lock.
 */
#include "conname.h"
#include "connect.h"
#include "usermem.h"

#include <string.h>

static bool has_peer(const struct sw_socket *s)
{
	if (s->accepted_ex || connect_unnamed(s))
		return false;
	return s->state == SW_CONNECTED || (s->state == SW_CONNECTING && !connect_is_ex(s));
}

/* Name and length or neither. */
static int give(void *name, int *namelen, int room, const struct sw_name *what)
{
	if (room < what->len || memory_write(namelen, &what->len, sizeof(what->len)) < 0)
		return WSAEFAULT;
	if (memory_write(name, &what->addr, (size_t)what->len) == 0)
		return 0;
	memory_write(namelen, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}

/* "Connected" is judged before the pointers [WS-ERR-3]. */
static int getpeername_locked(const struct sw_socket *s, void *name, int *namelen)
{
	int room;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	if (!has_peer(s))
		return WSAENOTCONN;
	if (!name || !namelen || memory_read(&room, namelen, sizeof(room)) < 0)
		return WSAEFAULT;
	return give(name, namelen, room, &(struct sw_name){s->peer, s->peer_len});
}

int sw_getpeername(struct sw_process *p, SOCKET handle, void *name, int *namelen)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = WSAENETDOWN;
	if (!sw_fault_netdown(p, "getpeername")) {
		pthread_mutex_lock(&s->lock);
		code = getpeername_locked(s, name, namelen);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

/* ---- SO_BSP_STATE [WS-NAME-7] ---- */

/* A name at @at of the application's buffer, which has @copy before it is written there. */
static char *put_name(SOCKET_ADDRESS *ref, char *copy, char *value, char *at,
		      const struct wsd_sockaddr_storage *name, int len)
{
	if (!len)
		return at;
	memcpy(at, name, (size_t)len);
	ref->lpSockaddr = (LPSOCKADDR)(void *)(value + (at - copy));
	ref->iSockaddrLength = len;
	return at + len;
}

int conname_bsp_state(const struct sw_socket *s, void *value, int *len)
{
	CSADDR_INFO info = {.iSocketType = s->type, .iProtocol = s->protocol};
	char copy[sizeof(info) + 2 * sizeof(struct wsd_sockaddr_storage)];
	bool bound = s->state != SW_CREATED && !s->accepted_ex;
	int room, local = bound ? s->local_len : 0, peer = has_peer(s) ? s->peer_len : 0;
	int size = (int)sizeof(info) + local + peer;
	if (memory_read(&room, len, sizeof(room)) < 0 || room < size)
		return WSAEFAULT;
	char *at = put_name(&info.LocalAddr, copy, value, copy + sizeof(info), &s->local, local);
	put_name(&info.RemoteAddr, copy, value, at, &s->peer, peer);
	memcpy(copy, &info, sizeof(info));
	if (memory_write(len, &size, sizeof(size)) < 0)
		return WSAEFAULT;
	if (memory_write(value, copy, (size_t)size) == 0)
		return 0;
	memory_write(len, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}
