/* SPDX-License-Identifier: MIT
 *
 * A scenario is played: statement after statement, until one fails.
 */
#ifndef WSD_SCENARIO_PLAY_H
#define WSD_SCENARIO_PLAY_H

#include "expect.h"
#include "scenario.h"
#include "stage.h"
#include "troupe.h"
#include "watch.h"

#include <stdio.h>

enum play_end {
	PLAY_OK,
	PLAY_FAILED, /* an expectation; it has been told */
	PLAY_WRONG,  /* the file makes no sense at this place */
	PLAY_SKIPPED,
	PLAY_INTERRUPTED,
};

struct play_options {
	bool real;           /* over RDMA, with the machine's own NICs */
	bool record;         /* what is seen becomes what is expected */
	bool transcript;     /* results are told, and nothing is expected */
	const char *command; /* troupe.h */
	FILE *notebook;      /* each statement with its result; NULL: nobody wants it */
	FILE *complaints;
};

/* What was seen, for --record: the text behind a call, or a whole block. */
struct finding {
	const struct statement *statement;
	char *text;
};

struct play {
	const struct scenario *scenario;
	struct play_options options;
	struct stage stage;
	struct troupe troupe;
	struct watch watch;
	struct bindings bindings[TROUPE_MAX]; /* of each process */
	long timeout_ms;
	struct finding *findings;
	size_t n_findings;
};

/* @dir: an empty folder of the scenario's own; what is in it then is the caller's to remove. */
enum play_end play_scenario(struct play *p, const struct scenario *sc, const char *dir,
			    const struct play_options *options);
void play_free(struct play *p);

/* play_calls.c */
enum play_end play_call(struct play *p, const struct statement *s);
enum play_end play_ends(struct play *p, const struct statement *s);
enum play_end play_expect(struct play *p, const struct statement *s);
/* Startup of a new process, which no expectation sees. */
enum play_end play_start_up(struct play *p, const struct statement *s);

__attribute__((format(printf, 4, 5))) enum play_end play_end(struct play *p,
							     const struct statement *s,
							     enum play_end end, const char *format,
							     ...);
/* A line of the notebook. */
void play_note(struct play *p, const struct statement *s, const char *result);
struct player *play_player(struct play *p, const struct statement *s); /* NULL: told */
bool play_find(struct play *p, const struct statement *s, char *text); /* takes @text */

/* record.c: where @place is in the text that it was read from. */
const char *place_in(const char *source, struct place place);
/* record.c: a line for each expectation that what was found makes another one. */
void record_changes(FILE *to, const struct scenario *sc, const struct finding *findings, size_t n);
/* record.c: the file's text with what was found in it. To be freed; NULL: no memory. */
char *record_text(const struct scenario *sc, const struct finding *findings, size_t n);

#endif
