/* SPDX-License-Identifier: MIT
 *
 * The Winsock calls that a scenario may make: a call's name and arguments as texts in, its result
 * as a text out. Plain Winsock source: it is built against libwsdirect and, for the recorded
 * answers of Wine, against the real headers.
 *
 * Results: "ok" for a new handle, a number, an address with its port, a text in quotation marks,
 * events "FD_ACCEPT|FD_CLOSE", or an error's name. Any thread; variables have a lock of their own.
 */
#ifndef WSD_SCENARIO_CALLS_H
#define WSD_SCENARIO_CALLS_H

#include <stdbool.h>
#include <stddef.h>

enum { CALLS_ARGS = 8, CALLS_RESULT = 4096 };

struct call {
	const char *name;
	const char *variable; /* the new handle's; NULL: none is wanted */
	const char *args[CALLS_ARGS];
	size_t n_args;
};

/* A call of this name with so many arguments can be made; else a sentence in @why. */
bool calls_known(const char *name, size_t n_args, bool variable, char *why, size_t size);

/* Makes it. False: an argument makes no sense, @result says why. */
bool calls_make(const struct call *c, char *result, size_t size);

#endif
