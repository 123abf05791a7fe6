/* SPDX-License-Identifier: MIT
 *
 * The tests of `wsd bench` with two ends, on soft-RoCE: all contenders have figures, and who is
 * left out says why. Few iterations: what is measured does not matter here.
 */
#include "bench_ends.h"

#include <sys/stat.h>

#define FEW " --local --address 10.77.0.1 -p 23020 --repeat 2 --warmup 0 "

TestSuite(bench_ends_rxe, .timeout = 250);

Test(bench_ends_rxe, connect_uses_up_no_ports_of_tcp)
{
	WSD_TEST_BEGIN();
	int before = bench_in_time_wait(NULL);
	json_decref(bench_run("connect" FEW "-n 100 --warm --beside tcp"));
	json_decref(bench_run("fallback" FEW "-n 15 --beside tcp"));
	cr_assert_lt(bench_in_time_wait(NULL) - before, 50,
		     "control connections, but none of the others");
	WSD_TEST_END();
}

Test(bench_ends_rxe, connect_beside_all)
{
	static const char *const peers[] = {"raw", "raw-cm", "rsockets", "tcp"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("connect" FEW "-n 3 --beside raw,raw-cm,rsockets,tcp");
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		bench_assert(j, "cycle", "switch", "warm", peers[i]);
		bench_assert(j, "cycle", "switch", "cold", peers[i]);
		bench_assert(j, "connect", peers[i], "warm", NULL);
	}
	json_decref(j);
	j = bench_run("connect" FEW "-n 6 --warm --open 4 --threads 2 --beside raw,rsockets");
	bench_assert(j, "rate", "switch", "warm", "raw");
	BENCH_LEFT_OUT(j, "rsockets", "warm", "stall");
	json_decref(j);
	WSD_TEST_END();
}

/* It has a figure; or else, on a machine that was busy all the time, it could not tell one. */
static void assert_perftest(json_t *j, const char *kind)
{
	if (!strstr(bench_reason(j, "perftest", NULL), "cannot tell its clock's rate"))
		bench_assert(j, kind, "switch", NULL, "perftest");
}

Test(bench_ends_rxe, round_trips_beside_all)
{
	static const char *const peers[] = {"raw", "rsockets", "tcp"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("lat" FEW "-n 10 --beside raw,rsockets,tcp,perftest");
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		bench_assert(j, "round_trip", "switch", NULL, peers[i]);
	assert_perftest(j, "round_trip");
	json_decref(j);
	WSD_TEST_END();
}

/* A program of this name comes first on PATH and does @script; $d is its folder. */
static void play(char dir[64], const char *name, const char *script)
{
	char text[4096];
	snprintf(dir, 64, "/tmp/wsd-test-play-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(text, sizeof(text), "%s/%s", dir, name);
	FILE *f = fopen(text, "we");
	cr_assert_not_null(f);
	fprintf(f, "#!/bin/sh\nd=%s\n%s\n", dir, script);
	fclose(f);
	cr_assert_eq(chmod(text, 0700), 0);
	const char *path = getenv("PATH");
	snprintf(text, sizeof(text), "%s:%s", dir, path);
	setenv("PATH", text, 1);
}

static void play_ends(const char *dir)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", dir);
	cr_assert_eq(system(command), 0);
}

/* As perftest between two hosts when a packet is lost. */
Test(bench_ends_rxe, a_reference_program_that_hangs_is_left_out_and_the_others_go_on)
{
	char dir[64];
	WSD_TEST_BEGIN();
	play(dir, "rstream", "echo $$ >>$d/pids; exec sleep 1000");
	json_t *j = bench_run("lat" FEW "-n 1 --beside rstream,tcp");
	BENCH_LEFT_OUT(j, "rstream", NULL, "rstream told nothing within 30 s");
	cr_assert_eq(bench_rounds(j, "round_trip", "switch"), 2, "the rest of the run");
	bench_assert(j, "round_trip", "switch", NULL, "tcp");
	json_decref(j);
	char left[256];
	snprintf(left, sizeof(left), "test $(wc -l <%s/pids) = 2 && ! kill -0 $(cat %s/pids)", dir,
		 dir);
	cr_assert_eq(system(left), 0, "both ends were started, and have been ended");
	play_ends(dir);
	WSD_TEST_END();
}

/* It would wait for its client for ever. */
Test(bench_ends_rxe, a_reference_program_does_not_outlive_a_server_that_is_killed)
{
	char dir[64], then[512];
	WSD_TEST_BEGIN();
	play(dir, "rstream", "echo $$ >>$d/pids; exec sleep 1000");
	snprintf(then, sizeof(then),
		 "\"$t\" bench lat 10.77.0.1 -p 23023 -F -n 1 --beside rstream & c=$!\n"
		 "for i in $(seq 600); do test -s %s/pids && break; sleep 0.05; done\n"
		 "kill -9 $s; p=$(head -1 %s/pids)\n"
		 "for i in $(seq 200); do kill -0 $p || break; sleep 0.05; done\n"
		 "kill -0 $p || echo gone; wait $c",
		 dir, dir);
	struct run *r = bench_serve("10.77.0.1", 23023, then);
	BENCH_SAYS(r, "gone\n");
	free(r);
	play_ends(dir);
	WSD_TEST_END();
}

/* perftest on a busy machine cannot measure the rate of its clock, and says "inf". */
Test(bench_ends_rxe, a_reference_program_that_tells_no_number_is_run_again)
{
	char dir[64];
	WSD_TEST_BEGIN();
	play(dir, "ib_send_lat",
	     "case \"$*\" in *10.77.0.1) echo x >>$d/runs; r=$(wc -l <$d/runs)\n"
	     "test $r -gt 2 && echo 64 10 1 9 2.5 2 0.1 3 4 || echo 64 10 inf inf inf inf -nan inf "
	     "inf;;\n"
	     "*) PATH=${PATH#*:}; exec ib_send_lat \"$@\";; esac");
	json_t *j = bench_run("lat" FEW "-n 10 --beside perftest");
	bench_assert(j, "round_trip", "switch", NULL, "perftest");
	cr_assert_eq(bench_rounds(j, "round_trip", "perftest"), 2);
	json_decref(j);
	play_ends(dir);
	WSD_TEST_END();
}

Test(bench_ends_rxe, large_messages_are_not_copied)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("bw" FEW "-n 8 -s 1048576 --beside raw,perftest");
	bench_assert(j, "bandwidth", "switch", NULL, "raw");
	assert_perftest(j, "bandwidth");
	bench_assert(j, "work_requests", "switch", NULL, NULL);
	cr_assert_not_null(bench_figure(j, "copied", "switch", NULL));
	json_decref(j);
	j = bench_run("bw" FEW "-n 4 -b --beside raw,rsockets");
	bench_assert(j, "bandwidth", "switch", "both ways", "raw");
	BENCH_LEFT_OUT(j, "rsockets", "both ways", "stall");
	json_decref(j);
	j = bench_run("rate" FEW "-n 40 --threads 1,2 --beside raw");
	bench_assert(j, "per_core", "switch", NULL, "raw");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends_rxe, memory_of_an_idle_connection)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("memory" FEW "--open 10 --beside raw,rsockets");
	bench_assert(j, "pinned", "switch", NULL, "raw");
	bench_assert(j, "first_pinned", "switch", NULL, "rsockets");
	bench_assert(j, "resident", "switch", NULL, NULL);
	cr_assert_null(bench_figure(j, "pinned", "rsockets", NULL), "it has a first one only");
	json_t *f = bench_figure(j, "pinned", "switch", NULL);
	cr_assert_eq(json_integer_value(json_object_get(f, "connections")), 10);
	cr_assert_eq(json_integer_value(json_object_get(f, "samples")), 1);
	f = bench_figure(j, "first_resident", "raw", NULL);
	cr_assert_eq(json_integer_value(json_object_get(f, "connections")), 1);
	BENCH_LEFT_OUT(j, "rsockets", NULL, "first connection");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends_rxe, the_provider_by_itself)
{
	static const struct {
		const char *command, *figure, *mode;
	} rows[] = {
		{"connect" FEW "-n 4 --layer provider --beside switch,raw", "cycle", "warm"},
		{"connect" FEW "-n 6 --cold --open 4 --threads 2 --layer provider --beside raw",
		 "rate", "cold"},
		{"lat" FEW "-n 100 --layer provider --beside switch,raw", "round_trip", NULL},
		{"bw" FEW "-n 70 -s 65536 --layer provider --beside raw", "bandwidth", NULL},
		{"bw" FEW "-n 300 -s 100 -b --layer provider --beside raw", "bandwidth",
		 "both ways"},
		{"rate" FEW "-n 300 --threads 2 --layer provider --beside raw", "rate", NULL},
		{"memory" FEW "--open 10 --layer provider --beside raw", "pinned", NULL},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *j = bench_run(rows[i].command);
		bench_assert(j, rows[i].figure, "provider", rows[i].mode, "raw");
		json_decref(j);
	}
	WSD_TEST_END();
}

Test(bench_ends_rxe, SW_FALLBACK_01_to_peers_without_a_listener)
{
	static const char *const modes[] = {"a port without RDMA, met first",
					    "a port without RDMA, known",
					    "an address without RDMA"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("fallback" FEW "-n 3 --beside tcp");
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		bench_assert(j, "working", "switch", modes[i], "tcp");
		bench_assert(j, "connect", "switch", modes[i], NULL);
	}
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends_rxe, an_end_that_dies)
{
	WSD_TEST_BEGIN();
	bench_server_dies("10.77.0.1", 23021);
	bench_client_dies("10.77.0.1", 23022);
	WSD_TEST_END();
}
