/* SPDX-License-Identifier: MIT
 *
 * Writes that fail and raise no signal, and the signals that were there before.
 */
#include "check.h"

#include "quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the test has in front of it: the harness may block or ignore some. */
static void begin(void)
{
	sigset_t both;
	sigemptyset(&both);
	sigaddset(&both, SIGPIPE);
	sigaddset(&both, SIGXFSZ);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

static bool is_pending(int number)
{
	sigset_t set;
	sigpending(&set);
	return sigismember(&set, number);
}

static bool is_blocked(int number)
{
	sigset_t set;
	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, number);
}

Test(quiet, a_reader_that_is_gone_is_an_error)
{
	int ends[2];
	begin();
	cr_assert_eq(pipe(ends), 0);
	cr_assert(quiet_needed(ends[1]));
	cr_assert_eq(quiet_write(ends[1], "x", 1), 1);
	close(ends[0]);
	errno = 0;
	cr_assert_eq(quiet_write(ends[1], "x", 1), -1);
	cr_assert_eq(errno, EPIPE);
	cr_assert(!is_pending(SIGPIPE) && !is_blocked(SIGPIPE));
	close(ends[1]);
}

Test(quiet, a_file_that_may_not_grow_is_an_error)
{
	char path[] = "/tmp/wsd-quiet-XXXXXX";
	struct rlimit limit = {4, RLIM_INFINITY}, before;
	begin();
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	unlink(path);
	getrlimit(RLIMIT_FSIZE, &before);
	limit.rlim_max = before.rlim_max;
	bool free_to_grow = before.rlim_cur == RLIM_INFINITY;
	cr_expect_eq(quiet_needed(fd), !free_to_grow);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	bool needed = quiet_needed(fd);
	ssize_t first = quiet_write(fd, "four", 4), second = quiet_write(fd, "five", 4);
	int err = errno;
	setrlimit(RLIMIT_FSIZE, &before);
	cr_assert(needed);
	cr_assert_eq(first, 4);
	cr_assert_eq(second, -1);
	cr_assert_eq(err, EFBIG);
	cr_assert(!is_pending(SIGXFSZ) && !is_blocked(SIGXFSZ));
	close(fd);
}

Test(quiet, what_waited_before_waits_on)
{
	sigset_t pipe_only, before;
	struct timespec now = {0, 0};
	int ends[2];
	begin();
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	pthread_kill(pthread_self(), SIGPIPE);
	cr_assert_eq(pipe(ends), 0);
	close(ends[0]);
	cr_assert_eq(quiet_write(ends[1], "x", 1), -1);
	cr_assert(is_pending(SIGPIPE) && is_blocked(SIGPIPE));
	cr_assert_eq(sigtimedwait(&pipe_only, NULL, &now), SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
}
