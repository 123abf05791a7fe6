/* SPDX-License-Identifier: MIT
 *
 * What the switch sends to the peer so that it can reach registered memory: 32 bytes, integers
 * big-endian, no lkey, no address of this process (the NIC knows the memory under an address of its
 * own) [PROV-MEM-6]. No locks.
 *
 *     0 version  1 rights  2 size (u16)  4 length (u32)  8 address (u64)  16 id (u64)
 *    24 rkey (u32)  28 checksum of all before it (u32, FNV-1a)
 */
#include <endian.h>
#include <string.h>

#include "memory.h"

enum { VERSION = 1 };

struct wire {
	uint8_t version, rights;
	uint16_t size_be;
	uint32_t length_be;
	uint64_t address_be, id_be;
	uint32_t rkey_be, sum_be;
};
_Static_assert(sizeof(struct wire) == MEM_DESCRIPTOR_SIZE, "constant size [PROV-MEM-6]");

static uint32_t sum(const struct wire *w)
{
	const uint8_t *b = (const uint8_t *)w;
	uint32_t h = 2166136261U;
	for (size_t i = 0; i < offsetof(struct wire, sum_be); i++)
		h = (h ^ b[i]) * 16777619U;
	return h;
}

void descriptor_put(uint8_t out[MEM_DESCRIPTOR_SIZE], const struct remote *r)
{
	struct wire w = {
		.version = VERSION,
		.rights = (uint8_t)r->rights,
		.size_be = htobe16(sizeof(w)),
		.length_be = htobe32(r->length),
		.address_be = htobe64(r->address),
		.id_be = htobe64(r->id),
		.rkey_be = htobe32(r->rkey),
	};
	w.sum_be = htobe32(sum(&w));
	memcpy(out, &w, sizeof(w));
}

bool descriptor_get(const void *in, size_t size, struct remote *ret)
{
	struct wire w;
	if (!in || size != sizeof(w))
		return false;
	memcpy(&w, in, sizeof(w));
	if (w.version != VERSION || be16toh(w.size_be) != sizeof(w) || be32toh(w.sum_be) != sum(&w))
		return false;
	*ret = (struct remote){
		.address = be64toh(w.address_be),
		.id = be64toh(w.id_be),
		.length = be32toh(w.length_be),
		.rkey = be32toh(w.rkey_be),
		.rights = w.rights,
	};
	return true;
}
