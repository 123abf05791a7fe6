/* SPDX-License-Identifier: MIT
 *
 * Soft-RoCE, in its machine: the real provider and the devices that are there.
 */
#include "pair_bed.h"
#include "stream_pair.h"

#include <rdma/rdma_cma.h>

bool pair_san_make(void)
{
	setenv("WSD_CATALOG", WSD_TEST_CATALOG, 1);
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); /* an emulated machine is slow */
	/* librdmacm opens the devices for good: before the test counts descriptors */
	struct ibv_context **devices = rdma_get_devices(NULL);
	cr_assert_not_null(devices, "no RDMA device");
	rdma_free_devices(devices);
	return true;
}

void pair_san_free(void)
{
}

/* What has come in over the devices of san0 and san1. */
long long pair_san_traffic(void)
{
	static const char counter[] = "/sys/class/infiniband/rxe%d/ports/1/hw_counters/rcvd_pkts";
	long long sum = 0;
	for (int i = 0; i < 2; i++) {
		char path[80];
		long long n = 0;
		snprintf(path, sizeof(path), counter, i);
		FILE *f = fopen(path, "re");
		cr_assert_not_null(f, "no %s", path);
		cr_assert_eq(fscanf(f, "%lld", &n), 1);
		fclose(f);
		sum += n;
	}
	return sum;
}
