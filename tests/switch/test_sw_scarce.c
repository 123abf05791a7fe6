/* SPDX-License-Identifier: MIT
 *
 * What cannot be had for a while, or has gone: descriptors, addresses. Nothing is lost and nothing
 * else is said than what holds [WS-BIND-4, WS-ERR-3, SW-LISTEN-4, SW-PNP-1, SW-PNP-3].
 */
#include "sw.h"

#include "forks.h"
#include "scarce.h"
#include "ws.h"

#include <fcntl.h>
#include <sys/wait.h>

/* ---- descriptors ---- */

Test(scarce, SW_LISTEN_04_no_descriptors_for_the_first_listener)
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

/* A process that does something when told to: here it would take descriptors. */
static pid_t helper(int (*what)(void), int *ret_tell)
{
	int tell[2];
	char c;
	cr_assert_eq(pipe2(tell, O_CLOEXEC), 0);
	pid_t child = wsd_fork();
	if (!child) {
		close(tell[1]);
		_exit(read(tell[0], &c, 1) == 1 && !what() ? 0 : 1);
	}
	close(tell[0]);
	*ret_tell = tell[1];
	return child;
}

static void tell_and_wait(pid_t child, int tell)
{
	int status = 0;
	cr_assert_eq(write(tell, "", 1), 1);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

static int add_address(void)
{
	return netbed_add_addr("san0", "10.77.0.2", 24);
}

Test(scarce, SW_PNP_01_no_descriptors_while_a_change_is_taken_in)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.2", NULL);
	int tell;
	pid_t child = helper(add_address, &tell);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	no_descriptors(true);
	tell_and_wait(child, tell);
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

static int register_second(void)
{
	bed_register(&bed, 1);
	return 0;
}

/* The catalogue cannot be read: that is not an empty one. */
Test(scarce, SW_PNP_03_no_descriptors_while_the_catalogue_changes)
{
	BED(2);
	usual_addresses();
	bed.calls.ignore = "SIO_ADDRESS_LIST_QUERY";
	bed_unregister(&bed, 1);
	int tell;
	pid_t child = helper(register_second, &tell);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	no_descriptors(true);
	tell_and_wait(child, tell);
	usleep(500 * 1000); /* it tries meanwhile */
	no_descriptors(false);
	cr_assert(bed_logged(&bed, "a change could not be taken in"));
	cr_assert(WSD_UNTIL(bed_count(&bed, "b WSPEventSelect") == 1, 3000), "the second comes");
	cr_assert_eq(bed_count(&bed, "a WSPCloseSocket"), 0, "and the first stays");
	cr_assert_eq(bed_count(&bed, "a WSPCleanup"), 0);
	bed_close(any);
	stopped();
	close(tell);
	BED_END();
}

/* What an address is, the kernel must be asked; if it cannot be, nothing is granted. */
Test(scarce, WS_BIND_04_no_descriptors_to_look_at_an_address)
{
	WS_BEGIN();
	SOCKET udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), tcp = ws_tcp(), known = ws_tcp();
	SOCKET six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	SOCKADDR_IN6 local = ws_in6("fe80::1", WS_PORT);
	local.sin6_scope_id = 1;
	WS_OK(ws_bind(ws_tcp(), LOOPBACK, 0)); /* the book is open, the address known */
	no_descriptors(true);
	int codes[] = {
		ws_code(ws_bind(udp, "127.255.255.255", WS_PORT)),
		ws_code(ws_bind(tcp, "127.255.255.255", WS_PORT)),
		ws_code(wsd_bind(six, (SOCKADDR *)&local, sizeof(local))),
		ws_code(ws_bind(known, LOOPBACK, WS_PORT)),
	};
	no_descriptors(false);
	cr_assert_eq(codes[0], WSAENOBUFS, "%d", codes[0]);
	cr_assert_eq(codes[1], WSAENOBUFS, "%d", codes[1]);
	cr_assert_eq(codes[2], WSAENOBUFS, "%d", codes[2]);
	cr_assert_eq(codes[3], 0, "%d: what is known needs no descriptor", codes[3]);
	WS_IS(ws_bind(udp, "127.255.255.255", WS_PORT), WSAEACCES);
	WS_IS(ws_bind(tcp, "127.255.255.255", WS_PORT), WSAEADDRNOTAVAIL);
	WS_OK(ws_bind(tcp, LOOPBACK2, WS_PORT));
	WS_END();
}

/* ---- addresses ---- */

static void check_gone(void)
{
	SOCKET holder = bed_bound("10.77.0.2", BED_PORT), s = bed_socket();
	WS_IS(ws_bind(s, "10.77.0.2", BED_PORT), WSAEADDRINUSE);
	cr_assert_eq(netbed_del_addr("san0", "10.77.0.2", 24), 0);
	WS_IS(ws_bind(s, "10.77.0.2", BED_PORT), WSAEADDRNOTAVAIL, "taken");
	WS_IS(ws_bind(s, "10.77.0.2", BED_PORT + 1), WSAEADDRNOTAVAIL, "free");
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.2", 24), 0);
	WS_IS(ws_bind(s, "10.77.0.2", BED_PORT), WSAEADDRINUSE, "it is back");
	bed_close(holder);
	bed_close(s);
}

/* "Address" comes before "in use", also for an address that was one when the name was taken. */
Test(scarce, WS_ERR_03_a_taken_name_on_an_address_that_has_gone)
{
	BED(1);
	usual_addresses();
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.2", 24), 0);
	started();
	check_gone(); /* nobody watches the addresses yet */
	SOCKET any = bed_listener("0.0.0.0", BED_PORT + 2);
	check_gone();
	check_gone();
	bed_close(any);
	stopped();
	BED_END();
}
