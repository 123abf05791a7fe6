/* SPDX-License-Identifier: MIT
 *
 * The per-thread code. Not initial-exec: that would put all thread-local data of the library into
 * the static block, which a program that loads it by dlopen has no room for.
 */
#include "lasterror.h"

static _Thread_local DWORD last_error;

DWORD lasterror_get(void)
{
	return last_error;
}

void lasterror_set(DWORD code)
{
	last_error = code;
}
