/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider: kernel sockets behind the same table of calls as a SAN provider. Its
 * descriptors are the kernel's, close-on-exec and never blocking: waiting is the switch's matter.
 * It knows nothing of names, reuse rules or SANs; errors by errmap.h. No locks: it keeps nothing of
 * its own.
 */
#ifndef WSD_SWITCH_TCPIP_H
#define WSD_SWITCH_TCPIP_H

#include <stdint.h>
#include <wsd/abi.h>

/* WSPStartupEx of this provider; contract as in wsd/body/san.h. */
int tcpip_WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
		       LPWSPUPCALLTABLEEX upcalls, LPWSPPROC_TABLE table);

/* Whether the kernel would let a socket have this address, its port aside: 0 or a WSA code. Not a
 * slot: the switch asks it before it says why a name is refused [WS-ERR-3]. */
int tcpip_probe_address(const struct wsd_sockaddr *name, int namelen);

/* Not slots either, because the SPI has nothing like it. Return a WSA code. */
/* How a connect ended that WSPConnect answered with WSAEWOULDBLOCK, once the descriptor is
 * writable. */
int tcpip_connect_result(SOCKET s);
/* The socket as it was before it was connected, or before a connect failed: its name stays. */
int tcpip_disconnect(SOCKET s);
/* @to gets the options that the application can set and the kernel keeps, as @from has them. */
void tcpip_copy_options(SOCKET from, SOCKET to);

/* Bytes that the peer has acknowledged, and bytes received, of a connection. Return 0, or -1 when
 * the kernel does not say. */
int tcpip_traffic(SOCKET s, uint64_t *ret_sent, uint64_t *ret_received);
/* Connections that a listener has in its queue. */
unsigned tcpip_waiting(SOCKET listener);

/* Between its files. All are slots of the table. */
int tcpip_WSPSetSockOpt(SOCKET s, int level, int name, const char *value, int len, LPINT error);
int tcpip_WSPGetSockOpt(SOCKET s, int level, int name, char *value, LPINT len, LPINT error);
int tcpip_WSPIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out, DWORD out_len,
		   LPDWORD ret_len, LPWSAOVERLAPPED overlapped,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread, LPINT error);

int tcpip_WSPConnect(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPWSABUF caller,
		     LPWSABUF callee, LPQOS sqos, LPQOS gqos, LPINT error);
SOCKET tcpip_WSPAccept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
		       LPCONDITIONPROC condition, DWORD_PTR data, LPINT error);
int tcpip_WSPGetPeerName(SOCKET s, struct wsd_sockaddr *name, LPINT namelen, LPINT error);

/* Fills the slots of what this provider does not do (yet) with refusals: WSAEOPNOTSUPP. */
void tcpip_refuse(WSPPROC_TABLE *table);

#endif
