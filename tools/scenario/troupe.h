/* SPDX-License-Identifier: MIT
 *
 * The processes of a scenario, from the director's side.
 */
#ifndef WSD_SCENARIO_TROUPE_H
#define WSD_SCENARIO_TROUPE_H

#include "scenario.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

enum { TROUPE_MAX = 16 };

struct player {
	char name[NAME_SIZE];
	const void *host; /* the caller's */
	pid_t pid;        /* 0: it is no more */
	bool group;       /* that process leads one: what another program starts is in it */
	pid_t spawned;    /* which it had */
	int fd;
	bool stopped;
	json_t *answers; /* that nobody has asked for yet: by thread */
	json_t *busy;    /* threads that are in a call: by name */
	unsigned owed;   /* answers of a stopped one to what it was told */
};

struct troupe {
	struct player players[TROUPE_MAX];
	size_t n;
	const char *command; /* that makes the processes' calls; NULL: they do */
};

struct player *troupe_find(struct troupe *t, const char *name); /* NULL: none that lives */
/* @uid -1: the director's own; @net -1: its network namespace, too. NULL with errno set. */
struct player *troupe_add(struct troupe *t, const char *name, long uid, int net);
bool troupe_tell(struct player *p, const json_t *message); /* false: it is gone */
/* The answer of @thread, which has until @deadline_ms of the monotonic clock. NULL: none came; then
 * ETIMEDOUT, EINTR (somebody wants us to stop) or ECONNRESET (it died). */
json_t *troupe_hear(struct player *p, const char *thread, long long deadline_ms);
/* One of @thread is there already. */
bool troupe_answered(struct player *p, const char *thread);
void troupe_signal(struct player *p, int signal);
void troupe_exit(struct player *p, long long deadline_ms); /* by itself, or else killed */
void troupe_end(struct player *p);                         /* killed; its end is waited for */
void troupe_end_all(struct troupe *t);

long long troupe_now_ms(void);

/* Set by a signal that asks us to stop; troupe_hear looks at it. */
extern volatile int troupe_interrupted;

#endif
