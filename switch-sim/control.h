/* SPDX-License-Identifier: MIT
 *
 * What a running process tells wsd sockets and wsd trace: a control socket, an abstract AF_UNIX
 * name "wsd-control.PID" (SOCK_SEQPACKET), served by the reactor. It answers the same user and
 * root.
 *
 * The request is one message. "sockets": the answer is one message of JSON for each socket and
 * {"end":true} as the last. "trace" and "trace json": {"looking":true}, then each record of the
 * trace (trace_tap) as one message, until the asker hangs up. An error is {"error":"words"}.
 *
 * Locks: its own around the list of clients; a socket's lock while its record is written down.
 */
#ifndef WSD_SWITCH_CONTROL_H
#define WSD_SWITCH_CONTROL_H

#include "socket.h"

struct control;

#define CONTROL_PREFIX "wsd-control."
enum { CONTROL_MESSAGE_MAX = 2048 };

/* Opens it, once for each process; from the first listen or connection on. A failure is logged and
 * leaves the process without one. */
void control_start(struct sw_process *p);
/* Before the reactor stops. NULL is fine. */
void control_stop(struct control *c);
/* In the child after fork: its copies of the descriptors are closed. */
void control_after_fork(struct control *c);

/* A socket as one object of JSON. Return: its length, below @size. Takes s->lock. */
int control_describe(struct sw_socket *s, char *text, size_t size);

#endif
