/* SPDX-License-Identifier: MIT
 *
 * compare.c - `wsd bench compare`: which figures moved from one result to another, and by more than
 * the noise of their rounds. Ratios to peers are compared, for they hold on any machine; absolute
 * figures only where that says something. State: none but argp's.
 */
#include "bench.h"

#include "results.h"

#include <argp.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_FAIL = 0x100, KEY_ABSOLUTE };

struct comparison {
	const char *files[2];
	double limit; /* 0.1 for 10 %; negative: nothing fails */
	bool absolute;
	struct results *old, *new;
	/* what was found */
	int compared, worse, better, gone, hidden;
};

/* --- the command line --- */

static void read_percent(struct comparison *c, const char *arg, struct argp_state *state)
{
	char *end;
	double v = strtod(arg, &end);

	if (end == arg || (*end && strcmp(end, "%") != 0) || !(v >= 0 && v <= 10000))
		argp_error(state, "--fail-above: '%s' is not a percentage such as 10%%", arg);
	c->limit = v / 100;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct comparison *c = state->input;

	switch (key) {
	case KEY_FAIL:
		read_percent(c, arg, state);
		return 0;
	case KEY_ABSOLUTE:
		c->absolute = true;
		return 0;
	case 'h':
	case '?':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case 'V':
		bench_version();
		exit(0);
	case ARGP_KEY_ARG:
		if (state->arg_num >= 2)
			argp_error(state, "two results are compared: what is '%s'?", arg);
		else
			c->files[state->arg_num] = arg;
		return 0;
	case ARGP_KEY_END:
		if (state->arg_num < 2)
			argp_error(state, "two results are needed: OLD.json and NEW.json");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int parse_all(struct comparison *c, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"fail-above", KEY_FAIL, "PERCENT", 0,
		 "Exit status 1 when a figure is worse by more than PERCENT, and by more than the "
		 "noise",
		 1},
		{"absolute", KEY_ABSOLUTE, NULL, 0,
		 "Compare times and rates, too, not only ratios to peers", 1},
		{"help", 'h', NULL, 0, "Show this", -1},
		{NULL, '?', NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, -1},
		{"version", 'V', NULL, 0, "Print the version", -1},
		{0}};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "OLD.json NEW.json",
		.doc = "Which figures of two results of one test moved."
		       "\vExit status: 0 none is worse (than --fail-above), 1 one is, 2 the files "
		       "are "
		       "wrong or have nothing in common."};

	argp_err_exit_status = BENCH_USAGE;
	error_t e = argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, c);
	if (e)
		bench_complain("%s", strerror(e));
	return e ? -1 : 0;
}

/* --- what can be compared --- */

static int read_both(struct comparison *c)
{
	char why[512];

	c->old = results_read(c->files[0], why, sizeof(why));
	c->new = c->old ? results_read(c->files[1], why, sizeof(why)) : NULL;
	if (!c->new) {
		bench_complain("%s", why);
		return -1;
	}
	if (strcmp(c->old->test, c->new->test) != 0) {
		bench_complain("nothing in common: %s is of '%s', %s of '%s'", c->files[0],
			       c->old->test, c->files[1], c->new->test);
		return -1;
	}
	if (strcmp(c->old->ours, c->new->ours) != 0) {
		bench_complain("nothing in common: %s measured the %s, %s the %s", c->files[0],
			       c->old->ours, c->files[1], c->new->ours);
		return -1;
	}
	return 0;
}

/* Says what differs; whether times of one host's run can stand beside the other's. */
static bool same_host(const struct host *a, const struct host *b)
{
	const struct {
		const char *what, *old, *new;
		bool matters;
	} rows[] = {{"kernel", a->kernel, b->kernel, false},
		    {"rdma-core", a->rdma_core, b->rdma_core, false},
		    {"QEMU", a->qemu, b->qemu, true},
		    {"processor", a->cpu, b->cpu, true},
		    {"guest", a->guest, b->guest, true},
		    {"driver", a->driver, b->driver, true},
		    {"firmware", a->firmware, b->firmware, false},
		    {"link", a->link, b->link, true},
		    {"rate", a->rate, b->rate, true},
		    {"governor", a->governor, b->governor, true}};
	bool same = true;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!strcmp(rows[i].old, rows[i].new))
			continue;
		printf(" note: %s, %s: '%s' became '%s'\n", b->role, rows[i].what, rows[i].old,
		       rows[i].new);
		same &= !rows[i].matters;
	}
	if (a->icount != b->icount)
		printf(" note: %s: one of them counts instructions for time (-icount)\n", b->role);
	return same && a->icount == b->icount && a->cpus == b->cpus;
}

static bool same_hosts(const struct comparison *c)
{
	bool same = c->old->host_count == c->new->host_count;

	if (!same)
		printf(" note: %d hosts became %d\n", c->old->host_count, c->new->host_count);
	for (int i = 0; i < c->old->host_count && i < c->new->host_count; i++)
		same &= same_host(&c->old->hosts[i], &c->new->hosts[i]);
	return same;
}

static bool compare_absolute(const struct comparison *c)
{
	char why[512];
	bool same = same_hosts(c);
	return c->absolute || (same && results_comparable(c->old, why, sizeof(why)) &&
			       results_comparable(c->new, why, sizeof(why)));
}

/* --- one figure --- */

/* A value and where the middle half of its rounds lies. */
struct value {
	double median, low, high;
	size_t rounds;
};

static struct value of_ratio(const struct ratio *q)
{
	return (struct value){q->median, q->low, q->high, q->rounds};
}

static struct value of_figure(const struct figure *f)
{
	struct value v = {f->stats.typical, f->stats.typical, f->stats.typical, f->rounds.n};
	double *sorted = f->rounds.n ? malloc(f->rounds.n * sizeof(*sorted)) : NULL;

	if (!sorted)
		return v;
	memcpy(sorted, f->rounds.v, f->rounds.n * sizeof(*sorted));
	v.median = median_of(sorted, f->rounds.n);
	v.low = percentile(sorted, f->rounds.n, 25);
	v.high = percentile(sorted, f->rounds.n, 75);
	free(sorted);
	return v;
}

/* How far the middle half lies apart, of the noisier of both. */
static double noise_of(const struct value *a, const struct value *b)
{
	double x = (a->high - a->low) / a->median, y = (b->high - b->low) / b->median;
	return fmax(isfinite(x) ? x : 0, isfinite(y) ? y : 0);
}

/* Beyond the noise: the middle halves of the rounds do not meet. */
static bool apart(const struct value *a, const struct value *b)
{
	return b->low > a->high || b->high < a->low;
}

static void compare_values(struct comparison *c, const struct figure *f, const char *what,
			   const struct value *old, const struct value *new)
{
	char at[128], name[256];
	const char *verdict = "the same";
	/* by how much it costs more; of a rate: by how much more time each takes */
	double cost = f->higher ? old->median / new->median : new->median / old->median;
	bool beyond = apart(old, new), above = c->limit >= 0 && cost - 1 > c->limit;

	point_text(&f->point, at, sizeof(at));
	snprintf(name, sizeof(name), "%s%s%s: %s", f->kind->name, *at ? ", " : "", at, what);
	if (!(old->median > 0)) { /* as a rate that was not there yet: there is no change to tell */
		if (new->median > 0)
			printf(" %-40s %10.4g %10.4g\n", name, old->median, new->median);
		return;
	}
	c->compared++;
	if (beyond && cost > 1) {
		verdict = above ? "WORSE" : "worse";
		c->worse += above;
	} else if (beyond) {
		verdict = "better";
		c->better++;
	} else if (new->median != old->median) {
		verdict = "within the noise";
		c->hidden += above;
	}
	printf(" %-40s %10.4g %10.4g %+6.1f %%  %s", name, old->median, new->median,
	       (new->median / old->median - 1) * 100, verdict);
	if (old->rounds < 2 || new->rounds < 2)
		printf(" (one round: noise not known)\n");
	else
		printf(" (%.1f %%)\n", noise_of(old, new) * 100);
}

/* Why the new result does not have what @contender brought at this point. NULL: it does not say. */
static const char *left_out(const struct results *r, const char *contender, const struct point *p)
{
	for (int i = 0; i < r->out_count; i++)
		if (!strcmp(r->out[i].contender, contender) &&
		    (r->out[i].everywhere || point_equal(&r->out[i].point, p)))
			return r->out[i].reason;
	return NULL;
}

/* A peer that has this figure in the old result only. */
static void lost_peer(const struct comparison *c, const struct figure *f, const char *peer)
{
	const char *why = left_out(c->new, peer, &f->point);
	char at[128];

	point_text(&f->point, at, sizeof(at));
	printf(" %s%s%s: %s / %s: not in %s%s%s\n", f->kind->name, *at ? ", " : "", at,
	       c->old->ours, peer, c->files[1], why ? ": " : "", why ? why : "");
}

/* The ratio of the figure to each peer that both have. */
static void compare_ratios(struct comparison *c, const struct figure *old, const struct figure *new)
{
	char what[64];
	struct ratio a, b;

	for (int i = 0; i < c->old->contender_count; i++) {
		const char *peer = c->old->contenders[i];
		const struct figure *p = results_find(c->old, old->kind->name, peer, &old->point);
		const struct figure *q = results_find(c->new, old->kind->name, peer, &old->point);
		if (!strcmp(peer, c->old->ours) || !p || !ratio_of(old, p, &a))
			continue;
		if (!q || !ratio_of(new, q, &b)) {
			lost_peer(c, old, peer);
			continue;
		}
		snprintf(what, sizeof(what), "%s / %s", c->old->ours, peer);
		struct value x = of_ratio(&a), y = of_ratio(&b);
		compare_values(c, old, what, &x, &y);
	}
}

/* A figure that is not there any more; it counts as worse when it could not be had. */
static void lost(struct comparison *c, const struct figure *f)
{
	const struct results *r = c->new;
	const char *why = r->stopped[0] ? r->stopped : left_out(r, r->ours, &f->point);
	char at[128];

	point_text(&f->point, at, sizeof(at));
	printf(" %s%s%s: not in %s%s%s\n", f->kind->name, *at ? ", " : "", at, c->files[1],
	       why ? ": " : "", why ? why : "");
	c->gone += why != NULL;
}

static void compare_all(struct comparison *c)
{
	bool absolute = compare_absolute(c);

	printf(" %-40s %10s %10s %8s\n", "", "old", "new", "change (noise)");
	for (int i = 0; i < c->old->figure_count; i++) {
		const struct figure *f = &c->old->figures[i];
		if (strcmp(f->contender, c->old->ours) != 0)
			continue;
		const struct figure *g =
			results_find(c->new, f->kind->name, f->contender, &f->point);
		if (!g || strcmp(g->kind->unit, f->kind->unit) != 0 || g->higher != f->higher) {
			lost(c, f);
			continue;
		}
		compare_ratios(c, f, g);
		if (absolute) {
			struct value x = of_figure(f), y = of_figure(g);
			compare_values(c, f, f->kind->unit, &x, &y);
		}
	}
}

/* --- the verdict --- */

static int conclude(const struct comparison *c)
{
	if (!c->compared && !c->gone) {
		fflush(stdout);
		bench_complain("nothing in common: no figure of %s has a peer, at the same point, "
			       "in both (--absolute compares without)",
			       c->old->ours);
		return BENCH_USAGE;
	}
	printf("%d compared, %d better", c->compared, c->better);
	if (c->limit >= 0)
		printf(", %d worse by more than %g %%", c->worse, c->limit * 100);
	if (c->hidden)
		printf(", %d more if it were not for the noise", c->hidden);
	if (c->gone)
		printf(", %d not measured any more", c->gone);
	putchar('\n');
	return c->limit >= 0 && (c->worse || c->gone) ? BENCH_FAIL : BENCH_OK;
}

int bench_compare(int argc, char **argv)
{
	struct comparison c = {.limit = -1};
	int status = BENCH_USAGE;

	if (parse_all(&c, argc, argv))
		return status;
	if (!read_both(&c)) {
		printf("%s: %s of %s, then of %s\n", c.old->test, c.old->ours, c.old->started,
		       c.new->started);
		compare_all(&c);
		status = conclude(&c);
	}
	results_free(c.old);
	results_free(c.new);
	return status;
}
