/* SPDX-License-Identifier: MIT
 *
 * Programs behind subcommands: they link what wsd itself must not, and stand where they were built
 * or installed.
 */
#include "wsd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Below this program's folder in a build folder. */
static bool built(const char *program, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return false;
	size_t used = (size_t)(slash - path);
	int more = snprintf(slash, size - used, "/%s", program);
	return more > 0 && (size_t)more < size - used && !access(path, X_OK);
}

int wsd_become(const char *program, char **argv)
{
	char path[PATH_MAX];
	const char *name = strrchr(program, '/');

	if (!built(program, path, sizeof(path)))
		snprintf(path, sizeof(path), "%s/wsdirect/%s", WSD_LIBEXECDIR,
			 name ? name + 1 : program);
	execv(path, argv);
	wsd_complain("cannot run %s: %s", path, strerror(errno));
	return WSD_EXIT_FAIL;
}
