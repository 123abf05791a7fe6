/* SPDX-License-Identifier: MIT
 *
 * Descriptors used up, for a while. Header only.
 */
#ifndef WSD_TESTS_SCARCE_H
#define WSD_TESTS_SCARCE_H

#include <criterion/criterion.h>
#include <stdbool.h>
#include <sys/resource.h>

/* None can be opened any more; what is open stays. */
__attribute__((unused)) static void no_descriptors(bool none)
{
	static rlim_t before;
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (none)
		before = limit.rlim_cur;
	limit.rlim_cur = none ? 0 : before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#endif
