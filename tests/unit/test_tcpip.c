/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider at its door: the table, refusals, codes. [SW-BIND-1, -2, WS-ERR-4, R23]
 */
#include "check.h"
#include "tcpip.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

static WSPPROC_TABLE start(void)
{
	WSPPROC_TABLE t;
	WSPDATA data;
	WSAPROTOCOL_INFOW info = {0};
	WSPUPCALLTABLEEX up = {0};
	memset(&t, 0, sizeof(t));
	cr_assert_eq(tcpip_WSPStartupEx(0x0202, &data, &info, &up, &t), 0);
	cr_assert_eq(data.wVersion, 0x0202);
	cr_assert_neq(data.szDescription[0], 0);
	return t;
}

Test(tcpip, SW_INIT_1_all_30_slots_are_filled)
{
	WSD_TEST_BEGIN();
	WSPPROC_TABLE t = start();
	void *slot[30];
	_Static_assert(sizeof(t) == sizeof(slot), "30 slots");
	memcpy(slot, &t, sizeof(slot));
	for (int i = 0; i < 30; i++)
		cr_assert_not_null(slot[i], "slot %d", i);
	WSD_TEST_END();
}

Test(tcpip, WS_ERR_4_what_is_not_served_is_refused)
{
	WSD_TEST_BEGIN();
	WSPPROC_TABLE t = start();
	INT e;
#define REFUSED(expr, failure)                               \
	do {                                                 \
		e = 0;                                       \
		cr_assert_eq((expr), (failure));             \
		cr_assert_eq(e, WSAEOPNOTSUPP, "%s", #expr); \
	} while (0)
	REFUSED(t.lpWSPAddressToString(NULL, 0, NULL, NULL, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPAsyncSelect(0, NULL, 0, 0, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPCancelBlockingCall(&e), SOCKET_ERROR);
	REFUSED(t.lpWSPDuplicateSocket(0, 0, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPEnumNetworkEvents(0, NULL, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPEventSelect(0, NULL, 0, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPGetOverlappedResult(0, NULL, NULL, FALSE, NULL, &e), FALSE);
	REFUSED(t.lpWSPGetQOSByName(0, NULL, NULL, &e), FALSE);
	REFUSED(t.lpWSPJoinLeaf(0, NULL, 0, NULL, NULL, NULL, NULL, 0, &e), INVALID_SOCKET);
	REFUSED(t.lpWSPRecvDisconnect(0, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPSelect(0, NULL, NULL, NULL, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPSendDisconnect(0, NULL, &e), SOCKET_ERROR);
	REFUSED(t.lpWSPStringToAddress(NULL, 0, NULL, NULL, NULL, &e), SOCKET_ERROR);
#undef REFUSED
	WSD_TEST_END();
}

Test(tcpip, WS_ERR_4_bad_descriptors)
{
	WSD_TEST_BEGIN();
	WSPPROC_TABLE t = start();
	SOCKADDR_IN a = {.sin_family = WSD_AF_INET};
	DWORD value = 1, n;
	INT e, len = sizeof(a), size = sizeof(value);
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	SOCKET bad[] = {(SOCKET)file, 4095};
	for (int i = 0; i < 2; i++) {
#define NOT_A_SOCKET(expr)                                        \
	do {                                                      \
		e = 0;                                            \
		cr_assert_eq((expr), SOCKET_ERROR);               \
		cr_assert_eq(e, WSAENOTSOCK, "%s: %d", #expr, e); \
	} while (0)
		NOT_A_SOCKET(t.lpWSPBind(bad[i], (struct wsd_sockaddr *)&a, sizeof(a), &e));
		NOT_A_SOCKET(t.lpWSPListen(bad[i], 1, &e));
		NOT_A_SOCKET(t.lpWSPGetSockName(bad[i], (struct wsd_sockaddr *)&a, &len, &e));
		NOT_A_SOCKET(t.lpWSPGetPeerName(bad[i], (struct wsd_sockaddr *)&a, &len, &e));
		NOT_A_SOCKET(t.lpWSPConnect(bad[i], (struct wsd_sockaddr *)&a, sizeof(a), NULL,
					    NULL, NULL, NULL, &e));
		NOT_A_SOCKET((int)t.lpWSPAccept(bad[i], NULL, NULL, NULL, 0, &e));
		NOT_A_SOCKET(t.lpWSPShutdown(bad[i], WSD_SD_BOTH, &e));
		NOT_A_SOCKET(t.lpWSPSetSockOpt(bad[i], WSD_SOL_SOCKET, WSD_SO_KEEPALIVE,
					       (char *)&value, 4, &e));
		NOT_A_SOCKET(t.lpWSPGetSockOpt(bad[i], WSD_SOL_SOCKET, WSD_SO_KEEPALIVE,
					       (char *)&value, &size, &e));
		NOT_A_SOCKET(t.lpWSPIoctl(bad[i], SIO_ADDRESS_LIST_QUERY, NULL, 0, NULL, 0, &n,
					  NULL, NULL, NULL, &e));
#undef NOT_A_SOCKET
	}
	close(file);
	cr_assert_eq(t.lpWSPCloseSocket(4095, &e), SOCKET_ERROR);
	cr_assert_eq(e, WSAENOTSOCK);
	cr_assert_eq(t.lpWSPSocket(99, 1, 0, NULL, 0, 0, &e), INVALID_SOCKET);
	cr_assert_eq(e, WSAEAFNOSUPPORT);
	WSD_TEST_END();
}

Test(tcpip, SW_BIND_1_life_of_a_socket)
{
	WSD_TEST_BEGIN();
	WSPPROC_TABLE t = start();
	INT e = -1, len;
	SOCKADDR_IN a = {.sin_family = WSD_AF_INET,
			 .sin_addr = {{.s_addr = htonl(INADDR_LOOPBACK)}}},
		    got;
	SOCKET s = t.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
				 WSA_FLAG_OVERLAPPED, &e);
	cr_assert_eq(e, 0);
	cr_assert(fcntl((int)s, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(t.lpWSPBind(s, (struct wsd_sockaddr *)&a, sizeof(a), &e), 0);
	cr_assert_eq(t.lpWSPBind(s, (struct wsd_sockaddr *)&a, sizeof(a), &e), SOCKET_ERROR);
	cr_assert_eq(e, WSAEINVAL);
	len = 15;
	cr_assert_eq(t.lpWSPGetSockName(s, (struct wsd_sockaddr *)&got, &len, &e), SOCKET_ERROR);
	cr_assert_eq(e, WSAEFAULT);
	len = sizeof(got);
	cr_assert_eq(t.lpWSPGetSockName(s, (struct wsd_sockaddr *)&got, &len, &e), 0);
	cr_assert_eq(got.sin_family, WSD_AF_INET);
	cr_assert_neq(got.sin_port, 0);
	cr_assert_eq(t.lpWSPListen(s, 1, &e), 0);
	/* a connected socket cannot listen: Linux says EINVAL for it */
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = got.sin_port,
				 .sin_addr.s_addr = got.sin_addr.s_addr};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	cr_assert_eq(t.lpWSPListen((SOCKET)fd, 1, &e), SOCKET_ERROR);
	cr_assert_eq(e, WSAEISCONN); /* WS-LISTEN-1 */
	close(fd);
	cr_assert_eq(t.lpWSPShutdown(s, 3, &e), SOCKET_ERROR);
	cr_assert_eq(e, WSAEINVAL);
	cr_assert_eq(t.lpWSPCloseSocket(s, &e), 0);
	cr_assert_eq(t.lpWSPCleanup(&e), 0);
	WSD_TEST_END();
}
