/* SPDX-License-Identifier: MIT
 *
 * `wsd bench compare` alone, without what measures: for test_bench_compare.
 */
#include "bench.h"

int main(int argc, char **argv)
{
	static char name[] = "wsd bench compare";
	argv[0] = name;
	return bench_compare(argc, argv);
}
