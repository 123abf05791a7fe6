/* SPDX-License-Identifier: MIT
 *
 * The tests of `wsd bench` that need one host, on an address without RDMA: the library and kernel
 * TCP are measured, who needs RDMA is left out and says why; options that make no sense.
 */
#include "bench_json.h"

/* A port that no other test of this machine is at. */
#define HERE " --address 127.0.0.1 -p 23000 --repeat 2 --warmup 1 "

TestSuite(bench_names, .timeout = 110);

Test(bench_names, bind_and_listen_without_rdma)
{
	static const char *const steps[] = {"cycle", "make", "bind", "listen", "close", "rate"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("listen" HERE "-n 5 --beside provider,raw,rsockets,tcp");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bench_assert(j, steps[i], "switch", NULL, "tcp");
		bench_assert(j, steps[i], "tcp", NULL, NULL);
	}
	BENCH_LEFT_OUT(j, "provider", NULL, "RDMA");
	BENCH_LEFT_OUT(j, "raw", NULL, "RDMA");
	BENCH_LEFT_OUT(j, "rsockets", NULL, "RDMA");
	cr_assert_str_eq(bench_reason(j, "tcp", NULL), "");
	json_decref(j);

	j = bench_run("bind" HERE "-n 5 --open 0,300 --threads 1,3 --beside tcp");
	cr_assert_null(bench_figure(j, "listen", "switch", NULL));
	size_t cycles = 0, i;
	json_t *row;
	json_array_foreach(json_object_get(j, "figures"), i, row) cycles +=
		bench_is(row, "kind", "cycle");
	cr_assert_eq(cycles, 8, "2 x 2 points of 2 contenders, not %zu figures", cycles);
	bench_assert(j, "cycle", "switch", NULL, "tcp");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names, WS_REUSE_01_each_kind_of_refusal)
{
	static const char *const both[] = {"taken here", "taken by another process",
					   "shared over default", "not an address of this host",
					   "bound already"},
				 *const winsock[] = {"shared over exclusive",
						     "exclusive over shared"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("refuse" HERE "-n 5 --beside tcp");
	for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
		bench_assert(j, "refusal", "switch", both[i], "tcp");
	for (size_t i = 0; i < sizeof(winsock) / sizeof(winsock[0]); i++) {
		bench_assert(j, "refusal", "switch", winsock[i], NULL);
		BENCH_LEFT_OUT(j, "tcp", winsock[i], "does not know");
	}
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names, SW_WILD_01_wildcard_in_both_modes)
{
	static const char *const modes[] = {"vista", "legacy"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("wildcard" HERE "-n 5 --beside tcp --nics 1");
	for (int i = 0; i < 2; i++) {
		bench_assert(j, "cycle", "switch", modes[i], "tcp");
		bench_assert(j, "ratio", "switch", modes[i], "tcp");
		bench_assert(j, "singles", "tcp", modes[i], NULL);
	}
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names, SW_SHARE_03_takeover_after_close_and_kill)
{
	static const char *const modes[] = {"close", "SIGKILL"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("takeover" HERE "-n 2 --beside tcp");
	for (int i = 0; i < 2; i++) {
		bench_assert(j, "listening", "switch", modes[i], "tcp");
		bench_assert(j, "served", "switch", modes[i], "tcp");
	}
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names, WS_PORT_06_port_0_while_its_range_is_held)
{
	static const char *const modes[] = {"0 % used", "50 % used", "99 % used"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("ports" HERE "-n 5 --beside none");
	json_t *held = json_object_get(json_object_get(j, "parameters"), "held");
	for (int i = 0; i < 3; i++)
		bench_assert(j, "bind", "switch", modes[i], NULL);
	const char *text =
		json_string_value(json_object_get(json_object_get(held, "switch"), "99 % used"));
	cr_assert(text && !strncmp(text, "990 of 1000 ports", 17), "%s", text);
	json_decref(j);
	WSD_TEST_END();
}

/* A book of its own: other tests may run beside. */
Test(bench_names, who_keeps_the_names_is_told)
{
	static const char script[] =
		"export WSD_BROKER_NAME=wsd.test.bench.$$; t='" WSD_TOOL "'\n"
		"b() { \"$t\" bench bind --address 127.0.0.1 -F -n 2 --repeat 1 --warmup 0 "
		"--beside none "
		"--out_json 2>&1 | grep -E 'another process|names_kept'; }\n"
		"b; \"$t\" broker >/dev/null 2>&1 & k=$!\n"
		"for i in $(seq 200); do grep -q \"@$WSD_BROKER_NAME\\$\" /proc/net/unix && break; "
		"sleep 0.05; done\n"
		"b; kill $k; wait $k\n";
	char text[2048];
	WSD_TEST_BEGIN();
	FILE *f = popen(script, "re");
	cr_assert_not_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	pclose(f);
	cr_assert_not_null(strstr(text, "\"names_kept_elsewhere\": false"), "%s", text);
	cr_assert_not_null(strstr(text, "another process keeps the names of this host"), "%s",
			   text);
	cr_assert_not_null(strstr(text, "\"names_kept_elsewhere\": true"), "%s", text);
	WSD_TEST_END();
}

Test(bench_names, a_takeover_that_is_killed_leaves_no_file)
{
	WSD_TEST_BEGIN();
	int status = system("'" WSD_TOOL
			    "' bench takeover --address 127.0.0.1 -F --beside none --repeat 50 "
			    ">/dev/null 2>&1 & sleep 3; kill -9 $!; ! ls /tmp/wsd-bench-*");
	cr_assert_eq(status, 0);
	WSD_TEST_END();
}

Test(bench_names, options_that_make_no_sense)
{
	static const struct {
		char arguments[64], says[64];
		int status;
	} rows[] = {
		{"listen -s 64", "listen", 2},
		{"ports --layer provider", "only the switch", 2},
		{"takeover --open 3", "open", 2},
		{"wildcard --threads 2", "thread", 2},
		{"bind --backlog 3", "backlog", 2},
		{"refuse --beside nobody", "nobody", 2},
		{"bind --address 127.0.0.1 --threads 65", "at most 64 threads", 1},
		{"bind --address 127.0.0.1 --out_json_file=/none/x.json", "cannot write /none", 1},
		{"listen --address 127.0.0.1 --layer provider --beside none", "RDMA", 1},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char arguments[96];
		snprintf(arguments, sizeof(arguments), "bench %.80s", rows[i].arguments);
		struct run *r = run_tool("", arguments);
		cr_expect_eq(r->status, rows[i].status, "%s: %d, %s", rows[i].arguments, r->status,
			     r->text);
		cr_expect_not_null(strstr(r->text, rows[i].says), "%s: no '%s' in %s",
				   rows[i].arguments, rows[i].says, r->text);
		free(r);
	}
	WSD_TEST_END();
}
