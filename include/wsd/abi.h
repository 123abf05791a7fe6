/* SPDX-License-Identifier: MIT */
/*
 * The prefixed face: types, structures and constants of Winsock, the SPI and the SAN extensions
 * under names that live beside libc's and rdma-core's headers: struct wsd_sockaddr_in,
 * WSD_AF_INET6. For the code of this project and for providers; applications include winsock2.h.
 * What only Windows has (DWORD, WSABUF, SOCKADDR, WSPPROC_TABLE, WSAEINVAL, FD_ACCEPT) keeps its
 * name. timeval is libc's. No locks.
 */
#ifndef WSD_ABI_H
#define WSD_ABI_H

#ifdef _WINSOCK2API_
#error "wsdirect: a file includes either <winsock2.h> and its family or <wsd/abi.h>, never both"
#endif

#include <sys/time.h>
#include <wsd/base.h>
#include <wsd/constants.h>
#include <wsd/errors.h>

/* How the text of wsd/body looks in this face. */
#define WSD_NAME(name) wsd_##name
#define wsd_timeval    timeval

WSD_BEGIN_DECLS
#include <wsd/body/types.h>
#include <wsd/body/types_rare.h>
#include <wsd/body/afunix.h>
#include <wsd/body/mstcpip.h>
#include <wsd/body/spi.h>
#include <wsd/body/upcalls.h>
#include <wsd/body/san.h>
#include <wsd/body/mswsock.h>
WSD_END_DECLS

#endif
