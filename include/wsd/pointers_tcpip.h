/* SPDX-License-Identifier: MIT */
/*
 * The same as wsd/pointers.h, for the functions of ws2tcpip.h. No locks.
 */
#ifndef WSD_POINTERS_TCPIP_H
#define WSD_POINTERS_TCPIP_H

#ifndef _WS2TCPIP_H_
#error "wsdirect: include <ws2tcpip.h>, not <wsd/pointers_tcpip.h>"
#endif

typedef __typeof__(getaddrinfo) *LPFN_GETADDRINFO;
typedef __typeof__(freeaddrinfo) *LPFN_FREEADDRINFO;
typedef __typeof__(getnameinfo) *LPFN_GETNAMEINFO;
typedef __typeof__(GetAddrInfoW) *LPFN_GETADDRINFOW;
typedef __typeof__(FreeAddrInfoW) *LPFN_FREEADDRINFOW;
typedef __typeof__(GetNameInfoW) *LPFN_GETNAMEINFOW;
typedef __typeof__(GetAddrInfoExA) *LPFN_GETADDRINFOEXA;
typedef __typeof__(GetAddrInfoExW) *LPFN_GETADDRINFOEXW;
typedef __typeof__(SetAddrInfoExA) *LPFN_SETADDRINFOEXA;
typedef __typeof__(SetAddrInfoExW) *LPFN_SETADDRINFOEXW;
typedef __typeof__(FreeAddrInfoExW) *LPFN_FREEADDRINFOEXW;
typedef __typeof__(inet_pton) *LPFN_INET_PTONA;
typedef __typeof__(InetPtonW) *LPFN_INET_PTONW;
typedef __typeof__(inet_ntop) *LPFN_INET_NTOPA;
typedef __typeof__(InetNtopW) *LPFN_INET_NTOPW;
typedef void(WSAAPI *LPFN_FREEADDRINFOEXA)(PADDRINFOEXA pAddrInfo);

#define LPFN_GETADDRINFOA  LPFN_GETADDRINFO
#define LPFN_FREEADDRINFOA LPFN_FREEADDRINFO
#define LPFN_GETNAMEINFOA  LPFN_GETNAMEINFO

#ifdef UNICODE
#define LPFN_GETADDRINFOT   LPFN_GETADDRINFOW
#define LPFN_FREEADDRINFOT  LPFN_FREEADDRINFOW
#define LPFN_GETNAMEINFOT   LPFN_GETNAMEINFOW
#define LPFN_GETADDRINFOEX  LPFN_GETADDRINFOEXW
#define LPFN_SETADDRINFOEX  LPFN_SETADDRINFOEXW
#define LPFN_FREEADDRINFOEX LPFN_FREEADDRINFOEXW
#define LPFN_INET_PTON      LPFN_INET_PTONW
#define LPFN_INET_NTOP      LPFN_INET_NTOPW
#else
#define LPFN_GETADDRINFOT   LPFN_GETADDRINFO
#define LPFN_FREEADDRINFOT  LPFN_FREEADDRINFO
#define LPFN_GETNAMEINFOT   LPFN_GETNAMEINFO
#define LPFN_GETADDRINFOEX  LPFN_GETADDRINFOEXA
#define LPFN_SETADDRINFOEX  LPFN_SETADDRINFOEXA
#define LPFN_FREEADDRINFOEX LPFN_FREEADDRINFOEXA
#define LPFN_INET_PTON      LPFN_INET_PTONA
#define LPFN_INET_NTOP      LPFN_INET_NTOPA
#endif

#endif
