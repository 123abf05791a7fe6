/* SPDX-License-Identifier: MIT
 *
 * The verb of every test, in parts, for several hosts.
 */
#ifndef WSD_BENCH_MEASURE_H
#define WSD_BENCH_MEASURE_H

#include "options.h"

struct ranks;
struct results;

/* This end's run against o->servers[0] or alone, and what is told of it: tables, JSON; for a client
 * among several (@ranks, else NULL) the coordinator gets the results instead. The exit status.
 * May end the process. */
int measure_run(struct options *o, struct ranks *ranks);

/* Writes and prints @res as the options say, @parameters before the tables, too. The exit status.
 */
int measure_tell(const struct options *o, struct results *res, bool parameters);

/* Writes the JSON file alone, for the case that nothing more can be told. */
void measure_keep(const struct options *o, struct results *so_far);

/* A process of a launcher: server, coordinator or client. The exit status. */
int measure_ranked(struct options *o, struct ranks *ranks);

#endif
