/* SPDX-License-Identifier: MIT
 *
 * Why a connection goes over TCP/IP and not over a SAN: a code and words, for wsd sockets and wsd
 * explain. Data; no locks.
 */
#ifndef WSD_SWITCH_REASON_H
#define WSD_SWITCH_REASON_H

enum sw_reason {
	SW_REASON_NONE,        /* it is on the SAN, or not connected */
	SW_REASON_FAMILY,      /* not an IPv4 stream socket */
	SW_REASON_NO_PROVIDER, /* no SAN provider runs in this process */
	SW_REASON_LOOPBACK,    /* 127.0.0.0/8 [SW-SUBNET-4] */
	SW_REASON_OFF_SUBNET,  /* the destination is on no SAN's network [SW-SUBNET-2] */
	SW_REASON_LOCAL,       /* bound to an address that is on no SAN's network [SW-SUBNET-3] */
	SW_REASON_SOCKET,  /* the provider refused a socket, a name or an option [SW-CONNECT-1] */
	SW_REASON_BUSY,    /* the provider's connect failed at once */
	SW_REASON_TIMEOUT, /* nobody answered in connect.san_ms */
	SW_REASON_NO_WSD,  /* a reject without our tag, or the peer speaks no session protocol */
	SW_REASON_NEGOTIATION, /* the negotiation failed [SW-FALLBACK-4] */
	SW_REASON_REMEMBERED,  /* host or port did not answer before [SW-FALLBACK-6] */
	SW_REASON_ACCEPTED,    /* the peer came over TCP/IP */
	SW_REASON_OPTION,      /* an option or a flag of the socket asks for TCP/IP */
	SW_REASON_OFF,         /* the SAN is turned off by the configuration */
	SW_REASON_TAKEN,       /* no reason for TCP/IP: the connect fails [SW-SHARE-5] */
	SW_REASON_COUNT
};

const char *sw_reason_code(enum sw_reason r); /* "off-subnet" */
const char *sw_reason_text(enum sw_reason r); /* a sentence */

#endif
