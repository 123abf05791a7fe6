/* SPDX-License-Identifier: MIT
 *
 * The tests of `wsd bench` with two ends, on an address without RDMA: the library goes over TCP/IP
 * beside kernel TCP, who needs RDMA is left out and says why; ends that die or do not fit.
 */
#include "bench_ends.h"

#define HERE " --local --address 127.0.0.1 -p 23010 --repeat 2 --warmup 1 --beside raw,tcp "

TestSuite(bench_ends, .timeout = 110);

Test(bench_ends, connect_over_tcp_ip)
{
	static const char *const kinds[] = {"connect", "cycle", "rate"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("connect" HERE "-n 20 --open 0,5 --threads 1,3");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		bench_assert(j, kinds[i], "switch", "warm", "tcp");
		bench_assert(j, kinds[i], "switch", "cold", "tcp");
		bench_assert(j, kinds[i], "tcp", "warm", NULL);
	}
	BENCH_LEFT_OUT(j, "raw", NULL, "RDMA");
	cr_assert_eq(json_array_size(json_object_get(j, "hosts")), 2);
	json_decref(j);
	WSD_TEST_END();
}

/* At an address that no other test uses. */
Test(bench_ends, connections_of_tcp_ip_use_up_no_ports)
{
	static const char there[] = "127.9.8.7";
	WSD_TEST_BEGIN();
	int before = bench_in_time_wait(there);
	json_decref(bench_run("connect --local --address 127.9.8.7 -p 23018 --warm -n 200 "
			      "--repeat 2 --warmup 0 --beside tcp"));
	cr_assert_lt(bench_in_time_wait(there) - before, 50,
		     "control connections, but none of the others");
	WSD_TEST_END();
}

Test(bench_ends, data_over_tcp_ip)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("lat" HERE "-n 20 -s 1,100000");
	bench_assert(j, "round_trip", "switch", NULL, "tcp");
	BENCH_LEFT_OUT(j, "raw", NULL, "RDMA");
	json_decref(j);
	j = bench_run("lat" HERE "-D 0.001"); /* what is not counted takes longer than that */
	bench_assert(j, "round_trip", "switch", NULL, "tcp");
	json_decref(j);
	j = bench_run("bw" HERE "-n 20");
	bench_assert(j, "bandwidth", "switch", NULL, "tcp");
	cr_assert_null(bench_figure(j, "copied", "switch", NULL), "nothing is counted off a SAN");
	json_decref(j);
	j = bench_run("bw" HERE "-b -D 0.05");
	bench_assert(j, "bandwidth", "switch", "both ways", "tcp");
	json_decref(j);
	j = bench_run("rate" HERE "-n 100 --threads 1,2");
	bench_assert(j, "rate", "switch", NULL, "tcp");
	bench_assert(j, "per_core", "switch", NULL, "tcp");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends, SW_FALLBACK_01_at_an_address_without_rdma)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("fallback --local --address 127.0.0.1 -p 23010 --repeat 2 --warmup 0 "
			      "--beside tcp -n 3");
	bench_assert(j, "working", "switch", "an address without RDMA", "tcp");
	BENCH_LEFT_OUT(j, "switch", "a port without RDMA, known", "no RDMA");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_ends, an_end_that_dies)
{
	WSD_TEST_BEGIN();
	bench_server_dies("127.0.0.1", 23011);
	bench_client_dies("127.0.0.1", 23012);
	WSD_TEST_END();
}

static struct run *shell(const char *script)
{
	struct run *r = calloc(1, sizeof(*r));
	FILE *f = r ? popen(script, "re") : NULL;
	cr_assert_not_null(f);
	size_t n = fread(r->text, 1, sizeof(r->text) - 1, f);
	r->text[n] = '\0';
	r->status = pclose(f);
	return r;
}

/* Its port is open, but nobody speaks there. */
Test(bench_ends, a_client_of_a_server_that_says_nothing_can_be_interrupted)
{
	WSD_TEST_BEGIN();
	struct run *r =
		shell("out=$(mktemp); t='" WSD_TOOL "'\n"
		      "trap 'kill -9 $s $c 2>/dev/null; rm $out' EXIT\n"
		      "\"$t\" bench lat --address 127.0.0.1 -p 23014 >$out & s=$!\n"
		      "until grep -q waiting $out; do kill -0 $s || exit 9; sleep 0.05; done\n"
		      "kill -STOP $s\n"
		      "\"$t\" bench lat --address 127.0.0.1 -p 23014 -F --beside tcp 127.0.0.1 "
		      "2>&1 & c=$!\n"
		      "sleep 3; kill -TERM $c; (sleep 20; kill -9 $c) >/dev/null 2>&1 & k=$!\n"
		      "wait $c; echo client=$?; kill $k\n");
	BENCH_SAYS(r, "wsd bench: interrupted\nclient=1\n");
	free(r);
	WSD_TEST_END();
}

Test(bench_ends, a_client_of_a_server_that_says_nothing_gives_up)
{
	WSD_TEST_BEGIN();
	struct run *r = shell(
		"out=$(mktemp); t='" WSD_TOOL "'\n"
		"trap 'kill -9 $s; rm $out' EXIT\n"
		"\"$t\" bench lat --address 127.0.0.1 -p 23017 >$out & s=$!\n"
		"until grep -q waiting $out; do kill -0 $s || exit 9; sleep 0.05; done\n"
		"kill -STOP $s\n"
		"\"$t\" bench lat --address 127.0.0.1 -p 23017 -F --beside tcp 127.0.0.1 2>&1\n"
		"echo client=$?\n");
	BENCH_SAYS(r, "wsd bench: the other end says nothing\nclient=1\n");
	free(r);
	WSD_TEST_END();
}

/* The first one goes on. */
Test(bench_ends, a_second_client_hears_that_the_server_is_busy)
{
	WSD_TEST_BEGIN();
	struct run *r = bench_two("127.0.0.1", 23019,
				  "for i in 1 2 3; do timeout 20 \"$t\" bench lat -p 23019 -F "
				  "--beside tcp 127.0.0.1; echo second=$?; done\n"
				  "kill -0 $c && echo first goes on");
	const char *at = r->text;
	for (int i = 0; i < 3; i++) {
		at = strstr(at, "wsd bench: the server is busy with another client\nsecond=1\n");
		cr_assert_not_null(at++, "%s", r->text);
	}
	BENCH_SAYS(r, "first goes on");
	free(r);
	WSD_TEST_END();
}

#define LAT "\"$t\" bench lat --local --address 127.0.0.1 -p 23015 -F --beside tcp -n 5 --repeat 1 "

/* Whoever runs this as root has /dev/null to lose. */
Test(bench_ends, the_json_file_may_be_a_link_or_no_file_at_all)
{
	WSD_TEST_BEGIN();
	struct run *r = shell(
		"t='" WSD_TOOL "'; d=$(mktemp -d); cd $d; trap 'rm -r $d' EXIT\n"
		"echo old >file; ln -s file link; mkfifo pipe\n" LAT
		"--out_json_file=link >/dev/null; echo $? $(readlink link) $(head -c 1 file)\n"
		"timeout 20 cat pipe >came &\n" LAT
		"--out_json_file=pipe >/dev/null; echo $?; wait $!\n"
		"test -p pipe && head -c 1 came; echo $(ls)\n");
	BENCH_SAYS(r, "0 file {\n0\n{came file link pipe\n");
	free(r);
	WSD_TEST_END();
}

Test(bench_ends, the_json_file_is_there_though_nobody_reads_the_tables)
{
	WSD_TEST_BEGIN();
	struct run *r = shell("t='" WSD_TOOL "'; d=$(mktemp -d); cd $d; trap 'rm -r $d' EXIT\n" LAT
			      "-n 2000 -U --out_json_file=file | head -1\nhead -c 1 file\n");
	BENCH_SAYS(r, "Round trips of messages\n{");
	free(r);
	WSD_TEST_END();
}

/* Descriptor 1 would be one of the run's own then, and get the tables. */
Test(bench_ends, a_standard_output_that_is_closed_is_an_error)
{
	WSD_TEST_BEGIN();
	struct run *r = shell("exec 2>&1; t='" WSD_TOOL "'\n" LAT "1>&-; echo status=$? >&2\n");
	BENCH_SAYS(r, "cannot write: Bad file descriptor\nstatus=1\n");
	free(r);
	WSD_TEST_END();
}

/* A terminal that is closed: its whole group gets the signal, the server of --local, too. */
Test(bench_ends, a_run_that_is_hung_up_leaves_its_json_file)
{
	WSD_TEST_BEGIN();
	struct run *r = shell(
		"t='" WSD_TOOL
		"'; d=$(mktemp -d); cd $d; trap 'kill -9 $c 2>/dev/null; rm -r $d' EXIT\n"
		"for s in 1 3 9 27; do\nsetsid " LAT
		"-n 1000 --repeat 10000 --out_json_file=file >/dev/null 2>said & c=$!\n"
		"sleep $s; kill -HUP -$c; wait $c; echo status=$?\n" /* too early: no file yet */
		"test -e file && break\ndone\ncat said; grep stopped file; grep -c samples file\n");
	BENCH_SAYS(r, "status=1\nwsd bench: cut short: interrupted\n \"stopped\": "
		      "\"interrupted\",\n");
	cr_assert_null(strstr(r->text, "interrupted\",\n0"), "%s", r->text);
	free(r);
	WSD_TEST_END();
}

/* A port scan, or a client that hangs. */
Test(bench_ends, who_comes_and_says_nothing_does_not_keep_a_client_away)
{
	WSD_TEST_BEGIN();
	struct run *r = shell(
		"t='" WSD_TOOL "'; exec 2>/dev/null\n"
		"\"$t\" bench lat --address 127.0.0.1 -p 23016 >&2 & s=$!; trap 'kill -9 $s $b' "
		"EXIT\n"
		"bash -c 'until exec 3<>/dev/tcp/127.0.0.1/23016; do sleep 0.05; done; exec sleep "
		"60' "
		">&2 & b=$!\n"
		"sleep 2; timeout 40 \"$t\" bench lat --address 127.0.0.1 -p 23016 -F --beside tcp "
		"-n 5 --repeat 1 127.0.0.1 >&2; echo client=$?; wait $s; echo server=$?\n");
	BENCH_SAYS(r, "client=0\nserver=0\n");
	free(r);
	WSD_TEST_END();
}

/* What a client says first, and what the server answers. */
static struct run *greeting(const char *words)
{
	char script[1024];
	snprintf(script, sizeof(script),
		 "'%s' bench lat --address 127.0.0.1 -p 23013 >/dev/null 2>&1 & s=$!\n"
		 "bash -c 'until exec 3<>/dev/tcp/127.0.0.1/23013; do sleep 0.05; done\n"
		 "echo '\\''%s'\\'' >&3; head -1 <&3' 2>/dev/null; kill -0 $s && echo waits; kill "
		 "$s; wait $s\n",
		 WSD_TOOL, words);
	return shell(script);
}

Test(bench_ends, a_client_that_does_not_fit_is_turned_away_and_another_waited_for)
{
	static const struct {
		const char *words, *answer;
	} rows[] = {
		{"{\"op\":\"greet\",\"wsd_bench\":1,\"version\":\"9.9\",\"test\":\"lat\"}",
		 "the client 9.9 (protocol 1)"},
		{"{\"op\":\"greet\",\"wsd_bench\":2,\"version\":\"9.9\",\"test\":\"lat\"}",
		 "(protocol 1), the client 9.9 (protocol 2)"},
		{"{\"op\":\"greet\"}", "the client is none (protocol -1)"},
		{"{\"op\":\"serve\",\"contender\":\"tcp\"}", "who are you?"},
		{"{\"what\":1}", "a question without a name"},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct run *r = greeting(rows[i].words);
		BENCH_SAYS(r, rows[i].answer);
		BENCH_SAYS(r, "waits");
		free(r);
	}
	WSD_TEST_END();
}
