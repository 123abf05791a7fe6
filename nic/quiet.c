/* SPDX-License-Identifier: MIT
 *
 * See quiet.h. No state.
 */
#include "quiet.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void quiet_begin(struct quiet *q)
{
	static const int kept[] = {SIGPIPE, SIGXFSZ};
	sigset_t pending, block;
	sigemptyset(&block);
	sigemptyset(&q->ours);
	sigpending(&pending);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		sigaddset(&block, kept[i]);
		if (!sigismember(&pending, kept[i]))
			sigaddset(&q->ours, kept[i]);
	}
	pthread_sigmask(SIG_BLOCK, &block, &q->before);
}

void quiet_end(const struct quiet *q)
{
	static const struct timespec now;
	int saved = errno, r;
	do
		r = sigtimedwait(&q->ours, NULL, &now);
	while (r > 0 || (r < 0 && errno == EINTR));
	pthread_sigmask(SIG_SETMASK, &q->before, NULL);
	errno = saved;
}

ssize_t quiet_write(int fd, const void *data, size_t len)
{
	struct quiet q;
	quiet_begin(&q);
	ssize_t n = write(fd, data, len);
	quiet_end(&q);
	return n;
}

bool quiet_needed(int fd)
{
	struct stat st;
	struct rlimit limit;
	if (fstat(fd, &st) || S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return true;
	return S_ISREG(st.st_mode) &&
	       (getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_cur != RLIM_INFINITY);
}
