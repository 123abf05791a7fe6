/* SPDX-License-Identifier: MIT
 *
 * Standard output of a program that is believed: what could not be written (a full disk, a closed
 * descriptor) is told, whoever printed it, argp's --help too.
 */
#ifndef WSD_TOOLS_OUTPUT_H
#define WSD_TOOLS_OUTPUT_H

/* At the program's end: pushes out what was printed. If that fails, or has failed before, says
 * "@program: cannot write: ..." on stderr, and the exit status is 1. @program is kept. */
void output_watch(const char *program);

/* Pushes it out now. 0 or -1, said once. */
int output_push(void);

#endif
