/* SPDX-License-Identifier: MIT
 *
 * From an errno of rdma_cm or the system to the WSA code of an operation: data, row by row, each
 * with its reason. Only codes that the operation's list in provider.md allows.
 */
#ifndef WSD_PROVIDER_ERRMAP_H
#define WSD_PROVIDER_ERRMAP_H

#include <stddef.h>

enum errmap_op {
	EO_STARTUP,
	EO_SOCKET,
	EO_BIND,
	EO_LISTEN,
	EO_CONNECT,
	EO_ACCEPT,
	EO_REGISTER,
	EO_TRANSFER,
	EO_COUNT
};

struct errmap_row {
	enum errmap_op op;
	int err;  /* errno, positive; 0: any other (the last row of an operation) */
	int code; /* WSA */
	const char *reason;
};

/* The code for @err, negative as rdma_cm's callers pass it on. 0 for 0. */
int errmap(enum errmap_op op, int err);

/* For the test and the documentation. */
const struct errmap_row *errmap_rows(size_t *ret_count);

#endif
