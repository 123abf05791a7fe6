/* SPDX-License-Identifier: MIT
 *
 * Socket addresses between Winsock's shape and the kernel's [WS-NAME-9], and what can be read off
 * one. Pure functions; no locks.
 */
#ifndef WSD_SWITCH_ADDRESS_H
#define WSD_SWITCH_ADDRESS_H

#include <wsd/abi.h>

#include <stdbool.h>
#include <sys/socket.h>

/* Winsock family -> the kernel's, and back; -1: none of ours. */
int address_family_to_linux(int af);
int address_family_from_linux(int af);

/* Bytes of a sockaddr of Winsock family @af; for AF_UNIX the least it can have. 0: unknown family.
 */
int address_size(int af);

/* @name has @len bytes, at least address_size(). Return: 0 or -EAFNOSUPPORT. */
int address_to_linux(const void *name, int len, struct sockaddr_storage *ret, socklen_t *ret_len);
/* @ret_len: the size in Winsock's shape. */
int address_from_linux(const struct sockaddr *name, socklen_t len, struct wsd_sockaddr_storage *ret,
		       int *ret_len);

/* IPv4 and IPv6 only; ports in host order. */
unsigned address_port(const struct wsd_sockaddr_storage *a);
void address_set_port(struct wsd_sockaddr_storage *a, unsigned port);
bool address_is_wildcard(const struct wsd_sockaddr_storage *a);
bool address_is_multicast(const struct wsd_sockaddr_storage *a);
/* An IPv4 address, plain or v4-mapped, in network order. */
bool address_ipv4(const struct wsd_sockaddr_storage *a, uint32_t *ret_be);

#endif
