/* SPDX-License-Identifier: MIT
 *
 * A process of a scenario: it makes the Winsock calls that it is told, each on the thread that is
 * named, and tells the results. The director and an actor talk by messages of JSON, one packet
 * each:
 *
 *   {"do": "call", "thread": "main", "call": "bind", "args": ["s", "10.77.0.1:5150"]}
 *       and "variable" where a handle is kept. The answer: {"thread": ..., "result": "0"},
 *       or {"thread": ..., "wrong": "argument 2 ... is no address"}
 *       With "begin": true there is one before it: {"thread": "main begun", "result": "4711"}, the
 *       number of the thread that is about to make the call.
 *   {"do": "provider", ...}: see actor_provider.c. The answer: {"thread": "", "result": "0"}
 *   {"do": "exit"}: the process ends, and closes nothing
 */
#ifndef WSD_SCENARIO_ACTOR_H
#define WSD_SCENARIO_ACTOR_H

#include <jansson.h>

enum { ACTOR_MESSAGE = 16384, ACTOR_THREADS = 16 };

/* What a forked process does from now on. @fd: to the director. Never returns. */
void actor_live(int fd) __attribute__((noreturn));

/* The same, but @command, a shell's, makes the calls; actor_relay.c. Never returns. */
void actor_relay(int fd, const char *command) __attribute__((noreturn));

/* A provider of this process is told something. NULL: done; else what is wrong (static). */
const char *actor_provider(const json_t *message);

#endif
