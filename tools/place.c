/* SPDX-License-Identifier: MIT
 *
 * See place.h. No state.
 */
#include "place.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_built(const char *built, char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	if (!slash)
		return false;
	size_t used = (size_t)(slash - path);
	int more = snprintf(slash, size - used, "/%s", built);
	return more > 0 && (size_t)more < size - used && !access(path, R_OK);
}

bool place_find(const char *built, const char *folder, char *path, size_t size)
{
	const char *name = strrchr(built, '/');
	if (is_built(built, path, size))
		return true;
	snprintf(path, size, "%s/%s", folder, name ? name + 1 : built);
	return !access(path, R_OK);
}
