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
	if (s->accepted_ex)
		return false;
	return s->state == SW_CONNECTED || s->state == SW_CONNECTING;
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
