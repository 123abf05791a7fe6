/* SPDX-License-Identifier: MIT
 *
 * The log's sink. Write-once state: the descriptor and level are settled at the first line.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
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
	int fd; /* -1: silent */
	enum wsd_log_level level;
} sink = {.once = PTHREAD_ONCE_INIT, .fd = -1, .level = WSD_LOG_INFO};

static void open_sink(void)
{
	const char *where = secure_getenv("WSD_LOG");
	const char *level = secure_getenv("WSD_LOG_LEVEL");
	bool known = !level || !*level;
	for (unsigned i = 0; !known && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		known = !strcasecmp(level, level_names[i]);
		if (known)
			sink.level = (enum wsd_log_level)i;
	}
	if (!where || !*where)
		return;
	if (!strcasecmp(where, "stderr"))
		sink.fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		sink.fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (!known && sink.fd >= 0)
		dprintf(sink.fd, "WSD_LOG_LEVEL = %s is none of its values; taking info\n", level);
}

void wsd_log(enum wsd_log_level level, const char *format, ...)
{
	int saved = errno;
	pthread_once(&sink.once, open_sink);
	if (sink.fd >= 0 && level <= sink.level) {
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
		if (write(sink.fd, line, (size_t)n) < 0)
			sink.level = WSD_LOG_ERROR; /* nowhere to say it; errors are still tried */
	}
	errno = saved;
}
