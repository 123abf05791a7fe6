/* SPDX-License-Identifier: MIT
 *
 * options_take.c - the value of one option, with its range; and what options say together. No
 * state.
 */
#include "contender.h"
#include "figures.h"
#include "options_priv.h"
#include "run.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void taker(struct parsing *p, const struct option_row *row, const char *arg, void *field);

__attribute__((format(printf, 3, 4))) static void refuse(const struct parsing *p,
							 const struct option_row *row,
							 const char *format, ...)
{
	char why[320];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	options_refuse(p, row, why);
}

/* A number from @text up to @ret_end, with k, m or g for powers of 1024 behind it. */
static bool read_number(const char *text, long *ret, const char **ret_end)
{
	static const char units[] = "kmg";
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	long v = strtol(text, &end, 10);
	const char *unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - units + 1);
		if (v > LONG_MAX >> shift)
			return false;
		v <<= shift;
		end++;
	}
	*ret = v;
	*ret_end = end;
	return !errno;
}

static long number_of(const struct parsing *p, const struct option_row *row, const char *arg)
{
	const char *end;
	long v;

	if (!read_number(arg, &v, &end) || *end)
		refuse(p, row, "'%s' is not a number", arg);
	else if (v < row->least || v > row->most)
		refuse(p, row, "%s is not from %ld to %ld", arg, row->least, row->most);
	else
		return v;
	return row->least;
}

static void take_flag(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	*(bool *)field = true;
}

static void take_int(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	*(int *)field = (int)number_of(p, row, arg);
}

static void take_unsigned(struct parsing *p, const struct option_row *row, const char *arg,
			  void *field)
{
	*(unsigned *)field = (unsigned)number_of(p, row, arg);
}

static void take_long(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	*(long *)field = number_of(p, row, arg);
	p->n = true;
}

static void take_seconds(struct parsing *p, const struct option_row *row, const char *arg,
			 void *field)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end)
		refuse(p, row, "'%s' is not a number of seconds", arg);
	if (!(s >= 0.001 && s <= 86400))
		refuse(p, row, "%s is not from 0.001 to 86400 seconds", arg);
	*(double *)field = s;
	p->duration = true;
}

static void take_word(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	if (!*arg)
		refuse(p, row, "it needs a value");
	*(const char **)field = arg;
}

static void take_list(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	struct list list = {0};
	long v = 0;

	for (const char *at = arg;; at++) {
		if (list.n == LIST_MAX)
			refuse(p, row, "at most %d values", LIST_MAX);
		if (!read_number(at, &v, &at) || (*at && *at != ','))
			refuse(p, row, "'%s' is not a list of numbers such as 1,4,16", arg);
		if (v < row->least || v > row->most)
			refuse(p, row, "%ld is not from %ld to %ld", v, row->least, row->most);
		for (int i = 0; i < list.n; i++)
			if (list.v[i] == (size_t)v)
				refuse(p, row, "%ld stands there twice", v);
		list.v[list.n++] = (size_t)v;
		if (!*at)
			break;
	}
	*(struct list *)field = list;
	p->sizes |= field == &p->o->sizes;
}

/* perftest's -a. */
static void take_all(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	struct list list = {0};
	for (int bit = 1; bit <= 23; bit++)
		list.v[list.n++] = (size_t)1 << bit;
	p->o->sizes = list;
	p->all = true;
}

static void take_address(struct parsing *p, const struct option_row *row, const char *arg,
			 void *field)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	if (inet_pton(AF_INET, arg, &a.sin_addr) != 1 || !a.sin_addr.s_addr)
		refuse(p, row, "'%s' is not an IPv4 address of this host", arg);
	p->o->address = a;
}

static const char *const layers[] = {[LAYER_SWITCH] = "switch", [LAYER_PROVIDER] = "provider"};

static void take_layer(struct parsing *p, const struct option_row *row, const char *arg,
		       void *field)
{
	for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
		if (!strcmp(layers[i], arg)) {
			p->o->layer = (enum layer)i;
			if (i == LAYER_PROVIDER && !(p->o->test->options & OPT_PROVIDER))
				refuse(p, row, "makes no sense for '%s': only the switch does that",
				       p->o->test->name);
			return;
		}
	refuse(p, row, "'%s' is neither switch nor provider", arg);
}

static void take_beside(struct parsing *p, const struct option_row *row, const char *arg,
			void *field)
{
	p->beside = arg;
	p->beside_row = row;
}

static void take_help(struct parsing *p, const struct option_row *row, const char *arg, void *field)
{
	argp_state_help(p->state, stdout, ARGP_HELP_STD_HELP);
}

static void take_usage(struct parsing *p, const struct option_row *row, const char *arg,
		       void *field)
{
	argp_state_help(p->state, stdout, ARGP_HELP_USAGE | ARGP_HELP_EXIT_OK);
}

static void take_version(struct parsing *p, const struct option_row *row, const char *arg,
			 void *field)
{
	bench_version();
	exit(0);
}

void options_take(struct parsing *p, const struct option_row *row, const char *arg)
{
	static taker *const takers[TAKE_COUNT] = {
		[TAKE_FLAG] = take_flag,         [TAKE_INT] = take_int,
		[TAKE_UNSIGNED] = take_unsigned, [TAKE_LONG] = take_long,
		[TAKE_SECONDS] = take_seconds,   [TAKE_WORD] = take_word,
		[TAKE_LIST] = take_list,         [TAKE_ALL] = take_all,
		[TAKE_ADDRESS] = take_address,   [TAKE_LAYER] = take_layer,
		[TAKE_BESIDE] = take_beside,     [TAKE_HELP] = take_help,
		[TAKE_USAGE] = take_usage,       [TAKE_VERSION] = take_version,
	};
	if (takers[row->take])
		takers[row->take](p, row, arg, (char *)p->o + row->field);
}

/* --- what they say together --- */

const char *options_ours(const struct options *o)
{
	return layers[o->layer];
}

static bool takes_part(const struct test *test, const struct contender *who)
{
	if (test->takes)
		return test->takes(who);
	return test->two_ends ? who->conns != NULL : who->names != NULL;
}

/* All peers that make sense, the library's other layer left out: who wants it names it. */
static void beside_all(struct options *o)
{
	const struct contender *who;
	for (int i = 0; (who = contender_at(i)) && o->peers < PEERS_MAX; i++)
		if (strcmp(who->name, layers[LAYER_SWITCH]) != 0 &&
		    strcmp(who->name, layers[LAYER_PROVIDER]) != 0 && takes_part(o->test, who))
			o->beside[o->peers++] = who->name;
}

static void known_contenders(char *text, size_t size)
{
	const struct contender *who;
	size_t used = 0;
	for (int i = 0; (who = contender_at(i)) && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "",
					 who->name);
}

static void beside_one(struct parsing *p, const char *name)
{
	const struct contender *who = contender_find(name);
	struct options *o = p->o;
	char known[160] = "";

	if (!who) {
		known_contenders(known, sizeof(known));
		refuse(p, p->beside_row, "there is no '%s'; there are: %s", name, known);
		return;
	}
	if (!strcmp(who->name, options_ours(o)))
		refuse(p, p->beside_row, "'%s' is what is measured: it is no peer of itself", name);
	if (!takes_part(o->test, who))
		refuse(p, p->beside_row, "'%s' cannot do what '%s' measures", name, o->test->name);
	for (int i = 0; i < o->peers; i++)
		if (!strcmp(o->beside[i], who->name))
			refuse(p, p->beside_row, "'%s' stands there twice", name);
	if (o->peers == PEERS_MAX)
		refuse(p, p->beside_row, "at most %d peers", PEERS_MAX);
	else
		o->beside[o->peers++] = who->name;
}

static void finish_beside(struct parsing *p)
{
	char name[32];

	if (!p->beside) {
		beside_all(p->o);
		return;
	}
	if (!strcmp(p->beside, "none"))
		return;
	for (const char *at = p->beside;; at++) {
		size_t n = strcspn(at, ",");
		snprintf(name, sizeof(name), "%.*s", (int)(n < 31 ? n : 31), at);
		beside_one(p, name);
		at += n;
		if (!*at)
			return;
	}
}

/* Grows a list in words. */
static void add_word(char *text, size_t size, int before, const char *word)
{
	size_t used = strlen(text);
	snprintf(text + used, size - used, "%s%s", before ? ", " : "", word);
}

void options_peers(const struct test *test, char *text, size_t size)
{
	const struct contender *who;
	int n = 0;
	bool provider = false;
	snprintf(text, size, "Peers to measure in the same run, in turn, out of ");
	for (int i = 0; (who = contender_at(i)); i++) {
		if (!takes_part(test, who) || !strcmp(who->name, layers[LAYER_SWITCH]))
			continue;
		provider |= !strcmp(who->name, layers[LAYER_PROVIDER]);
		add_word(text, size, n++, who->name);
	}
	size_t used = strlen(text);
	snprintf(text + used, size - used, "; or none (default: all%s)%s",
		 provider ? " but provider" : "",
		 test->options & OPT_PROVIDER ? "; with --layer provider switch, in its place"
					      : "");
}

static const struct {
	const char *word, *unit;
} outputs[] = {{"latency", "ns"}, {"bandwidth", "bytes_per_s"}, {"message_rate", "per_s"}};
enum { OUTPUTS = sizeof(outputs) / sizeof(outputs[0]) };

static bool measures(const struct test *test, int output)
{
	for (const struct figure_kind *k = test->kinds; k->name; k++)
		if (!strcmp(k->unit, outputs[output].unit))
			return true;
	return false;
}

int options_outputs(const struct test *test, char *text, size_t size)
{
	int n = 0;
	snprintf(text, size, "Print one number, the average of ours at the first point: ");
	for (int i = 0; i < OUTPUTS; i++)
		if (measures(test, i))
			add_word(text, size, n++, outputs[i].word);
	return n;
}

/* --output asks for a figure that the test must have. */
static void finish_output(const struct parsing *p)
{
	const struct options *o = p->o;

	if (!o->output)
		return;
	if (o->json && !o->json_file)
		argp_error(p->state, "--output and --out_json both want the standard output: "
				     "use --out_json_file");
	for (int i = 0; i < OUTPUTS; i++) {
		if (strcmp(outputs[i].word, o->output) != 0)
			continue;
		if (measures(o->test, i))
			return;
		argp_error(p->state, "--output: '%s' measures no %s", o->test->name, o->output);
	}
	argp_error(p->state, "--output: '%s' is none of latency, bandwidth, message_rate",
		   o->output);
}

/* Started by srun or mpirun: each has its rank in the environment. */
static bool has_rank(void)
{
	static const char *const names[] = {"SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK",
					    "PMIX_RANK"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (getenv(names[i]))
			return true;
	return false;
}

static void finish_servers(const struct parsing *p)
{
	const struct options *o = p->o;

	if (o->here && o->count)
		argp_error(p->state, "--local starts the server itself: leave '%s' out",
			   o->servers[0]);
	if (o->count > 1 && !has_rank())
		argp_error(p->state,
			   "several servers (%s, %s) make sense only under srun or mpirun",
			   o->servers[0], o->servers[1]);
	for (int i = 0; i < o->count; i++)
		if (!*o->servers[i])
			argp_error(p->state, "a server needs a name");
}

static void finish_pin(const struct parsing *p)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	for (int i = 0; i < p->o->pin.n; i++)
		if (cpus > 0 && p->o->pin.v[i] >= (size_t)cpus)
			argp_error(p->state,
				   "--pin: there is no processor %zu here; they are 0 to %ld",
				   p->o->pin.v[i], cpus - 1);
}

void options_finish(struct parsing *p)
{
	struct options *o = p->o;

	if (p->sizes && p->all)
		argp_error(p->state, "-a and -s: either all sizes or those");
	if (p->n && p->duration)
		argp_error(p->state, "-n and -D: a batch ends either by count or by time");
	if (o->ib_port && !o->device)
		argp_error(p->state, "-i (--ib-port): of which device? Use -d, too");
	if (o->address.sin_family && o->device)
		argp_error(p->state, "--address and -d: either of them says where");
	finish_servers(p);
	finish_pin(p);
	finish_beside(p);
	finish_output(p);
	if (o->test->once) {
		o->repeat = 1;
		o->warmup = 0;
		o->iterations = 1;
	}
	if (o->unsorted)
		o->histogram = true;
	if (o->json_file)
		o->json = true;
}
