/* SPDX-License-Identifier: MIT
 *
 * The tests of `wsd bench` that need one host, on soft-RoCE: all contenders have figures, and who
 * is left out says why.
 */
#include "bench_json.h"

#define FEW " --address 10.77.0.1 --repeat 2 --warmup 0 "

static const char *const peers[] = {"provider", "raw", "rsockets", "tcp"};

enum { PEERS = sizeof(peers) / sizeof(peers[0]) };

TestSuite(bench_names_rxe, .timeout = 250);

Test(bench_names_rxe, PROV_LISTEN_01_bind_and_listen_beside_all)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("listen" FEW "-n 5 --beside provider,raw,rsockets,tcp");
	for (int i = 0; i < PEERS; i++) {
		bench_assert(j, "cycle", "switch", NULL, peers[i]);
		bench_assert(j, "listen", "switch", NULL, peers[i]);
		bench_assert(j, "cycle", peers[i], NULL, NULL);
	}
	cr_assert_eq(json_array_size(json_object_get(j, "left_out")), 0);
	json_decref(j);

	j = bench_run("listen" FEW "-n 5 --layer provider --beside raw --threads 2 --open 50");
	bench_assert(j, "cycle", "provider", NULL, "raw");
	bench_assert(j, "rate", "provider", NULL, "raw");
	json_decref(j);

	j = bench_run("bind" FEW "-n 5 --open 400 --beside provider,raw,rsockets,tcp");
	for (int i = 0; i < PEERS; i++)
		bench_assert(j, "bind", "switch", NULL, peers[i]);
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names_rxe, PROV_BIND_11_refusals)
{
	static const char taken[] = "taken here", away[] = "not an address of this host";
	WSD_TEST_BEGIN();
	json_t *j = bench_run("refuse" FEW "-n 5 --beside provider,raw,rsockets,tcp");
	for (int i = 0; i < PEERS; i++) {
		bench_assert(j, "refusal", "switch", away, peers[i]);
		bench_assert(j, "refusal", "switch", "bound already", peers[i]);
		if (i) /* [PROV-BIND-19] */
			bench_assert(j, "refusal", "switch", taken, peers[i]);
	}
	BENCH_LEFT_OUT(j, "provider", taken, "does not refuse it");
	BENCH_LEFT_OUT(j, "raw", "exclusive over shared", "does not know");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names_rxe, SW_WILD_02_wildcard_over_three_nics)
{
	WSD_TEST_BEGIN();
	json_t *j = bench_run("wildcard" FEW "-n 5 --nics 1,3 --beside provider,raw,tcp"), *row;
	size_t i, vista = 0;
	json_array_foreach(json_object_get(j, "figures"), i, row) vista +=
		bench_is(row, "kind", "ratio") && bench_is(row, "contender", "switch") &&
		bench_at(row, "vista");
	cr_assert_eq(vista, 2);
	bench_assert(j, "ratio", "switch", "legacy", "raw");
	bench_assert(j, "ratio", "provider", "legacy", NULL);
	BENCH_LEFT_OUT(j, "raw", "vista", "covers all NICs");
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names_rxe, SW_SHARE_03_takeover)
{
	static const char *const modes[] = {"close", "SIGKILL"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("takeover --address 10.77.0.1 --repeat 1 --warmup 0 -n 1 --beside "
			      "raw,rsockets,tcp");
	for (int m = 0; m < 2; m++)
		for (int i = 1; i < PEERS; i++) {
			bench_assert(j, "listening", "switch", modes[m], peers[i]);
			bench_assert(j, "served", "switch", modes[m], peers[i]);
		}
	json_decref(j);
	WSD_TEST_END();
}

Test(bench_names_rxe, WS_PORT_06_port_0_while_its_range_is_held)
{
	static const char *const modes[] = {"0 % used", "50 % used", "99 % used"};
	WSD_TEST_BEGIN();
	json_t *j = bench_run("ports" FEW "-n 5 --beside raw,rsockets,tcp");
	for (int m = 0; m < 3; m++)
		for (int i = 1; i < PEERS; i++)
			bench_assert(j, "bind", "switch", modes[m], peers[i]);
	json_decref(j);
	WSD_TEST_END();
}
