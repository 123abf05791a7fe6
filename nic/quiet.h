/* SPDX-License-Identifier: MIT
 *
 * Writes whose failure is an error and nothing else: a reader that is gone is EPIPE without
 * SIGPIPE, a file that may not grow EFBIG without SIGXFSZ. Not for signal handlers. No locks.
 */
#ifndef WSD_NIC_QUIET_H
#define WSD_NIC_QUIET_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* On the caller's stack. Between the two calls, on one thread, those signals do not come; what has
 * come of them meanwhile is gone afterwards, what waited before waits on. */
struct quiet {
	sigset_t ours, before;
};
void quiet_begin(struct quiet *q);
void quiet_end(const struct quiet *q);

/* write(2) between the two. Keeps errno of the write. */
ssize_t quiet_write(int fd, const void *data, size_t len);
/* Whether writes to @fd, as it is now, may raise one of them. */
bool quiet_needed(int fd);

#endif
