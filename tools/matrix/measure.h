/* SPDX-License-Identifier: MIT
 *
 * Each cell of a table, by two processes: this one binds first, its child second.
 */
#ifndef WSD_MATRIX_MEASURE_H
#define WSD_MATRIX_MEASURE_H

#include "tables.h"

struct second; /* the other process */

/* Before this process has called WSAStartup. @user -1: the caller's. NULL with a text. */
struct second *second_start(long user, char *why, size_t size);
void second_end(struct second *s); /* NULL is fine */

/* Fills m->measured, or m->why as well. After WSAStartup. */
void measure(struct matrix *m, struct second *s);

#endif
