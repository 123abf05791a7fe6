/* SPDX-License-Identifier: MIT
 *
 * The subnet table: which provider serves which local address and network [switch.md part 2].
 *
 * A table is immutable and counted; a look-up uses the table it started with [SW-PNP-4]. Building
 * is pure: everything it needs is passed in. No locks.
 */
#ifndef WSD_SWITCH_SUBNETS_H
#define WSD_SWITCH_SUBNETS_H

#include "addrs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct san_provider;
struct subnets;

/* What one provider said to SIO_ADDRESS_LIST_QUERY; in order of registration. */
struct subnets_source {
	struct san_provider *provider;
	const char *label;
	const uint32_t *addrs_be;
	size_t count;
};

struct subnets_row {
	uint32_t addr_be;    /* local address */
	uint32_t network_be; /* with the mask applied */
	uint8_t prefix_len;
	unsigned ifindex; /* the NIC */
	struct san_provider *provider;
};

/* What the providers said and TCP/IP did not confirm, or the other way round [SW-PNP-2]. */
struct subnets_doubts {
	size_t unknown;  /* addresses of a provider that TCP/IP does not have: no row */
	size_t loopback; /* 127/8 in a provider's list: never a row [SW-SUBNET-4] */
	size_t autoconf; /* left out because autoconfiguration is off [SW-WILD-4] */
};

/**
 * subnets_build - make a table with one reference [SW-SUBNET-1]
 * @tcpip: the host's addresses with their masks; an address that TCP/IP lacks gets no row
 * @use_autoconf: may 169.254/16 addresses of this interface be used? NULL: yes
 * Return: 0 or -ENOMEM. @ret_doubts may be NULL.
 */
int subnets_build(const struct subnets_source *sources, size_t n_sources,
		  const struct addrs_row *tcpip, size_t n_tcpip,
		  bool (*use_autoconf)(void *arg, const char *ifname), void *arg,
		  struct subnets **ret, struct subnets_doubts *ret_doubts);

struct subnets *subnets_ref(struct subnets *t);
void subnets_put(struct subnets *t); /* NULL is fine */

/* The row whose local address this is; of several the provider registered first. NULL: none. Hash.
 */
const struct subnets_row *subnets_local(const struct subnets *t, uint32_t addr_be);

/**
 * subnets_route - the row for a connection [SW-SUBNET-2, -3, -4]
 * @bound_be: the socket's local address, 0 if none
 * Return: the row, borrowed from @t, or NULL: TCP/IP.
 */
const struct subnets_row *subnets_route(const struct subnets *t, uint32_t dest_be,
					uint32_t bound_be);

/* The providers, in order of registration, those without rows included [SW-SUBNET-6]. */
size_t subnets_providers(const struct subnets *t);
struct san_provider *subnets_provider(const struct subnets *t, size_t i);
bool subnets_has_provider(const struct subnets *t, const struct san_provider *provider);

/* The rows of provider number @i, in the order of its list. */
const struct subnets_row *subnets_rows(const struct subnets *t, size_t i, size_t *ret_count);
size_t subnets_count(const struct subnets *t);

#endif
