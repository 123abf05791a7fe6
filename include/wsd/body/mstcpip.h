/* SPDX-License-Identifier: MIT */
/* What SIO_KEEPALIVE_VALS takes, written once for both faces. Never included directly, hence
 * without a guard. */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <mstcpip.h>, not a file of wsd/body"
#endif

struct tcp_keepalive {
	ULONG onoff;
	ULONG keepalivetime;     /* milliseconds */
	ULONG keepaliveinterval; /* milliseconds */
};
