/* SPDX-License-Identifier: MIT
 *
 * bench_report_tool.c - `wsd bench report` alone, without what measures.
 */
#include "bench.h"

int main(int argc, char **argv)
{
	static char name[] = "wsd bench report";
	argv[0] = name;
	return bench_report(argc, argv);
}
