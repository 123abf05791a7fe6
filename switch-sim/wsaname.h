/* SPDX-License-Identifier: MIT
 *
 * Names and short meanings of the Windows Sockets codes, for the trace, the log and the tools
 * [winsock.md 1.1]. Data only, shared by everyone; no locks.
 */
#ifndef WSD_SWITCH_WSANAME_H
#define WSD_SWITCH_WSANAME_H

#include <stddef.h>

struct wsaname {
	int code;
	const char *name;    /* "WSAEADDRINUSE" */
	const char *meaning; /* "address taken" */
};

/* NULL if @code is none of ours (0 included). */
const struct wsaname *wsaname_find(int code);
const char *wsaname(int code);

/* All of them, in the order of their numbers. */
size_t wsaname_count(void);
const struct wsaname *wsaname_at(size_t i);

#endif
