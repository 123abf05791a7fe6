/* SPDX-License-Identifier: MIT
 *
 * Programs behind subcommands: they link what wsd itself must not.
 */
#include "place.h"
#include "wsd.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int wsd_become(const char *program, char **argv)
{
	char path[PATH_MAX];

	place_find(program, WSD_LIBEXECDIR "/wsdirect", path, sizeof(path));
	execv(path, argv);
	wsd_complain("cannot run %s: %s", path, strerror(errno));
	return WSD_EXIT_FAIL;
}
