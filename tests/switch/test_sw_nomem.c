/* SPDX-License-Identifier: MIT
 *
 * No memory on the SAN side: each allocation fails once. No descriptors for a while. TCP/IP goes
 * on, nothing is lost, and the next try has all of it [SW-INIT-2, SW-LISTEN-4, SW-PNP-1].
 */
#include "sw.h"

#include "forks.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/wait.h>

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
		(void)WSD_UNTIL(bed_count(&bed, "10.77.0.2:5150") == 1 || atomic_load(&fail_at) < 0,
				500);
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

/* ---- descriptors ---- */

/* None can be opened any more; what is open stays. */
static void no_descriptors(bool none)
{
	static rlim_t before;
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (none)
		before = limit.rlim_cur;
	limit.rlim_cur = none ? 0 : before;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

Test(nomem, SW_LISTEN_04_no_descriptors_for_the_first_listener)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.1.1", NULL);
	bed.calls.ignore = "SIO_ADDRESS_LIST_QUERY";
	started();
	SOCKET a = bed_bound("10.77.0.1", BED_PORT), any = bed_bound("0.0.0.0", BED_PORT + 1);
	SOCKET b = bed_bound("10.77.1.1", BED_PORT + 2);
	no_descriptors(true);
	int first = wsd_listen(a, 5), second = wsd_listen(any, 5);
	no_descriptors(false);
	cr_assert_eq(first, 0);
	cr_assert_eq(second, 0);
	cr_assert(bed_logged(&bed, "no service thread, so TCP/IP only"));
	bed_expect_quiet(&bed, 50);
	cr_assert_eq(wsd_listen(b, 5), 0);
	/* the listener itself and the service thread act at the same time */
	cr_assert(WSD_UNTIL(bed_count(&bed, "WSPEventSelect") == 4, 2000));
	cr_assert_eq(bed_count(&bed, "10.77.0.1:5150) = 0"), 1);
	cr_assert_eq(bed_count(&bed, "10.77.0.1:5151) = 0"), 1);
	cr_assert_eq(bed_count(&bed, "10.77.1.1:5151) = 0"), 1);
	cr_assert_eq(bed_count(&bed, "10.77.1.1:5152) = 0"), 1);
	bed_clear(&bed);
	bed_expect_quiet(&bed, 50);
	bed_close(a);
	bed_close(any);
	bed_close(b);
	stopped();
	BED_END();
}

/* A process that adds an address when told to: that takes a descriptor. */
static pid_t helper(const char *link, const char *addr, int *ret_tell)
{
	int tell[2];
	char c;
	cr_assert_eq(pipe2(tell, O_CLOEXEC), 0);
	pid_t child = wsd_fork();
	if (!child) {
		close(tell[1]);
		_exit(read(tell[0], &c, 1) == 1 && !netbed_add_addr(link, addr, 24) ? 0 : 1);
	}
	close(tell[0]);
	*ret_tell = tell[1];
	return child;
}

Test(nomem, SW_PNP_01_no_descriptors_while_a_change_is_taken_in)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.2", NULL);
	int tell, status = 0;
	pid_t child = helper("san0", "10.77.0.2", &tell);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	no_descriptors(true);
	cr_assert_eq(write(tell, "", 1), 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	usleep(2500 * 1000); /* longer than any late provider is waited for */
	cr_assert_eq(bed_count(&bed, "10.77.0.2:5150"), 0);
	no_descriptors(false);
	cr_assert(bed_logged(&bed, "a change could not be taken in"));
	cr_assert(WSD_UNTIL(bed_count(&bed, "10.77.0.2:5150) = 0") == 1, 2000));
	cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), 0, "the others stay meanwhile");
	bed_close(any);
	stopped();
	close(tell);
	BED_END();
}
