/* SPDX-License-Identifier: MIT
 *
 * What another Winsock answers: for scripts/matrix-wine, which compiles it for Windows and runs it
 * under Wine. Both sockets are of one process, so of one user. Prints the 36 codes as rows of C.
 */
#include "cells.h"

#include <stdio.h>

static int try_cell(int first, int second)
{
	unsigned short port = 0;
	unsigned long long a, b;
	if (cell_bind(first, "127.0.0.1", &port, &a))
		return -1;
	int code = cell_bind(second, "127.0.0.1", &port, &b);
	if (!code)
		cell_close(b);
	cell_close(a);
	return code;
}

int main(void)
{
	if (cells_start())
		return 1;
	for (int first = 0; first < KINDS; first++) {
		printf("\t{");
		for (int second = 0; second < KINDS; second++)
			printf("%d%s", try_cell(first, second), second + 1 < KINDS ? ", " : "},\n");
	}
	cells_stop();
	return 0;
}
