/* SPDX-License-Identifier: MIT
 *
 * The other end of a test with two ends. Locks: none; the server is a loop that does what the
 * client asks over the control connection.
 */
#ifndef WSD_BENCH_SERVER_H
#define WSD_BENCH_SERVER_H

#include "options.h"

#include <sys/types.h>

struct run;

/* Waits for one client at o->port, serves it, and returns the exit status. */
int server_run(const struct options *o);

/* --local: the same as a child process on o->address, listening when this returns; it dies with its
 * parent. Its process id, or -1 with errno. */
pid_t server_spawn(const struct options *o);

/* The client's first words, over r->control: the test, the contestants. Fills each one's `to`, or
 * its `left_out` with what the server says is missing, and adds the server's host to r->results.
 * 0, or -1 with a text. */
int server_greet(struct run *r, char *why, size_t size);

/* The client's last words: without them the server takes it for dead, and ends with 1. Closes
 * r->control and sets it to NULL; fine without one. */
void server_farewell(struct run *r);

#endif
