/* SPDX-License-Identifier: MIT */
/*
 * Windows Sockets 2 for applications: Winsock's names for the types and constants of wsd/abi.h and
 * the functions of wsd/api.h. Functions are declared with an assembler label (bind is the symbol
 * wsd_bind), so that libc's of the same name stays what it is for every other library in the
 * process. No locks. What differs from Windows is in include/README.md.
 */
#ifndef _WINSOCK2API_
#define _WINSOCK2API_

#ifdef WSD_ABI_H
#error "wsdirect: a file includes either <winsock2.h> and its family or <wsd/abi.h>, never both"
#endif

#include <wsd/libc.h>

/* Windows programs say #pragma comment(lib, "Ws2_32.lib"). */
#pragma GCC diagnostic ignored "-Wunknown-pragmas"

#ifndef _WINSOCKAPI_
#define _WINSOCKAPI_
#endif

#include <windows.h>
#include <wsd/base.h>
#include <wsd/constants.h>
#include <wsd/errors.h>
#include <wsd/aliases.h>

#define WSD_NAME(name) name

#define WINSOCK_VERSION MAKEWORD(2, 2)

WSD_BEGIN_DECLS
#include <wsd/body/types.h>
#include <wsd/body/types_rare.h>
WSD_END_DECLS

typedef struct timeval TIMEVAL, *PTIMEVAL, *LPTIMEVAL;
typedef struct ip_msfilter IP_MSFILTER;

#define _WSACMSGHDR cmsghdr

#define s_host   S_un.S_un_b.s_b2
#define s_net    S_un.S_un_b.s_b1
#define s_imp    S_un.S_un_w.s_w2
#define s_impno  S_un.S_un_b.s_b4
#define s_lh     S_un.S_un_b.s_b3
#define s6_addr  u.Byte
#define s6_bytes u.Byte
#define s6_words u.Word

#define FD_SETSIZE       WSD_FD_SETSIZE
#define FD_ZERO(set)     ((void)((set)->fd_count = 0))
#define FD_SET(s, set)   wsd_fd_add((s), (set))
#define FD_CLR(s, set)   wsd_fd_remove((s), (set))
#define FD_ISSET(s, set) __WSAFDIsSet((SOCKET)(s), (set))

/* Add s unless it is there, or the set is full. */
static inline void wsd_fd_add(SOCKET s, fd_set *set)
{
	UINT i;

	for (i = 0; i < set->fd_count; i++) {
		if (set->fd_array[i] == s)
			return;
	}
	if (i < FD_SETSIZE)
		set->fd_array[set->fd_count++] = s;
}

/* Take s out; the others keep their order. */
static inline void wsd_fd_remove(SOCKET s, fd_set *set)
{
	UINT i;

	for (i = 0; i < set->fd_count && set->fd_array[i] != s; i++)
		;
	if (i == set->fd_count)
		return;
	for (; i + 1 < set->fd_count; i++)
		set->fd_array[i] = set->fd_array[i + 1];
	set->fd_count--;
}

#define WSD_FN(ret, name, args) extern ret name args __asm__("wsd_" #name)
WSD_BEGIN_DECLS
#include <wsd/body/fn_socket.h>
#include <wsd/body/fn_connection.h>
#include <wsd/body/fn_data.h>
#include <wsd/body/fn_event.h>
#include <wsd/body/fn_name.h>
#include <wsd/body/fn_database.h>
WSD_END_DECLS
#undef WSD_FN

/* Numbers and fractions in network byte order, as bits. Need no WSAStartup, never fail. */
static inline ULONGLONG htonll(ULONGLONG value)
{
	return ((ULONGLONG)htonl((ULONG)value) << 32) | htonl((ULONG)(value >> 32));
}

static inline ULONGLONG ntohll(ULONGLONG value)
{
	return htonll(value);
}

static inline ULONG htonf(float value)
{
	ULONG bits;

	memcpy(&bits, &value, sizeof bits);
	return htonl(bits);
}

static inline float ntohf(ULONG value)
{
	float number;

	value = ntohl(value);
	memcpy(&number, &value, sizeof number);
	return number;
}

static inline ULONGLONG htond(double value)
{
	ULONGLONG bits;

	memcpy(&bits, &value, sizeof bits);
	return htonll(bits);
}

static inline double ntohd(ULONGLONG value)
{
	double number;

	value = ntohll(value);
	memcpy(&number, &value, sizeof number);
	return number;
}

#define IN_CLASSA(i)    (((ULONG)(i)&0x80000000u) == 0)
#define IN_CLASSB(i)    (((ULONG)(i)&0xc0000000u) == 0x80000000u)
#define IN_CLASSC(i)    (((ULONG)(i)&0xe0000000u) == 0xc0000000u)
#define IN_CLASSD(i)    (((ULONG)(i)&0xf0000000u) == 0xe0000000u)
#define IN_MULTICAST(i) IN_CLASSD(i)
#define IN_LOOPBACKNET  127

#ifdef UNICODE
typedef WSAPROTOCOL_INFOW WSAPROTOCOL_INFO, *LPWSAPROTOCOL_INFO;
#define WSASocket          WSASocketW
#define WSAEnumProtocols   WSAEnumProtocolsW
#define WSADuplicateSocket WSADuplicateSocketW
#define WSAConnectByName   WSAConnectByNameW
#define WSAStringToAddress WSAStringToAddressW
#define WSAAddressToString WSAAddressToStringW
#define SO_PROTOCOL_INFO   SO_PROTOCOL_INFOW
#else
typedef WSAPROTOCOL_INFOA WSAPROTOCOL_INFO, *LPWSAPROTOCOL_INFO;
#define WSASocket          WSASocketA
#define WSAEnumProtocols   WSAEnumProtocolsA
#define WSADuplicateSocket WSADuplicateSocketA
#define WSAConnectByName   WSAConnectByNameA
#define WSAStringToAddress WSAStringToAddressA
#define WSAAddressToString WSAAddressToStringA
#define SO_PROTOCOL_INFO   SO_PROTOCOL_INFOA
#endif

/* Pointer types of the functions, on request, as on Windows. */
#ifndef INCL_WINSOCK_API_TYPEDEFS
#define INCL_WINSOCK_API_TYPEDEFS 0
#endif
#if INCL_WINSOCK_API_TYPEDEFS
#include <wsd/pointers.h>
#endif

#endif
