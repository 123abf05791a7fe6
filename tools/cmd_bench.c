/* SPDX-License-Identifier: MIT
 *
 * cmd_bench.c - `wsd bench`: hands over to the program wsd-bench.
 */
#include "wsd.h"

int cmd_bench(int argc, char **argv)
{
	(void)argc;
	return wsd_become("wsd-bench", argv);
}
