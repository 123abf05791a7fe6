/* SPDX-License-Identifier: MIT
 *
 * cmd_matrix.c - `wsd matrix`: hands over to the program wsd-matrix.
 */
#include "wsd.h"

int cmd_matrix(int argc, char **argv)
{
	(void)argc;
	return wsd_become("matrix/wsd-matrix", argv);
}
