/* SPDX-License-Identifier: MIT
 *
 * What a run ran on: read from the kernel's files, nothing is opened for RDMA.
 */
#ifndef WSD_BENCH_HOST_H
#define WSD_BENCH_HOST_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>

struct host {
	char role[12]; /* "here", "server", "client 3" */
	char name[65], kernel[65], machine[65], cpu[80];
	int cpus;
	char guest[40];    /* "QEMU, software emulation", "kvm"; "": none */
	int icount;        /* 1, 0; -1: cannot be known */
	char governor[24]; /* of CPU 0; "": none */
	char device[64], driver[32], firmware[48], link[16], rate[32], netdev[16];
	int mtu;   /* of the RDMA port, bytes; 0: no device */
	bool soft; /* soft-RoCE or soft-iWARP */
	char rdma_core[24];
	char qemu[24]; /* of the guest, where scripts/soft-roce told it; "" */
};

/* @at: whose device is meant; NULL or an address without RDMA: no device. */
void host_look(struct host *h, const char *role, const struct sockaddr_in *at);
json_t *host_to_json(const struct host *h);
int host_from_json(struct host *h, const json_t *j); /* 0 or -1 */

#endif
