/* SPDX-License-Identifier: MIT
 *
 * The private data of requests and rejects: the picture is in cmdata.h. Pure functions.
 */
#include "cmdata.h"

#include <string.h>

enum { KIND_REQUEST = 1, KIND_REJECT = 2, HEADER_SIZE = 8 };

static const uint8_t magic[3] = {'W', 'S', 'D'};

static void put_header(uint8_t *out, uint8_t len, uint8_t kind, uint8_t why)
{
	memcpy(out, magic, sizeof(magic));
	out[3] = CMDATA_VERSION;
	out[4] = len;
	out[5] = kind;
	out[6] = why;
	out[7] = 0;
}

static enum cmdata_verdict check_header(const uint8_t *in, size_t len, uint8_t kind, uint8_t size)
{
	if (len < sizeof(magic) || memcmp(in, magic, sizeof(magic)) != 0)
		return CMDATA_FOREIGN;
	if (len < size || in[3] < CMDATA_VERSION || in[4] < size || in[4] > len || in[5] != kind)
		return CMDATA_GARBLED;
	/* Exactly this long is what this version sends. */
	if (in[3] == CMDATA_VERSION && in[4] != size)
		return CMDATA_GARBLED;
	return CMDATA_OURS;
}

void cmdata_put_request(uint8_t out[CMDATA_REQUEST_SIZE], const struct cmdata_request *r)
{
	put_header(out, CMDATA_REQUEST_SIZE, KIND_REQUEST, 0);
	memcpy(out + 8, &r->src_addr_be, 4);
	memcpy(out + 12, &r->src_port_be, 2);
	memcpy(out + 14, &r->dst_port_be, 2);
	memcpy(out + 16, &r->dst_addr_be, 4);
}

void cmdata_put_reject(uint8_t out[CMDATA_REJECT_SIZE], enum cmdata_reason reason)
{
	put_header(out, CMDATA_REJECT_SIZE, KIND_REJECT, (uint8_t)reason);
}

enum cmdata_verdict cmdata_get_request(const void *data, size_t len, struct cmdata_request *ret)
{
	const uint8_t *in = data;
	enum cmdata_verdict v = check_header(in, len, KIND_REQUEST, CMDATA_REQUEST_SIZE);
	if (v != CMDATA_OURS)
		return v;
	memcpy(&ret->src_addr_be, in + 8, 4);
	memcpy(&ret->src_port_be, in + 12, 2);
	memcpy(&ret->dst_port_be, in + 14, 2);
	memcpy(&ret->dst_addr_be, in + 16, 4);
	return CMDATA_OURS;
}

enum cmdata_verdict cmdata_get_reject(const void *data, size_t len, enum cmdata_reason *ret)
{
	const uint8_t *in = data;
	enum cmdata_verdict v = check_header(in, len, KIND_REJECT, CMDATA_REJECT_SIZE);
	if (v != CMDATA_OURS)
		return v;
	if (in[6] != CMDATA_REFUSED && in[6] != CMDATA_BACKLOG)
		return CMDATA_GARBLED;
	*ret = (enum cmdata_reason)in[6];
	return CMDATA_OURS;
}
