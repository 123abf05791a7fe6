/* SPDX-License-Identifier: MIT
 *
 * Addresses as text and back; no socket, no start-up. Pure functions but for the texts that Winsock
 * keeps per thread. [WS-NAME-9]
 */
#ifndef WSD_SWITCH_INET_H
#define WSD_SWITCH_INET_H

#include <wsd/abi.h>

#include <stddef.h>

enum { INET_TEXT_MAX = 80 }; /* "[ipv6%4294967295]:65535" and its NUL */

/* a.b.c.d and the older forms, in network order; all ones if it is none. @text is not NULL. */
ULONG inet_parse_old(const char *text);

/* Of an address; 0: another family. */
size_t inet_bytes(int af);

/* 1, 0 not an address, -1 another family. 4 or 16 bytes at @ret. */
int inet_parse(int af, const char *text, void *ret);
/* @text, or NULL: another family (*ret_code WSAEAFNOSUPPORT) or too little room
 * (WSA_INVALID_PARAMETER). */
const char *inet_print(int af, const void *addr, char *text, size_t size, int *ret_code);

/* An address with an optional port: "10.0.0.1:80", "[fe80::1%3]:80". Return: a WSA code. */
int inet_parse_name(int af, const char *text, struct wsd_sockaddr_storage *ret, int *ret_len);
int inet_print_name(const struct wsd_sockaddr_storage *name, int len, char *text, size_t size);

#endif
