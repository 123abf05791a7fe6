/* SPDX-License-Identifier: MIT
 *
 * show_figure.c - one figure's table in perftest's columns, its ratios, its histogram. No state.
 */
#include "results_priv.h"
#include "show_priv.h"

#include <stdlib.h>
#include <string.h>

enum { HIST_BODY = 16, HIST_TAIL = 8, HIST_ROWS = HIST_BODY + HIST_TAIL, HIST_BAR = 48 };

struct show_unit show_unit(const char *unit, bool gbits)
{
	static const struct {
		const char *unit;
		struct show_unit is;
	} units[] = {
		{"ns", {"usec", 1e3}},
		{"per_s", {"1/sec", 1}},
		{"bytes_per_s", {"MiB/sec", 1 << 20}},
		{"bytes", {"bytes", 1}},
		{"ratio", {"ratio", 1}},
	};
	if (gbits && !strcmp(unit, "bytes_per_s"))
		return (struct show_unit){"Gb/sec", 1e9 / 8};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(units[i].unit, unit))
			return units[i].is;
	return (struct show_unit){unit, 1};
}

/* --- columns --- */

static double v_min(const struct figure *f)
{
	return f->stats.min;
}
static double v_max(const struct figure *f)
{
	return f->stats.max;
}
static double v_typical(const struct figure *f)
{
	return f->stats.typical;
}
static double v_avg(const struct figure *f)
{
	return f->stats.avg;
}
static double v_stdev(const struct figure *f)
{
	return f->stats.stdev;
}
static double v_p99(const struct figure *f)
{
	return f->stats.p99;
}
static double v_p99_9(const struct figure *f)
{
	return f->stats.p99_9;
}
static double v_messages(const struct figure *f)
{
	return f->point.size ? f->stats.avg / (double)f->point.size / 1e6 : 0;
}

struct column {
	const char *title, *unit; /* NULL: the figure's */
	double (*value)(const struct figure *f);
	int width;
};

/* perftest's of latencies, of bandwidth, and what rates and sizes have of the former. */
static const struct column latency[] = {
	{"t_min", NULL, v_min, 10},         {"t_max", NULL, v_max, 10},
	{"t_typical", NULL, v_typical, 10}, {"t_avg", NULL, v_avg, 10},
	{"t_stdev", NULL, v_stdev, 10},     {"99%", NULL, v_p99, 10},
	{"99.9%", NULL, v_p99_9, 10},       {0}};
static const struct column bandwidth[] = {
	{"BW peak", NULL, v_max, 14},        {"BW average", NULL, v_avg, 14},
	{"BW typical", NULL, v_typical, 14}, {"BW least", NULL, v_min, 14},
	{"MsgRate", "Mpps", v_messages, 14}, {0}};
static const struct column plain[] = {{"min", NULL, v_min, 14},         {"max", NULL, v_max, 14},
				      {"typical", NULL, v_typical, 14}, {"avg", NULL, v_avg, 14},
				      {"stdev", NULL, v_stdev, 14},     {0}};

/* Of means of so many connections, of one client. */
static const struct column mean[] = {{"each", NULL, v_avg, 14}, {0}};

static const struct column *columns_of(const struct figure *f)
{
	if (f->connections && f->stats.n == 1)
		return mean;
	if (!strcmp(f->kind->unit, "ns"))
		return latency;
	return strcmp(f->kind->unit, "bytes_per_s") != 0 ? plain : bandwidth;
}

/* As many places as a column of ten has room for. */
static void number(FILE *f, int width, double v, bool small)
{
	double size = v < 0 ? -v : v;
	int places = small ? 6 : size < 10 ? 3 : size < 1000 ? 2 : size < 100000 ? 1 : 0;
	fprintf(f, "%*.*f", width, places, v);
}

static void head(FILE *f, const struct figure *of, struct show_unit unit)
{
	char text[24];
	fprintf(f, " %-9s%8s%12s", "", "#bytes", of->connections ? "connections" : "#iterations");
	for (const struct column *c = columns_of(of); c->title; c++)
		fprintf(f, "%*s", c->width, c->title);
	fprintf(f, "\n %-29s", "");
	for (const struct column *c = columns_of(of); c->title; c++) {
		snprintf(text, sizeof(text), "[%s]", c->unit ? c->unit : unit.name);
		fprintf(f, "%*s", c->width, text);
	}
	fputc('\n', f);
}

static void row(FILE *f, const struct figure *of, struct show_unit unit,
		const struct column *columns)
{
	fprintf(f, " %-9s", of->contender);
	if (of->point.size)
		fprintf(f, "%8zu", of->point.size);
	else
		fprintf(f, "%8s", "-");
	fprintf(f, "%12zu", of->connections ? (size_t)of->connections : of->stats.n);
	for (const struct column *c = columns; c->title; c++)
		number(f, c->width, c->value(of) / (c->unit ? 1 : unit.by), c->unit != NULL);
	fputc('\n', f);
}

static void ratios(FILE *f, const struct results *r, const struct figure *ours)
{
	char name[64];
	struct ratio q;
	bool first = true;

	for (int i = 0; ours && i < r->contender_count; i++) {
		const struct figure *peer =
			results_find(r, ours->kind->name, r->contenders[i], &ours->point);
		if (!strcmp(r->contenders[i], r->ours) || !peer || !ratio_of(ours, peer, &q))
			continue;
		if (first)
			fprintf(f, " %-29s%10s%22s%22s%10s\n", "ratio", "median", "quartiles",
				"least to most", "rounds");
		first = false;
		snprintf(name, sizeof(name), "%s / %s", r->ours, r->contenders[i]);
		if (q.rounds == 1) { /* it has no spread */
			fprintf(f, " %-29s%10.3f%22s%22s%10zu\n", name, q.median, "-", "-",
				q.rounds);
			continue;
		}
		fprintf(f, " %-29s%10.3f%12.3f - %7.3f%12.3f - %7.3f%10zu\n", name, q.median, q.low,
			q.high, q.min, q.max, q.rounds);
	}
}

void show_table(FILE *f, const struct options *o, const struct results *r,
		const struct figure *first)
{
	struct show_unit unit = show_unit(first->kind->unit, o->gbits);
	char at[128];

	point_text(&first->point, at, sizeof(at));
	fprintf(f, "\n%s%s%s (%s is better)\n", first->kind->title, *at ? ", " : "", at,
		first->higher ? "more" : "less");
	head(f, first, unit);
	for (int i = 0; i < r->contender_count; i++) {
		const struct figure *of =
			results_find(r, first->kind->name, r->contenders[i], &first->point);
		if (of && of->stats.n)
			row(f, of, unit, columns_of(first));
	}
	ratios(f, r, results_find(r, first->kind->name, r->ours, &first->point));
}

/* --- all of a figure --- */

static void hist_row(FILE *f, double from, double to, uint64_t n, uint64_t most)
{
	number(f, 14, from, false);
	fprintf(f, " -");
	number(f, 12, to, false);
	fprintf(f, "%12llu", (unsigned long long)n);
	for (uint64_t k = 0; k < (n * HIST_BAR + most - 1) / most; k++)
		fputs(k ? "#" : " #", f);
	fputc('\n', f);
}

/* The rows of a histogram: their first buckets, and the end of the last. */
struct hist_rows {
	int from[HIST_ROWS + 1], n;
};

/* 90 % of the samples as fine as HIST_BODY rows allow, the tail, which is long, by octaves. */
static void cut_rows(const struct hist *h, struct hist_rows *rows)
{
	double p90 = hist_percentile(h, 90);
	int first = -1, body = 0, last = 0, each = 1, octaves = 1;

	for (int b = 0; b < HIST_BUCKETS; b++) {
		if (!h->count[b])
			continue;
		first = first < 0 ? b : first;
		body = hist_floor(b) <= p90 ? b : body;
		last = b;
	}
	*rows = (struct hist_rows){0};
	if (first < 0)
		return;
	while (body / each - first / each >= HIST_BODY)
		each *= 2;
	for (int b = first / each * each; b <= body; b += each)
		rows->from[rows->n++] = b;
	int end = (body / each + 1) * each;
	while (last - end >= HIST_TAIL * octaves * HIST_SUB)
		octaves++;
	for (; end <= last; end += octaves * HIST_SUB)
		rows->from[rows->n++] = end;
	rows->from[rows->n] = end;
}

static uint64_t sum_of(const struct hist *h, int from, int to)
{
	uint64_t sum = 0;
	for (int b = from; b < to && b < HIST_BUCKETS; b++)
		sum += h->count[b];
	return sum;
}

void show_histogram(FILE *f, const struct options *o, const struct figure *of)
{
	struct show_unit unit = show_unit(of->kind->unit, o->gbits);
	struct hist *h = results_hist(of);
	struct hist_rows rows;
	uint64_t most = 1;

	fprintf(f, " histogram of %s [%s]\n", of->contender, unit.name);
	if (!h)
		return;
	cut_rows(h, &rows);
	for (int i = 0; i < rows.n; i++) {
		uint64_t n = sum_of(h, rows.from[i], rows.from[i + 1]);
		most = n > most ? n : most;
	}
	for (int i = 0; i < rows.n; i++)
		hist_row(f, hist_floor(rows.from[i]) / unit.by,
			 hist_floor(rows.from[i + 1]) / unit.by,
			 sum_of(h, rows.from[i], rows.from[i + 1]), most);
	free(h);
}

void show_unsorted(FILE *f, const struct options *o, const struct figure *of)
{
	struct show_unit unit = show_unit(of->kind->unit, o->gbits);

	if (of->merged) {
		fprintf(f, " samples of %s: not kept, a histogram is\n", of->contender);
		return;
	}
	fprintf(f, " samples of %s\n#, %s\n", of->contender, unit.name);
	for (size_t i = 0; i < of->all.n; i++)
		fprintf(f, "%zu, %g\n", i + 1, of->all.v[i] / unit.by);
}
