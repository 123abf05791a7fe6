/* SPDX-License-Identifier: MIT
 *
 * report_markup.c - what the formats with text have in common, and differ in by their marks only.
 * No state.
 */
#include "report_parts.h"

void markup_put(const struct paper *p, const char *const around[2], const char *text)
{
	fputs(around[0], p->f);
	p->markup->escape(p->f, text);
	fputs(around[1], p->f);
}

void markup_item(void *arg, const char *text)
{
	const struct paper *p = arg;
	markup_put(p, p->markup->item, text);
}

static void say_fact(void *arg, const char *name, const char *text)
{
	const struct paper *p = arg;
	markup_put(p, p->markup->fact, name);
	markup_put(p, p->markup->fact + 2, text);
}

void markup_ran_on(struct paper *p, const struct report *r)
{
	fputs(p->markup->ran_on, p->f);
	for (int k = 0; k < r->run_count; k++) {
		markup_put(p, p->markup->label, r->runs[k].label);
		fputs(p->markup->facts[0], p->f);
		words_facts(&r->runs[k], say_fact, p);
		fputs(p->markup->facts[1], p->f);
	}
}
