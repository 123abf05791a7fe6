/* SPDX-License-Identifier: MIT
 *
 * `wsd bench` under a launcher, over kernel TCP: what is told when all goes well, when a rank dies,
 * and when one hangs.
 */
#include "bench_ranks.h"

TestSuite(bench_ranks, .timeout = 110);

/* Two points; the first one has been brought when the second, of two contenders, is at its end. */
#define SHORT "lat --beside tcp -s 1,2 -n 20 --warmup 0 --repeat 2"
#define LONG  "lat --beside tcp -s 1,2 -D 1 --warmup 0 --repeat %d"

/* What has been measured is told, as far as that is so: on a slow machine it takes its time. */
static struct run *cut_short(int port, const char *then)
{
	for (int seconds = 4; seconds < 30; seconds *= 2) {
		char words[128], script[512];
		snprintf(words, sizeof(words), LONG, seconds / 2);
		/* a point: 2 contenders, seconds / 2 rounds of a second */
		snprintf(script, sizeof(script), "sleep %d; %s; cat 0; grep stopped json",
			 seconds * 3 / 2 + 1, then);
		struct run *r = bench_ranks(3, port, words, script);
		if (strstr(r->text, "there and back, 1 byte"))
			return r;
		free(r);
	}
	cr_assert_fail("nothing was measured");
	return NULL;
}

Test(bench_ranks, two_clients_and_one_result)
{
	WSD_TEST_BEGIN();
	struct run *r =
		bench_ranks(3, 23030, SHORT,
			    "for c in $c0 $c1 $c2; do ended $c 60; done; cat 0; grep stopped json");
	BENCH_SAYS(r, "status=0\nstatus=0\nstatus=0\n");
	BENCH_SAYS(r, "\"stopped\": null");
	BENCH_SAYS(r, "client 1");
	free(r);
	WSD_TEST_END();
}

Test(bench_ranks, two_servers_and_two_clients)
{
	WSD_TEST_BEGIN();
	struct run *r = bench_ranks(4, 23046, "lat 127.0.0.1 --beside tcp -n 20 --repeat 2",
				    "for c in $c0 $c1 $c2 $c3; do ended $c 60; done; cat 0 1");
	BENCH_SAYS(r, "status=0\nstatus=0\nstatus=0\nstatus=0\n");
	BENCH_SAYS(r, "switch / tcp");
	free(r);
	r = bench_ranks(
		4, 23046, "lat 127.0.0.1 --beside tcp -D 1 --repeat 100",
		"sleep 4; kill -9 $c1; for c in $c0 $c2 $c3; do ended $c 60; done; cat 0 1");
	BENCH_SAYS(r, "status=1\nstatus=0\nstatus=0\n");
	BENCH_SAYS(r, "cut short: ");
	free(r);
	WSD_TEST_END();
}

Test(bench_ranks, a_rank_that_dies_costs_what_was_not_brought)
{
	WSD_TEST_BEGIN();
	struct run *r = cut_short(23034, "kill -9 $c1; ended $c0 60; ended $c2 60");
	BENCH_SAYS(r, "status=1\nstatus=0\n");
	BENCH_SAYS(r, "cut short: client 0 (rank 1 on ");
	BENCH_SAYS(r, "went away");
	cr_assert_null(strstr(r->text, "there and back, 2 bytes"), "a part of it: %s", r->text);
	free(r);
	WSD_TEST_END();
}

/* As mpirun does when one dies: SIGTERM for all, and a second later the end. */
Test(bench_ranks, a_second_after_SIGTERM_all_is_told)
{
	WSD_TEST_BEGIN();
	struct run *r = cut_short(23038, "kill -9 $c1; kill $c0 $c2; ended $c0 5");
	BENCH_SAYS(r, "status=1\n");
	BENCH_SAYS(r, "cut short: ");
	free(r);
	WSD_TEST_END();
}

Test(bench_ranks, a_rank_that_hangs_leaves_nobody_deaf)
{
	WSD_TEST_BEGIN();
	struct run *r = cut_short(23042, "kill -STOP $c2; sleep 2; kill -HUP $c1; ended $c1 20; "
					 "ended $c0 40");
	BENCH_SAYS(r, "status=0\nstatus=1\n");
	BENCH_SAYS(r, "cut short: client 0 (rank 1 on ");
	BENCH_SAYS(r, "): interrupted");
	free(r);
	WSD_TEST_END();
}
