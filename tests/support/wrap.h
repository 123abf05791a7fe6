/* SPDX-License-Identifier: MIT
 *
 * Calls that fail when a test says so: __wrap_@name for a program that is linked with
 * -Wl,--wrap=@name. The file that uses it has `int fault(@which)`: 0, or the errno to fail with.
 */
#ifndef WSD_TESTS_WRAP_H
#define WSD_TESTS_WRAP_H

#include <errno.h>

#define WSD_WRAP(which, type, failed, name, params, args) \
	type __real_##name params;                        \
	type __wrap_##name params;                        \
	type __wrap_##name params                         \
	{                                                 \
		int err = fault(which);                   \
		if (!err)                                 \
			return __real_##name args;        \
		errno = err;                              \
		return failed;                            \
	}

#endif
