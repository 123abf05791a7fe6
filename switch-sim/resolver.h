/* SPDX-License-Identifier: MIT
 *
 * Names of hosts and services, by libc's resolver, in Winsock's shapes and codes [WS-NAME-9]. No
 * locks.
 */
#ifndef WSD_SWITCH_RESOLVER_H
#define WSD_SWITCH_RESOLVER_H

#include <wsd/abi.h>

/* All return a WSA code. Lists are freed by resolver_free. */
int resolver_lookup(const char *node, const char *service, const ADDRINFOA *hints, ADDRINFOA **ret);
void resolver_free(ADDRINFOA *list);

/* The same; the names in the list are UTF-16. */
int resolver_lookup_wide(const char *node, const char *service, const ADDRINFOW *hints,
			 ADDRINFOW **ret);
void resolver_free_wide(ADDRINFOW *list);

int resolver_names(const void *name, int namelen, char *node, DWORD node_size, char *service,
		   DWORD service_size, int flags);

/* The host's addresses in @ret (room for @max, network order) and its official name (freed by the
 * caller). */
int resolver_ipv4(const char *name, ULONG *ret, unsigned max, unsigned *ret_count, char **ret_name);

/* A sentence for a code; never NULL. */
const char *resolver_error(int code);

#endif
