/* SPDX-License-Identifier: MIT
 *
 * `wsd bench report`: which charts it draws of what, what it says, its three formats, its errors.
 */
#include "bench_samples.h"
#include "check.h"
#include "run_tool.h"

#include "report.h"

#include <sys/stat.h>

static char folder[] = "/tmp/wsd-report-XXXXXX";

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static int next;
	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", folder, name);
	return path[next];
}

static void begin(void)
{
	cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
	char command[64];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

static int count(const char *text, const char *what)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

/* A report of these, which it frees in the end. */
static struct report *plan(struct results **results, int n)
{
	struct report *r = calloc(1, sizeof(*r));
	cr_assert_not_null(r);
	for (int i = 0; i < n; i++)
		r->runs[i] = (struct report_run){.results = results[i], .file = "a<b>&.json"};
	r->run_count = n;
	cr_assert_eq(report_plan(r), 0);
	return r;
}

static void drop(struct report *r)
{
	for (int i = 0; i < r->run_count; i++)
		results_free((struct results *)(uintptr_t)r->runs[i].results);
	report_free(r);
	free(r);
}

static char *written(void (*write)(FILE *, const struct report *), const struct report *r)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	cr_assert_not_null(f);
	write(f, r);
	cr_assert_eq(fclose(f), 0);
	cr_assert(!strstr(text, "nan") && !strstr(text, "-inf"), "no such numbers");
	return text;
}

/* Tags close what they opened, in order; attributes are quoted; no bare < or &. */
static void well_formed(const char *text, bool html)
{
	char open[64][24];
	int depth = 0;
	const char *p = strstr(text, "<style>"), *after = p ? strstr(p, "</style>") : NULL;
	cr_assert(p && after);
	for (p = text; (p = strchr(p, '<')); p++) {
		const char *stop = strchr(p, '>');
		cr_assert_not_null(stop);
		if (p[1] == '!')
			continue;
		int n = (int)strcspn(p + 1, " >/\n");
		if (p[1] == '/') {
			n = (int)strcspn(p + 2, ">");
			cr_assert(depth > 0 && !strncmp(open[depth - 1], p + 2, (size_t)n) &&
					  !open[depth - 1][n],
				  "%.*s closes %s", n, p + 2, depth ? open[depth - 1] : "nothing");
			depth--;
		} else if (stop[-1] != '/') {
			cr_assert_lt(depth, 64);
			snprintf(open[depth++], sizeof(open[0]), "%.*s", n, p + 1);
		}
		int quotes = 0;
		for (const char *q = p; q < stop; q++)
			quotes += *q == '"';
		cr_assert_eq(quotes % 2, 0, "%.*s", (int)(stop - p), p);
	}
	cr_assert_eq(depth, 0);
	for (p = text; (p = strchr(p, '&')); p++)
		cr_assert(!strncmp(p, "&amp;", 5) || !strncmp(p, "&lt;", 4) ||
			  !strncmp(p, "&gt;", 4) || !strncmp(p, "&quot;", 6) ||
			  !strncmp(p, "&#39;", 5));
	if (html)
		cr_assert(!strstr(text, "<script") && !strstr(text, "http://") &&
				  !strstr(text, "https://"),
			  "nothing from elsewhere");
}

static const struct section *section_of(const struct report *r, enum chart_form form)
{
	for (int i = 0; i < r->section_count; i++)
		if (r->sections[i].count && r->sections[i].charts[0].form == form)
			return &r->sections[i];
	return NULL;
}

static int charts_of(const struct report *r, enum chart_form form)
{
	int n = 0;
	for (int i = 0; i < r->section_count; i++)
		for (int k = 0; k < r->sections[i].count; k++)
			n += r->sections[i].charts[k].form == form;
	return n;
}

/* What varies, and what is measured, tells the charts. */
Test(bench_report, charts_follow_from_the_points)
{
	WSD_TEST_BEGIN();
	static const struct {
		struct results *(*make)(const char *, bool);
		int charts[CHART_FORMS]; /* shares, trend, dots, bars, ratios */
	} rows[] = {
		{made_connect_run, {4, 4, 0, 0, 2}},
		{made_bw_run, {0, 2, 0, 0, 2}},
		{made_takeover_run, {0, 0, 1, 0, 1}},
		{made_memory_run, {0, 0, 0, 1, 1}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct results *r = rows[i].make("a", true);
		struct report *report = plan(&r, 1);
		for (int k = 0; k < CHART_FORMS; k++)
			cr_expect_eq(charts_of(report, (enum chart_form)k), rows[i].charts[k],
				     "%s: form %d: %d", r->test, k,
				     charts_of(report, (enum chart_form)k));
		drop(report);
	}
	WSD_TEST_END();
}

Test(bench_report, lines_and_their_values)
{
	WSD_TEST_BEGIN();
	struct results *r = made_connect_run("a", false);
	struct report *report = plan(&r, 1);
	const struct section *s = section_of(report, CHART_TREND);
	cr_assert_not_null(s);
	cr_assert_str_eq(s->title,
			 "Connect, accept and close against connections open: lower is better");
	const struct chart *c = &s->charts[0];
	cr_assert_str_eq(c->caption, "cold");
	cr_assert_eq(c->n, 4);
	cr_assert_str_eq(c->series[0].name, "wsdirect switch");
	static const double open[] = {0, 100, 1000, 5000};
	for (int i = 0; i < 4; i++) {
		const struct figure *f =
			results_find(r, "cycle", "switch",
				     &(struct point){.open = (int)open[i], .mode = "cold"});
		cr_assert_eq(c->series[0].marks[i].x, open[i]);
		cr_assert_eq(c->series[0].marks[i].y, f->stats.typical);
		cr_assert(c->series[0].marks[i].low <= c->series[0].marks[i].y &&
			  c->series[0].marks[i].y <= c->series[0].marks[i].high);
	}
	s = section_of(report, CHART_SHARES);
	const struct series *line = &s->charts[0].series[0];
	cr_assert_eq(
		line->median,
		results_find(r, "cycle", "switch", &(struct point){.mode = "cold"})->stats.typical);
	for (int i = 1; i < line->n; i++)
		cr_assert(line->marks[i].x >= line->marks[i - 1].x &&
			  line->marks[i].y > line->marks[i - 1].y);
	cr_assert(line->marks[line->n - 1].y > .99 && line->marks[line->n - 1].y < 1);
	s = section_of(report, CHART_RATIOS);
	cr_assert_eq(s->charts[0].n, 2 * 4 * 3);
	cr_assert(!s->charts[0].higher && s->charts[1].higher);
	struct ratio q;
	cr_assert(ratio_of(results_find(r, "cycle", "switch", &(struct point){.mode = "cold"}),
			   results_find(r, "cycle", "raw", &(struct point){.mode = "cold"}), &q));
	cr_assert_eq(s->charts[0].series[0].marks[0].x, q.median);
	drop(report);
	WSD_TEST_END();
}

Test(bench_report, formats_are_well_formed_and_whole)
{
	WSD_TEST_BEGIN();
	struct results *all[] = {made_connect_run("ib<7>", false), made_bw_run("a", true),
				 made_takeover_run("a", true), made_memory_run("\xff\x01&", false)};
	struct report *r = plan(all, 4);
	all[0]->figures[3].binned = true;
	all[1]->figures[0].connections = 77;
	char *html = written(report_html, r), *svg = written(report_svg, r),
	     *md = written(report_md, r);
	cr_assert(strstr(html, "read from these, to within 1.6 %.") && strstr(md, "mean of 77"));
	well_formed(html, true);
	well_formed(svg, false);
	for (int i = 0; i < r->section_count; i++)
		for (int k = 0; k < r->sections[i].count; k++) {
			const struct chart *c = &r->sections[i].charts[k];
			for (int n = 0; n < c->n; n++)
				cr_assert(strstr(svg, c->series[n].name) &&
					  strstr(html, c->series[n].name));
		}
	cr_assert_eq(count(html, "<figure>"), count(html, "</svg>"));
	cr_assert_not_null(strstr(html, "ib&lt;7&gt;"));
	cr_assert_not_null(strstr(html, "a&lt;b&gt;&amp;.json"));
	cr_assert_not_null(strstr(html, "prefers-color-scheme:dark"));
	/* what must not be overlooked, in each format */
	static const char *const notes[] = {"Cut short: interrupted in round 5 of 20",
					    "are not comparable with other hosts: ",
					    "kernel TCP: a takeover is of RDMA listeners"};
	for (int i = 0; i < 3; i++)
		cr_assert(strstr(html, notes[i]) && strstr(md, notes[i]), "%s", notes[i]);
	cr_assert_not_null(strstr(svg, notes[0]));
	cr_assert_not_null(strstr(html, "&lt;librdmacm&gt; has no &quot;rsockets&quot; &amp; co."));
	cr_assert_not_null(strstr(md, "\\<librdmacm\\> has no"));
	/* tables: a row for each figure */
	int figures = 0;
	for (int i = 0; i < 4; i++)
		figures += all[i]->figure_count;
	cr_assert_eq(count(html, "<tr><td>"), figures);
	free(html), free(svg), free(md);
	drop(r);
	WSD_TEST_END();
}

Test(bench_report, runs_side_by_side)
{
	WSD_TEST_BEGIN();
	struct results *all[] = {made_connect_run("one", false), made_connect_run("two", true)};
	struct report *r = plan(all, 2);
	const struct section *s = section_of(r, CHART_TREND);
	cr_assert_eq(s->count, 4);
	cr_assert_str_eq(s->charts[0].caption, "run 1, connect on one: cold");
	cr_assert_str_eq(s->charts[3].caption, "run 2, connect on two: warm");
	cr_assert(!*s->charts[0].alarm && strstr(s->charts[3].alarm, "Not comparable"));
	char *md = written(report_md, r);
	cr_assert(strstr(md, "Run 1, connect on one: ") && strstr(md, "Run 2, connect on two: "));
	free(md);
	drop(r);
	WSD_TEST_END();
}

/* On one host, or where times may be compared, scales are the same; else each run has its own. */
Test(bench_report, scales_are_shared_where_one_may_compare)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *host[2];
		bool soft[2], shared;
	} rows[] = {{{"a", "a"}, {true, true}, true},
		    {{"a", "b"}, {true, true}, false},
		    {{"a", "b"}, {false, false}, true},
		    {{"a", "b"}, {false, true}, false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct results *all[2];
		for (int k = 0; k < 2; k++) {
			all[k] = made_results("connect", rows[i].host[k], rows[i].soft[k]);
			for (int open = 0; open < 200; open += 100)
				made_fill(all[k], &made_connect, "switch",
					  &(struct point){.open = open}, k ? 9e5 : 1e5, 3, 3);
			cr_assert_eq(results_close(all[k]), 0);
		}
		struct report *r = plan(all, 2);
		const struct section *s = section_of(r, CHART_TREND);
		cr_assert_eq(s->count, 2);
		cr_assert_eq(s->charts[0].y.high == s->charts[1].y.high, rows[i].shared, "row %zu",
			     i);
		drop(r);
	}
	WSD_TEST_END();
}

Test(bench_report, many_points)
{
	WSD_TEST_BEGIN();
	struct results *r = made_results("connect", "a", true);
	static char modes[300][8];
	for (int i = 0; i < 300; i++) {
		snprintf(modes[i], sizeof(modes[i]), "m%d", i);
		for (int k = 0; k < 2; k++)
			made_fill(r, &made_connect, k ? "raw" : "switch",
				  &(struct point){.open = 1 + i % 3, .mode = modes[i]}, 1e5 + i, 2,
				  30);
	}
	cr_assert_eq(results_close(r), 0);
	struct report *report = plan(&r, 1);
	for (int i = 0; i < report->section_count; i++) {
		const struct section *s = &report->sections[i];
		cr_assert_leq(s->count, 12);
		for (int k = 0; k < s->count; k++)
			cr_assert_leq(s->charts[k].n, 30);
		cr_assert(s->left_away > 0 || s->charts[0].left_away > 0, "%s", s->title);
	}
	char *html = written(report_html, report);
	cr_assert_eq(count(html, "<tr><td>"), 600, "the table has all");
	free(html);
	drop(report);
	WSD_TEST_END();
}

/* ---- the tool ---- */

static void refuses(const char *arguments, int status, const char *text)
{
	struct run *r = run_tool("", arguments);
	cr_assert_eq(r->status, status, "%s: %d: %s", arguments, r->status, r->text);
	cr_assert_not_null(strstr(r->text, text), "%s: %s", arguments, r->text);
	free(r);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_folder(name), "we");
	cr_assert_not_null(f);
	cr_assert(fputs(text, f) >= 0);
	cr_assert_eq(fclose(f), 0);
}

static const struct {
	const char *arguments; /* %s: the folder */
	int status;
	const char *text;
} wrong[] = {
	{"-o %s/x.html %s/none.json", 1, "none.json: No such file"},
	{"-o %s/x.html %s/text.json", 1, "text.json"},
	{"-o %s/x.html %s/nothing.json", 1, "nothing.json"},
	{"-o %s/x.html %s/other.json", 1, "not a result of wsd bench"},
	{"-o %s/x.html %s/newer.json", 1, "newer"},
	{"-o %s/x.html %s/empty.json", 1, "nothing was measured: the server went away"},
	{"-o %s/x.html", 2, "which results?"},
	{"%s/good.json", 2, "-o FILE with the ending .html, .svg or .md"},
	{"-o %s/x.pdf %s/good.json", 2, "none of the endings .html, .svg and .md"},
	{"-o %s/html %s/good.json", 2, "none of the endings .html, .svg and .md"},
	{"-o - %s/good.json", 2, "-o - needs --format html, svg or md"},
	{"-o '' %s/good.json", 2, "-o needs the name of a file"},
	{"--format pdf %s/good.json", 2, "there is no format 'pdf': html, svg and md are"},
	{"-o %s/no/x.html %s/good.json", 1, "x.html: No such file"},
	{"-o %s/good.json/x.html %s/good.json", 1, "x.html: Not a directory"},
	{"-f md -o %s %s/good.json", 1, "Is a directory"},
	{"-f md -o /dev/full %s/good.json", 1, "/dev/full: No space left"},
};

Test(bench_report, what_is_wrong_is_said)
{
	WSD_TEST_BEGIN();
	begin();
	char args[600];
	struct results *good = made_takeover_run("a", true),
		       *empty = made_results("bind", "a", true);
	snprintf(empty->stopped, sizeof(empty->stopped), "the server went away");
	made_write(good, in_folder("good.json"));
	made_write(empty, in_folder("empty.json"));
	json_t *newer = results_to_json(good);
	json_object_set_new(newer, "schema", json_integer(RESULTS_SCHEMA + 1));
	cr_assert_eq(json_dump_file(newer, in_folder("newer.json"), 0), 0);
	json_decref(newer);
	put("other.json", "{\"tool\": \"fio\"}");
	put("text.json", "no JSON\n");
	put("nothing.json", "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t used = 0;
		for (const char *p = wrong[i].arguments; *p; p++) {
			bool place = p[0] == '%' && p[1] == 's';
			used += (size_t)snprintf(args + used, sizeof(args) - used,
						 place ? "%s" : "%.1s", place ? folder : p);
			p += place;
		}
		refuses(args, wrong[i].status, wrong[i].text);
	}
	/* all that are wrong are named, at once */
	snprintf(args, sizeof(args), "-o %s/x.md %s/none.json %s/good.json %s/other.json", folder,
		 folder, folder, folder);
	refuses(args, 1, "none.json");
	refuses(args, 1, "other.json");
	snprintf(args, sizeof(args), "ls -A %s | grep -c 'x\\.'", folder);
	FILE *ls = popen(args, "re");
	char n[16] = "";
	cr_assert(ls && fgets(n, sizeof(n), ls));
	pclose(ls);
	cr_assert_str_eq(n, "0\n", "nothing was written, nor left half-written");
	results_free(good), results_free(empty);
	end();
	WSD_TEST_END();
}

static void makes(const char *arguments)
{
	char args[600];
	snprintf(args, sizeof(args), "%s %s/good.json", arguments, folder);
	struct run *r = run_tool("umask 027;", args);
	cr_assert_eq(r->status, 0, "%s: %s", args, r->text);
	free(r);
}

Test(bench_report, the_file_appears_whole)
{
	WSD_TEST_BEGIN();
	begin();
	char args[300], text[40] = "";
	struct stat st;
	struct results *good = made_takeover_run("a", true);
	made_write(good, in_folder("good.json"));
	results_free(good);
	snprintf(args, sizeof(args), "-o %s/new.html", folder);
	makes(args);
	cr_assert_eq(stat(in_folder("new.html"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0640, "as the umask has it");
	/* one that is there keeps its rights, and a link stays a link */
	put("old.svg", "old");
	cr_assert_eq(chmod(in_folder("old.svg"), 0604), 0);
	cr_assert_eq(symlink("old.svg", in_folder("link.svg")), 0);
	snprintf(args, sizeof(args), "-o %s/link.svg", folder);
	makes(args);
	cr_assert_eq(lstat(in_folder("link.svg"), &st), 0);
	cr_assert(S_ISLNK(st.st_mode));
	cr_assert_eq(stat(in_folder("old.svg"), &st), 0);
	cr_assert_eq(st.st_mode & 0777, 0604);
	FILE *f = fopen(in_folder("old.svg"), "re");
	cr_assert(f && fgets(text, 5, f));
	fclose(f);
	cr_assert_str_eq(text, "<svg");
	makes("-f md -o /dev/null");
	cr_assert(!stat("/dev/null", &st) && S_ISCHR(st.st_mode));
	snprintf(args, sizeof(args), "--format md -o - %s/good.json", folder);
	struct run *r = run_tool("", args);
	cr_assert_eq(r->status, 0);
	cr_assert_eq(strncmp(r->text, "# wsd bench takeover", 20), 0, "%s", r->text);
	free(r);
	end();
	WSD_TEST_END();
}
