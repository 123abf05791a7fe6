/* SPDX-License-Identifier: MIT */
/* getaddrinfo and its family, text of addresses, IPv6 (contracts: wsd/body/fn_addrinfo.h). No
 * locks. */
#ifndef _WS2TCPIP_H_
#define _WS2TCPIP_H_

#include <winsock2.h>
#include <mstcpip.h>

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

static inline BOOLEAN IN6_IS_ADDR_SITELOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(a->u.Byte[0] == 0xfe && (a->u.Byte[1] & 0xc0) == 0xc0);
}

/* ::a.b.c.d, but neither :: nor ::1. */
static inline BOOLEAN IN6_IS_ADDR_V4COMPAT(const IN6_ADDR *a)
{
	static const UCHAR prefix[12] = {0};

	return (BOOLEAN)(memcmp(a->u.Byte, prefix, sizeof prefix) == 0 &&
			 (a->u.Word[6] || a->u.Byte[14] || a->u.Byte[15] > 1));
}

/* A multicast address of one scope: node, link, site, organisation, the whole world. */
static inline BOOLEAN IN6_IS_ADDR_MC_NODELOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(IN6_IS_ADDR_MULTICAST(a) && (a->u.Byte[1] & 0xf) == ScopeLevelInterface);
}

static inline BOOLEAN IN6_IS_ADDR_MC_LINKLOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(IN6_IS_ADDR_MULTICAST(a) && (a->u.Byte[1] & 0xf) == ScopeLevelLink);
}

static inline BOOLEAN IN6_IS_ADDR_MC_SITELOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(IN6_IS_ADDR_MULTICAST(a) && (a->u.Byte[1] & 0xf) == ScopeLevelSite);
}

static inline BOOLEAN IN6_IS_ADDR_MC_ORGLOCAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(IN6_IS_ADDR_MULTICAST(a) &&
			 (a->u.Byte[1] & 0xf) == ScopeLevelOrganization);
}

static inline BOOLEAN IN6_IS_ADDR_MC_GLOBAL(const IN6_ADDR *a)
{
	return (BOOLEAN)(IN6_IS_ADDR_MULTICAST(a) && (a->u.Byte[1] & 0xf) == ScopeLevelGlobal);
}

static inline void IN6_SET_ADDR_UNSPECIFIED(IN6_ADDR *a)
{
	memset(a, 0, sizeof *a);
}

static inline void IN6_SET_ADDR_LOOPBACK(IN6_ADDR *a)
{
	memset(a, 0, sizeof *a);
	a->u.Byte[15] = 1;
}

/* The same of a whole name; the two that set it set port and scope to 0. */
static inline BOOLEAN IN6ADDR_ISANY(const SOCKADDR_IN6 *name)
{
	return IN6_IS_ADDR_UNSPECIFIED(&name->sin6_addr);
}

static inline BOOLEAN IN6ADDR_ISLOOPBACK(const SOCKADDR_IN6 *name)
{
	return IN6_IS_ADDR_LOOPBACK(&name->sin6_addr);
}

static inline void IN6ADDR_SETANY(SOCKADDR_IN6 *name)
{
	memset(name, 0, sizeof *name);
	name->sin6_family = AF_INET6;
}

static inline void IN6ADDR_SETLOOPBACK(SOCKADDR_IN6 *name)
{
	IN6ADDR_SETANY(name);
	name->sin6_addr.u.Byte[15] = 1;
}

#define IN6_ARE_ADDR_EQUAL IN6_ADDR_EQUAL
#define SS_PORT(name)      (((struct sockaddr_in *)(name))->sin_port)
/* Bytes of an IP_MSFILTER with that many sources. */
#define IP_MSFILTER_SIZE(sources) \
	(sizeof(IP_MSFILTER) - sizeof(IN_ADDR) + (sources) * sizeof(IN_ADDR))

#define FreeAddrInfoExA FreeAddrInfoEx
#define GetAddrInfoA    getaddrinfo
#define FreeAddrInfoA   freeaddrinfo
#define GetNameInfoA    getnameinfo
#define InetPtonA       inet_pton
#define InetNtopA       inet_ntop

#ifdef UNICODE
typedef ADDRINFOW ADDRINFOT, *PADDRINFOT, ADDRINFO, *PADDRINFO, *LPADDRINFO;
typedef ADDRINFOEXW ADDRINFOEX, *PADDRINFOEX;
#define addrinfoEx     addrinfoexW
#define GetAddrInfoEx  GetAddrInfoExW
#define SetAddrInfoEx  SetAddrInfoExW
#define FreeAddrInfoEx FreeAddrInfoExW
#define GetAddrInfo    GetAddrInfoW
#define FreeAddrInfo   FreeAddrInfoW
#define GetNameInfo    GetNameInfoW
#define InetPton       InetPtonW
#define InetNtop       InetNtopW
#define gai_strerror   gai_strerrorW
#else
typedef ADDRINFOA ADDRINFOT, *PADDRINFOT, ADDRINFO, *PADDRINFO, *LPADDRINFO;
typedef ADDRINFOEXA ADDRINFOEX, *PADDRINFOEX;
#define addrinfoEx    addrinfoexA
#define GetAddrInfoEx GetAddrInfoExA
#define SetAddrInfoEx SetAddrInfoExA
#define GetAddrInfo   GetAddrInfoA
#define FreeAddrInfo  FreeAddrInfoA
#define GetNameInfo   GetNameInfoA
#define InetPton      InetPtonA
#define InetNtop      InetNtopA
#define gai_strerror  gai_strerrorA
#endif

#if INCL_WINSOCK_API_TYPEDEFS
#include <wsd/pointers_tcpip.h>
#endif

#endif
