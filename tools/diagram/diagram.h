/* SPDX-License-Identifier: MIT
 *
 * Files of traces in, a picture out: for `wsd diagram` and `wsd run --diagram`.
 */
#ifndef WSD_DIAGRAM_H
#define WSD_DIAGRAM_H

#include "story.h"

/* Whether the name ends in .svg or .html. */
bool diagram_can_write(const char *output);

struct diagram_job {
	const char *program; /* for complaints */
	char *const *traces;
	int count;
	const char *output, *title;     /* no title: the first trace's name */
	const struct actor_name *names; /* or NULL */
	bool all;                       /* story_tell()'s */
};

/* Reads the traces and draws them into the output, which appears whole or stays as it was. What is
 * wrong is told on stderr. 0; 1: it cannot be written; 2: a trace cannot be read, or has no record.
 */
int diagram_make(const struct diagram_job *j);

#endif
