/* SPDX-License-Identifier: MIT
 *
 * What the provider puts into the private data of CM messages [PROV-BIND-23 PROV-CONNECT-7].
 *
 *      0   1   2   3   4   5   6   7   8         12    14    16        20
 *    | W | S | D |ver|len|kind| 0 | 0 | src addr |s.port|d.port| dst addr |   request, 20 bytes
 *    | W | S | D |ver|len|kind|why| 0 |                                       reject, 8 bytes
 *
 * The receiver always sees the transport's maximum (56 bytes of a request, 148 of a reject), never
 * what was sent: hence len, the bytes that count. Addresses and ports are in network order. A later
 * version may be longer; what it adds stands at the end and version 1 ignores it.
 */
#ifndef WSD_PROVIDER_CMDATA_H
#define WSD_PROVIDER_CMDATA_H

#include <stddef.h>
#include <stdint.h>

enum {
	CMDATA_VERSION = 1,
	CMDATA_REQUEST_SIZE = 20,
	CMDATA_REJECT_SIZE = 8,
	CMDATA_REQUEST_MAX = 56, /* of the transport */
};

/* The true names of a connection: rdma_cm's own source port comes from a pool. */
struct cmdata_request {
	uint32_t src_addr_be, dst_addr_be;
	uint16_t src_port_be, dst_port_be;
};

enum cmdata_reason {
	CMDATA_REFUSED = 1, /* the application or the switch said no [PROV-ACCEPT-7] */
	CMDATA_BACKLOG = 2, /* the queue is full [PROV-LISTEN-3] */
};

enum cmdata_verdict {
	CMDATA_OURS,
	CMDATA_FOREIGN, /* no magic: another librdmacm program [PROV-ACCEPT-12] */
	CMDATA_GARBLED, /* our magic, and then nothing that makes sense */
};

void cmdata_put_request(uint8_t out[CMDATA_REQUEST_SIZE], const struct cmdata_request *r);
void cmdata_put_reject(uint8_t out[CMDATA_REJECT_SIZE], enum cmdata_reason reason);

/* @len: what the CM reported. *ret is set for CMDATA_OURS only. @data may be NULL when len is 0. */
enum cmdata_verdict cmdata_get_request(const void *data, size_t len, struct cmdata_request *ret);
enum cmdata_verdict cmdata_get_reject(const void *data, size_t len, enum cmdata_reason *ret);

#endif
