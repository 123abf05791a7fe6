/* SPDX-License-Identifier: MIT
 *
 * The exported calls that come with connections: accepting, connecting, data, waiting on sockets,
 * duplication; and those of name spaces and of an editable catalogue. They exist so that programs
 * link; each checks "initialised" and the handle, and answers WSAEOPNOTSUPP. README.md lists them.
 */
#include "api_call.h"
#include "socket.h"
#include "usermem.h"

static int refuse(SOCKET s, const char *call)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE(call, "s=%s", API_S);
	struct sw_socket *found = sw_socket_find(p, s);
	sw_socket_put(found);
	return api_leave(p, &span, found ? WSAEOPNOTSUPP : WSAENOTSOCK);
}

static BOOL refuse_bool(SOCKET s, const char *call)
{
	refuse(s, call);
	return FALSE;
}

static SOCKET refuse_socket(SOCKET s, const char *call)
{
	refuse(s, call);
	return INVALID_SOCKET;
}

/* ---- connections ---- */

int wsd_WSADuplicateSocketA(SOCKET s, DWORD process, LPWSAPROTOCOL_INFOA info)
{
	return refuse(s, "WSADuplicateSocketA");
}

int wsd_WSADuplicateSocketW(SOCKET s, DWORD process, LPWSAPROTOCOL_INFOW info)
{
	return refuse(s, "WSADuplicateSocketW");
}

SOCKET wsd_WSAJoinLeaf(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF caller,
		       LPWSABUF callee, LPQOS sqos, LPQOS gqos, DWORD flags)
{
	return refuse_socket(s, "WSAJoinLeaf");
}

BOOL wsd_WSAGetQOSByName(SOCKET s, LPWSABUF name, LPQOS qos)
{
	return refuse_bool(s, "WSAGetQOSByName");
}

/* No one socket: only "initialised" can be judged. */
static int refuse_all(const char *call)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE(call, "%s", "");
	return api_leave(p, &span, WSAEOPNOTSUPP);
}

int wsd_WSAProviderConfigChange(LPHANDLE notification, LPWSAOVERLAPPED overlapped,
				LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return refuse_all("WSAProviderConfigChange");
}

/* ---- name spaces: the result is the code, and the last error too ---- */

static INT refuse_lookup(const char *call)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE(call, "%s", "");
	api_leave(p, &span, WSAEOPNOTSUPP);
	return WSAEOPNOTSUPP;
}

INT wsd_GetAddrInfoExA(PCSTR node, PCSTR service, DWORD space, LPGUID provider,
		       const ADDRINFOEXA *hints, PADDRINFOEXA *ret, struct timeval *timeout,
		       LPOVERLAPPED overlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE routine,
		       LPHANDLE handle)
{
	return refuse_lookup("GetAddrInfoExA");
}

INT wsd_GetAddrInfoExW(PCWSTR node, PCWSTR service, DWORD space, LPGUID provider,
		       const ADDRINFOEXW *hints, PADDRINFOEXW *ret, struct timeval *timeout,
		       LPOVERLAPPED overlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE routine,
		       LPHANDLE handle)
{
	return refuse_lookup("GetAddrInfoExW");
}

INT wsd_GetAddrInfoExCancel(LPHANDLE handle)
{
	return refuse_lookup("GetAddrInfoExCancel");
}

INT wsd_GetAddrInfoExOverlappedResult(LPOVERLAPPED overlapped)
{
	return refuse_lookup("GetAddrInfoExOverlappedResult");
}

INT wsd_SetAddrInfoExA(PCSTR node, PCSTR service, SOCKET_ADDRESS *addresses, DWORD count,
		       LPBLOB blob, DWORD flags, DWORD space, LPGUID provider,
		       struct timeval *timeout, LPOVERLAPPED overlapped,
		       LPLOOKUPSERVICE_COMPLETION_ROUTINE routine, LPHANDLE handle)
{
	return refuse_lookup("SetAddrInfoExA");
}

INT wsd_SetAddrInfoExW(PCWSTR node, PCWSTR service, SOCKET_ADDRESS *addresses, DWORD count,
		       LPBLOB blob, DWORD flags, DWORD space, LPGUID provider,
		       struct timeval *timeout, LPOVERLAPPED overlapped,
		       LPLOOKUPSERVICE_COMPLETION_ROUTINE routine, LPHANDLE handle)
{
	return refuse_lookup("SetAddrInfoExW");
}

/* Nobody has a list to free before GetAddrInfoEx makes one. */
void wsd_FreeAddrInfoEx(PADDRINFOEXA list)
{
}

void wsd_FreeAddrInfoExW(PADDRINFOEXW list)
{
}

/* ---- the catalogue: no start-up, codes at *lpErrno ---- */

static int refuse_catalog(LPINT ret_errno)
{
	int code = WSAEOPNOTSUPP;
	if (ret_errno)
		memory_write(ret_errno, &code, sizeof(code));
	return SOCKET_ERROR;
}

/* NOLINTBEGIN(misc-misplaced-const): so it is in Windows's header */
int wsd_WSCInstallProvider(LPGUID id, const WCHAR *path, const LPWSAPROTOCOL_INFOW entries,
			   DWORD count, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCUpdateProvider(LPGUID id, const WCHAR *path, const LPWSAPROTOCOL_INFOW entries,
			  DWORD count, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}
/* NOLINTEND(misc-misplaced-const) */

int wsd_WSCDeinstallProvider(LPGUID id, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCGetProviderPath(LPGUID id, WCHAR *path, LPINT len, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCGetProviderInfo(LPGUID id, WSC_PROVIDER_INFO_TYPE type, PBYTE info, size_t *size,
			   DWORD flags, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCSetProviderInfo(LPGUID id, WSC_PROVIDER_INFO_TYPE type, PBYTE info, size_t size,
			   DWORD flags, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCGetApplicationCategory(LPCWSTR path, DWORD path_len, LPCWSTR extra, DWORD extra_len,
				  DWORD *permitted, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}

int wsd_WSCSetApplicationCategory(LPCWSTR path, DWORD path_len, LPCWSTR extra, DWORD extra_len,
				  DWORD permitted, DWORD *previous, LPINT ret_errno)
{
	return refuse_catalog(ret_errno);
}
