/* SPDX-License-Identifier: MIT
 *
 * See output.h. State: whose output it is, and whether its loss was told. Not for several threads.
 */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS = 1 };

static const char *name = "";
static bool told;

int output_push(void)
{
	errno = 0;
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	/* an earlier write failed: errno is of another time then */
	if (!told)
		fprintf(stderr, "%s: cannot write: %s\n", name, strerror(errno ? errno : EIO));
	told = true;
	return -1;
}

static void at_end(void)
{
	if (output_push())
		_exit(STATUS);
}

/* A file or a socket that gets the number of a closed output would be written to. So that a write
 * fails as before, what is in its place cannot be written. */
static void occupy(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void output_watch(const char *program)
{
	occupy();
	name = program;
	if (atexit(at_end))
		_exit(STATUS);
}
