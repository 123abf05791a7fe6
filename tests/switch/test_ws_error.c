/* SPDX-License-Identifier: MIT
 *
 * The last error, the order of checks, every exported call before and after start-up. [WS-ERR-1 to
 * 4, WS-STARTUP-5]
 */
#include "ws.h"

#include <pthread.h>
#include <sys/mman.h>

static void *another_thread(void *arg)
{
	int *seen = arg;
	seen[0] = wsd_WSAGetLastError();
	wsd_WSASetLastError(77);
	seen[1] = (int)wsd_GetLastError();
	return NULL;
}

Test(error, WS_ERR_1_per_thread_and_one_with_GetLastError)
{
	WS_BEGIN();
	int seen[2] = {-1, -1};
	pthread_t t;
	wsd_WSASetLastError(WSAEADDRINUSE);
	cr_assert_eq(wsd_GetLastError(), WSAEADDRINUSE);
	pthread_create(&t, NULL, another_thread, seen);
	pthread_join(t, NULL);
	cr_assert_eq(seen[0], 0);
	cr_assert_eq(seen[1], 77);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEADDRINUSE);
	wsd_SetLastError(5);
	cr_assert_eq(wsd_WSAGetLastError(), 5);
	cr_assert_eq(wsd_WSAGetLastError(), 5, "reading does not clear it");
	cr_assert_eq(wsd_socket(99, 1, 0), INVALID_SOCKET);
	cr_assert_eq(INVALID_SOCKET, ~(SOCKET)0);
	cr_assert_eq(wsd_listen(0, 1), -1);
	WS_END();
}

Test(error, WS_ERR_2_success_sets_it_to_0)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	int len = sizeof(a);
	DWORD value = 1, size = sizeof(value);
	ULONG on = 1;
#define CLEARS(call)                                                 \
	do {                                                         \
		wsd_WSASetLastError(4711);                           \
		cr_assert_eq(call, 0);                               \
		cr_assert_eq(wsd_WSAGetLastError(), 0, "%s", #call); \
	} while (0)
	CLEARS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&value, 4));
	CLEARS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&value, (int *)&size));
	CLEARS(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &on));
	CLEARS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)));
	CLEARS(wsd_getsockname(s, (SOCKADDR *)&a, &len));
#undef CLEARS
	WS_END();
}

Test(error, WS_ERR_3_order_of_checks)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a;
	int len = sizeof(a);
	ULONG on = 1;
	/* connected is judged before the pointers */
	WS_IS(wsd_getpeername(INVALID_SOCKET, NULL, NULL), WSAENOTSOCK);
	WS_IS(wsd_getpeername(s, NULL, NULL), WSAENOTCONN);
	WS_IS(wsd_getpeername(s, (SOCKADDR *)&a, &len), WSAENOTCONN);
	/* bind: pointer and length, family, state, address */
	SOCKET bound = ws_tcp();
	WS_OK(ws_bind(bound, LOOPBACK, 0));
	a = ws_in("203.0.113.1", 0);
	WS_IS(wsd_bind(bound, NULL, sizeof(a)), WSAEFAULT);
	WS_IS(wsd_bind(bound, (SOCKADDR *)&a, sizeof(a) - 1), WSAEFAULT);
	WS_IS(wsd_bind(bound, (SOCKADDR *)&a, sizeof(a)), WSAEINVAL);
	a.sin_family = WSD_AF_INET6;
	WS_IS(wsd_bind(bound, (SOCKADDR *)&a, sizeof(a)), WSAEFAULT);
	/* handle before pointer, pointer before the rest */
	WS_IS(wsd_setsockopt(0, 1, 1, NULL, 0), WSAENOTSOCK);
	WS_IS(wsd_setsockopt(s, 0x1234, 1, NULL, 0), WSAEINVAL);
	WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, 0x1234, (char *)&on, 4), WSAENOPROTOOPT);
	WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, NULL, 4), WSAEFAULT);
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, NULL, &len), WSAEFAULT);
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, (char *)&on, NULL), WSAEFAULT);
	WS_IS(wsd_ioctlsocket(0, 0, NULL), WSAENOTSOCK);
	WS_IS(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, NULL), WSAEFAULT);
	WS_IS(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, (ULONG *)1), WSAEFAULT);
	WS_IS(wsd_ioctlsocket(s, 0x1234, &on), WSAEINVAL);
	WS_END();
}

/* ---- every exported call that wants a start-up ---- */

static WSAPROTOCOL_INFOW info_w;
static WSAPROTOCOL_INFOA info_a;
static SOCKADDR_IN name;
static int name_len = sizeof(name);
static char buffer[64];
static DWORD dword;
static WCHAR wide[64] = u"127.0.0.1";
static ADDRINFOA *list_a;
static ADDRINFOW *list_w;
static ADDRINFOEXA *list_ex_a;
static ADDRINFOEXW *list_ex_w;
static wsd_fd_set set;
static WSAPOLLFD poll_fd;
static WSANETWORKEVENTS events;
static WSABUF buf = {1, buffer};
static WSAMSG message;
static WSAOVERLAPPED overlapped;
static SOCKET one;
static HANDLE handle;

#define INT_CALL(n, call)                                                   \
	static long n(void)                                                 \
	{                                                                   \
		return (call) == SOCKET_ERROR ? wsd_WSAGetLastError() : -1; \
	}
#define VALUE_CALL(n, call)    \
	static long n(void)    \
	{                      \
		return (call); \
	}
#define BOOL_CALL(n, call)                                  \
	static long n(void)                                 \
	{                                                   \
		return (call) ? -1 : wsd_WSAGetLastError(); \
	}
#define SOCKET_CALL(n, call)                                                  \
	static long n(void)                                                   \
	{                                                                     \
		return (call) == INVALID_SOCKET ? wsd_WSAGetLastError() : -1; \
	}

SOCKET_CALL(c_socket, wsd_socket(2, 1, 0))
SOCKET_CALL(c_WSASocketA, wsd_WSASocketA(0, 0, 0, NULL, 0, 0))
SOCKET_CALL(c_WSASocketW, wsd_WSASocketW(0, 0, 0, NULL, 0, 0))
SOCKET_CALL(c_accept, wsd_accept(one, NULL, NULL))
SOCKET_CALL(c_WSAAccept, wsd_WSAAccept(one, NULL, NULL, NULL, 0))
INT_CALL(c_closesocket, wsd_closesocket(one))
INT_CALL(c_bind, wsd_bind(one, NULL, 0))
INT_CALL(c_getsockname, wsd_getsockname(one, NULL, NULL))
INT_CALL(c_getpeername, wsd_getpeername(one, NULL, NULL))
INT_CALL(c_listen, wsd_listen(one, 1))
INT_CALL(c_setsockopt, wsd_setsockopt(one, 0, 0, NULL, 0))
INT_CALL(c_opentype, wsd_setsockopt(INVALID_SOCKET, WSD_SOL_SOCKET, SO_OPENTYPE, buffer, 4))
INT_CALL(c_getsockopt, wsd_getsockopt(one, 0, 0, NULL, NULL))
INT_CALL(c_ioctlsocket, wsd_ioctlsocket(one, 0, NULL))
INT_CALL(c_WSAIoctl, wsd_WSAIoctl(one, 0, NULL, 0, NULL, 0, NULL, NULL, NULL))
INT_CALL(c_WSAEnumProtocolsA, wsd_WSAEnumProtocolsA(NULL, &info_a, &dword))
INT_CALL(c_WSAEnumProtocolsW, wsd_WSAEnumProtocolsW(NULL, &info_w, &dword))
INT_CALL(c_WSAProviderConfigChange, wsd_WSAProviderConfigChange(&handle, NULL, NULL))
INT_CALL(c_WSADuplicateSocketA, wsd_WSADuplicateSocketA(one, 1, &info_a))
INT_CALL(c_WSADuplicateSocketW, wsd_WSADuplicateSocketW(one, 1, &info_w))
INT_CALL(c_connect, wsd_connect(one, (SOCKADDR *)&name, sizeof(name)))
INT_CALL(c_WSAConnect, wsd_WSAConnect(one, (SOCKADDR *)&name, sizeof(name), NULL, NULL, NULL, NULL))
BOOL_CALL(c_WSAConnectByNameA,
	  wsd_WSAConnectByNameA(one, "a", "1", NULL, NULL, NULL, NULL, NULL, NULL))
BOOL_CALL(c_WSAConnectByNameW,
	  wsd_WSAConnectByNameW(one, wide, wide, NULL, NULL, NULL, NULL, NULL, NULL))
BOOL_CALL(c_WSAConnectByList, wsd_WSAConnectByList(one, NULL, NULL, NULL, NULL, NULL, NULL, NULL))
BOOL_CALL(c_ConnectEx, wsd_ConnectEx(one, (SOCKADDR *)&name, 16, NULL, 0, NULL, &overlapped))
BOOL_CALL(c_DisconnectEx, wsd_DisconnectEx(one, NULL, 0, 0))
BOOL_CALL(c_AcceptEx, wsd_AcceptEx(one, one, buffer, 0, 32, 32, &dword, &overlapped))
INT_CALL(c_shutdown, wsd_shutdown(one, 0))
INT_CALL(c_WSASendDisconnect, wsd_WSASendDisconnect(one, NULL))
INT_CALL(c_WSARecvDisconnect, wsd_WSARecvDisconnect(one, NULL))
INT_CALL(c_send, wsd_send(one, buffer, 1, 0))
INT_CALL(c_sendto, wsd_sendto(one, buffer, 1, 0, (SOCKADDR *)&name, sizeof(name)))
INT_CALL(c_recv, wsd_recv(one, buffer, 1, 0))
INT_CALL(c_recvfrom, wsd_recvfrom(one, buffer, 1, 0, (SOCKADDR *)&name, &name_len))
INT_CALL(c_WSARecvEx, wsd_WSARecvEx(one, buffer, 1, &name_len))
INT_CALL(c_WSASend, wsd_WSASend(one, &buf, 1, &dword, 0, NULL, NULL))
INT_CALL(c_WSASendTo, wsd_WSASendTo(one, &buf, 1, &dword, 0, NULL, 0, NULL, NULL))
INT_CALL(c_WSASendMsg, wsd_WSASendMsg(one, &message, 0, &dword, NULL, NULL))
INT_CALL(c_WSARecv, wsd_WSARecv(one, &buf, 1, &dword, &dword, NULL, NULL))
INT_CALL(c_WSARecvFrom, wsd_WSARecvFrom(one, &buf, 1, &dword, &dword, NULL, NULL, NULL, NULL))
INT_CALL(c_WSARecvMsg, wsd_WSARecvMsg(one, &message, &dword, NULL, NULL))
BOOL_CALL(c_WSAGetOverlappedResult,
	  wsd_WSAGetOverlappedResult(one, &overlapped, &dword, FALSE, &dword))
BOOL_CALL(c_TransmitPackets, wsd_TransmitPackets(one, NULL, 0, 0, &overlapped, 0))
SOCKET_CALL(c_WSAJoinLeaf, wsd_WSAJoinLeaf(one, NULL, 0, NULL, NULL, NULL, NULL, JL_BOTH))
BOOL_CALL(c_WSAGetQOSByName, wsd_WSAGetQOSByName(one, NULL, NULL))
BOOL_CALL(c_TransmitFile, wsd_TransmitFile(one, NULL, 0, 0, NULL, NULL, 0))
INT_CALL(c_WSAEventSelect, wsd_WSAEventSelect(one, NULL, 0))
INT_CALL(c_WSAEnumNetworkEvents, wsd_WSAEnumNetworkEvents(one, NULL, &events))
INT_CALL(c_select, wsd_select(0, &set, NULL, NULL, NULL))
INT_CALL(c_WSAPoll, wsd_WSAPoll(&poll_fd, 1, 0))
BOOL_CALL(c_WSACreateEvent, wsd_WSACreateEvent())
BOOL_CALL(c_WSACloseEvent, wsd_WSACloseEvent(NULL))
BOOL_CALL(c_WSASetEvent, wsd_WSASetEvent(NULL))
BOOL_CALL(c_WSAResetEvent, wsd_WSAResetEvent(NULL))
INT_CALL(c_WSAWaitForMultipleEvents, (int)wsd_WSAWaitForMultipleEvents(0, NULL, FALSE, 0, FALSE))
VALUE_CALL(c_getaddrinfo, wsd_getaddrinfo("127.0.0.1", NULL, NULL, &list_a))
VALUE_CALL(c_GetAddrInfoW, wsd_GetAddrInfoW(wide, NULL, NULL, &list_w))
VALUE_CALL(c_getnameinfo, wsd_getnameinfo((SOCKADDR *)&name, sizeof(name), buffer, 64, NULL, 0, 2))
VALUE_CALL(c_GetNameInfoW, wsd_GetNameInfoW((SOCKADDR *)&name, sizeof(name), wide, 64, NULL, 0, 2))
INT_CALL(c_gethostname, wsd_gethostname(buffer, sizeof(buffer)))
BOOL_CALL(c_gethostbyname, wsd_gethostbyname("127.0.0.1") != NULL)
INT_CALL(c_GetHostNameW, wsd_GetHostNameW(wide, 64))
BOOL_CALL(c_gethostbyaddr, wsd_gethostbyaddr("\x7f\0\0\1", 4, 2) != NULL)
BOOL_CALL(c_getservbyname, wsd_getservbyname("http", NULL) != NULL)
BOOL_CALL(c_getservbyport, wsd_getservbyport(0x5000, NULL) != NULL)
BOOL_CALL(c_getprotobyname, wsd_getprotobyname("tcp") != NULL)
BOOL_CALL(c_getprotobynumber, wsd_getprotobynumber(6) != NULL)
VALUE_CALL(c_GetAddrInfoExA, wsd_GetAddrInfoExA("127.0.0.1", NULL, NS_ALL, NULL, NULL, &list_ex_a,
						NULL, NULL, NULL, NULL))
VALUE_CALL(c_GetAddrInfoExW, wsd_GetAddrInfoExW(u"127.0.0.1", NULL, NS_ALL, NULL, NULL, &list_ex_w,
						NULL, NULL, NULL, NULL))
VALUE_CALL(c_GetAddrInfoExCancel, wsd_GetAddrInfoExCancel(&handle))
VALUE_CALL(c_GetAddrInfoExOverlappedResult, wsd_GetAddrInfoExOverlappedResult(&overlapped))
VALUE_CALL(c_SetAddrInfoExA,
	   wsd_SetAddrInfoExA("a", NULL, NULL, 0, NULL, 0, NS_ALL, NULL, NULL, NULL, NULL, NULL))
VALUE_CALL(c_SetAddrInfoExW,
	   wsd_SetAddrInfoExW(u"a", NULL, NULL, 0, NULL, 0, NS_ALL, NULL, NULL, NULL, NULL, NULL))
INT_CALL(c_WSAStringToAddressA,
	 wsd_WSAStringToAddressA(buffer, 2, NULL, (SOCKADDR *)&name, &name_len))
INT_CALL(c_WSAStringToAddressW,
	 wsd_WSAStringToAddressW(wide, 2, NULL, (SOCKADDR *)&name, &name_len))
INT_CALL(c_WSAAddressToStringA,
	 wsd_WSAAddressToStringA((SOCKADDR *)&name, 16, NULL, buffer, &dword))
INT_CALL(c_WSAAddressToStringW, wsd_WSAAddressToStringW((SOCKADDR *)&name, 16, NULL, wide, &dword))
INT_CALL(c_WSAHtons, wsd_WSAHtons(one, 1, NULL))
INT_CALL(c_WSANtohs, wsd_WSANtohs(one, 1, NULL))
INT_CALL(c_WSAHtonl, wsd_WSAHtonl(one, 1, NULL))
INT_CALL(c_WSANtohl, wsd_WSANtohl(one, 1, NULL))
INT_CALL(c_WSACleanup, wsd_WSACleanup())

enum { LATER = 1, NO_HANDLE = 2 };

static const struct {
	const char *name;
	long (*fn)(void);
	int what;
} calls[] = {
#define ROW(n, what)            \
	{                       \
#n, c_##n, what \
	}
	ROW(socket, NO_HANDLE),
	ROW(WSASocketA, NO_HANDLE),
	ROW(WSASocketW, NO_HANDLE),
	ROW(accept, 0),
	ROW(WSAAccept, 0),
	ROW(closesocket, 0),
	ROW(bind, 0),
	ROW(getsockname, 0),
	ROW(getpeername, 0),
	ROW(listen, 0),
	ROW(setsockopt, 0),
	ROW(opentype, NO_HANDLE),
	ROW(getsockopt, 0),
	ROW(ioctlsocket, 0),
	ROW(WSAIoctl, 0),
	ROW(WSAEnumProtocolsA, NO_HANDLE),
	ROW(WSAEnumProtocolsW, NO_HANDLE),
	ROW(WSAProviderConfigChange, NO_HANDLE),
	ROW(WSADuplicateSocketA, LATER),
	ROW(WSADuplicateSocketW, LATER),
	ROW(connect, 0),
	ROW(WSAConnect, 0),
	ROW(WSAConnectByNameA, 0),
	ROW(WSAConnectByNameW, 0),
	ROW(WSAConnectByList, 0),
	ROW(ConnectEx, 0),
	ROW(DisconnectEx, 0),
	ROW(AcceptEx, 0),
	ROW(shutdown, 0),
	ROW(WSASendDisconnect, 0),
	ROW(WSARecvDisconnect, 0),
	ROW(send, 0),
	ROW(sendto, 0),
	ROW(recv, 0),
	ROW(recvfrom, 0),
	ROW(WSARecvEx, 0),
	ROW(WSASend, 0),
	ROW(WSASendTo, 0),
	ROW(WSASendMsg, 0),
	ROW(WSARecv, 0),
	ROW(WSARecvFrom, 0),
	ROW(WSARecvMsg, 0),
	ROW(WSAGetOverlappedResult, 0),
	ROW(TransmitFile, 0),
	ROW(TransmitPackets, 0),
	ROW(WSAJoinLeaf, LATER),
	ROW(WSAGetQOSByName, LATER),
	ROW(WSAEventSelect, 0),
	ROW(WSAEnumNetworkEvents, 0),
	ROW(select, NO_HANDLE),
	ROW(WSAPoll, NO_HANDLE),
	ROW(WSACreateEvent, NO_HANDLE),
	ROW(WSACloseEvent, NO_HANDLE),
	ROW(WSASetEvent, NO_HANDLE),
	ROW(WSAResetEvent, NO_HANDLE),
	ROW(WSAWaitForMultipleEvents, NO_HANDLE),
	ROW(getaddrinfo, NO_HANDLE),
	ROW(GetAddrInfoW, NO_HANDLE),
	ROW(getnameinfo, NO_HANDLE),
	ROW(GetNameInfoW, NO_HANDLE),
	ROW(gethostname, NO_HANDLE),
	ROW(gethostbyname, NO_HANDLE),
	ROW(GetHostNameW, NO_HANDLE),
	ROW(gethostbyaddr, NO_HANDLE),
	ROW(getservbyname, NO_HANDLE),
	ROW(getservbyport, NO_HANDLE),
	ROW(getprotobyname, NO_HANDLE),
	ROW(getprotobynumber, NO_HANDLE),
	ROW(GetAddrInfoExA, NO_HANDLE | LATER),
	ROW(GetAddrInfoExW, NO_HANDLE | LATER),
	ROW(GetAddrInfoExCancel, NO_HANDLE | LATER),
	ROW(GetAddrInfoExOverlappedResult, NO_HANDLE | LATER),
	ROW(SetAddrInfoExA, NO_HANDLE | LATER),
	ROW(SetAddrInfoExW, NO_HANDLE | LATER),
	ROW(WSAStringToAddressA, NO_HANDLE),
	ROW(WSAStringToAddressW, NO_HANDLE),
	ROW(WSAAddressToStringA, NO_HANDLE),
	ROW(WSAAddressToStringW, NO_HANDLE),
	ROW(WSAHtons, 0),
	ROW(WSANtohs, 0),
	ROW(WSAHtonl, 0),
	ROW(WSANtohl, 0),
	ROW(WSACleanup, NO_HANDLE),
#undef ROW
};

static void all_say_not_initialised(const char *when)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		wsd_WSASetLastError(0);
		cr_assert_eq(calls[i].fn(), WSANOTINITIALISED, "%s, %s", calls[i].name, when);
		cr_assert_eq(wsd_WSAGetLastError(), WSANOTINITIALISED, "%s, %s", calls[i].name,
			     when);
	}
}

Test(error, WS_STARTUP_5_every_call_before_startup_and_after_cleanup)
{
	WSD_TEST_BEGIN();
	all_say_not_initialised("before WSAStartup");
	ws_start();
	one = ws_tcp();
	WS_OK(wsd_WSACleanup());
	all_say_not_initialised("after WSACleanup");
	WSD_TEST_END();
}

Test(error, WS_ERR_3_every_call_with_a_bad_handle)
{
	WS_BEGIN();
	SOCKET live = ws_tcp();
	SOCKET bad[] = {0, INVALID_SOCKET, 0xdeadbeef, 3, live + 4};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (size_t k = 0; !(calls[i].what & NO_HANDLE) && k < sizeof(bad) / sizeof(bad[0]);
		     k++) {
			one = bad[k];
			cr_assert_eq(calls[i].fn(), WSAENOTSOCK, "%s", calls[i].name);
		}
	/* those that come with connections are there, and say so */
	one = live;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].what & LATER)
			cr_assert_eq(calls[i].fn(), WSAEOPNOTSUPP, "%s", calls[i].name);
	WS_END();
}

/* ---- those that need no start-up and are not built ---- */

Test(error, WS_STARTUP_5_the_catalogue_cannot_be_edited_yet)
{
	WSD_TEST_BEGIN();
	GUID id = {0};
	size_t size = 0;
	int len = 0;
	DWORD category = 7;
#define REFUSED(call)                                     \
	do {                                              \
		int code = 0;                             \
		cr_assert_eq(call, SOCKET_ERROR, #call);  \
		cr_assert_eq(code, WSAEOPNOTSUPP, #call); \
	} while (0)
	wsd_WSASetLastError(WSAEDQUOT);
	REFUSED(wsd_WSCInstallProvider(&id, u"a", &info_w, 1, &code));
	REFUSED(wsd_WSCUpdateProvider(&id, u"a", &info_w, 1, &code));
	REFUSED(wsd_WSCDeinstallProvider(&id, &code));
	REFUSED(wsd_WSCGetProviderPath(&id, wide, &len, &code));
	REFUSED(wsd_WSCGetProviderInfo(&id, ProviderInfoAudit, NULL, &size, 0, &code));
	REFUSED(wsd_WSCSetProviderInfo(&id, ProviderInfoAudit, NULL, 0, 0, &code));
	REFUSED(wsd_WSCGetApplicationCategory(u"a", 1, NULL, 0, &category, &code));
	REFUSED(wsd_WSCSetApplicationCategory(u"a", 1, NULL, 0, 0, &category, &code));
#undef REFUSED
	cr_assert_eq(category, 7);
	cr_assert_eq(wsd_WSCDeinstallProvider(&id, NULL), SOCKET_ERROR);
	cr_assert_eq(wsd_WSCDeinstallProvider(&id, (LPINT)1), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEDQUOT, "the thread's code is not theirs");
	wsd_FreeAddrInfoEx(NULL);
	wsd_FreeAddrInfoExW(NULL);
	WSD_TEST_END();
}

/* ---- the table is complete ---- */

/* Calls that need no start-up. */
static const char *const free_calls[] = {
	"WSAStartup",
	"WSAGetLastError",
	"WSASetLastError",
	"GetLastError",
	"SetLastError",
	"WSCEnumProtocols",
	"WSCInstallProvider",
	"WSCUpdateProvider",
	"WSCDeinstallProvider",
	"WSCGetProviderPath",
	"WSCGetProviderInfo",
	"WSCSetProviderInfo",
	"WSCGetApplicationCategory",
	"WSCSetApplicationCategory",
	"FreeAddrInfoEx",
	"FreeAddrInfoExW",
	"GetAcceptExSockaddrs",
	"__WSAFDIsSet",
	"freeaddrinfo",
	"FreeAddrInfoW",
	"gai_strerrorA",
	"gai_strerrorW",
	"inet_addr",
	"inet_ntoa",
	"inet_pton",
	"InetPtonW",
	"inet_ntop",
	"InetNtopW",
	"htons",
	"ntohs",
	"htonl",
	"ntohl",
	"CreateEventA",
	"CreateEventW",
	"SetEvent",
	"ResetEvent",
	"CloseHandle",
	"WaitForSingleObject",
	"WaitForSingleObjectEx",
	"WaitForMultipleObjects",
	"WaitForMultipleObjectsEx",
	"Sleep",
	"SleepEx",
	"GetCurrentProcessId",
	"GetCurrentThreadId",
	"GetTickCount",
	"GetTickCount64",
};

static bool in_a_list(const char *call)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i].name, call))
			return true;
	for (size_t i = 0; i < sizeof(free_calls) / sizeof(free_calls[0]); i++)
		if (!strcmp(free_calls[i], call))
			return true;
	return false;
}

Test(error, WS_STARTUP_5_no_declared_call_is_left_out)
{
	WSD_TEST_BEGIN();
	DIR *d = opendir(WSD_TEST_HEADERS);
	cr_assert_not_null(d);
	unsigned seen = 0;
	for (struct dirent *e; (e = readdir(d));) {
		char path[512], line[512], call[128];
		if (strncmp(e->d_name, "fn_", 3) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", WSD_TEST_HEADERS, e->d_name);
		FILE *f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f)) {
			char *comma = strncmp(line, "WSD_FN(", 7) ? NULL : strchr(line, ',');
			if (!comma || sscanf(comma, ", %127[^,]", call) != 1)
				continue;
			cr_assert(in_a_list(call), "%s is in no list", call);
			seen++;
		}
		if (f)
			fclose(f);
	}
	closedir(d);
	cr_assert_gt(seen, 95);
	WSD_TEST_END();
}

/* Lengths that cannot be written, and room that cannot: the other one stays as it was. */
Test(error, WS_ERR_3_a_failed_call_changes_nothing)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *zeros = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int *lengths = (int *)(void *)zeros;
	lengths[0] = 4;
	cr_assert_eq(mprotect(zeros, 4096, PROT_READ), 0);
	DWORD value = 0xabababab, bytes = 77;
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_TYPE, (char *)&value, lengths), WSAEFAULT);
	cr_assert_eq(value, 0xabababab);
	int len = 4;
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_TYPE, page, &len), WSAEFAULT);
	cr_assert_eq(len, 4);
	WS_IS(wsd_WSAIoctl(s, 0x12345, NULL, 0, NULL, 0, &bytes, NULL, NULL), WSAEOPNOTSUPP);
	cr_assert_eq(bytes, 77);
	WS_IS(wsd_WSAIoctl(s, WSD_FIONBIO, NULL, 4, NULL, 0, &bytes, NULL, NULL), WSAEFAULT);
	cr_assert_eq(bytes, 77);
	char text[] = "10.0.0.1:80", out[64] = "as it was";
	len = 64;
	WS_IS(wsd_WSAStringToAddressA(text, WSD_AF_INET, NULL, (SOCKADDR *)(void *)page, &len),
	      WSAEFAULT);
	cr_assert_eq(len, 64);
	SOCKADDR_IN a = ws_in(LOOPBACK, 80);
	DWORD room = sizeof(out);
	WS_IS(wsd_WSAAddressToStringA((SOCKADDR *)&a, sizeof(a), NULL, page, &room), WSAEFAULT);
	cr_assert_eq(room, sizeof(out));
	WS_IS(wsd_WSAAddressToStringA((SOCKADDR *)&a, sizeof(a), NULL, out,
				      (DWORD *)(void *)lengths),
	      WSAEFAULT);
	cr_assert_str_eq(out, "as it was");
	munmap(page, 4096);
	munmap(zeros, 4096);
	WS_END();
}
