/* SPDX-License-Identifier: MIT
 *
 * The connection beside the measured ones, over kernel TCP: one JSON object a line. The client
 * asks, the server answers each question with one object: {"ok":true,...} or {"error":"text"}. Not
 * for several threads at once.
 */
#ifndef WSD_BENCH_CONTROL_H
#define WSD_BENCH_CONTROL_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { CONTROL_VERSION = 1, CONTROL_LINE_MAX = 64 << 20 };

struct control;

/* Connects to @name:@port; tries again until @seconds have passed, for a server that is about to be
 * started. NULL with a text. */
struct control *control_connect(const char *name, unsigned port, double seconds, char *why,
				size_t size);
struct control *control_accept(int listening); /* NULL with errno */
/* Over any connected stream socket, which is taken: closed on failure, too. NULL with errno. */
struct control *control_new(int fd);
/* control_recv and control_send wait so long for each part of a line (EAGAIN); 0: for ever, as at
 * first. */
void control_patience(struct control *c, int seconds);
void control_close(struct control *c);
int control_fd(const struct control
		       *c); /* readable or hung up when nothing is asked: the other end died */
struct sockaddr_in control_peer(const struct control *c);
struct sockaddr_in control_here(const struct control *c);

/* Sends @j (a reference that is taken). 0 or -1 with errno. */
int control_send(struct control *c, json_t *j);
/* The next object; NULL with errno (EPIPE: the other end closed; EPROTO: not JSON, too long,
 * texts with control characters). */
json_t *control_recv(struct control *c);
/* Whether a whole line has been read beyond the last object: no poll() tells of it. */
bool control_pending(const struct control *c);
/* Asks and waits: the answer, or NULL with a text in @why (the server's own, or what broke). */
json_t *control_ask(struct control *c, json_t *question, char *why, size_t size);

#endif
