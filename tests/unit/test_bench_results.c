/* SPDX-License-Identifier: MIT
 *
 * Results of wsd bench: in memory, as JSON against docs/bench-schema.json and back, damaged,
 * merged.
 */
#include "bench_lab.h"
#include "bench_schema.h"

static bool fits(const json_t *j, char *why, size_t size)
{
	json_error_t e;
	struct schema s = {.root = json_load_file(WSD_BENCH_SCHEMA, 0, &e)};
	cr_assert_not_null(s.root, "%s: %s", WSD_BENCH_SCHEMA, e.text);
	bool yes = schema_holds(&s, s.root, j, "result");
	snprintf(why, size, "%s", s.why);
	json_decref(s.root);
	return yes;
}

static struct results *closed(double ours)
{
	struct results *r = lab_results(ours);
	cr_assert_eq(results_close(r), 0);
	return r;
}

Test(bench_results, a_figure_is_found_where_it_was_put)
{
	WSD_TEST_BEGIN();
	struct results *r = results_new();
	char mode[] = "warm";
	cr_assert_not_null(r);

	for (int i = 1; i < 200; i++) {
		struct figure *f = results_figure(r, &lab_kinds[i % 2], i % 3 ? "raw" : "switch",
						  &(struct point){.open = i});
		cr_assert_not_null(f);
		cr_assert_eq(f->higher, i % 2 == 1);
		cr_assert_eq(samples_add(&f->all, i), 0);
	}
	cr_assert_eq(r->figure_count, 199);
	for (int i = 1; i < 200; i++) {
		struct figure *f = results_figure(r, &lab_kinds[i % 2], i % 3 ? "raw" : "switch",
						  &(struct point){.open = i});
		cr_assert(f && f->all.n == 1 && f->all.v[0] == i);
	}
	cr_assert_eq(r->figure_count, 199, "none was made anew");
	cr_assert_null(results_find(r, "rate", "raw", &(struct point){.open = 1}));
	cr_assert_null(results_find(r, "bandwidth", "tcp", &(struct point){.open = 1}));
	cr_assert_null(
		results_find(r, "bandwidth", "raw", &(struct point){.open = 1, .mode = mode}));
	results_free(r);
	results_free(NULL);
	WSD_TEST_END();
}

Test(bench_results, json_fits_the_schema_and_comes_back)
{
	WSD_TEST_BEGIN();
	struct results *r = closed(1100);
	char why[512];
	json_t *j = results_to_json(r);

	cr_assert_not_null(j);
	cr_assert(fits(j, why, sizeof(why)), "%s", why);
	struct results *back = results_from_json(j, why, sizeof(why));
	cr_assert_not_null(back, "%s", why);
	cr_assert_eq(back->figure_count, 6);
	cr_assert_eq(back->contender_count, 3);
	cr_assert_eq(back->out_count, 2);
	cr_assert(back->out[0].everywhere && !back->out[1].everywhere);
	cr_assert_str_eq(back->out[1].point.mode, "warm");
	cr_assert_str_eq(back->hosts[0].device, "rxe0");
	cr_assert_eq(results_close(back), 0, "a figure that was read stays as it is");
	for (int i = 0; i < r->figure_count; i++) {
		const struct figure *f = &r->figures[i],
				    *b = results_find(back, f->kind->name, f->contender, &f->point);
		struct ratio q;
		cr_assert_not_null(b);
		cr_assert_eq(b->stats.n, 15);
		lab_near("median", b->stats.typical, f->stats.typical, 1e-12);
		lab_near("p99", b->stats.p99, f->stats.p99, 1e-12);
		cr_assert_eq(b->rounds.n, 5);
		lab_near("by the histogram", hist_percentile(b->merged, 50), f->stats.typical,
			 0.016);
		cr_assert_str_eq(b->kind->title, f->kind->title);
		cr_assert(ratio_of(b, results_find(back, "round_trip", "raw", &f->point), &q));
	}
	/* and once more: nothing is lost on the way */
	cr_assert_not(back->figures[0].binned);
	cr_assert_eq(back->figures[0].connections, 0);
	json_t *again = results_to_json(back);
	cr_assert(json_equal(j, again));
	json_decref(again);
	json_decref(j);
	results_free(back);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_results, what_was_cut_short_says_so)
{
	WSD_TEST_BEGIN();
	struct results *r = lab_results(1100);
	char why[512];

	snprintf(r->stopped, sizeof(r->stopped), "the server went away");
	cr_assert_not_null(results_figure(r, &lab_kinds[1], "raw", &(struct point){0}),
			   "without a sample");
	cr_assert_eq(results_close(r), 0);
	json_t *j = results_to_json(r);
	cr_assert(fits(j, why, sizeof(why)), "%s", why);
	cr_assert(json_is_false(json_object_get(j, "complete")));
	cr_assert_str_eq(json_string_value(json_object_get(j, "stopped")), "the server went away");
	cr_assert_eq(json_array_size(json_object_get(j, "figures")), 6,
		     "a figure without samples is not told");
	json_decref(j);
	results_free(r);
	/* nothing at all was measured */
	r = results_new();
	cr_assert(r && !results_close(r));
	snprintf(r->test, sizeof(r->test), "lat");
	j = results_to_json(r);
	cr_assert(fits(j, why, sizeof(why)), "%s", why);
	struct results *back = results_from_json(j, why, sizeof(why));
	cr_assert_not_null(back, "%s", why);
	results_free(back);
	json_decref(j);
	results_free(r);
	WSD_TEST_END();
}

/* The schema and the reader each see the damage that they can. */
static void damaged(const json_t *good, const char *name, void (*damage)(json_t *j, json_t *figure))
{
	json_t *j = json_deep_copy(good);
	char why[512] = "";

	damage(j, json_array_get(json_object_get(j, "figures"), 0));
	struct results *r = results_from_json(j, why, sizeof(why));
	cr_assert_null(r, "%s is believed", name);
	cr_assert_str_neq(why, "", "%s: no reason", name);
	json_decref(j);
}

#define SET(name, key, value)                       \
	static void name(json_t *j, json_t *figure) \
	{                                           \
		json_object_set_new(j, key, value); \
	}
#define SET_FIGURE(name, key, value)                     \
	static void name(json_t *j, json_t *figure)      \
	{                                                \
		json_object_set_new(figure, key, value); \
	}
SET(other_tool, "tool", json_string("fio"))
SET(newer, "schema", json_integer(7))
SET(zero_schema, "schema", json_integer(0))
SET(text_schema, "schema", json_string("1"))
SET(no_figures, "figures", json_null())
SET(figure_list, "figures", json_pack("[i]", 5))
SET(no_hosts, "hosts", json_integer(1))
SET(bad_host, "hosts", json_pack("[{}]"))
SET(no_contenders, "contenders", json_array())
SET(twice, "contenders", json_pack("[s,s]", "switch", "switch"))
SET(long_name, "contenders", json_pack("[s]", "a name that is far too long for one"))
SET(parameter_list, "parameters", json_array())
SET(long_test, "test", json_string("a test with a name that is far too long"))
SET(stopped_number, "stopped", json_integer(1))
SET(out_nobody, "left_out", json_pack("[{}]"))
SET(out_point, "left_out",
    json_pack("[{s:s,s:s,s:i}]", "contender", "x", "reason", "y", "point", 5))
/* what a terminal obeys, also in the name of something */
SET(escape, "started", json_string("\033]0;x\007"))
SET(c1_name, "parameters", json_pack("{s:i}", "\302\2332J", 1))
SET_FIGURE(bad_kind, "kind", json_string("a \"kind\""))
SET_FIGURE(bad_unit, "unit", json_string(""))
SET_FIGURE(other_unit, "unit", json_string("bytes"))
SET_FIGURE(no_direction, "higher_is_better", json_null())
SET_FIGURE(stranger, "contender", json_string("nobody"))
SET_FIGURE(copied, "contender", json_string("raw"))
SET_FIGURE(no_point, "point", json_integer(5))
SET_FIGURE(bad_size, "point", json_pack("{s:i}", "size", -4))
SET_FIGURE(bad_mode, "point", json_pack("{s:i}", "mode", 4))
SET_FIGURE(no_samples, "samples", json_integer(0))
SET_FIGURE(more_samples, "samples", json_integer(16))
SET_FIGURE(no_median, "median_ns", json_null())
SET_FIGURE(large_median, "median_ns", json_real(1e18))
SET_FIGURE(no_rounds, "rounds_ns", json_integer(1))
SET_FIGURE(bad_round, "rounds_ns", json_pack("[s]", "x"))
SET_FIGURE(no_hist, "histogram_ns", json_null())
SET_FIGURE(bad_bucket, "histogram_ns", json_pack("[[i,i]]", 1, 2))
SET_FIGURE(negative_count, "histogram_ns", json_pack("[[i,i,i]]", 1, 2, -15))
SET_FIGURE(odd_percentiles, "percentiles", json_string("dice"))
SET_FIGURE(no_connections, "connections", json_integer(0))
SET_FIGURE(half_connections, "connections", json_real(2.5))
SET_FIGURE(empty_bucket, "histogram_ns", json_pack("[[i,i,i]]", 2, 2, 15))

Test(bench_results, damaged_json_is_refused_with_a_reason)
{
	WSD_TEST_BEGIN();
#define ROW(f)        \
	{             \
#f, f \
	}
	static const struct {
		const char *name;
		void (*damage)(json_t *j, json_t *figure);
	} rows[] = {ROW(other_tool),     ROW(newer),
		    ROW(zero_schema),    ROW(text_schema),
		    ROW(no_figures),     ROW(figure_list),
		    ROW(no_hosts),       ROW(bad_host),
		    ROW(no_contenders),  ROW(twice),
		    ROW(long_name),      ROW(parameter_list),
		    ROW(long_test),      ROW(stopped_number),
		    ROW(out_nobody),     ROW(out_point),
		    ROW(bad_kind),       ROW(bad_unit),
		    ROW(other_unit),     ROW(no_direction),
		    ROW(stranger),       ROW(copied),
		    ROW(no_point),       ROW(bad_size),
		    ROW(bad_mode),       ROW(no_samples),
		    ROW(more_samples),   ROW(no_median),
		    ROW(large_median),   ROW(no_rounds),
		    ROW(bad_round),      ROW(no_hist),
		    ROW(bad_bucket),     ROW(negative_count),
		    ROW(empty_bucket),   ROW(odd_percentiles),
		    ROW(no_connections), ROW(half_connections),
		    ROW(escape),         ROW(c1_name)};
	struct results *r = closed(1100);
	json_t *good = results_to_json(r);
	const char *key;
	json_t *value;
	char why[512];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		damaged(good, rows[i].name, rows[i].damage);
	/* each key of the whole but the two that are told for people only, and one that came later
	 */
	json_object_foreach(good, key, value)
	{
		if (!strcmp(key, "build"))
			continue;
		json_t *j = json_deep_copy(good);
		json_object_del(j, key);
		cr_assert_not(fits(j, why, sizeof(why)), "%s is missing", key);
		if (strcmp(key, "complete") != 0 && strcmp(key, "absolute") != 0 &&
		    strcmp(key, "stopped") != 0)
			cr_assert_null(results_from_json(j, why, sizeof(why)), "%s is missing",
				       key);
		json_decref(j);
	}
	cr_assert_null(results_from_json(NULL, why, sizeof(why)));
	cr_assert_str_eq(why, "not a result of wsd bench");
	json_object_set_new(good, "schema", json_integer(7));
	cr_assert_null(results_from_json(good, why, sizeof(why)));
	cr_assert_str_eq(why, "schema 7 is newer than this program, which knows 1");
	json_object_set_new(good, "schema", json_integer(1));
	json_object_set_new(good, "surprise", json_integer(1));
	cr_assert_not(fits(good, why, sizeof(why)));
	json_decref(good);
	results_free(r);
	WSD_TEST_END();
}

/* Whatever is believed can be told again. */
Test(bench_results, bytes_changed_at_random_do_no_harm)
{
	WSD_TEST_BEGIN();
	enum { TRIES = 200 }; /* 4000 were tried */
	struct results *r = closed(1100);
	json_t *good = results_to_json(r);
	char *text = json_dumps(good, JSON_COMPACT | JSON_REAL_PRECISION(6)), why[512];
	static const char letters[] = "0123456789eE.-{}[]\",:ntux ";
	size_t n = strlen(text);
	unsigned seed = 20261122, believed = 0;

	for (int i = 0; i < TRIES; i++) {
		char *copy = strdup(text);
		for (unsigned k = 0; k <= seed % 3; k++) {
			seed = seed * 1103515245 + 12345;
			unsigned at = (seed >> 8) % (unsigned)n;
			seed = seed * 1103515245 + 12345;
			copy[at] = letters[(seed >> 16) % (sizeof(letters) - 1)];
		}
		json_t *j = json_loads(copy, 0, NULL);
		struct results *back = j ? results_from_json(j, why, sizeof(why)) : NULL;
		if (back) {
			json_t *again = results_to_json(back);
			cr_assert(again && fits(again, why, sizeof(why)), "%s: %s", why, copy);
			json_decref(again);
			believed++;
		}
		results_free(back);
		json_decref(j);
		free(copy);
	}
	cr_assert(believed > 5 && believed < TRIES, "%u", believed);
	free(text);
	json_decref(good);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_results, files_are_read_or_named)
{
	WSD_TEST_BEGIN();
	struct results *r = closed(1100);
	json_t *j = results_to_json(r);
	char path[] = "/tmp/bench_results.XXXXXX", why[512];
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);

	cr_assert_eq(json_dumpfd(j, fd, JSON_INDENT(1) | JSON_REAL_PRECISION(9)), 0);
	struct results *back = results_read(path, why, sizeof(why));
	cr_assert_not_null(back, "%s", why);
	lab_near("median", back->figures[0].stats.typical, r->figures[0].stats.typical, 1e-8);
	results_free(back);
	cr_assert_eq(ftruncate(fd, 100), 0);
	cr_assert_null(results_read(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, ": line "), "%s", why);
	cr_assert_eq(ftruncate(fd, 0), 0);
	cr_assert_eq(pwrite(fd, "{\"a\":1}", 7, 0), 7);
	cr_assert_null(results_read(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "not a result of wsd bench"), "%s", why);
	cr_assert_eq(pwrite(fd, "{\"a\": \033]0;x\007\"}", 14, 0), 14); /* quoted by the parser */
	cr_assert_null(results_read(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "line 1: "), "%s", why);
	cr_assert_null(strpbrk(why, "\033\007"), "%s", why);
	cr_assert_null(results_read("/tmp", why, sizeof(why)));
	cr_assert_str_eq(why, "/tmp: Is a directory");
	close(fd);
	unlink(path);
	cr_assert_null(results_read(path, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "No such file"), "%s", why);
	json_decref(j);
	results_free(r);
	WSD_TEST_END();
}

/* As they come from two clients: one by way of JSON. */
Test(bench_results, clients_are_put_together)
{
	WSD_TEST_BEGIN();
	static const struct point p = {.size = 64}, q = {.open = 5};
	static const double rates[] = {100, 200, 300}, others[] = {10, 20, 30, 40}, bytes[] = {8};
	struct results *a = lab_results(1000), *b = lab_results(3000);
	char why[512];

	lab_figure(a, 2, "switch", &q, rates, 3);
	lab_figure(b, 2, "switch", &q, others, 4);
	lab_figure(a, 3, "tcp", &q, bytes, 1);
	lab_figure(a, 3, "switch", &q, bytes, 1);
	lab_figure(b, 3, "switch", &q, bytes, 1);
	results_find(a, "memory", "switch", &q)->connections = 100;
	results_find(b, "memory", "switch", &q)->connections = 50;
	b->hosts[0] = (struct host){.role = "client 1", .name = "b"};
	snprintf(b->stopped, sizeof(b->stopped), "interrupted");
	cr_assert_eq(results_leave_out(b, "raw", &q, "gone"), 0);
	cr_assert_eq(results_close(b), 0);
	json_t *j = results_to_json(b);
	struct results *c = results_from_json(j, why, sizeof(why));
	cr_assert_not_null(c, "%s", why);
	cr_assert_eq(results_merge(a, c, why, sizeof(why)), 0, "%s", why);
	json_decref(j);
	results_free(b);
	results_free(c);

	struct figure *f = results_find(a, "round_trip", "switch", &p);
	cr_assert_not_null(f);
	cr_assert_eq(f->stats.n, 30);
	lab_near("min", f->stats.min, 490, 1e-9);
	lab_near("max", f->stats.max, 4590, 1e-9);
	lab_near("avg", f->stats.avg, 2000, 1e-9);
	/* sqrt((v + 9 v) / 2 + 1000^2), v the variance of 1000 * {.98 ... 1.02} * {.5, 1, 1.5} */
	double v = 0, m[] = {.98, .99, 1, 1.01, 1.02}, w[] = {.5, 1, 1.5};
	for (int i = 0; i < 15; i++)
		v += pow(1000 * m[i / 3] * w[i % 3] - 1000, 2) / 15;
	lab_near("stdev", f->stats.stdev, sqrt(5 * v + 1e6), 1e-9);
	lab_near("p99", f->stats.p99, 4590, 0.016);
	lab_near("typical", f->stats.typical, 1500, 0.05);
	lab_near("a round", f->rounds.v[0], 2000, 1e-9);

	f = results_find(a, "rate", "switch", &q);
	cr_assert_not_null(f);
	cr_assert_eq(f->rounds.n, 3, "rounds that all have");
	lab_near("a sum", f->rounds.v[1], 220, 1e-9);
	lab_near("of sums", f->stats.typical, 220, 1e-9);
	cr_assert_eq(f->stats.n, 3);

	cr_assert(results_find(a, "round_trip", "switch", &p)->binned && !f->binned);
	cr_assert_eq(results_find(a, "memory", "switch", &q)->connections, 150);
	cr_assert_null(results_find(a, "memory", "tcp", &q), "what one of them lacks");
	cr_assert_eq(a->out_count, 4);
	cr_assert_str_eq(a->out[2].reason, "gone");
	cr_assert_str_eq(a->out[3].reason, "not measured by every client");
	cr_assert_eq(a->host_count, 2);
	cr_assert_str_eq(a->stopped, "interrupted");
	j = results_to_json(a);
	cr_assert(fits(j, why, sizeof(why)), "%s", why);
	c = results_from_json(j, why, sizeof(why));
	cr_assert_not_null(c, "%s", why);
	cr_assert(results_find(c, "round_trip", "switch", &p)->binned);
	cr_assert_eq(results_find(c, "memory", "switch", &q)->connections, 150);
	results_free(c);
	json_decref(j);

	struct results *other = closed(1000);
	snprintf(other->test, sizeof(other->test), "bw");
	cr_assert_eq(results_merge(a, other, why, sizeof(why)), -1);
	cr_assert_not_null(strstr(why, "not of one run"));
	results_free(other);
	results_free(a);
	WSD_TEST_END();
}

Test(bench_results, absolute_times_compare_on_bare_hardware_only)
{
	WSD_TEST_BEGIN();
	struct results *r = lab_results(1000);
	char why[512] = "";

	cr_assert_not(results_comparable(r, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "a software device (rdma_rxe)"), "%s", why);
	cr_assert_not_null(strstr(why, "-icount"), "%s", why);
	cr_assert_not_null(strstr(why, "QEMU, software emulation"), "%s", why);
	r->hosts[0] = (struct host){.role = "here", .device = "mlx5_0"};
	cr_assert(results_comparable(r, why, sizeof(why)));
	lab_host(r, "server")->soft = false;
	cr_assert_not(results_comparable(r, why, sizeof(why)), "every host counts");
	cr_assert_null(strstr(why, "software device"), "%s", why);
	r->host_count = 0;
	cr_assert_not(results_comparable(r, why, sizeof(why)));
	results_free(r);
	WSD_TEST_END();
}
