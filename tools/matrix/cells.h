/* SPDX-License-Identifier: MIT
 *
 * One bind of the matrix, as a plain Winsock program makes it: it is compiled for this library and,
 * for what Wine answers, for Windows. No type of Winsock is told here, so that who calls may have
 * the system's socket headers.
 */
#ifndef WSD_MATRIX_CELLS_H
#define WSD_MATRIX_CELLS_H

/* Rows and columns of the tables, in Microsoft's order. */
enum { KINDS = 6 };
#define KIND_OPTION(kind)   ((kind) / 2) /* 0: neither, 1: SO_REUSEADDR, 2: SO_EXCLUSIVEADDRUSE */
#define KIND_SPECIFIC(kind) ((kind) % 2) /* else the wildcard */

int cells_start(void); /* WSAStartup: 0 or its code */
void cells_stop(void);

/* Makes a TCP socket of this kind and binds it to @address ("127.0.0.1"; unused for a wildcard) and
 * *port, which is chosen where it is 0 and told. 0 with *ret, for cell_close(), or a WSA code: no
 * socket is left then. */
int cell_bind(int kind, const char *address, unsigned short *port, unsigned long long *ret);
void cell_close(unsigned long long s);

#endif
