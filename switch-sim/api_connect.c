/* SPDX-License-Identifier: MIT
 *
 * The exported calls that connect and shut down.
 */
#include "api_call.h"
#include "api_text.h"
#include "close.h"
#include "connect.h"
#include "connect_by.h"
#include "disconnect.h"
#include "resolver.h"
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

/* No protocol here has data for the beginning of a connection; quality of service is ignored. */
static int connect_with(struct sw_process *p, SOCKET s, const struct wsd_sockaddr *name,
			int namelen, LPWSABUF caller, LPWSABUF callee)
{
	WSABUF given;
	struct sw_socket *found = caller || callee ? sw_socket_find(p, s) : NULL;
	int code = 0;
	if (found && caller) {
		code = memory_read(&given, caller, sizeof(given)) < 0 ? WSAEFAULT
		       : given.len                                    ? WSAEPROTONOSUPPORT
								      : 0;
	}
	if (found && callee && !code) {
		ULONG none = 0;
		code = memory_write(&callee->len, &none, sizeof(none)) < 0 ? WSAEFAULT : 0;
	}
	sw_socket_put(found);
	return code ? code : sw_connect(p, s, name, namelen, WAITER_FOREVER);
}

int wsd_WSAConnect(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF caller,
		   LPWSABUF callee, LPQOS sqos, LPQOS gqos)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAConnect", "s=%s, name=%s, namelen=%d", API_S, API_NAME(name, namelen),
		  namelen);
	return api_leave(p, &span, connect_with(p, s, name, namelen, caller, callee));
}

static BOOL leave_bool(struct sw_process *p, struct trace_span *span, int code)
{
	return api_leave(p, span, code) == 0;
}

BOOL wsd_WSAConnectByList(SOCKET s, PSOCKET_ADDRESS_LIST list, LPDWORD local_len, LPSOCKADDR local,
			  LPDWORD remote_len, LPSOCKADDR remote, const struct timeval *timeout,
			  LPWSAOVERLAPPED reserved)
{
	const struct sw_connect_by how = {local_len, local, remote_len, remote, timeout};
	API_ENTER(FALSE);
	API_TRACE("WSAConnectByList", "s=%s", API_S);
	struct sw_socket *found = reserved ? sw_socket_find(p, s) : NULL;
	sw_socket_put(found);
	return leave_bool(p, &span, found ? WSAEINVAL : sw_connect_by_list(p, s, list, &how));
}

enum { HOST_MAX = 1025, SERVICE_MAX = 256 };

/* @node and @service are copies. */
static int by_name(struct sw_process *p, SOCKET s, const char *node, const char *service,
		   const struct sw_connect_by *how, const void *reserved)
{
	const ADDRINFOA hints = {.ai_socktype = WSD_SOCK_STREAM, .ai_protocol = WSD_IPPROTO_TCP};
	ADDRINFOA *list = NULL;
	uint64_t deadline;
	int code = sw_connect_by_begin(p, s, how, &deadline);
	if (!code && (!node || !service || reserved))
		code = WSAEINVAL;
	if (!code)
		code = resolver_lookup(node, service, &hints, &list);
	if (code)
		return code;
	code = sw_connect_by_info(p, s, list, how, deadline);
	resolver_free(list);
	return code;
}

BOOL wsd_WSAConnectByNameA(SOCKET s, LPCSTR node, LPCSTR service, LPDWORD local_len,
			   LPSOCKADDR local, LPDWORD remote_len, LPSOCKADDR remote,
			   const struct timeval *timeout, LPWSAOVERLAPPED reserved)
{
	const struct sw_connect_by how = {local_len, local, remote_len, remote, timeout};
	char host[HOST_MAX], port[SERVICE_MAX];
	API_ENTER(FALSE);
	int code = api_text_in(host, sizeof(host), node, WSAHOST_NOT_FOUND, &node);
	int second = api_text_in(port, sizeof(port), service, WSATYPE_NOT_FOUND, &service);
	API_TRACE("WSAConnectByNameA", "s=%s, node=%s, service=%s", API_S, node ? node : "NULL",
		  service ? service : "NULL");
	code = code ? code : second;
	return leave_bool(p, &span, code ? code : by_name(p, s, node, service, &how, reserved));
}

BOOL wsd_WSAConnectByNameW(SOCKET s, LPWSTR node, LPWSTR service, LPDWORD local_len,
			   LPSOCKADDR local, LPDWORD remote_len, LPSOCKADDR remote,
			   const struct timeval *timeout, LPWSAOVERLAPPED reserved)
{
	const struct sw_connect_by how = {local_len, local, remote_len, remote, timeout};
	char host[3 * HOST_MAX], port[3 * SERVICE_MAX];
	const char *node8, *service8;
	API_ENTER(FALSE);
	int code = api_wide_in(host, sizeof(host), node, WSAHOST_NOT_FOUND, &node8);
	int second = api_wide_in(port, sizeof(port), service, WSATYPE_NOT_FOUND, &service8);
	API_TRACE("WSAConnectByNameW", "s=%s, node=%s, service=%s", API_S, node8 ? node8 : "NULL",
		  service8 ? service8 : "NULL");
	code = code ? code : second;
	return leave_bool(p, &span, code ? code : by_name(p, s, node8, service8, &how, reserved));
}

BOOL wsd_ConnectEx(SOCKET s, const struct wsd_sockaddr *name, int namelen, PVOID data,
		   DWORD data_len, LPDWORD sent, LPOVERLAPPED overlapped)
{
	const struct sw_connect_ex ex = {data, data_len, overlapped};
	API_ENTER(FALSE);
	API_TRACE("ConnectEx", "s=%s, name=%s, namelen=%d, len=%u", API_S, API_NAME(name, namelen),
		  namelen, data_len);
	return leave_bool(p, &span, sw_connect_ex(p, s, name, namelen, &ex));
}

BOOL wsd_DisconnectEx(SOCKET s, LPOVERLAPPED overlapped, DWORD flags, DWORD reserved)
{
	API_ENTER(FALSE);
	API_TRACE("DisconnectEx", "s=%s, flags=0x%x", API_S, flags);
	return leave_bool(p, &span, sw_disconnect(p, s, overlapped, flags, reserved));
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
