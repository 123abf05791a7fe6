/* SPDX-License-Identifier: MIT
 *
 * What this process has used, by the kernel's books, and what the library counts in it, by its
 * control socket, as `wsd sockets` has it.
 */
#ifndef WSD_BENCH_COUNTS_H
#define WSD_BENCH_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { COPIED, WORK_REQUESTS, RDMA_READS, RDMA_WRITES, MESSAGES_SENT, COUNTS };
extern const char *const counts_names[COUNTS];

/* Sums over all sockets that are connected on a SAN. Return: how many these are; -1 if one is
 * connected over TCP/IP, with the reason, or the library does not answer. */
int counts_read(uint64_t sums[COUNTS], char *why, size_t size);

struct usage {
	double cpu_ns; /* processor time of all threads, the kernel's on their behalf included */
	double pinned, resident; /* bytes */
};
void usage_read(struct usage *u);

#endif
