/* SPDX-License-Identifier: MIT
 *
 * The exported calls that connect and shut down.
 */
#include "api_call.h"
#include "close.h"
#include "connect.h"
#include "usermem.h"
#include "waiter.h"

static int connected(SOCKET s, const struct wsd_sockaddr *name, int namelen, const char *call)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE(call, "s=%s, name=%s, namelen=%d", API_S, API_NAME(name, namelen), namelen);
	return api_leave(p, &span, sw_connect(p, s, name, namelen, WAITER_FOREVER));
}

int wsd_connect(SOCKET s, const struct wsd_sockaddr *name, int namelen)
{
	return connected(s, name, namelen, "connect");
}

int wsd_shutdown(SOCKET s, int how)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("shutdown", "s=%s, how=%d", API_S, how);
	return api_leave(p, &span, sw_shutdown(p, s, how));
}

/* No protocol here has data for the end of a connection. */
static int disconnect(SOCKET s, LPWSABUF data, int how, const char *call)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE(call, "s=%s", API_S);
	struct sw_socket *found = data ? sw_socket_find(p, s) : NULL;
	sw_socket_put(found);
	return api_leave(p, &span, found ? WSAENOPROTOOPT : sw_shutdown(p, s, how));
}

int wsd_WSASendDisconnect(SOCKET s, LPWSABUF data)
{
	return disconnect(s, data, WSD_SD_SEND, "WSASendDisconnect");
}

int wsd_WSARecvDisconnect(SOCKET s, LPWSABUF data)
{
	return disconnect(s, data, WSD_SD_RECEIVE, "WSARecvDisconnect");
}
