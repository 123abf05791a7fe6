/* SPDX-License-Identifier: MIT
 *
 * The log's sink. Write-once state: where to and from which level is settled at the first line, the
 * descriptor when it can be had.
 */
#include "log.h"
#include "quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1000 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

static struct {
	pthread_once_t once;
	bool wanted;
	atomic_int fd; /* -1: not open */
	enum wsd_log_level level;
} sink = {.once = PTHREAD_ONCE_INIT, .fd = -1, .level = WSD_LOG_INFO};

/* No lock: a fork may come at any time. */
static int sink_fd(void)
{
	int fd = atomic_load(&sink.fd), none = -1;
	const char *where = fd < 0 ? secure_getenv("WSD_LOG") : NULL;
	if (!where || !*where)
		return fd;
	bool error_output = !strcasecmp(where, "stderr");
	if (error_output)
		fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else /* O_NONBLOCK: a FIFO that nobody reads must not hold up the program */
		fd = open(where,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			  0600);
	if (fd < 0) /* descriptors may be used up: that is when lines count */
		return error_output ? STDERR_FILENO : -1;
	if (atomic_compare_exchange_strong(&sink.fd, &none, fd))
		return fd;
	close(fd);
	return none;
}

static void settle(void)
{
	const char *where = secure_getenv("WSD_LOG");
	const char *level = secure_getenv("WSD_LOG_LEVEL");
	bool known = !level || !*level;
	for (unsigned i = 0; !known && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		known = !strcasecmp(level, level_names[i]);
		if (known)
			sink.level = (enum wsd_log_level)i;
	}
	sink.wanted = where && *where;
	int fd = sink.wanted && !known ? sink_fd() : -1;
	if (fd >= 0)
		dprintf(fd, "WSD_LOG_LEVEL = %s is none of its values; taking info\n", level);
}

void wsd_log(enum wsd_log_level level, const char *format, ...)
{
	int saved = errno;
	pthread_once(&sink.once, settle);
	int fd = sink.wanted && level <= sink.level ? sink_fd() : -1;
	if (fd >= 0) {
		char line[LINE_MAX_BYTES + 1];
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		int n = snprintf(line, sizeof(line),
				 "%lld.%06ld %d/%ld %s: ", (long long)now.tv_sec,
				 now.tv_nsec / 1000, (int)getpid(), (long)syscall(SYS_gettid),
				 level_names[level]);
		va_list args;
		va_start(args, format);
		int more = vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
		va_end(args);
		n += more < 0 ? 0 : more;
		if (n > LINE_MAX_BYTES - 1)
			n = LINE_MAX_BYTES - 1;
		line[n++] = '\n';
		if (quiet_write(fd, line, (size_t)n) < 0)
			sink.level = WSD_LOG_ERROR; /* nowhere to say it; errors are still tried */
	}
	errno = saved;
}
