/* SPDX-License-Identifier: MIT
 *
 * Linux errno -> WSA code for the TCP/IP provider: (call, errno, state of the socket) as data
 * [WS-ERR-4, winsock.md part 11]. The first row that fits decides. No locks.
 */
#ifndef WSD_SWITCH_ERRMAP_H
#define WSD_SWITCH_ERRMAP_H

#include <stddef.h>

enum errmap_call {
	ERRMAP_ANY_CALL, /* in rows only */
	ERRMAP_SOCKET,
	ERRMAP_BIND,
	ERRMAP_LISTEN,
	ERRMAP_ACCEPT,
	ERRMAP_CONNECT,
	ERRMAP_SEND,
	ERRMAP_SENDTO,
	ERRMAP_RECV,
	ERRMAP_SHUTDOWN,
	ERRMAP_GETSOCKNAME,
	ERRMAP_GETSOCKOPT,
	ERRMAP_SETSOCKOPT,
	ERRMAP_IOCTL,
	ERRMAP_CLOSE,
	ERRMAP_CALL_COUNT
};

/* What the kernel socket is, as far as the meaning of an errno depends on it. */
enum errmap_state {
	ERRMAP_ANY_STATE, /* in rows; also "not known" in a query */
	ERRMAP_UNBOUND,
	ERRMAP_BOUND,
	ERRMAP_LISTENING,
	ERRMAP_CONNECTED,
	ERRMAP_SHUT, /* shut down locally in the direction of the call */
	ERRMAP_UNIX, /* AF_UNIX, whatever its state */
	ERRMAP_STATE_COUNT
};

struct errmap_row {
	enum errmap_call call;
	int error;
	enum errmap_state state;
	int code; /* 0: the call has succeeded */
	const char *why;
};

/* 0 when @error is 0 or the row says so; WSASYSCALLFAILURE (logged) without a row. */
int errmap(enum errmap_call call, int error, enum errmap_state state);

/* The table, for the tests and the documentation. */
const struct errmap_row *errmap_rows(size_t *ret_count);

#endif
