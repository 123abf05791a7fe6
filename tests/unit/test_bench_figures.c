/* SPDX-License-Identifier: MIT
 *
 * The statistics of wsd bench against samples whose figures were computed by hand.
 */
#include "check.h"

#include "figures.h"

#include <errno.h>
#include <math.h>

static void fill(struct samples *s, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(samples_add(s, v[i]), 0);
}
#define FILL(s, ...) \
	fill(s, (const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))

static void near(const char *what, double is, double should)
{
	cr_assert(fabs(is - should) <= 1e-9 * fmax(1, fabs(should)), "%s: %.12g, not %.12g", what,
		  is, should);
}

Test(bench_figures, percentiles_are_the_nearest_rank)
{
	WSD_TEST_BEGIN();
	static const double five[] = {15, 20, 35, 40, 50}; /* the textbook's example */
	static const struct {
		double p, value;
	} rows[] = {{5, 15},  {20, 15}, {20.1, 20}, {30, 20}, {40, 20},
		    {50, 35}, {99, 50}, {100, 50},  {0, 15}};
	double thousand[1000];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		near("of five", percentile(five, 5, rows[i].p), rows[i].value);
	for (int i = 0; i < 1000; i++)
		thousand[i] = i + 1;
	near("99 % of 1000", percentile(thousand, 1000, 99), 990);
	near("99.9 % of 1000", percentile(thousand, 1000, 99.9), 999);
	near("99.99 % of 1000", percentile(thousand, 1000, 99.99), 1000);
	near("of none", percentile(NULL, 0, 50), 0);
	WSD_TEST_END();
}

Test(bench_figures, statistics_of_known_samples)
{
	WSD_TEST_BEGIN();
	struct samples s = {0};
	struct stats t = {.n = 7};

	cr_assert_eq(stats_of(&s, &t), 0);
	cr_assert_eq(t.n, 0);
	near("typical of none", t.typical, 0);
	/* unsorted on purpose; mean 5, squares sum to 32: stdev of the population 2 */
	FILL(&s, 9, 2, 4, 7, 4, 5, 4, 5);
	cr_assert_eq(stats_of(&s, &t), 0);
	cr_assert_eq(t.n, 8);
	near("min", t.min, 2);
	near("max", t.max, 9);
	near("avg", t.avg, 5);
	near("stdev", t.stdev, 2);
	near("typical: the mean of the two in the middle", t.typical, 4.5);
	near("p99", t.p99, 9);
	near("they stay in the order in which they came", s.v[0], 9);
	FILL(&s, 6);
	cr_assert_eq(stats_of(&s, &t), 0);
	near("typical of an odd number", t.typical, 5);
	samples_free(&s);
	/* a small spread of large values: the naive formula gives 0 or a negative square here */
	FILL(&s, 1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16);
	cr_assert_eq(stats_of(&s, &t), 0);
	near("stdev", t.stdev, sqrt(22.5));
	near("avg", t.avg, 1e9 + 10);
	samples_free(&s);
	WSD_TEST_END();
}

Test(bench_figures, what_is_not_a_finite_number_is_no_sample)
{
	WSD_TEST_BEGIN();
	struct samples s = {0};
	cr_assert_eq(samples_add(&s, NAN), -EINVAL);
	cr_assert_eq(samples_add(&s, INFINITY), -EINVAL);
	cr_assert_eq(samples_add(&s, -INFINITY), -EINVAL);
	cr_assert_eq(s.n, 0);
	cr_assert_eq(samples_add(&s, 0), 0);
	samples_free(&s);
	WSD_TEST_END();
}

Test(bench_figures, a_value_lies_in_its_bucket)
{
	WSD_TEST_BEGIN();
	static const double values[] = {1, 1.01, 2, 3, 64, 100, 127.9, 1e3, 12345, 1e6, 1e9, 1e12};
	struct hist *h = calloc(1, sizeof(*h));
	cr_assert_not_null(h);

	for (int b = 0; b < HIST_BUCKETS; b++)
		cr_assert_lt(hist_floor(b), hist_floor(b + 1), "bucket %d", b);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		int b = 0;
		memset(h, 0, sizeof(*h));
		hist_add(h, values[i], 3);
		while (!h->count[b])
			b++;
		cr_assert_eq(h->count[b], 3);
		cr_assert(hist_floor(b) <= values[i] && values[i] < hist_floor(b + 1),
			  "%g: bucket %d", values[i], b);
		double told = hist_percentile(h, 50);
		cr_assert(values[i] < 2 || fabs(told - values[i]) <= 0.016 * values[i], "%g: %g",
			  values[i], told);
	}
	memset(h, 0, sizeof(*h));
	hist_add(h, 0, 1);
	hist_add(h, 0.5, 1);
	cr_assert_eq(h->count[0], 2);
	hist_add(h, 1e30, 1);
	cr_assert_eq(h->count[HIST_BUCKETS - 1], 1);
	memset(h, 0, sizeof(*h));
	near("of none", hist_percentile(h, 50), 0);
	hist_add(h, 128, 990);
	hist_add(h, 4096, 10);
	near("p99 is the last of the lower ones", hist_percentile(h, 99), 129);
	near("p99.1 is above", hist_percentile(h, 99.1), 4096 + 32);
	free(h);
	WSD_TEST_END();
}

Test(bench_figures, points_are_told_and_compared)
{
	WSD_TEST_BEGIN();
	char warm[] = "warm", text[64];
	const struct point rows[] = {
		{0},
		{.size = 64},
		{.open = 64},
		{.threads = 64},
		{.nics = 64},
		{.mode = "warm"},
		{.size = 64, .mode = "cold"},
	};
	static const char *const texts[] = {"",        "64 bytes", "64 open",       "64 threads",
					    "64 NICs", "warm",     "64 bytes, cold"};

	for (int i = 0; i < 7; i++) {
		point_text(&rows[i], text, sizeof(text));
		cr_assert_str_eq(text, texts[i]);
		for (int k = 0; k < 7; k++)
			cr_assert_eq(point_equal(&rows[i], &rows[k]), i == k, "%d %d", i, k);
	}
	cr_assert(point_equal(&(struct point){.mode = warm}, &rows[5]),
		  "by the word, not where it stands");
	point_text(&(struct point){.size = 1, .open = 2, .threads = 1, .nics = 1, .mode = "vista"},
		   text, sizeof(text));
	cr_assert_str_eq(text, "1 byte, 2 open, 1 thread, 1 NIC, vista");
	point_text(&(struct point){.size = 64, .mode = "a long word"}, text, 12);
	cr_assert_str_eq(text, "64 bytes, a");
	WSD_TEST_END();
}

static void round_of(struct figure *f, double a, double b, double c)
{
	size_t first = f->all.n;
	FILL(&f->all, a, b, c);
	cr_assert_eq(figure_round(f, first), 0);
}

Test(bench_figures, ratios_go_round_by_round)
{
	WSD_TEST_BEGIN();
	struct figure ours = {0}, peer = {0}, none = {0};
	struct ratio r = {.rounds = 77};

	cr_assert_not(ratio_of(&ours, &peer, &r));
	cr_assert_eq(r.rounds, 77, "untouched");
	/* medians 10 20 30 40 50 beside 10 10 10 10 20: ratios 1 2 3 4 2.5 */
	for (int i = 1; i <= 5; i++) {
		round_of(&ours, 10 * i, 1, 1000 * i);
		round_of(&peer, i == 5 ? 20 : 10, 1000, 1);
	}
	cr_assert_eq(figure_round(&ours, ours.all.n), 0, "a round without samples");
	cr_assert_eq(ours.rounds.n, 5);
	near("the median of a round", ours.rounds.v[1], 20);
	cr_assert(ratio_of(&ours, &peer, &r));
	cr_assert_eq(r.rounds, 5);
	near("median", r.median, 2.5);
	near("low", r.low, 2);
	near("high", r.high, 3);
	near("min", r.min, 1);
	near("max", r.max, 4);
	cr_assert_not(ratio_of(&ours, &none, &r));
	FILL(&none.rounds, 0, 0);
	cr_assert_not(ratio_of(&ours, &none, &r), "beside what cost nothing");
	cr_assert_eq(figure_close(&ours), 0);
	cr_assert_eq(ours.stats.n, 15);
	samples_free(&ours.all);
	samples_free(&ours.rounds);
	samples_free(&peer.all);
	samples_free(&peer.rounds);
	samples_free(&none.rounds);
	WSD_TEST_END();
}
