/* SPDX-License-Identifier: MIT
 *
 * The private data of CM messages, as a stranger's program may send it. No locks.
 */
#include "cmdata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmdata_request request;
	enum cmdata_reason reason;
	uint8_t *copy = malloc(size ? size : 1); /* exactly as long, for the sanitizer */
	memcpy(copy, data, size);
	if (cmdata_get_request(copy, size, &request) == CMDATA_OURS) {
		uint8_t again[CMDATA_REQUEST_SIZE];
		struct cmdata_request back;
		cmdata_put_request(again, &request);
		if (cmdata_get_request(again, sizeof(again), &back) != CMDATA_OURS ||
		    memcmp(&back, &request, sizeof(back)) != 0)
			abort();
	}
	if (cmdata_get_reject(copy, size, &reason) == CMDATA_OURS && reason != CMDATA_REFUSED &&
	    reason != CMDATA_BACKLOG && (int)reason < 0)
		abort();
	free(copy);
	return 0;
}
