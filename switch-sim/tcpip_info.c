/* SPDX-License-Identifier: MIT
 *
 * What the kernel counts of a TCP connection, for wsd sockets, and of a listener. No locks.
 */
#include "tcpip.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

int tcpip_traffic(SOCKET s, uint64_t *ret_sent, uint64_t *ret_received)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt((int)s, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 ||
	    len < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t))
		return -1;
	/* not those acknowledged: who has opened the connection counts its SYN among them */
	*ret_sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	*ret_received = info.tcpi_bytes_received;
	return 0;
}

/* Of a listener the kernel puts the length of its queue there. */
unsigned tcpip_waiting(SOCKET listener)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt((int)listener, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return 0;
	return info.tcpi_unacked;
}
