/* SPDX-License-Identifier: MIT
 *
 * What the library counts in this process, by its control socket, as `wsd sockets` has it.
 */
#ifndef WSD_BENCH_CONN_COUNTS_H
#define WSD_BENCH_CONN_COUNTS_H

#include <stdint.h>

enum { COPIED, WORK_REQUESTS, RDMA_READS, RDMA_WRITES, MESSAGES_SENT, COUNTS };
extern const char *const counts_names[COUNTS];

/* Sums over all sockets that are connected on a SAN. Return: how many these are; -1 if one is
 * connected over TCP/IP, or the library does not answer. */
int counts_read(uint64_t sums[COUNTS]);

#endif
