/* SPDX-License-Identifier: MIT
 *
 * look.c - see look.h. No state.
 *
 * Each rule of the charts stands twice: plain, which is the light form, and, where a dark one
 * differs, once more for dark screens. No variables: librsvg and others that draw SVG outside a
 * browser know none, and pass over what is inside @media.
 */
#include "look.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LOOK(name, text, n, mark)                                          \
	{                                                                  \
		name, text, "l l" #n, "m f" #n, "m o h" #n, "b f" #n, mark \
	}

enum { KNOWN = 8, LOOKS = 10 };
static const struct look looks[LOOKS] = {
	LOOK("switch", "wsdirect switch", 0, MARK_DISC),
	LOOK("provider", "wsdirect provider", 1, MARK_SQUARE),
	LOOK("raw", "raw librdmacm", 2, MARK_DIAMOND),
	LOOK("raw-cm", "raw CM exchange", 3, MARK_DOWN),
	LOOK("rsockets", "rsockets", 4, MARK_UP),
	LOOK("tcp", "kernel TCP", 5, MARK_CROSS),
	LOOK("perftest", "perftest", 6, MARK_SQUARE),
	LOOK("rstream", "rstream", 7, MARK_DOWN),
	LOOK(NULL, NULL, 8, MARK_UP),
	LOOK(NULL, NULL, 9, MARK_DIAMOND),
};

static const struct colour {
	const char *light, *dark, *dash;
} colours[LOOKS] = {
	{"#0072b2", "#4aa8e6", "none"},    {"#009e73", "#1fc79a", "9 3"},
	{"#d55e00", "#f5803a", "6 3"},     {"#cc79a7", "#e79cc6", "2 2"},
	{"#e69f00", "#f4b93a", "3 3"},     {"#000000", "#e2e2e2", "9 3 2 3"},
	{"#56b4e9", "#a9dcff", "12 4"},    {"#a89b00", "#f0e442", "1 3"},
	{"#7a5195", "#b995d6", "6 2 2 2"}, {"#6b6b6b", "#b0b0b0", "4 4"},
};

static const struct rule {
	const char *selector, *light, *dark; /* dark NULL: the same */
} rules[] = {
	{"text", "font-family:system-ui,'Helvetica Neue',Helvetica,Arial,sans-serif;font-size:12px",
	 NULL},
	{".paper", "fill:#ffffff", "fill:#15181c"},
	{".ink", "fill:#1a1a1a;color:#1a1a1a", "fill:#ececec;color:#ececec"},
	{".strong", "fill:#1a1a1a;font-weight:600", "fill:#ececec"},
	{".faint", "fill:#585858;color:#585858", "fill:#adb2b8;color:#adb2b8"},
	{".alarm", "fill:#8f2d00;color:#8f2d00;font-weight:600", "fill:#ffae80;color:#ffae80"},
	{".title", "font-size:19px;font-weight:600", NULL},
	{".head", "font-size:15px;font-weight:600", NULL},
	{".grid", "stroke:#e2e2e2;stroke-width:1", "stroke:#31363c"},
	{".axis", "stroke:#8a8a8a;stroke-width:1", "stroke:#7d838a"},
	{".guide", "stroke:#8a8a8a;stroke-width:1;stroke-dasharray:2 3", "stroke:#7d838a"},
	{".one", "stroke:#1a1a1a;stroke-width:1.5", "stroke:#ececec"},
	{".whisker", "stroke:#1a1a1a;stroke-width:1.5;fill:none", "stroke:#ececec"},
	{".under", "stroke:#ffffff;stroke-width:4;fill:none", "stroke:#15181c"},
	{".better", "fill:#eef6ee", "fill:#1c2a20"},
	{".l", "fill:none;stroke-width:2.4;stroke-linejoin:round", NULL},
	{".lead", "stroke-width:1;stroke-dasharray:1 3;fill:none", NULL},
	{".m", "stroke-width:1.6", NULL},
	{".o", "fill:#ffffff", "fill:#15181c"},
	{".band", "fill-opacity:.2;stroke-opacity:0", NULL},
	{".dot", "fill-opacity:.5", NULL},
};

static const struct rule page[] = {
	{"html", "background:#ffffff;color:#1a1a1a", "background:#15181c;color:#ececec"},
	{"body",
	 "font:16px/1.45 system-ui,'Helvetica Neue',Helvetica,Arial,sans-serif;"
	 "max-width:1320px;margin:0 auto;padding:16px 20px 48px;overflow-wrap:anywhere",
	 NULL},
	{"h1", "font-size:24px;line-height:1.25;margin:8px 0;text-wrap:balance", NULL},
	{"h2", "font-size:20px;line-height:1.3;margin:40px 0 4px", NULL},
	{"p", "margin:6px 0;max-width:80ch", NULL},
	{"ul", "margin:6px 0;padding-left:22px", NULL},
	{".note",
	 "border-left:4px solid #d55e00;padding:6px 14px;margin:10px "
	 "0;list-style:none;background:#fff4ec",
	 "background:#2b211b"},
	{"main", "display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);column-gap:24px",
	 NULL},
	{".wide", "grid-column:1/-1", NULL},
	{".panels", "display:flex;flex-wrap:wrap;gap:20px 24px;margin-top:12px", NULL},
	{"figure", "margin:0;flex:1 1 560px;max-width:648px;min-width:0", NULL},
	{"figure svg", "width:100%;height:auto;display:block", NULL},
	{".scroll", "overflow-x:auto;margin:8px 0", NULL},
	{"table", "border-collapse:collapse;font-size:14px", NULL},
	{"th,td",
	 "text-align:left;padding:4px 12px 4px 0;border-bottom:1px solid #dcdcdc;"
	 "vertical-align:top;overflow-wrap:normal",
	 "border-color:#3a4047"},
	{"td.n,th.n", "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums",
	 NULL},
	{"details", "margin:32px 0", NULL},
	{"summary", "cursor:pointer;font-size:20px;font-weight:600", NULL},
	{"a", "color:#0058a3", "color:#7cc0f5"},
};

const struct look *look_of(const char *contender)
{
	uint32_t hash = 0;
	for (int i = 0; i < KNOWN; i++)
		if (!strcmp(looks[i].contender, contender))
			return &looks[i];
	for (const char *p = contender; *p; p++)
		hash = hash * 31 + (unsigned char)*p;
	return &looks[KNOWN + hash % (LOOKS - KNOWN)];
}

const char *look_title(const char *contender)
{
	const struct look *l = look_of(contender);
	return l->title ? l->title : contender;
}

static void write_rules(FILE *f, const struct rule *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%s{%s}\n", r[i].selector, r[i].light);
}

static void write_dark(FILE *f, const struct rule *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].dark)
			fprintf(f, "%s{%s}\n", r[i].selector, r[i].dark);
}

static void write_colours(FILE *f, bool dark)
{
	for (int i = 0; i < LOOKS; i++) {
		const char *c = dark ? colours[i].dark : colours[i].light;
		fprintf(f, ".l%d{stroke:%s}\n.f%d{fill:%s;stroke:%s}\n.h%d{stroke:%s}\n", i, c, i,
			c, c, i, c);
		if (!dark)
			fprintf(f, "path.l%d{stroke-dasharray:%s}\n", i, colours[i].dash);
	}
}

void look_style(FILE *f)
{
	size_t n = sizeof(rules) / sizeof(rules[0]);
	write_rules(f, rules, n);
	write_colours(f, false);
	fputs("@media screen and (prefers-color-scheme:dark){\n", f);
	write_dark(f, rules, n);
	write_colours(f, true);
	fputs("}\n", f);
}

void look_page_style(FILE *f)
{
	size_t n = sizeof(page) / sizeof(page[0]);
	fputs(":root{color-scheme:light dark}\n", f);
	write_rules(f, page, n);
	fputs("@media screen and (prefers-color-scheme:dark){\n", f);
	write_dark(f, page, n);
	fputs("}\n@media (max-width:1150px){main{display:block}}\n@media "
	      "print{main{display:block}\n:root{color-scheme:light}\nbody{padding:0;font-size:10pt}"
	      "\n"
	      "h1{font-size:16pt}\nh2{font-size:12pt;margin-top:22px}\n.panels{display:block}\n"
	      "figure{max-width:150mm;margin:0 0 12px}\nfigure svg{max-height:150mm}\n"
	      "figure,.note,tr,p,li{break-inside:avoid}\nh1,h2,h3,section>p{break-after:avoid}\n}\n"
	      "@page{margin:14mm}\n",
	      f);
}
