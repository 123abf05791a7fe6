/* SPDX-License-Identifier: MIT
 *
 * progress.c - see progress.h. The time left is what the batches so far took, on average.
 */
#include "progress.h"

#include "run.h"

#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_COLUMNS = 79 };

void progress_begin(struct progress *p, long all)
{
	*p = (struct progress){.fd = isatty(STDERR_FILENO) ? STDERR_FILENO : -1,
			       .begun = bench_now_ns(),
			       .all = all,
			       .what = "",
			       .where = ""};
}

void progress_time(double seconds, char *text, unsigned size)
{
	long s = (long)(seconds + 0.5);
	if (s >= 3600)
		snprintf(text, size, "%ld h %ld min", s / 3600, s / 60 % 60);
	else if (s >= 60)
		snprintf(text, size, "%ld min %ld s", s / 60, s % 60);
	else
		snprintf(text, size, "%ld s", s);
}

static void put(int fd, const char *text, int n)
{
	if (n > 0 && write(fd, text, (size_t)n) < 0)
		return; /* a terminal that went away */
}

void progress_show(struct progress *p)
{
	char line[256], left[40] = "?";
	if (p->fd < 0)
		return;
	if (p->done)
		progress_time((bench_now_ns() - p->begun) / 1e9 / (double)p->done *
				      (double)(p->all - p->done),
			      left, sizeof(left));
	int n = snprintf(line, sizeof(line), "%3ld %%, %s left  %s  %s",
			 p->all ? 100 * p->done / p->all : 0, left, p->what, p->where);
	if (n > LINE_MAX_COLUMNS)
		n = LINE_MAX_COLUMNS;
	put(p->fd, "\r\033[K", 4);
	put(p->fd, line, n);
}

void progress_end(struct progress *p)
{
	if (p->fd >= 0)
		put(p->fd, "\r\033[K", 4);
	p->fd = -1;
}
