/* SPDX-License-Identifier: MIT
 *
 * What the processes of a scenario do, as their common trace tells it (docs/trace.md).
 */
#ifndef WSD_SCENARIO_WATCH_H
#define WSD_SCENARIO_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

enum { WATCH_WHO = 32 };

struct record {
	pid_t pid;
	long long seq;
	const char *layer, *who, *call, *error; /* of the object; error NULL: success */
	long long result;
	json_t *args;   /* borrowed of the object */
	json_t *object; /* owned */
	bool seen;      /* an expectation has dealt with it */
};

struct watch {
	int fd;
	char *rest; /* a line that is not whole yet */
	size_t rest_len;
	struct record *records; /* by process, then in the order the calls began */
	size_t n, room;
};

bool watch_open(struct watch *w, const char *path);
void watch_close(struct watch *w);
/* Takes what is new. True: there was something. */
bool watch_read(struct watch *w);

#endif
