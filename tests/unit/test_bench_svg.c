/* SPDX-License-Identifier: MIT
 *
 * What charts are made of: units, scales, shapes and text of SVG; and charts whose places were
 * computed by hand.
 */
#include "check.h"

#include "chart.h"
#include "units.h"

#include <math.h>

/* What @write writes, as a string to be freed. */
#define WRITTEN(into, statement)                           \
	do {                                               \
		size_t size_;                              \
		FILE *f = open_memstream(&(into), &size_); \
		cr_assert_not_null(f);                     \
		statement;                                 \
		cr_assert_eq(fclose(f), 0);                \
	} while (0)

static void says(const char *is, const char *should)
{
	cr_assert_str_eq(is, should);
}

static bool near(double a, double b)
{
	return fabs(a - b) < 1e-6 * fmax(1, fabs(b));
}

Test(bench_svg, units_have_one_to_three_digits)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *kind;
		double value;
		const char *text, *tick;
	} rows[] = {
		{"ns", 0, "0 ns", "0"},
		{"ns", 17, "17 ns", "17 ns"},
		{"ns", 0.5, "0.50 ns", "0.5 ns"},
		{"ns", 2050, "2.05 us", "2.05 us"},
		{"ns", 61000, "61.0 us", "61 us"},
		{"ns", 212345, "212 us", "212 us"},
		{"ns", 1.9e6, "1.90 ms", "1.9 ms"},
		{"ns", 3e11, "300 s", "300 s"},
		{"bytes", 64, "64 B", "64 B"},
		{"bytes", 1024, "1.00 KiB", "1 KiB"},
		{"bytes", 270e3, "264 KiB", "264 KiB"},
		{"bytes", 1 << 20, "1.00 MiB", "1 MiB"},
		{"bytes_per_s", 3e9, "2.79 GiB/s", "2.79 GiB/s"},
		{"bytes_per_s", 12, "12 bytes/s", "12 bytes/s"},
		{"per_s", 4700, "4.70k/s", "4.7k/s"},
		{"per_s", 12, "12/s", "12/s"},
		{"ratio", 1.0833, "1.08x", "1.08x"},
		{"ratio", 1, "1.00x", "1.00x"},
		{"ratio", 12.25, "12.2x", "12.2x"},
		{"bananas", 3.25, "3.25", "3.25"},
		{"ns", -2050, "-2.05 us", "-2.05 us"},
		{"ns", NAN, "-", "-"},
		{"ns", INFINITY, "-", "-"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[UNIT_TEXT];
		says(unit_text(text, rows[i].kind, rows[i].value), rows[i].text);
		says(unit_tick(text, rows[i].kind, rows[i].value), rows[i].tick);
	}
	WSD_TEST_END();
}

/* As "0 1 2". */
static void ticks_are(const struct scale *s, int max, const char *should)
{
	double at[TICKS_MAX];
	char text[400] = "";
	int n = scale_ticks(s, max, at);
	cr_assert_leq(n, max);
	for (int i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.6g", i ? " " : "",
			 at[i]);
	says(text, should);
}

Test(bench_svg, linear_scales)
{
	WSD_TEST_BEGIN();
	struct scale s = {.from = 100, .to = 300};
	scale_linear(&s, 3, 838, 1);
	cr_assert(s.low == 0 && s.high == 1000);
	ticks_are(&s, 7, "0 200 400 600 800 1000");
	cr_assert(near(scale_at(&s, 500), 200));
	cr_assert(near(scale_at(&s, -5), 100) && near(scale_at(&s, 1e9), 300), "the edges");
	cr_assert(near(scale_at(&s, NAN), 100));
	scale_linear(&s, 0, 10000, 1024); /* KiB */
	ticks_are(&s, 7, "0 2048 4096 6144 8192 10240");
	scale_linear(&s, -3, 8, 1);
	cr_assert(s.low <= -3 && s.high >= 8);
	/* nothing sensible: a scale all the same */
	static const double wrong[][2] = {{NAN, 1}, {0, INFINITY}, {5, 3}, {0, 0}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		scale_linear(&s, wrong[i][0], wrong[i][1], 1);
		cr_assert(isfinite(scale_at(&s, 1)) && s.low < s.high);
	}
	WSD_TEST_END();
}

Test(bench_svg, logarithmic_scales)
{
	WSD_TEST_BEGIN();
	struct scale s = {.from = 0, .to = 300};
	scale_log(&s, 1.2, 830);
	cr_assert(s.low == 1 && s.high == 1000);
	ticks_are(&s, 7, "1 3 10 30 100 300 1000");
	ticks_are(&s, 4, "1 10 100 1000");
	cr_assert(near(scale_at(&s, 10), 100) && near(scale_at(&s, 0), 0));
	scale_log(&s, 60, 900);
	ticks_are(&s, 7, "50 100 200 500 1000");
	scale_log(&s, 0, 1000);
	cr_assert(s.zero);
	cr_assert(near(scale_at(&s, 0), 0) && scale_at(&s, 100) > 20, "0 has a place of its own");
	scale_binary(&s, 64, 1 << 20);
	cr_assert(s.low == 64 && s.high == 1 << 20);
	ticks_are(&s, 8, "64 256 1024 4096 16384 65536 262144 1.04858e+06");
	s.low = .8, s.high = 1.25, s.binary = false;
	ticks_are(&s, 7, "0.8 0.9 1 1.1 1.2");
	static const double wrong[][2] = {{NAN, 1}, {0, 0}, {-3, -1}, {5, 3}, {0, INFINITY}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		double at[TICKS_MAX];
		scale_log(&s, wrong[i][0], wrong[i][1]);
		cr_assert(isfinite(scale_at(&s, 1)) && s.low < s.high &&
			  scale_ticks(&s, 6, at) >= 1);
		scale_binary(&s, wrong[i][0], wrong[i][1]);
		cr_assert(isfinite(scale_at(&s, 1)) && s.low < s.high &&
			  scale_ticks(&s, 6, at) >= 1);
	}
	/* any range has ticks inside it, not too many */
	for (double wide = 1.01; wide < 1e15; wide *= 1.7) {
		double at[TICKS_MAX];
		scale_log(&s, 3, 3 * wide);
		int n = scale_ticks(&s, 7, at);
		cr_assert(n >= 2 && n <= 7, "%g: %d ticks", wide, n);
		for (int i = 0; i < n; i++)
			cr_assert(at[i] >= s.low * .999 && at[i] <= s.high * 1.001 &&
				  (!i || at[i] > at[i - 1]));
	}
	WSD_TEST_END();
}

Test(bench_svg, text_is_escaped)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *text, *as;
	} rows[] = {
		{"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;"},
		{"µs 日本 😀", "µs 日本 😀"},
		{"\x01\x1f\x7f", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xff\xc3", "\xef\xbf\xbd\xef\xbf\xbd"}, /* no UTF-8; cut off */
		{"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"}, /* too long for what it says */
		{"\xed\xa0\x80x", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx"}, /* half of a pair */
		{"\xef\xbf\xbf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},   /* U+FFFF: not in XML */
		{"]]>", "]]&gt;"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = NULL;
		WRITTEN(text, svg_escape(f, rows[i].text));
		says(text, rows[i].as);
		free(text);
	}
	char *text = NULL;
	WRITTEN(text, svg_text(f, "ink", AT_END, 1.5, 2, "%s", "<&>"));
	says(text,
	     "<text class=\"ink\" text-anchor=\"end\" x=\"1.5\" y=\"2\">&lt;&amp;&gt;</text>\n");
	free(text);
	WSD_TEST_END();
}

Test(bench_svg, what_is_not_finite_is_not_drawn)
{
	WSD_TEST_BEGIN();
	const double wrong[] = {NAN, INFINITY, -INFINITY, 1e300};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char *text = NULL;
		double v = wrong[i];
		WRITTEN(text, {
			svg_line(f, "l", 0, v, 1, 1);
			svg_rect(f, "b", 0, 0, v, 1);
			svg_rect(f, "b", 0, 0, -1, 1);
			svg_text(f, "ink", AT_START, v, 0, "lost");
			for (int m = 0; m < MARKS; m++)
				svg_marker(f, "m", (enum svg_marker)m, 0, v, 3);
		});
		says(text, "");
		free(text);
		WRITTEN(text,
			svg_path(f, "l", (const struct place[]){{v, 1}, {2, 3}, {4, v}, {5, 6.25}},
				 4));
		says(text, "<path class=\"l\" d=\"M2 3L5 6.25\"/>\n");
		free(text);
	}
	WSD_TEST_END();
}

Test(bench_svg, text_is_cut_at_words_and_characters)
{
	WSD_TEST_BEGIN();
	cr_assert_eq(svg_text_fit("one two", 10, 1000), 7);
	cr_assert_eq(svg_text_fit("one two three", 10, svg_text_width("one two ", 10)), 8);
	cr_assert_eq(svg_text_fit("wwwwww", 10, .1), 1, "never nothing");
	const char *wide = "日本語";
	size_t n = svg_text_fit(wide, 10, svg_text_width("日", 10) + 1);
	cr_assert_eq(n, 3, "a character stays whole");
	char *text = NULL;
	WRITTEN(text, svg_text_within(f, "ink", 0, 0, 10, svg_text_width("one two ", 10) + 10,
				      "one two three four"));
	says(text, "<text class=\"ink\" x=\"0\" y=\"0\">one two…</text>\n");
	free(text);
	WSD_TEST_END();
}

Test(bench_svg, contenders_keep_their_looks)
{
	WSD_TEST_BEGIN();
	static const char *const known[] = {"switch",   "provider", "raw",      "raw-cm",
					    "rsockets", "tcp",      "perftest", "rstream"};
	for (size_t i = 0; i < 8; i++)
		for (size_t k = 0; k < i; k++) {
			const struct look *a = look_of(known[i]), *b = look_of(known[k]);
			cr_assert(strcmp(a->line, b->line) && strcmp(a->bar, b->bar));
		}
	cr_assert_eq(look_of("newcomer"), look_of("newcomer"));
	cr_assert_str_eq(look_title("newcomer"), "newcomer");
	for (size_t i = 0; i < 8; i++)
		cr_assert_neq(look_of("newcomer"), look_of(known[i]));
	WSD_TEST_END();
}

static int count(const char *text, const char *what)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* The number behind @attribute in the first line that holds @what. */
static double number_of(const char *text, const char *what, const char *attribute)
{
	const char *p = strstr(text, what);
	cr_assert_not_null(p, "no %s", what);
	while (p > text && p[-1] != '\n')
		p--;
	const char *a = strstr(p, attribute);
	cr_assert_not_null(a, "no %s", attribute);
	return strtod(a + strlen(attribute), NULL);
}

/* Two ratios, ours half and twice the peer's: bars of the same length on either side of 1. */
Test(bench_svg, ratio_bars_are_where_they_belong)
{
	WSD_TEST_BEGIN();
	struct chart c = {.form = CHART_RATIOS};
	struct series *s = chart_add(&c, "raw <1>", look_of("raw"));
	snprintf(s->group, sizeof(s->group), "bind & listen");
	cr_assert_eq(series_add(s, &(struct mark){.x = .5, .low = .45, .high = .55}), 0);
	s = chart_add(&c, "tcp", look_of("tcp"));
	snprintf(s->group, sizeof(s->group), "bind & listen");
	cr_assert_eq(series_add(s, &(struct mark){.x = 2, .low = 1, .high = 0}), 0);
	s = chart_add(&c, "odd", look_of("odd"));
	snprintf(s->group, sizeof(s->group), "another");
	cr_assert_eq(series_add(s, &(struct mark){.x = NAN, .low = NAN, .high = NAN}), 0);
	struct chart *all[] = {&c};
	chart_fit(all, 1);
	char *text = NULL;
	WRITTEN(text, chart_draw(f, &c, 0, 0));
	cr_assert_eq(count(text, "class=\"b "), 2);
	cr_assert_eq(count(text, ">bind &amp; listen<"), 1, "one heading for neighbours");
	cr_assert_eq(count(text, ">another<"), 1);
	cr_assert_eq(count(text, ">raw &lt;1&gt;<"), 1);
	cr_assert_eq(count(text, ">0.50x<"), 2, "a tick and a label");
	cr_assert_eq(count(text, "class=\"whisker\""), 3, "of the first only");
	cr_assert_eq(count(text, "nan") + count(text, "inf"), 0);
	const char *raw = look_of("raw")->bar, *tcp = look_of("tcp")->bar;
	double one = number_of(text, "class=\"one\"", " x1=\"");
	double left = number_of(text, raw, " x=\""), width = number_of(text, raw, " width=\"");
	cr_assert(fabs(left + width - one) < .02 &&
		  fabs(number_of(text, tcp, " x=\"") - one) < .02);
	cr_assert(fabs(width - number_of(text, tcp, " width=\"")) < .02, "half is as far as twice");
	cr_assert(number_of(text, "class=\"better\"", " x=\"") < left,
		  "less is better: shaded on the left");
	free(text);
	chart_free(&c);
	WSD_TEST_END();
}

Test(bench_svg, a_trend_goes_through_its_points)
{
	WSD_TEST_BEGIN();
	struct chart c = {.form = CHART_TREND, .y_kind = "ns"};
	struct series *s = chart_add(&c, "up", look_of("switch"));
	for (int i = 0; i <= 4; i++)
		cr_assert_eq(series_add(s, &(struct mark){.x = i, .y = 250. * i, .low = 1}), 0);
	s = chart_add(&c, "gap", look_of("raw"));
	cr_assert_eq(series_add(s, &(struct mark){.x = 0, .y = 500, .low = 1}), 0);
	cr_assert_eq(series_add(s, &(struct mark){.x = 2, .y = NAN, .low = 1}), 0);
	cr_assert_eq(series_add(s, &(struct mark){.x = 4, .y = 500, .low = 1}), 0);
	struct chart *all[] = {&c};
	chart_fit(all, 1);
	char *text = NULL;
	WRITTEN(text, chart_draw(f, &c, 0, 0));
	/* the plot: 66 + 10 to 640 - 158 - 10 across; 28 to 288 down; 0 to 4, 0 to 1000 ns */
	cr_assert_not_null(strstr(text, "d=\"M76 288L175 223L274 158L373 93L472 28\""), "%s", text);
	cr_assert_not_null(strstr(text, "d=\"M76 158L472 158\""), "%s", text);
	cr_assert_eq(count(text, ">up<") + count(text, ">gap<"), 2);
	cr_assert_eq(count(text, ">1.00 us at 4<"), 1);
	cr_assert_eq(count(text, "nan"), 0);
	free(text);
	chart_free(&c);
	WSD_TEST_END();
}

/* Whatever is in it, a chart can be drawn, and says nothing that is no number. */
Test(bench_svg, charts_of_nothing)
{
	WSD_TEST_BEGIN();
	for (int form = 0; form < CHART_FORMS; form++)
		for (int rows = 0; rows < 3; rows++) {
			struct chart c = {.form = (enum chart_form)form,
					  .x_kind = "ns",
					  .y_kind = "ns",
					  .left_away = rows};
			for (int i = 0; i < rows; i++) {
				struct series *s = chart_add(&c, "none", look_of("tcp"));
				const double at = rows == 1 ? NAN : 0;
				if (i)
					cr_assert_eq(series_add(s, &(struct mark){at, at, at, at}),
						     0);
			}
			struct chart *all[] = {&c};
			char *text = NULL;
			chart_fit(all, 1);
			WRITTEN(text, chart_draw(f, &c, 10, 20));
			cr_assert(!strstr(text, "nan") && !strstr(text, "inf\""));
			cr_assert(chart_height(&c) > 0);
			free(text);
			chart_free(&c);
		}
	WSD_TEST_END();
}
