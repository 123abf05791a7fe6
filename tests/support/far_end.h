/* SPDX-License-Identifier: MIT
 *
 * The other end of a connection under test: over TCP/IP a socket of the kernel's, of somebody who
 * does not use the library; over a SAN, where there is no such peer, another socket of the library.
 * Its calls wait, up to CONN_WAIT_MS.
 */
#ifndef WSD_TESTS_FAR_END_H
#define WSD_TESTS_FAR_END_H

#include "stream_pair.h"

struct far_end {
	int fd;   /* over TCP/IP, or -1 */
	SOCKET s; /* over a SAN, or INVALID_SOCKET */
};

/* To @ip's listener, over the environment's transport (asserted). */
struct far_end far_connect_to(const char *ip, unsigned port);
struct far_end far_connect(unsigned port); /* pair_address() */
/* It may fail, or come about another way: false then, and there is nothing to close. */
bool far_try(unsigned port, struct far_end *ret);
unsigned far_port(const struct far_end *f); /* its own */

/* Bytes; 0: the end; or minus a WSA code. */
int far_recv(const struct far_end *f, void *buffer, int n);
void far_send(const struct far_end *f, const void *data, int n);
void far_put(const struct far_end *f, const char *text);
void far_urgent(const struct far_end *f, char c);
void far_shut(const struct far_end *f); /* SD_SEND */
/* Also when the library has been stopped meanwhile; a second close does nothing. */
void far_close(struct far_end *f);
void far_reset(struct far_end *f);

#endif
