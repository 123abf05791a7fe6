/* SPDX-License-Identifier: MIT
 *
 * The reference programs that are measured beside the library: perftest and rstream, each a pair of
 * processes of its own, one at each end, which print summaries. State: the server's process.
 */
#ifndef WSD_BENCH_TOOLS_RUN_H
#define WSD_BENCH_TOOLS_RUN_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct tool_job {
	const char *contender; /* "perftest", "rstream" */
	bool stream, both;     /* not round trips; in both directions at once */
	size_t size;
	long iterations;
	int port;
	int limit_ms;           /* what a run may take: tool_limit_ms() */
	const atomic_bool *end; /* true: a run ends at once */
};

/* What a run of @j may take: nothing that goes on, however slowly, is late then. */
int tool_limit_ms(const struct tool_job *j);

/* Whether its programs are there. 0, or -1 with a text. */
int tool_there(const char *contender, char *why, size_t size);

/* The server: starts its end; the answer to the client, {"port"} or {"error"}. */
json_t *tools_serve(const char *contender, const struct sockaddr_in *here, const json_t *question);
void tools_end(void); /* ends what still runs */

enum tool_end {
	TOOL_DONE,
	TOOL_FAILED,
	TOOL_SILENT,    /* nothing within the limit; it was killed */
	TOOL_NO_NUMBER, /* "inf": perftest on a busy machine, which cannot tell its clock's rate */
};

/* The client: runs its end against @to and waits. ns of a typical round trip, or bytes a second;
 * unless TOOL_DONE, a text. */
enum tool_end tool_run(const struct tool_job *j, const struct sockaddr_in *here,
		       const struct sockaddr_in *to, double *ret, char *why, size_t size);

#endif
