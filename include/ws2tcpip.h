/* SPDX-License-Identifier: MIT */
/* getaddrinfo and its family, text of addresses, IPv6 (contracts: wsd/body/fn_addrinfo.h). No
 * locks. */
#ifndef _WS2TCPIP_H_
#define _WS2TCPIP_H_

#include <winsock2.h>

#define WSD_FN(ret, name, args) extern ret name args __asm__("wsd_" #name)
WSD_BEGIN_DECLS
#include <wsd/body/fn_addrinfo.h>
extern const struct in6_addr in6addr_any __asm__("wsd_in6addr_any");
extern const struct in6_addr in6addr_loopback __asm__("wsd_in6addr_loopback");
WSD_END_DECLS
#undef WSD_FN

/* clang-format off */
#define IN6ADDR_ANY_INIT {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}}
#define IN6ADDR_LOOPBACK_INIT {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}}
/* clang-format on */

static inline BOOLEAN IN6_ADDR_EQUAL(const IN6_ADDR *a, const IN6_ADDR *b)
{
	return (BOOLEAN)(memcmp(a, b, sizeof *a) == 0);
}

static inline BOOLEAN IN6_IS_ADDR_UNSPECIFIED(const IN6_ADDR *a)
{
	static const IN6_ADDR any = IN6ADDR_ANY_INIT;

	return IN6_ADDR_EQUAL(a, &any);
}

static inline BOOLEAN IN6_IS_ADDR_LOOPBACK(const IN6_ADDR *a)
{
	static const IN6_ADDR loopback = IN6ADDR_LOOPBACK_INIT;

	return IN6_ADDR_EQUAL(a, &loopback);
}

static inline BOOLEAN IN6_IS_ADDR_MULTICAST(const IN6_ADDR *a)
{
	return (BOOLEAN)(a->u.Byte[0] == 0xff);
}

static inline BOOLEAN IN6_IS_ADDR_LINKLOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(a->u.Byte[0] == 0xfe && (a->u.Byte[1] & 0xc0) == 0x80);
}

static inline BOOLEAN IN6_IS_ADDR_V4MAPPED(const IN6_ADDR *a)
{
	static const UCHAR prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return (BOOLEAN)(memcmp(a->u.Byte, prefix, sizeof prefix) == 0);
}

#define GetAddrInfoA  getaddrinfo
#define FreeAddrInfoA freeaddrinfo
#define GetNameInfoA  getnameinfo
#define InetPtonA     inet_pton
#define InetNtopA     inet_ntop

#ifdef UNICODE
typedef ADDRINFOW ADDRINFOT, *PADDRINFOT, ADDRINFO, *PADDRINFO, *LPADDRINFO;
#define GetAddrInfo  GetAddrInfoW
#define FreeAddrInfo FreeAddrInfoW
#define GetNameInfo  GetNameInfoW
#define InetPton     InetPtonW
#define InetNtop     InetNtopW
#define gai_strerror gai_strerrorW
#else
typedef ADDRINFOA ADDRINFOT, *PADDRINFOT, ADDRINFO, *PADDRINFO, *LPADDRINFO;
#define GetAddrInfo  GetAddrInfoA
#define FreeAddrInfo FreeAddrInfoA
#define GetNameInfo  GetNameInfoA
#define InetPton     InetPtonA
#define InetNtop     InetNtopA
#define gai_strerror gai_strerrorA
#endif

#endif
