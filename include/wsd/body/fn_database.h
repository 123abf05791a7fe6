/* SPDX-License-Identifier: MIT */
/*
 * Services, protocols and hosts by name and number, as Berkeley had them; written once for both
 * faces. They cannot be had from libc: <netdb.h> does not go with <winsock2.h>. Never included
 * directly, hence without a guard. Contracts: Microsoft's pages of these functions (winsock.md has
 * no clauses for them).
 *
 * What they return is memory of the calling thread that the caller must not change or free: each
 * function has its own, and it lasts until the thread's next call of the same function. Texts are
 * the locale's bytes. They may read files or ask a name service, and wait for it. NULL: failure,
 * with one of: WSAEFAULT a pointer NULL or unreadable; WSANO_DATA the data base (libc's: see
 * nsswitch.conf) has no such entry; WSANO_RECOVERY it cannot be read, or the entry is longer than
 * 4096 bytes; WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED. WSAENETDOWN, WSATRY_AGAIN and
 * WSAEINPROGRESS, which Windows lists, do not happen here.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/* A service by its name or an alias; proto ("tcp", "udp") NULL: the first of any protocol. */
WSD_FN(struct WSD_NAME(servent) *, getservbyname, (const char *name, const char *proto));

/* A service by its port, network byte order; only the low 16 bits count. proto as above. */
WSD_FN(struct WSD_NAME(servent) *, getservbyport, (int port, const char *proto));

/* A protocol by its name or an alias: "tcp" is 6. */
WSD_FN(struct WSD_NAME(protoent) *, getprotobyname, (const char *name));

/* A protocol by its number. */
WSD_FN(struct WSD_NAME(protoent) *, getprotobynumber, (int number));

/*
 * The host with an address of len bytes in network order (type AF_INET: 4, AF_INET6: 16; a longer
 * len is let through). h_addr_list holds that one address, h_aliases none. WSAEFAULT addr NULL or
 * unreadable, or len short; WSAEAFNOSUPPORT type; WSAHOST_NOT_FOUND no name; WSATRY_AGAIN;
 * WSANO_RECOVERY; WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED.
 */
WSD_FN(struct WSD_NAME(hostent) *, gethostbyaddr, (const char *addr, int len, int type));
