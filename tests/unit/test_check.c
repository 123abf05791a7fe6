/* SPDX-License-Identifier: MIT
 *
 * The support macros themselves: a test that cannot fail is none.
 */
#include "check.h"

#include <fcntl.h>

Test(check, nothing_left_passes)
{
	WSD_TEST_BEGIN();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cr_assert_geq(fd, 0);
	cr_assert_eq(wsd_check_fds(), wsd_check_.fds + 1);
	close(fd);
	WSD_TEST_END();
}

Test(check, a_condition_that_never_comes_ends_at_the_deadline)
{
	long long start = wsd_check_now_ms();
	cr_assert_not(WSD_WITHIN(false, 20));
	cr_assert_geq(wsd_check_now_ms() - start, 20);
	cr_assert(WSD_UNTIL(true, 0));
}
