/* SPDX-License-Identifier: MIT
 *
 * No memory on the SAN side: each allocation fails once. TCP/IP goes on, nothing is lost, and the
 * next try has all of it [SW-INIT-2, SW-LISTEN-4, SW-PNP-1].
 */
#include "sw.h"

#include <stdatomic.h>

static atomic_int fail_at = -1; /* the n-th allocation from now fails; -1: none */

static bool fails(void)
{
	return atomic_load(&fail_at) >= 0 && atomic_fetch_sub(&fail_at, 1) == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
	return fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

enum { MOST = 400 }; /* allocations of one call: fewer than this */

/* True if the allocation that was to fail was never reached. */
static bool not_reached(void)
{
	return atomic_exchange(&fail_at, -1) >= 0;
}

Test(nomem, SW_INIT_02_no_memory_while_starting)
{
	BED(2);
	usual_addresses();
	bool last = false;
	for (int n = 0; !last; n++) {
		WSADATA data;
		unsigned fds = wsd_check_fds();
		cr_assert_lt(n, MOST);
		atomic_store(&fail_at, n);
		int code = wsd_WSAStartup(0x0202, &data);
		last = not_reached();
		cr_assert(code == 0 || code == WSASYSNOTREADY, "allocation %d: %d", n, code);
		cr_assert(!last || code == 0);
		if (!code)
			bed_stop(&bed);
		cr_assert_eq(wsd_check_fds(), fds, "allocation %d", n);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(bed.p[i]->startups, 0, "allocation %d: provider %d", n, i);
			cr_assert_eq(bed.p[i]->handles_made, bed.p[i]->handles_returned);
		}
		bed_clear(&bed);
	}
	BED_END();
}

Test(nomem, SW_LISTEN_04_no_memory_while_listening)
{
	BED(2);
	usual_addresses();
	started();
	bool last = false;
	for (int n = 0; !last; n++) {
		SOCKET s = bed_bound("0.0.0.0", BED_PORT);
		cr_assert_lt(n, MOST);
		atomic_store(&fail_at, n);
		int result = wsd_listen(s, 5), error = wsd_WSAGetLastError();
		last = not_reached();
		cr_assert(result == 0 || error == WSAENOBUFS, "allocation %d: %d", n, error);
		cr_assert(!last || bed_count(&bed, "WSPEventSelect") == 4);
		bed_close(s);
		for (int i = 0; i < 2; i++) /* the utility socket is left */
			cr_assert_eq(bed.p[i]->handles_made, bed.p[i]->handles_returned + 1,
				     "allocation %d", n);
		bed_clear(&bed);
	}
	stopped();
	BED_END();
}

Test(nomem, SW_PNP_01_no_memory_while_a_change_is_taken_in)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.2", NULL);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bool last = false;
	for (int n = 0; !last; n++) {
		cr_assert_lt(n, MOST);
		bed_clear(&bed);
		atomic_store(&fail_at, n);
		cr_assert_eq(netbed_add_addr("san0", "10.77.0.2", 24), 0);
		(void)WSD_WITHIN(
			bed_count(&bed, "10.77.0.2:5150") == 1 || atomic_load(&fail_at) < 0, 500);
		last = not_reached();
		/* at the latest the next change, or question, brings it */
		cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
		cr_assert(WSD_UNTIL(bed_count(&bed, "10.77.0.2:5150") == 1, 3000), "allocation %d",
			  n);
		cr_assert_eq(netbed_del_addr("lan0", "10.78.0.2", 24), 0);
		cr_assert_eq(netbed_del_addr("san0", "10.77.0.2", 24), 0);
		cr_assert(WSD_UNTIL(bed_count(&bed, "WSPCloseSocket") >= 1, 3000), "allocation %d",
			  n);
	}
	bed_close(s);
	stopped();
	BED_END();
}
