/* SPDX-License-Identifier: MIT
 *
 * show.c - a run told to people: what is measured and on what, the tables, what is to be known of
 * them. No state.
 */
#include "show_priv.h"

#include "run.h"

#include <arpa/inet.h>
#include <string.h>

enum { KEY_WIDTH = 14 };

void show_wrapped(FILE *f, int indent, const char *text)
{
	int column = indent;
	for (const char *at = text; *at;) {
		int n = (int)strcspn(at, " ");
		if (column > indent && column + 1 + n > SHOW_WIDTH) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else if (at != text) {
			fputc(' ', f);
			column++;
		}
		fprintf(f, "%.*s", n, at);
		column += n;
		at += n;
		at += strspn(at, " ");
	}
	fputc('\n', f);
}

static void key(FILE *f, const char *name, const char *text)
{
	fprintf(f, " %-*s", KEY_WIDTH - 1, name);
	show_wrapped(f, KEY_WIDTH, text);
}

/* Grows a text, with @between where there is something before. */
__attribute__((format(printf, 4, 5))) static void add(char *text, size_t size, const char *between,
						      const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	if (used && used < size - 1) {
		snprintf(text + used, size - used, "%s", between);
		used = strlen(text);
	}
	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

/* --- before --- */

static void host(FILE *f, const struct host *h)
{
	char text[768] = "";

	add(text, sizeof(text), "", "%s: Linux %s", h->name, h->kernel);
	add(text, sizeof(text), ", ", "%d x %s", h->cpus, h->cpu);
	if (h->governor[0])
		add(text, sizeof(text), ", ", "governor %s", h->governor);
	if (h->guest[0])
		add(text, sizeof(text), ", ", "in a guest (%s%s%s)", h->guest,
		    h->qemu[0] ? " " : "", h->qemu);
	if (h->icount == 1)
		add(text, sizeof(text), ", ", "-icount");
	if (h->rdma_core[0])
		add(text, sizeof(text), ", ", "rdma-core %s", h->rdma_core);
	key(f, h->role, text);
	text[0] = '\0';
	if (!h->device[0]) {
		key(f, "  device", "none: no RDMA port has this address");
		return;
	}
	add(text, sizeof(text), "", "%s (%s%s)", h->device, h->driver[0] ? h->driver : "?",
	    h->soft ? ", software" : "");
	if (h->firmware[0])
		add(text, sizeof(text), ", ", "firmware %s", h->firmware);
	if (h->link[0])
		add(text, sizeof(text), ", ", "%s", h->link);
	if (h->rate[0])
		add(text, sizeof(text), ", ", "%s", h->rate);
	if (h->mtu)
		add(text, sizeof(text), ", ", "MTU %d", h->mtu);
	if (h->netdev[0])
		add(text, sizeof(text), ", ", "%s", h->netdev);
	key(f, "  device", text);
}

static void list(FILE *f, const char *name, const struct list *l)
{
	char text[512] = "";
	for (int i = 0; i < l->n; i++)
		add(text, sizeof(text), ", ", "%zu", l->v[i]);
	if (l->n)
		key(f, name, text);
}

static void rounds(FILE *f, const struct options *o)
{
	char text[256] = "";

	if (o->test->once) {
		key(f, "rounds", "one measurement of each contender");
		return;
	}
	add(text, sizeof(text), "", "%d that count%s", o->repeat, o->warmup ? ", after " : "");
	if (o->warmup)
		add(text, sizeof(text), "", "%d to warm up", o->warmup);
	if (o->duration_s > 0)
		add(text, sizeof(text), "; ", "a batch lasts %g s", o->duration_s);
	else
		add(text, sizeof(text), "; ", "a batch is %ld iterations", o->iterations);
	add(text, sizeof(text), "; ", "contenders in turn; clock: CLOCK_MONOTONIC");
	key(f, "rounds", text);
}

static void axes(FILE *f, const struct options *o)
{
	unsigned known = o->test->options;

	if (known & OPT_SIZE)
		list(f, "bytes", &o->sizes);
	if (known & OPT_BOTH)
		key(f, "direction", o->both_ways ? "both ways at once" : "one way");
	if (known & OPT_OPEN)
		list(f, o->test->once ? "connections" : "open beside", &o->open);
	if (known & OPT_THREADS)
		list(f, "threads", &o->threads);
	if (known & OPT_NICS)
		list(f, "NICs", &o->nics);
	list(f, "pinned to", &o->pin);
}

static void measured(FILE *f, const struct results *r)
{
	char text[256] = "";

	for (int i = 0; i < r->contender_count; i++)
		add(text, sizeof(text),
		    i == 1 && !strcmp(r->contenders[0], r->ours) ? ", beside " : ", ", "%s",
		    r->contenders[i]);
	key(f, "measured", text[0] ? text : "nobody");
}

/* @everywhere: those who do not take part at all; else the ones of single points. */
static void left_out(FILE *f, const struct results *r, bool everywhere)
{
	char text[512], at[128];

	for (int i = 0; i < r->out_count; i++) {
		const struct left_out *l = &r->out[i];
		if (l->everywhere != everywhere)
			continue;
		text[0] = at[0] = '\0';
		point_text(&l->point, at, sizeof(at));
		add(text, sizeof(text), "", "%s%s%s: %s", l->contender, *at ? ", " : "", at,
		    l->reason);
		key(f, "left out", text);
	}
}

void show_parameters(FILE *f, const struct options *o, const struct results *r)
{
	char address[INET_ADDRSTRLEN] = "?";

	fprintf(f, "wsd bench %s (wsdirect %s%s%s): %s\n", r->test, r->version,
		r->build[0] ? ", " : "", r->build, o->test->help);
	measured(f, r);
	left_out(f, r, true);
	for (int i = 0; i < r->host_count; i++)
		host(f, &r->hosts[i]);
	inet_ntop(AF_INET, &o->address.sin_addr, address, sizeof(address));
	key(f, "address", address);
	axes(f, o);
	rounds(f, o);
}

/* --- after --- */

/* Whether a figure before the @i-th is of the same table. */
static bool told(const struct results *r, int i)
{
	const struct figure *f = &r->figures[i];
	for (int k = 0; k < i; k++)
		if (r->figures[k].stats.n && !strcmp(r->figures[k].kind->name, f->kind->name) &&
		    point_equal(&r->figures[k].point, &f->point))
			return true;
	return false;
}

static void details(FILE *f, const struct options *o, const struct results *r,
		    const struct figure *first)
{
	for (int i = 0; i < r->contender_count; i++) {
		const struct figure *of =
			results_find(r, first->kind->name, r->contenders[i], &first->point);
		if (!of || !of->stats.n)
			continue;
		if (o->histogram)
			show_histogram(f, o, of);
		if (o->unsorted)
			show_unsorted(f, o, of);
	}
}

static bool any_binned(const struct results *r)
{
	for (int i = 0; i < r->figure_count; i++)
		if (r->figures[i].binned)
			return true;
	return false;
}

static void note(FILE *f, const struct results *r)
{
	char why[512] = "", text[768];

	if (any_binned(r)) {
		fputc('\n', f);
		show_wrapped(f, 0, RESULTS_BINNED);
	}
	if (r->build[0] && strcmp(r->build, "release") != 0) {
		snprintf(text, sizeof(text),
			 "This is no release build (%s): the library's own figures are worse than "
			 "they need be.",
			 r->build);
		fputc('\n', f);
		show_wrapped(f, 0, text);
	}
	if (results_comparable(r, why, sizeof(why)))
		return;
	snprintf(text, sizeof(text),
		 "Absolute figures of this run cannot be compared with another machine's: %s. The "
		 "ratios can.",
		 why);
	fputc('\n', f);
	show_wrapped(f, 0, text);
}

void show_results(FILE *f, const struct options *o, const struct results *r)
{
	bool any = false;

	for (int i = 0; i < r->figure_count; i++) {
		if (!r->figures[i].stats.n || told(r, i))
			continue;
		show_table(f, o, r, &r->figures[i]);
		details(f, o, r, &r->figures[i]);
		any = true;
	}
	if (!any)
		fputs("\nNothing was measured.\n", f);
	else
		note(f, r);
	if (r->out_count)
		fputc('\n', f);
	left_out(f, r, true);
	left_out(f, r, false);
	if (r->stopped[0]) {
		fputc('\n', f);
		key(f, "cut short", r->stopped);
	}
}

void show_bare(FILE *f, const struct options *o, const struct results *r)
{
	static const struct {
		const char *output, *unit;
	} outputs[] = {{"latency", "ns"}, {"bandwidth", "bytes_per_s"}, {"message_rate", "per_s"}};

	for (size_t k = 0; k < sizeof(outputs) / sizeof(outputs[0]); k++) {
		if (strcmp(outputs[k].output, o->output) != 0)
			continue;
		for (int i = 0; i < r->figure_count; i++) {
			const struct figure *of = &r->figures[i];
			if (strcmp(of->kind->unit, outputs[k].unit) != 0 ||
			    strcmp(of->contender, r->ours) != 0 || !of->stats.n)
				continue;
			/* message rates in millions, as perftest has them */
			double by = k == 2 ? 1e6 : show_unit(of->kind->unit, o->gbits).by;
			fprintf(f, k == 2 ? "%.6f\n" : "%.2f\n", of->stats.avg / by);
			return;
		}
	}
}
