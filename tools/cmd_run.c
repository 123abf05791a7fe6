/* SPDX-License-Identifier: MIT
 *
 * cmd_run.c - `wsd run`: hands over to the program wsd-run.
 */
#include "wsd.h"

int cmd_run(int argc, char **argv)
{
	(void)argc;
	return wsd_become("scenario/wsd-run", argv);
}
