/* SPDX-License-Identifier: MIT
 *
 * Shared by the scripting provider's files only.
 */
#ifndef WSD_SCENARIO_SCRIPT_PRIV_H
#define WSD_SCENARIO_SCRIPT_PRIV_H

#include <wsd/abi.h>

/* The code that this call is to end with; 0: it goes on to the provider. The text of @format is
 * "key=value, key=value". */
__attribute__((format(printf, 2, 3))) int script(const char *call, const char *format, ...);

/* Ends the calling function where the script has a code. */
#define UNLESS_SCRIPTED(failed, call, ...)                 \
	do {                                               \
		int scripted_ = script(call, __VA_ARGS__); \
		if (scripted_) {                           \
			*error = scripted_;                \
			return failed;                     \
		}                                          \
	} while (0)

/* script_extensions.c: the function's name, NULL if there is none behind this GUID; and what is
 * handed out in place of @function, which the provider has handed out. */
const char *script_extension(const void *guid);
void *script_extension_outer(const char *name, void *function);

#endif
