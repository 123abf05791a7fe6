/* SPDX-License-Identifier: MIT */
/*
 * Keeps winsock2.h and libc's socket headers apart: the same names with other sizes and values.
 * Included first by winsock2.h. Before: their guards are looked for. After: an identifier that only
 * <sys/socket.h> (or <poll.h>) declares becomes a macro that stops the compiler with the same
 * sentence; <netinet/in.h>, <arpa/inet.h>, <netdb.h>, <net/if.h> all include <sys/socket.h>.
 * <sys/ioctl.h> is made empty instead, since it would only replace FIONBIO and FIONREAD in silence.
 */
#ifndef WSD_LIBC_H
#define WSD_LIBC_H

#define WSD_STRING_PRAGMA(text) _Pragma(#text)
#define WSD_PRAGMA(text)        WSD_STRING_PRAGMA(text)
/* One literal: of several in a row gcc prints the first only. */
/* clang-format off */
#define WSD_TWO_WORLDS "wsdirect: <winsock2.h> and libc's socket headers cannot share a file; move the code that needs <sys/socket.h>, <netinet/in.h>, <netdb.h>, <poll.h> or <sys/ioctl.h> to a file of its own, or include <wsd/api.h> instead of <winsock2.h> here"
/* clang-format on */

#if defined(_SYS_SOCKET_H) || defined(_NETINET_IN_H) || defined(_NETINET_TCP_H) ||                \
	defined(_ARPA_INET_H) || defined(_NETDB_H) || defined(_NET_IF_H) || defined(_SYS_UN_H) || \
	defined(_SYS_POLL_H) || defined(_SYS_IOCTL_H)
WSD_PRAGMA(GCC error WSD_TWO_WORLDS)
#endif

#define __socket_type WSD_PRAGMA(GCC error WSD_TWO_WORLDS) __socket_type
#define _SYS_IOCTL_H  1

/*
 * FD_SETSIZE is 64, or what the program says before winsock2.h (WSD_FD_SETSIZE says it in any
 * case). libc's own value, which <stdlib.h> may have defined, is told from the program's by taking
 * away what it is made of.
 */
#ifndef WSD_FD_SETSIZE
#ifdef FD_SETSIZE
#pragma push_macro("__FD_SETSIZE")
#undef __FD_SETSIZE
#define __FD_SETSIZE 0
#if FD_SETSIZE != 0
#define WSD_FD_SETSIZE_GIVEN 1
#endif
#pragma pop_macro("__FD_SETSIZE")
#endif
#ifdef WSD_FD_SETSIZE_GIVEN
enum { WSD_FD_SETSIZE = FD_SETSIZE };
#define WSD_FD_SETSIZE WSD_FD_SETSIZE
#endif
#endif
#undef FD_SETSIZE

/* All of libc that declares what the macros below rename: included now, so that order never
 * matters. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/types.h>
#include <unistd.h>
#include <wchar.h>

/* Only now: <sys/select.h> has a parameter of this name. */
#define __nfds WSD_PRAGMA(GCC error WSD_TWO_WORLDS) __nfds

#undef FD_SETSIZE
#undef FD_SET
#undef FD_CLR
#undef FD_ISSET
#undef FD_ZERO

/* The names that libc's ordinary headers force to be macros (include/README.md). */
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef uint64_t u_int64;
typedef unsigned int wsd_u_long;
typedef int wsd_socklen_t;
#define u_long      wsd_u_long
#define socklen_t   wsd_socklen_t
#define fd_set      wsd_fd_set
#define select      wsd_select
#define gethostname wsd_gethostname

#endif
