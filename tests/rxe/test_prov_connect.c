/* SPDX-License-Identifier: MIT
 *
 * WSPConnect: codes, steps, deadlines and names, between sockets of the provider and with raw
 * librdmacm servers, on one device. PROV-CONNECT-1 to 11, PROV-BIND-15, PROV-BIND-21, PROV-EVENT
 * (FD_CONNECT).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmdata.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 3000, QUIET_MS = 300 };

#define BEGIN()              \
	ph_up_warm(PH_SAN0); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

Test(connect, PROV_CONNECT_01_in_one_thread_to_oneself)
{
	BEGIN();
	struct ph_pair v;
	ph_pair(&v, PH_SAN0);
	ph_unpair(&v);
	END();
}
