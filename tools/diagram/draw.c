/* SPDX-License-Identifier: MIT
 *
 * See draw.h. A row is a group with the class of its outcome and of its thread. No state.
 */
#include "draw.h"

#include "svg.h"

#include <string.h>

enum {
	GUTTER = 86, /* of times */
	LANE_W = 210,
	ROW_H = 30,
	HEAD_H = 64,
	MARGIN = 16,
	COLOURS = 6, /* of threads */
	TEXT_SIZE = 12,
	ARGS_MAX = 70,
	RIGHT = 330, /* room for the labels of the last lane */
};

/* Plain rules first: who draws without a browser knows no variables. */
const char draw_style[] =
	"svg text{font:12px "
	"system-ui,sans-serif;paint-order:stroke;stroke-width:4px;stroke-linejoin:round}"
	"svg .title{font-size:14px;font-weight:600}"
	"svg .dim{font-size:11px}"
	"svg g line,svg g path{stroke-width:1.5;fill:none}"
	"svg g .back{stroke-dasharray:6 4}"
	"svg g .wire{stroke-dasharray:1 4}"
	"svg g.failed .call{stroke-dasharray:2 3}"
	"svg g.failed text.label{font-weight:600}"
	"svg g[data-i],svg g[data-of]{cursor:pointer}"
	"svg g .hit{fill:none;stroke:none;pointer-events:all}"
	"svg text{fill:#1b1f24;stroke:#fff}"
	"svg .dim{fill:#57606a}"
	"svg .paper{fill:#fff}"
	"svg .life{stroke:#d0d7de}"
	"svg .box{fill:#fff;stroke:#d0d7de}"
	"svg .t0 line,svg .t0 path,svg .t0 .own{stroke:#0969da}"
	"svg .t1 line,svg .t1 path,svg .t1 .own{stroke:#1a7f37}"
	"svg .t2 line,svg .t2 path,svg .t2 .own{stroke:#8250df}"
	"svg .t3 line,svg .t3 path,svg .t3 .own{stroke:#bc4c00}"
	"svg .t4 line,svg .t4 path,svg .t4 .own{stroke:#0b7285}"
	"svg .t5 line,svg .t5 path,svg .t5 .own{stroke:#bf3989}"
	"svg g.notyet line,svg g.notyet path,svg g.notyet .own{stroke:#9a6700}"
	"svg g.notyet text.label{fill:#9a6700}"
	"svg g.failed line,svg g.failed path,svg g.failed .own{stroke:#cf222e}"
	"svg g.failed text.label{fill:#cf222e}"
	"svg g .own{fill:#fff}"
	"@media(prefers-color-scheme:dark){"
	"svg text{fill:#e6edf3;stroke:#0d1117}"
	"svg .dim{fill:#9198a1}"
	"svg .paper{fill:#0d1117}"
	"svg .life{stroke:#3d444d}"
	"svg .box{fill:#0d1117;stroke:#3d444d}"
	"svg .t0 line,svg .t0 path,svg .t0 .own{stroke:#58a6ff}"
	"svg .t1 line,svg .t1 path,svg .t1 .own{stroke:#3fb950}"
	"svg .t2 line,svg .t2 path,svg .t2 .own{stroke:#bc8cff}"
	"svg .t3 line,svg .t3 path,svg .t3 .own{stroke:#f0883e}"
	"svg .t4 line,svg .t4 path,svg .t4 .own{stroke:#39c5cf}"
	"svg .t5 line,svg .t5 path,svg .t5 .own{stroke:#f778ba}"
	"svg g.notyet line,svg g.notyet path,svg g.notyet .own{stroke:#d29922}"
	"svg g.notyet text.label{fill:#d29922}"
	"svg g.failed line,svg g.failed path,svg g.failed .own{stroke:#f85149}"
	"svg g.failed text.label{fill:#f85149}"
	"svg g .own{fill:#0d1117}"
	"}";

static double lane_x(int lane)
{
	return MARGIN + GUTTER + (lane + 0.5) * LANE_W;
}

static double width(const struct story *s)
{
	return MARGIN + GUTTER + (s->lane_count + 0.0) * LANE_W + RIGHT - LANE_W / 2.0 + MARGIN;
}

static double row_y(size_t row)
{
	return MARGIN + HEAD_H + (row + 1.0) * ROW_H;
}

/* Where a call goes from, and where to; what the switch does by itself stays there. */
static void ends(const struct story *s, const struct act *a, double *from, double *to)
{
	int own = s->threads[a->thread].lane;
	*from = *to = lane_x(s->switch_lane);
	if (a->layer == LAYER_APPLICATION && own >= 0)
		*from = lane_x(own);
	else if (a->layer == LAYER_DOWNCALL || a->layer == LAYER_NAMES)
		*to = lane_x(a->lane);
	else if (a->layer == LAYER_UPCALL || a->told)
		*from = lane_x(a->lane);
}

static void label_of(const struct story *s, const struct row *r, char *text, size_t size)
{
	const struct act *a = &s->acts[r->act];
	char args[200], result[64], out[120], count[48] = "";
	story_arguments(a, "args", args, sizeof(args));
	story_arguments(a, "out", out, sizeof(out));
	story_result(a, result, sizeof(result));
	if (strlen(args) > ARGS_MAX) /* the result matters more */
		snprintf(args + ARGS_MAX, sizeof(args) - ARGS_MAX, "\342\200\246");
	if (r->count > 1)
		snprintf(count, sizeof(count), "  \303\227 %u", r->count);
	else if (a->hidden)
		snprintf(count, sizeof(count), "   (%zu calls inside)", a->hidden);
	if (r->part == ROW_BEGIN)
		snprintf(text, size, "%s(%s)", a->call, args);
	else if (r->part == ROW_END)
		snprintf(text, size, "%s = %s%s%s", a->call, result, *out ? " \342\206\222 " : "",
			 out);
	else
		snprintf(text, size, "%s(%s) = %s%s%s%s", a->call,
			 r->count > 1 ? "\342\200\246" : args, result, *out ? " \342\206\222 " : "",
			 out, count);
}

/* The head is at (x, y) and the shaft comes from the left or the right. A failure ends in a cross.
 */
static void arrow(FILE *f, const char *class, enum outcome o, double from, double to, double y)
{
	double back = to > from ? -7 : 7;
	struct place head[] = {{to + back, y - 4}, {to, y}, {to + back, y + 4}};
	svg_line(f, class, from, y, to, y);
	if (o != OUTCOME_FAILED) {
		svg_path(f, "head", head, 3);
		return;
	}
	svg_line(f, "head", to + back - 4, y - 5, to + back + 4, y + 5);
	svg_line(f, "head", to + back - 4, y + 5, to + back + 4, y - 5);
}

/* From the provider on to the peer, or from there. */
static void wire(FILE *f, const struct story *s, const struct act *a, double y)
{
	double at = lane_x(a->lane), there = lane_x(s->peer_lane);
	bool out = a->wire == WIRE_OUT;
	struct place head[] = {{out ? there - 6 : at + 6, y - 3},
			       {out ? there : at, y},
			       {out ? there - 6 : at + 6, y + 3}};
	svg_line(f, "wire", at, y, there, y);
	svg_path(f, "head", head, 3);
}

/* @which: the group's attributes, by which the page finds it. */
static void draw_row(FILE *f, const struct story *s, const struct row *r, double y,
		     const char *which)
{
	static const char *const classes[] = {"fine", "notyet", "failed"};
	const struct act *a = &s->acts[r->act];
	enum outcome o = r->part == ROW_BEGIN ? OUTCOME_FINE : story_outcome(a);
	double from, to, left;
	char label[512];
	ends(s, a, &from, &to);
	label_of(s, r, label, sizeof(label));
	fprintf(f, "<g class=\"%s t%d\" %s>", classes[o], a->thread % COLOURS, which);
	svg_rect(f, "hit", MARGIN, y - 18, width(s) - 2 * MARGIN, ROW_H);
	if (r->part != ROW_END)
		svg_text(f, "dim", AT_END, MARGIN + GUTTER - 12, y, "%.3f ms",
			 (double)(a->t_us - s->start_us) / 1000);
	if (a->layer == LAYER_SWITCH && !a->told)
		svg_rect(f, "own", from - 5, y - 9, 10, 14);
	else if (r->part == ROW_END)
		arrow(f, "back", o, to, from, y);
	else
		arrow(f, "call", o, from, to, y);
	/* what comes has come when the call returns, or when the provider tells of it */
	bool first = a->wire == WIRE_OUT || a->layer == LAYER_UPCALL;
	if (a->wire != WIRE_NONE && r->part != (first ? ROW_END : ROW_BEGIN))
		wire(f, s, a, y);
	left = from < to ? from : to;
	svg_text_within(f, "label", left + 10, y - 5, TEXT_SIZE, width(s) - MARGIN - left - 10,
			label);
	fputs("</g>\n", f);
}

/* Below its row, where it has no place until the page makes some. */
static void draw_run(FILE *f, const struct story *s, size_t number)
{
	const struct row *run = &s->rows[number];
	for (unsigned i = 0; i < run->count && i < DRAW_RUN_TOLD; i++) {
		struct row r = {s->folded[run->first + i], ROW_WHOLE, 1, 0};
		char which[80];
		snprintf(which, sizeof(which),
			 "data-of=\"%zu\" data-k=\"%u\" style=\"display:none\"", number, i);
		draw_row(f, s, &r, row_y(number) + (i + 1.0) * ROW_H, which);
	}
}

static void draw_head(FILE *f, const struct story *s, const char *title)
{
	double bottom = row_y(s->row_count) + 4;
	svg_text(f, "title", AT_START, MARGIN, MARGIN + 10, "%s", title);
	svg_text(f, "dim", AT_END, width(s) - MARGIN, MARGIN + 10,
		 "a colour: a thread. Dashed: what came back. Amber: not done yet. Red, with a "
		 "cross: "
		 "refused. Points: over the network");
	for (int i = 0; i < s->lane_count; i++) {
		const struct lane *l = &s->lanes[i];
		double x = lane_x(i), y = MARGIN + 22;
		svg_line(f, "life", x, y + 38, x, bottom);
		svg_rect(f, "box", x - LANE_W / 2.0 + 14, y, LANE_W - 28, 38);
		svg_text(f, "title", AT_MIDDLE, x, y + (*l->below ? 17 : 24), "%s", l->title);
		if (*l->below)
			svg_text(f, "dim", AT_MIDDLE, x, y + 32, "%s", l->below);
	}
}

void draw_element(FILE *f, const struct story *s, const char *title, bool unfolds)
{
	double w = width(s), h = row_y(s->row_count) + MARGIN;
	char which[32];
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
		"width=\"%.0f\" "
		"height=\"%.0f\" data-row=\"%d\" role=\"img\">\n<style>%s</style>\n<title>",
		w, h, w, h, ROW_H, draw_style);
	svg_escape(f, title);
	fputs("</title>\n", f);
	svg_rect(f, "paper", 0, 0, w, h);
	draw_head(f, s, title);
	for (size_t i = 0; i < s->row_count; i++) {
		snprintf(which, sizeof(which), "data-i=\"%zu\"", i);
		draw_row(f, s, &s->rows[i], row_y(i), which);
		if (unfolds && s->rows[i].count > 1)
			draw_run(f, s, i);
	}
	if (s->lost)
		svg_text(f, "dim", AT_START, MARGIN, h - 4, "%zu records are missing", s->lost);
	fputs("</svg>\n", f);
}

void draw_svg(FILE *f, const struct story *s, const char *title)
{
	draw_element(f, s, title, false);
}
