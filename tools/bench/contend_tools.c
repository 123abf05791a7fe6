/* SPDX-License-Identifier: MIT
 *
 * contend_tools.c - the reference programs as contenders: they have no operations, tests run them
 * (tools_run.h). No state.
 */
#include "contend.h"
#include "tools_run.h"

static int start_perftest(const struct sockaddr_in *here, char *why, size_t size)
{
	if (tool_there("perftest", why, size) || contend_rdma(here, why, size))
		return -1;
	contend_rdma_done(); /* its processes have devices of their own */
	return 0;
}

static int start_rstream(const struct sockaddr_in *here, char *why, size_t size)
{
	if (tool_there("rstream", why, size) || contend_rdma(here, why, size))
		return -1;
	contend_rdma_done();
	return 0;
}

static void stop(void)
{
}

const struct contender contend_perftest = {
	.name = "perftest",
	.title = "ib_send_lat -e, ib_write_bw",
	.start = start_perftest,
	.stop = stop,
};

const struct contender contend_rstream = {
	.name = "rstream",
	.title = "rstream, blocking",
	.start = start_rstream,
	.stop = stop,
};
