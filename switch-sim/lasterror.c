/* SPDX-License-Identifier: MIT
 *
 * The per-thread code. Initial-exec: four bytes of static TLS instead of a call per access.
 */
#include "lasterror.h"

static _Thread_local DWORD last_error __attribute__((tls_model("initial-exec")));

DWORD lasterror_get(void)
{
	return last_error;
}

void lasterror_set(DWORD code)
{
	last_error = code;
}
