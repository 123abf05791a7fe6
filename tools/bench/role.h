/* SPDX-License-Identifier: MIT
 *
 * Processes of this program beside the one that measures: a holder of a name, a successor in it.
 * They obey words on standard input, answer by lines, and end with it. One thread at a time.
 */
#ifndef WSD_BENCH_ROLE_H
#define WSD_BENCH_ROLE_H

#include "contender.h"

#include <sys/types.h>

struct role {
	pid_t pid;
	int fd;
};

/* ROLE_HOLDER binds and listens, then says "ready"; asked to "close" it does, and says "closed"
 * with the time just before. ROLE_HEIR says "ready" when its listen() waits for its turn
 * (@flags BIND_SHARE) or when it is about to try again and again; then "listening" and, when it has
 * had a first connection request, "served", each with the time. */
enum role_kind { ROLE_HOLDER, ROLE_HEIR };

/* Starts it and waits for "ready". 0, or -1 with a text and nothing left behind. */
int role_start(struct role *r, enum role_kind kind, const struct contender *who,
	       const struct sockaddr_in *at, unsigned flags, char *why, size_t size);
int role_say(struct role *r, const char *word); /* 0, or -1 with errno */
/* The next line, which must be @word with a time (bench_now_ns()). 0, or -1 with a text. */
int role_hear(struct role *r, const char *word, double *ret, char *why, size_t size);
bool role_spoke(const struct role *r); /* a line is there */
void role_kill(struct role *r);        /* SIGKILL */
void role_end(struct role *r);         /* and waits for its end; twice is fine */

/* wsd-bench --role ... */
int role_main(int argc, char **argv);

/* Variables of the environment, changed for a while: what the library reads when it starts. */
struct knob {
	const char *name, *value;
	char *before;
};
void knobs_set(struct knob *knobs, int n);
void knobs_restore(struct knob *knobs, int n);

#endif
