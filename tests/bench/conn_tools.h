/* SPDX-License-Identifier: MIT
 *
 * The reference programs that are measured beside the library: perftest and rstream, each a pair of
 * processes of its own.
 */
#ifndef WSD_BENCH_CONN_TOOLS_H
#define WSD_BENCH_CONN_TOOLS_H

#include <stddef.h>

struct tool_result {
	double typical, worst; /* us of a round trip; MB/s of a stream (worst: unused) */
};

/* Return 0, or -1 when the program is not there or says nothing. @address: of this host's SAN. */
int tool_send_lat(const char *address, size_t size, int count, struct tool_result *ret);
int tool_write_bw(const char *address, size_t size, int count, struct tool_result *ret);
/* rstream, blocking mode. */
int tool_rstream_lat(const char *address, size_t size, int count, struct tool_result *ret);
int tool_rstream_bw(const char *address, size_t size, int count, struct tool_result *ret);

#endif
