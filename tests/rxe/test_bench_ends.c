/* SPDX-License-Identifier: MIT
 *
 * The tests of `wsd bench` with two ends, on soft-RoCE: all contenders have figures, and who is
 * left out says why. Few iterations: what is measured does not matter here.
 */
#include "bench_ends.h"

#define FEW " --local --address 10.77.0.1 -p 23020 --repeat 2 --warmup 0 "

TestSuite(bench_ends_rxe, .timeout = 250);

/* Connections of kernel TCP that keep their ports for a minute. */
static int in_time_wait(void)
{
	char line[256];
	int n = 0;
	FILE *f = fopen("/proc/net/sockstat", "re");
	cr_assert(f);
	while (fgets(line, sizeof(line), f)) {
		const char *tw = strncmp(line, "TCP:", 4) ? NULL : strstr(line, " tw ");
		if (tw)
			n = atoi(tw + 4);
	}
	fclose(f);
	return n;
}

Test(bench_ends_rxe, connect_uses_up_no_ports_of_tcp)
{
	WSD_TEST_BEGIN();
	int before = in_time_wait();
	json_decref(bench_run("connect" FEW "-n 100 --warm --beside tcp"));
	cr_assert_lt(in_time_wait() - before, 50, "the control connection, but none of the others");
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

Test(bench_ends_rxe, round_trips_beside_all)
{
	static const char *const peers[] = {"raw", "rsockets", "tcp", "perftest"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("lat" FEW "-n 10 --beside raw,rsockets,tcp,perftest");
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
		bench_assert(j, "round_trip", "switch", NULL, peers[i]);
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends_rxe, large_messages_are_not_copied)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("bw" FEW "-n 8 -s 1048576 --beside raw,perftest");
	bench_assert(j, "bandwidth", "switch", NULL, "raw");
	bench_assert(j, "bandwidth", "switch", NULL, "perftest");
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
	bench_assert(j, "pinned", "switch", NULL, "rsockets");
	bench_assert(j, "resident", "switch", NULL, NULL);
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
