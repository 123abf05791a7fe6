/* SPDX-License-Identifier: MIT
 *
 * Calls running programs that use the library, by their control sockets (switch-sim/control.h).
 */
#ifndef WSD_TOOLS_ASK_H
#define WSD_TOOLS_ASK_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { ASK_ANSWER_MS = 2000 };

/* Calls @call for the control socket of each program, or of @pid (0: of all); a name that is gone
 * by then may be among them. 0, or -1 with errno. */
int ask_each(long pid, void (*call)(void *arg, const char *name), void *arg);
/* The process number that is a part of a name; it may be that of another pid namespace. */
long ask_pid(const char *name);

/* Connects to the name and asks; who answers is in *ret_who. A socket of type SOCK_SEQPACKET whose
 * calls wait ASK_ANSWER_MS, or -errno. */
int ask_name(const char *name, const char *request, struct ucred *ret_who);

/* recv(2) of its first answer. Who is refused is answered and hung up on, maybe before he has
 * asked: the answer stands. */
ssize_t ask_answer(int fd, char *text, size_t size);

/* Is @pid in another network namespace? Its name is not seen from here then. */
bool ask_elsewhere(long pid);

/* The name of @pid's program, what a terminal would obey left out; "" if it is gone. */
void ask_program(pid_t pid, char *text, size_t size);

#endif
