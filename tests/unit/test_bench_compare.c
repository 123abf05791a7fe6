/* SPDX-License-Identifier: MIT
 *
 * wsd bench compare: what it says of two results, and its exit status. WSD_TOOL is
 * bench_compare_tool.
 */
#include "bench_lab.h"
#include "run_tool.h"

struct two {
	char old[64], new[64];
};

static void store(struct results *r, const char *path)
{
	cr_assert_eq(results_close(r), 0);
	json_t *j = results_to_json(r);
	cr_assert_eq(json_dump_file(j, path, JSON_INDENT(1) | JSON_REAL_PRECISION(9)), 0);
	json_decref(j);
	results_free(r);
}

static struct two make_two(struct results *old, struct results *new)
{
	struct two t;
	char folder[] = "/tmp/bench_compare.XXXXXX";
	cr_assert_not_null(mkdtemp(folder));
	snprintf(t.old, sizeof(t.old), "%s/old.json", folder);
	snprintf(t.new, sizeof(t.new), "%s/new.json", folder);
	store(old, t.old);
	store(new, t.new);
	return t;
}

static void remove_two(const struct two *t)
{
	char folder[64];
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(t->old, '/') - t->old), t->old);
	unlink(t->old);
	unlink(t->new);
	cr_assert_eq(rmdir(folder), 0);
}

static void says(const struct two *t, const char *options, int status, const char *text)
{
	char arguments[256];
	snprintf(arguments, sizeof(arguments), "%s %s %s", options, t->old, t->new);
	struct run *r = run_tool("", arguments);
	cr_assert_eq(r->status, status, "%s: %d, %s", arguments, r->status, r->text);
	cr_assert_not_null(strstr(r->text, text), "%s: no '%s' in %s", arguments, text, r->text);
	free(r);
}

Test(bench_compare, a_figure_that_is_worse_fails)
{
	WSD_TEST_BEGIN();
	/* 1.10 of raw and 2.2 of tcp become 1.32 and 2.64, at two points */
	struct two t = make_two(lab_results(1100), lab_results(1320));
	says(&t, "", 0, "round_trip, 64 bytes: switch / raw");
	says(&t, "", 0, "1.1       1.32  +20.0 %  worse");
	says(&t, "", 0, "4 compared, 0 better\n");
	says(&t, "--fail-above 10%", 1, "+20.0 %  WORSE");
	says(&t, "--fail-above 10%", 1, "4 compared, 0 better, 4 worse by more than 10 %");
	says(&t, "--fail-above=19.9", 1, "WORSE");
	says(&t, "--fail-above 25%", 0, "0 worse by more than 25 %");
	says(&t, "--fail-above 25%", 0, "+20.0 %  worse");
	says(&t, "--absolute", 0, "round_trip, 64 bytes: ns");
	remove_two(&t);
	/* and the other way */
	t = make_two(lab_results(1320), lab_results(1100));
	says(&t, "--fail-above 0", 0, "-16.7 %  better");
	says(&t, "--fail-above 0", 0, "4 compared, 4 better, 0 worse");
	remove_two(&t);
	t = make_two(lab_results(1100), lab_results(1100));
	says(&t, "--fail-above 0", 0, "the same");
	remove_two(&t);
	WSD_TEST_END();
}

static struct results *with_rounds(const double *ours, int kind)
{
	static const double peer[] = {1000, 1000, 1000, 1000, 1000};
	struct results *r = lab_results(1100);
	static const struct point p = {.open = 7};
	lab_figure(r, kind, "switch", &p, ours, 5);
	lab_figure(r, kind, "raw", &p, peer, 5);
	return r;
}

Test(bench_compare, noise_is_told_from_a_change)
{
	WSD_TEST_BEGIN();
	/* the median 20 % up, but the middle halves of both meet */
	static const double calm[] = {1000, 1010, 990, 1005, 995},
			    wild[] = {900, 1000, 1200, 1300, 1400};
	struct two t = make_two(with_rounds(calm, 0), with_rounds(wild, 0));
	says(&t, "--fail-above 10%", 0, "+20.0 %  within the noise (25.0 %)");
	says(&t, "--fail-above 10%", 0, "1 more if it were not for the noise");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, of_a_rate_less_is_worse)
{
	WSD_TEST_BEGIN();
	static const double fast[] = {2000, 2000, 2000, 2000, 2000},
			    slow[] = {1000, 1000, 1000, 1000, 1000};
	struct two t = make_two(with_rounds(fast, 2), with_rounds(slow, 2));
	says(&t, "--fail-above 99%", 1, "-50.0 %  WORSE");
	says(&t, "--fail-above 101%", 0, "-50.0 %  worse");
	remove_two(&t);
	t = make_two(with_rounds(slow, 2), with_rounds(fast, 2));
	says(&t, "--fail-above 0", 0, "+100.0 %  better");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, a_rate_that_has_become_nothing_is_worse)
{
	WSD_TEST_BEGIN();
	static const double fast[] = {2000, 2000, 2000, 2000, 2000}, none[] = {0, 0, 0, 0, 0};
	struct two t = make_two(with_rounds(fast, 2), with_rounds(none, 2));
	says(&t, "--fail-above 10%", 1, "-100.0 %  WORSE");
	remove_two(&t);
	/* one that was not there before is told, not judged */
	t = make_two(with_rounds(none, 2), with_rounds(fast, 2));
	says(&t, "--fail-above 10%", 0, "0 better, 0 worse");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, a_peer_that_is_gone_is_named)
{
	WSD_TEST_BEGIN();
	static const double calm[] = {1000, 1010, 990, 1005, 995};
	static const struct point p = {.open = 7};
	struct results *r = lab_results(1100);
	lab_figure(r, 0, "switch", &p, calm, 5);
	struct two t = make_two(with_rounds(calm, 0), r);
	says(&t, "--fail-above 10%", 0, "round_trip, 7 open: switch / raw: not in ");
	remove_two(&t);
	r = lab_results(1100);
	lab_figure(r, 0, "switch", &p, calm, 5);
	cr_assert_eq(results_leave_out(r, "raw", &p, "broken"), 0);
	t = make_two(with_rounds(calm, 0), r);
	says(&t, "", 0, "new.json: broken\n");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, what_is_missing_is_named)
{
	WSD_TEST_BEGIN();
	static const double calm[] = {1000, 1010, 990, 1005, 995};
	static const struct point p = {.open = 7};
	/* simply not asked for */
	struct two t = make_two(with_rounds(calm, 0), lab_results(1100));
	says(&t, "--fail-above 10%", 0, "round_trip, 7 open: not in ");
	remove_two(&t);
	/* left out, or never reached */
	struct results *r = lab_results(1100);
	cr_assert_eq(results_leave_out(r, "switch", &p, "bind failed"), 0);
	t = make_two(with_rounds(calm, 0), r);
	says(&t, "--fail-above 10%", 1, "new.json: bind failed\n");
	says(&t, "", 0, "1 not measured any more");
	remove_two(&t);
	r = lab_results(1100);
	snprintf(r->stopped, sizeof(r->stopped), "interrupted");
	t = make_two(with_rounds(calm, 0), r);
	says(&t, "--fail-above 10%", 1, ": interrupted\n");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, absolute_times_only_where_they_say_something)
{
	WSD_TEST_BEGIN();
	struct results *a = lab_results(1100), *b = lab_results(1100);
	a->hosts[0] = b->hosts[0] = (struct host){.role = "here", .cpus = 8, .kernel = "6.1"};
	struct two t = make_two(a, b);
	says(&t, "", 0, "6 compared");
	remove_two(&t);
	a = lab_results(1100), b = lab_results(1100);
	a->hosts[0] = b->hosts[0] = (struct host){.role = "here", .cpus = 8, .kernel = "6.1"};
	snprintf(b->hosts[0].cpu, sizeof(b->hosts[0].cpu), "another");
	t = make_two(a, b);
	says(&t, "", 0, "4 compared");
	says(&t, "", 0, " note: here, processor: '' became 'another'\n");
	says(&t, "--absolute", 0, "6 compared");
	remove_two(&t);
	WSD_TEST_END();
}

Test(bench_compare, nothing_in_common_and_wrong_files_are_status_2)
{
	WSD_TEST_BEGIN();
	struct results *r = lab_results(1100);
	snprintf(r->test, sizeof(r->test), "bw");
	struct two t = make_two(lab_results(1100), r);
	says(&t, "", 2, "nothing in common: ");
	remove_two(&t);
	r = lab_results(1100);
	snprintf(r->ours, sizeof(r->ours), "provider");
	t = make_two(lab_results(1100), r);
	says(&t, "", 2, "measured the switch, ");
	remove_two(&t);
	r = results_new();
	cr_assert_not_null(r);
	snprintf(r->test, sizeof(r->test), "lat");
	snprintf(r->ours, sizeof(r->ours), "switch");
	t = make_two(lab_results(1100), r);
	says(&t, "--fail-above 10%", 2, "no figure of switch has a peer");
	FILE *f = fopen(t.new, "we");
	cr_assert(f && fputs("{\"schema\": 1,\n oops", f) >= 0 && !fclose(f));
	says(&t, "", 2, "new.json: line 2: ");
	unlink(t.new);
	says(&t, "", 2, "new.json: No such file or directory");
	says(&t, "third.json", 2, "two results are compared: what is");
	says(&t, "--fail-above ten", 2, "--fail-above: 'ten' is not a percentage such as 10%");
	says(&t, "--fail-above -5", 2, "is not a percentage");
	says(&t, "--fail-above nan", 2, "is not a percentage");
	struct run *one = run_tool("", "x.json");
	cr_assert_eq(one->status, 2);
	cr_assert_not_null(strstr(one->text, "two results are needed"));
	free(one);
	one = run_tool("", "-h");
	cr_assert_eq(one->status, 0);
	cr_assert_not_null(strstr(one->text, "--fail-above=PERCENT"));
	free(one);
	remove_two(&t);
	WSD_TEST_END();
}
