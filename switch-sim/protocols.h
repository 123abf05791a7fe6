/* SPDX-License-Identifier: MIT
 *
 * The protocols that Winsock lists: the TCP/IP provider's own entries and the catalogue's.
 */
#ifndef WSD_SWITCH_PROTOCOLS_H
#define WSD_SWITCH_PROTOCOLS_H

#include "process.h"

struct conf;

/* TCP over IPv4: what SAN providers get as lpProtocolInfo [SW-INIT-1.4]. */
const WSAPROTOCOL_INFOW *protocols_tcp4(void);

/* The entry that fits a socket, or NULL. */
const WSAPROTOCOL_INFOW *protocols_find(int af, int type, int protocol);

/* The A form of an entry. */
void protocols_narrow(const WSAPROTOCOL_INFOW *in, WSAPROTOCOL_INFOA *ret);

/* WSAEnumProtocols and WSCEnumProtocols: 0 with the number of entries in *ret_count, or a WSA code.
 */
int protocols_enum(const struct conf *conf, bool hidden, bool wide, const INT *wanted, void *buffer,
		   DWORD *length, int *ret_count);

#endif
