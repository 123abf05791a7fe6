/* SPDX-License-Identifier: MIT
 *
 * cmd_bench.c - `wsd bench`: hands over to the program wsd-bench, which links what this one must
 * not. It stands where it was built or installed.
 */
#include "wsd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "wsd-bench"

/* Beside this program in a build folder. */
static int built(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;
	if (n < 0)
		return -1;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -1;
	*slash = '\0';
	size_t used = strlen(path);
	int more = snprintf(path + used, size - used, "/" PROGRAM);
	return more > 0 && (size_t)more < size - used ? access(path, X_OK) : -1;
}

int cmd_bench(int argc, char **argv)
{
	static const char installed[] = WSD_LIBEXECDIR "/wsdirect/" PROGRAM;
	char path[PATH_MAX];

	(void)argc;
	if (built(path, sizeof(path)))
		memcpy(path, installed, sizeof(installed));
	execv(path, argv);
	wsd_complain("cannot run %s: %s", path, strerror(errno));
	return WSD_EXIT_FAIL;
}
