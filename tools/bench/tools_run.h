/* SPDX-License-Identifier: MIT
 *
 * The reference programs that are measured beside the library: perftest and rstream, each a pair of
 * processes of its own, one at each end, which print summaries. State: the server's process.
 */
#ifndef WSD_BENCH_TOOLS_RUN_H
#define WSD_BENCH_TOOLS_RUN_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct tool_job {
	const char *contender; /* "perftest", "rstream" */
	bool stream, both;     /* not round trips; in both directions at once */
	size_t size;
	long iterations;
	int port;
};

/* Whether its programs are there. 0, or -1 with a text. */
int tool_there(const char *contender, char *why, size_t size);

/* The server: starts its end; the answer to the client, {"port"} or {"error"}. */
json_t *tools_serve(const char *contender, const struct sockaddr_in *here, const json_t *question);
void tools_end(void); /* ends what still runs */

/* The client: runs its end against @to and waits. ns of a typical round trip, or bytes a second.
 * 0, or -1 with a text. */
int tool_run(const struct tool_job *j, const struct sockaddr_in *here, const struct sockaddr_in *to,
	     double *ret, char *why, size_t size);

#endif
