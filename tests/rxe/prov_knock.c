/* SPDX-License-Identifier: MIT
 *
 * prov_knock IP PORT: asks to be connected, from a process of its own, so that the device is open
 * nowhere else. Exit status: 0 the request is queued (no answer for a while) or taken, 1 it is
 * rejected, 2 it cannot be made.
 */
#include <stdlib.h>

#include "rdma_peer.h"

enum { QUEUED_MS = 150 };

int main(int argc, char **argv)
{
	struct rdma_peer c;
	if (argc != 3)
		return 2;
	if (rdma_peer_connect(&c, argv[1], argv[1], (uint16_t)strtoul(argv[2], NULL, 10), NULL, 0))
		return 2;
	int event = rdma_peer_wait(&c, QUEUED_MS);
	rdma_peer_close(&c);
	return event == RDMA_PEER_NOTHING || event == RDMA_CM_EVENT_CONNECT_RESPONSE ? 0 : 1;
}
