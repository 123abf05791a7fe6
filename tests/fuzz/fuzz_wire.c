/* SPDX-License-Identifier: MIT
 *
 * One message for the decoder. What it takes must survive the encoder unchanged. No locks.
 */
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sm_message m, again;
	char text[64];
	enum sm_fault fault = sm_decode(data, size, &m);
	must(sm_fault_text(fault) != NULL, "a fault without a text");
	if (fault)
		return 0;
	sm_print(text, sizeof(text), &m, size);
	must(m.payload_length <= size && m.descriptor_length <= size, "a part beyond the message");
	uint8_t *bytes = malloc(size);
	uint32_t n = sm_encode(&m, bytes, size);
	must(n && n <= size, "what was decoded cannot be encoded");
	must(sm_decode(bytes, n, &again) == SM_FINE, "what was encoded cannot be decoded");
	must(again.opcode == m.opcode && again.seq == m.seq && again.xid == m.xid &&
		     again.credits == m.credits && again.total == m.total &&
		     again.bytes == m.bytes && again.offset == m.offset &&
		     again.payload_length == m.payload_length &&
		     again.descriptor_length == m.descriptor_length,
	     "a field has changed");
	must(!m.payload_length || !memcmp(m.payload, again.payload, m.payload_length),
	     "the payload has changed");
	free(bytes);
	return 0;
}
