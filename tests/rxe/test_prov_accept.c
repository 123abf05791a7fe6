/* SPDX-License-Identifier: MIT
 *
 * WSPAccept with clients of the provider and raw ones. PROV-ACCEPT-1 to 12.
 */
#include <string.h>

#include "check.h"
#include "cmdata.h"
#include "prov_harness.h"
#include "rdma_peer.h"

#define BEGIN()              \
	ph_up_warm(PH_SAN0); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

Test(accept, PROV_ACCEPT_02_nobody_is_there)
{
	BEGIN();
	int code;
	SOCKET l = ph_listener(PH_SAN0, ph_port(), 5);
	cr_assert_eq(ph_accept(l, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEWOULDBLOCK);
	cr_assert_eq(ph_close(l), 0);
	cr_assert_eq(ph_accept(l, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAENOTSOCK);
	END();
}
