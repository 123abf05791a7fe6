/* SPDX-License-Identifier: MIT
 *
 * How the command line is cut inside: the table of options in options.c, what is done with one in
 * options_take.c, where the run takes place in options_place.c.
 */
#ifndef WSD_BENCH_OPTIONS_PRIV_H
#define WSD_BENCH_OPTIONS_PRIV_H

#include "options.h"

struct argp_state;

enum take {
	TAKE_FLAG,
	TAKE_INT,
	TAKE_UNSIGNED,
	TAKE_LONG,
	TAKE_SECONDS,
	TAKE_WORD,
	TAKE_LIST,
	TAKE_ALL,
	TAKE_ADDRESS,
	TAKE_LAYER,
	TAKE_BESIDE,
	TAKE_HELP,
	TAKE_USAGE,
	TAKE_VERSION,
	TAKE_NEVER,
	TAKE_COUNT
};

/* Beside enum option_bit. */
enum { OPT_TWO_ENDS = 1 << 30, OPT_NEVER = 1 << 29 };

struct option_row {
	int key; /* the letter, or a number beyond */
	const char *name, *arg, *doc;
	enum take take;
	size_t field;      /* in struct options */
	long least, most;  /* of a number */
	unsigned needs;    /* of the test: OPT_*; 0: every test knows it */
	int group;         /* of --help */
	const char *unfit; /* what is said to a test that does not know it */
};

struct parsing {
	struct options *o;
	struct argp_state *state;
	const char *beside; /* --beside as given: looked up when the layer is known; NULL: not */
	const struct option_row *beside_row;
	bool sizes, all, n, duration; /* were given */
};

/* All end the program with a message when something is wrong. */
void options_refuse(const struct parsing *p, const struct option_row *row, const char *why);
void options_take(struct parsing *p, const struct option_row *row, const char *arg);
/* The texts of --beside and --output in --help. How many values --output may have. */
void options_peers(const struct test *test, char *text, size_t size);
int options_outputs(const struct test *test, char *text, size_t size);
/* What can be judged only when all have been read. */
void options_finish(struct parsing *p);

#endif
