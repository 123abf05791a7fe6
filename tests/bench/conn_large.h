/* SPDX-License-Identifier: MIT
 *
 * Large transfers beside ib_write_bw, rstream, rsockets and kernel TCP; what they cost in copies
 * and requests.
 */
#ifndef WSD_BENCH_CONN_LARGE_H
#define WSD_BENCH_CONN_LARGE_H

#include <netinet/in.h>
#include <stddef.h>

/* @count messages of @size bytes each in each of @rounds. Ends the process: 1 if a byte was copied
 * that should not be. */
void large_transfers(const struct sockaddr_in *at, const char *address, size_t size, int rounds,
		     int count);
/* The library alone, @count messages: to be run under callgrind, twice. */
void large_alone(const struct sockaddr_in *at, size_t size, int count);

#endif
