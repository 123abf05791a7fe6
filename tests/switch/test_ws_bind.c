/* SPDX-License-Identifier: MIT
 *
 * bind: the error table, the order of checks, what a failure leaves behind. [WS-BIND-1 to 6, 10,
 * 11]. AF_UNIX is in test_ws_unix.c, the fault knobs in test_ws_knob.c.
 */
#include "peer.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

Test(bind, WS_BIND_1_zero_or_SOCKET_ERROR)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	WS_IS(wsd_listen(s, 1), WSAEINVAL); /* bind is needed before listen */
	cr_assert_eq(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), 0);
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), SOCKET_ERROR);
	WS_END();
}

Test(bind, WS_BIND_2_a_block_of_memory)
{
	WS_BEGIN();
	union {
		SOCKADDR_IN in;
		SOCKADDR_IN6 in6;
		char bytes[256];
	} u;
	static const int lengths[] = {16, 17, 28, 100, 128};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(&u, 0xa5, sizeof(u)); /* garbage in sin_zero and in the tail */
		u.in.sin_family = WSD_AF_INET;
		u.in.sin_port = 0;
		u.in.sin_addr = ws_in(LOOPBACK, 0).sin_addr;
		SOCKET s = ws_tcp();
		WS_OK(wsd_bind(s, (SOCKADDR *)&u, lengths[i]));
		cr_assert_neq(ws_port(s), 0);
		WS_OK(wsd_closesocket(s));
	}
	static const int lengths6[] = {28, 29, 128};
	for (size_t i = 0; i < sizeof(lengths6) / sizeof(lengths6[0]); i++) {
		memset(&u, 0xa5, sizeof(u));
		u.in6 = ws_in6("::1", 0);
		SOCKET s = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
		WS_OK(wsd_bind(s, (SOCKADDR *)&u, lengths6[i]));
		WS_OK(wsd_closesocket(s));
	}
	/* a misaligned name is a block of memory too */
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	memcpy(u.bytes + 1, &a, sizeof(a));
	SOCKET s = ws_tcp();
	WS_OK(wsd_bind(s, (SOCKADDR *)(void *)(u.bytes + 1), sizeof(a)));
	WS_IS(wsd_bind(s, (SOCKADDR *)&u, 129), WSAEFAULT);
	WS_END();
}

Test(bind, WS_BIND_2_everything_but_the_family_is_in_network_order)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	unsigned char raw[16] = {2, 0, 0x69, 0x87, 127, 0, 0, 1};
	WS_OK(wsd_bind(s, (SOCKADDR *)raw, 16));
	cr_assert_eq(ws_port(s), 0x6987);
	WS_OK(wsd_listen(s, 1));
	cr_assert(ws_answers(LOOPBACK, 0x6987));
	WS_END();
}

Test(bind, WS_BIND_3_the_memory_may_go_at_once)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	SOCKADDR_IN *a =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*a = ws_in(LOOPBACK, WS_PORT);
	WS_OK(wsd_bind(s, (SOCKADDR *)a, sizeof(*a)));
	munmap(a, 4096);
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(ws_port(s), WS_PORT);
	WS_END();
}

/* ---- WS-BIND-4 ---- */

Test(bind, WS_BIND_4_WSANOTINITIALISED)
{
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	WSD_TEST_BEGIN();
	WS_IS(wsd_bind(1, (SOCKADDR *)&a, sizeof(a)), WSANOTINITIALISED);
	WS_IS(wsd_bind(INVALID_SOCKET, NULL, 0), WSANOTINITIALISED);
	ws_start();
	SOCKET s = ws_tcp();
	WS_OK(wsd_WSACleanup());
	WS_IS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), WSANOTINITIALISED);
	WSD_TEST_END();
}

Test(bind, WS_BIND_4_WSAEACCES_a_broadcast)
{
	WS_BEGIN();
	SOCKET s = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_IS(ws_bind(s, "255.255.255.255", 0), WSAEACCES);
	char subnet[INET_ADDRSTRLEN] = "";
	struct ifaddrs *all;
	cr_assert_eq(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET && i->ifa_broadaddr &&
		    (i->ifa_flags & IFF_BROADCAST))
			inet_ntop(AF_INET,
				  &((struct sockaddr_in *)(void *)i->ifa_broadaddr)->sin_addr,
				  subnet, sizeof(subnet));
	freeifaddrs(all);
	if (*subnet && strcmp(subnet, ANY4) != 0)
		WS_IS(ws_bind(s, subnet, 0), WSAEACCES, "%s", subnet);
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_BROADCAST, 1));
	WS_OK(ws_bind(s, "255.255.255.255", 0));
	/* on a stream it is just no address */
	SOCKET t = ws_tcp();
	WS_IS(ws_bind(t, "255.255.255.255", 0), WSAEADDRNOTAVAIL);
	/* the loopback's is configured nowhere: the kernel makes it of address and mask */
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_IS(ws_bind(u, "127.255.255.255", 0), WSAEACCES);
	WS_IS(ws_bind(t, "127.255.255.255", 0), WSAEADDRNOTAVAIL);
	WS_OK(ws_bind(t, "127.255.255.254", 0));
	WS_END();
}

Test(bind, WS_BIND_4_WSAEACCES_b_held_exclusively)
{
	WS_BEGIN();
	SOCKET first = ws_tcp(), second = ws_tcp();
	WS_OK(ws_set(first, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
	WS_OK(ws_set(second, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(first, LOOPBACK, WS_PORT));
	WS_IS(ws_bind(second, LOOPBACK, WS_PORT), WSAEACCES);
	WS_END();
}

Test(bind, WS_BIND_4_WSAEACCES_c_privileged_port)
{
	FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "r");
	int least = 0;
	if (f) {
		if (fscanf(f, "%d", &least) != 1)
			least = 0;
		fclose(f);
	}
	if (least <= 80)
		cr_skip_test("no privileged ports here");
	if (geteuid() != 0) {
		WS_BEGIN();
		WS_IS(ws_bind(ws_tcp(), LOOPBACK, 80), WSAEACCES);
		WS_END();
		return;
	}
	WSD_TEST_BEGIN();
	ws_environment();
	struct peer p = peer_start(65534);
	int s = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 0);
	cr_assert_eq(peer_bind(&p, s, LOOPBACK, 80), WSAEACCES);
	cr_assert_eq(peer_bind(&p, s, LOOPBACK, WS_PORT), 0); /* WS-BIND-5 */
	peer_end(&p, 0);
	WSD_TEST_END();
}

Test(bind, WS_BIND_4_WSAEADDRINUSE)
{
	WS_BEGIN();
	SOCKET first = ws_tcp(), second = ws_tcp();
	WS_OK(ws_bind(first, LOOPBACK, WS_PORT));
	WS_IS(ws_bind(second, LOOPBACK, WS_PORT), WSAEADDRINUSE);
	WS_OK(wsd_listen(first, 1));
	WS_IS(ws_bind(second, LOOPBACK, WS_PORT), WSAEADDRINUSE);
	/* another protocol is another name */
	WS_OK(ws_bind(ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), LOOPBACK, WS_PORT));
	WS_IS(ws_bind(ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), LOOPBACK, WS_PORT), WSAEADDRINUSE);
	WS_END();
}

Test(bind, WS_BIND_4_WSAEADDRINUSE_a_foreign_program_has_it)
{
	WS_BEGIN();
	int fd = ws_foreign(SOCK_STREAM, LOOPBACK, 0, true);
	unsigned port = ws_foreign_port(fd);
	SOCKET s = ws_tcp();
	WS_IS(ws_bind(s, LOOPBACK, port), WSAEADDRINUSE);
	WS_OK(ws_bind(s, LOOPBACK2, port));
	close(fd);
	WS_OK(ws_bind(ws_tcp(), LOOPBACK, port)); /* the refused one has kept no name */
	WS_END();
}

Test(bind, WS_BIND_4_WSAEADDRNOTAVAIL)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	static const char *const strange[] = {"192.0.2.0", "192.0.2.1", "8.8.8.8", "224.0.0.1"};
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		WS_IS(ws_bind(s, strange[i], WS_PORT), WSAEADDRNOTAVAIL, "%s", strange[i]);
		WS_IS(ws_bind(s, strange[i], 0), WSAEADDRNOTAVAIL, "%s", strange[i]);
	}
	WS_IS(ws_bind(six, "2001:db8::1", WS_PORT), WSAEADDRNOTAVAIL);
	WS_IS(ws_bind(six, "fe80::1234:5678", WS_PORT), WSAEADDRNOTAVAIL);
	SOCKADDR_IN6 a = ws_in6("fe80::1234:5678", WS_PORT);
	a.sin6_scope_id = 0x7ffffff;
	WS_IS(wsd_bind(six, (SOCKADDR *)&a, sizeof(a)), WSAEADDRNOTAVAIL);
	WS_IS(ws_bind(six, "::ffff:127.0.0.1", WS_PORT), WSAEADDRNOTAVAIL); /* IPV6_V6ONLY is on */
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_IS(ws_bind(u, "192.0.2.1", WS_PORT), WSAEADDRNOTAVAIL);
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	WS_OK(ws_bind(six, "::1", WS_PORT));
	WS_END();
}

Test(bind, WS_BIND_4_WSAEFAULT)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	SOCKADDR_IN6 a6 = ws_in6("::1", 0);
	static const int null_lengths[] = {0, 1, 16, 128, -1};
	for (size_t i = 0; i < sizeof(null_lengths) / sizeof(null_lengths[0]); i++)
		WS_IS(wsd_bind(s, NULL, null_lengths[i]), WSAEFAULT, "length %d", null_lengths[i]);
	static const int short_lengths[] = {0, 1, 2, 4, 15, -1, -16, INT_MIN};
	for (size_t i = 0; i < sizeof(short_lengths) / sizeof(short_lengths[0]); i++) {
		WS_IS(wsd_bind(s, (SOCKADDR *)&a, short_lengths[i]), WSAEFAULT, "length %d",
		      short_lengths[i]);
		WS_IS(wsd_bind(six, (SOCKADDR *)&a6, short_lengths[i]), WSAEFAULT);
	}
	WS_IS(wsd_bind(six, (SOCKADDR *)&a6, 24), WSAEFAULT); /* the old form */
	WS_IS(wsd_bind(six, (SOCKADDR *)&a6, 27), WSAEFAULT);
	WS_IS(wsd_bind(s, (SOCKADDR *)&a, INT_MAX), WSAEFAULT);
	WS_OK(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)));
	WS_OK(wsd_bind(six, (SOCKADDR *)&a6, sizeof(a6)));
	WS_END();
}

Test(bind, WS_BIND_4_WSAEFAULT_c_unreadable_memory)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	mprotect(pages + 4096, 4096, PROT_NONE);
	WS_IS(wsd_bind(s, (SOCKADDR *)1, 16), WSAEFAULT);
	WS_IS(wsd_bind(s, (SOCKADDR *)(uintptr_t)0xffff800000000000, 16), WSAEFAULT);
	WS_IS(wsd_bind(s, (SOCKADDR *)(void *)(pages + 4096), 16), WSAEFAULT);
	for (int inside = 1; inside < 16; inside++) { /* half in, half out */
		char *at = pages + 4096 - inside;
		memcpy(at, &a, (size_t)inside);
		WS_IS(wsd_bind(s, (SOCKADDR *)(void *)at, 16), WSAEFAULT, "%d bytes", inside);
	}
	memcpy(pages + 4096 - 16, &a, 16);
	WS_OK(wsd_bind(s, (SOCKADDR *)(void *)(pages + 4096 - 16), 16));
	munmap(pages, 8192);
	WS_END();
}

Test(bind, WS_BIND_4_WSAEFAULT_d_another_family)
{
	WS_BEGIN();
	static const int families[] = {WSD_AF_UNSPEC, WSD_AF_UNIX, WSD_AF_INET6, 10, 77, 0xdead};
	SOCKET s = ws_tcp(), six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		SOCKADDR_IN a = ws_in(ANY4, WS_PORT);
		a.sin_family = (ADDRESS_FAMILY)families[i];
		WS_IS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), WSAEFAULT, "family %d", families[i]);
	}
	SOCKADDR_IN6 a6 = ws_in6("::1", WS_PORT);
	a6.sin6_family = WSD_AF_INET;
	WS_IS(wsd_bind(six, (SOCKADDR *)&a6, sizeof(a6)), WSAEFAULT);
	WS_END();
}

Test(bind, WS_BIND_4_the_observed_profile_says_WSAEAFNOSUPPORT)
{
	WSD_TEST_BEGIN();
	setenv("WSD_PROFILE", "observed", 1);
	ws_start();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	a.sin_family = 0xdead;
	WS_IS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), WSAEAFNOSUPPORT);
	WS_IS(wsd_bind(s, (SOCKADDR *)&a, 15), WSAEFAULT);
	WS_END();
}

Test(bind, WS_BIND_4_WSAEINVAL_already_bound)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	WS_IS(ws_bind(s, LOOPBACK, WS_PORT), WSAEINVAL);
	WS_IS(ws_bind(s, LOOPBACK, 0), WSAEINVAL);
	WS_IS(ws_bind(s, LOOPBACK2, 1234), WSAEINVAL);
	WS_IS(ws_bind(s, "192.0.2.1", 1), WSAEINVAL);
	WS_OK(wsd_listen(s, 1));
	WS_IS(ws_bind(s, LOOPBACK2, 0), WSAEINVAL);
	cr_assert_eq(ws_port(s), WS_PORT);
	WS_END();
}

Test(bind, WS_BIND_4_WSAENOBUFS_limit_and_range)
{
	WSD_TEST_BEGIN();
	setenv("WSD_LIMIT_SOCKETS", "3", 1);
	ws_start();
	SOCKET s[4];
	for (int i = 0; i < 4; i++)
		s[i] = ws_tcp();
	for (int i = 0; i < 3; i++)
		WS_OK(ws_bind(s[i], LOOPBACK, 0));
	WS_IS(ws_bind(s[3], LOOPBACK, 0), WSAENOBUFS);
	WS_OK(wsd_closesocket(s[0]));
	WS_OK(ws_bind(s[3], LOOPBACK, 0));
	WS_END();
}

static bool said(const char *path, const char *text)
{
	char all[8192];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(all, 1, sizeof(all) - 1, f) : 0;
	all[n] = '\0';
	if (f)
		fclose(f);
	return strstr(all, text) != NULL;
}

/* The very first bind opens the book of names. Without a descriptor for it there is nobody who
 * could say that the name is free. @spare: descriptors that can still be had. */
static void first_bind_without_descriptors(rlim_t spare)
{
	char log[] = "/tmp/wsd-log-XXXXXX";
	int fd = mkstemp(log);
	cr_assert_geq(fd, 0);
	close(fd);
	setenv("WSD_LOG", log, 1);
	setenv("WSD_DYNAMICPORT_TCP4", "nonsense", 1);
	ws_start(); /* writes a line, and the log stays open for good */
	WS_OK(wsd_WSACleanup());
	unsetenv("WSD_DYNAMICPORT_TCP4");
	WSD_TEST_BEGIN();
	ws_start();
	SOCKET s = ws_tcp();
	struct rlimit limit, few;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	/* the number of the next free descriptor is the limit that leaves none */
	fd = dup(STDIN_FILENO);
	close(fd);
	few.rlim_cur = (rlim_t)fd + spare;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	int r = ws_bind(s, LOOPBACK, WS_PORT), code = wsd_WSAGetLastError();
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(r, SOCKET_ERROR);
	cr_assert_eq(code, WSAENOBUFS, "%d", code);
	cr_assert(said(log, "Too many open files"), "%lu spare: nothing in the log",
		  (unsigned long)spare);
	WS_IS(wsd_listen(s, 1), WSAEINVAL, "the failed bind has bound it");
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	WS_OK(wsd_listen(s, 1));
	cr_assert(ws_answers(LOOPBACK, WS_PORT));
	WS_OK(wsd_WSACleanup());
	unlink(log);
	WSD_TEST_END();
}

Test(bind, WS_BIND_4_WSAENOBUFS_no_descriptor_at_the_very_first_bind)
{
	first_bind_without_descriptors(0);
}

Test(bind, WS_BIND_4_WSAENOBUFS_one_descriptor_at_the_very_first_bind)
{
	first_bind_without_descriptors(1);
}

Test(bind, WS_BIND_4_WSAENOTSOCK)
{
	WS_BEGIN();
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	SOCKET closed = ws_tcp();
	WSAEVENT event = wsd_WSACreateEvent();
	WS_OK(wsd_closesocket(closed));
	SOCKET bad[] = {
		0, 1, 2, INVALID_SOCKET, 0xdeadbeef, closed, (SOCKET)(uintptr_t)event, 0x7fffffff};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		WS_IS(wsd_bind(bad[i], (SOCKADDR *)&a, sizeof(a)), WSAENOTSOCK, "handle %#lx",
		      (unsigned long)bad[i]);
	cr_assert(wsd_WSACloseEvent(event));
	WS_END();
}

/* ---- the order of checks, WS-ERR-3 for bind ---- */

Test(bind, WS_ERR_3_order_of_the_checks_of_bind)
{
	SOCKADDR_IN bad = ws_in("192.0.2.1", WS_PORT), taken = ws_in(LOOPBACK, WS_PORT);
	WSD_TEST_BEGIN();
	/* initialised before handle, handle before pointer */
	WS_IS(wsd_bind(INVALID_SOCKET, NULL, 0), WSANOTINITIALISED);
	ws_start();
	WS_IS(wsd_bind(INVALID_SOCKET, NULL, 0), WSAENOTSOCK);
	SOCKET holder = ws_tcp(), bound = ws_tcp(), fresh = ws_tcp();
	WS_OK(ws_bind(holder, LOOPBACK, WS_PORT));
	WS_OK(ws_bind(bound, LOOPBACK2, WS_PORT));
	/* pointer and length before state */
	WS_IS(wsd_bind(bound, NULL, 16), WSAEFAULT);
	WS_IS(wsd_bind(bound, (SOCKADDR *)&bad, 15), WSAEFAULT);
	/* length before family */
	bad.sin_family = 77;
	WS_IS(wsd_bind(bound, (SOCKADDR *)&bad, 15), WSAEFAULT);
	/* family before state */
	WS_IS(wsd_bind(bound, (SOCKADDR *)&bad, sizeof(bad)), WSAEFAULT);
	/* state before address */
	bad.sin_family = WSD_AF_INET;
	WS_IS(wsd_bind(bound, (SOCKADDR *)&bad, sizeof(bad)), WSAEINVAL);
	WS_IS(wsd_bind(bound, (SOCKADDR *)&taken, sizeof(taken)), WSAEINVAL);
	/* address before resources: an exclusive wildcard refuses every name, this one is none */
	SOCKET wild = ws_tcp();
	WS_OK(ws_set(wild, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
	WS_OK(ws_bind(wild, ANY4, WS_PORT + 1));
	bad.sin_port = htons(WS_PORT + 1);
	WS_IS(wsd_bind(fresh, (SOCKADDR *)&bad, sizeof(bad)), WSAEADDRNOTAVAIL);
	WS_IS(ws_bind(fresh, LOOPBACK, WS_PORT + 1), WSAEACCES);
	WS_END();
}

Test(bind, WS_BIND_5_a_failed_bind_changes_nothing)
{
	WS_BEGIN();
	SOCKET holder = ws_tcp(), s = ws_tcp();
	SOCKADDR_IN a = ws_in(LOOPBACK, WS_PORT), other = a, before;
	int len = sizeof(a);
	other.sin_family = 77;
	WS_OK(ws_bind(holder, LOOPBACK, WS_PORT));
	unsigned fds = wsd_check_fds();
	for (int i = 0; i < 3; i++) {
		WS_IS(wsd_bind(s, NULL, 0), WSAEFAULT);
		WS_IS(wsd_bind(s, (SOCKADDR *)&a, 15), WSAEFAULT);
		WS_IS(wsd_bind(s, (SOCKADDR *)&other, sizeof(other)), WSAEFAULT);
		WS_IS(ws_bind(s, "192.0.2.1", WS_PORT), WSAEADDRNOTAVAIL);
		WS_IS(ws_bind(s, LOOPBACK, WS_PORT), WSAEADDRINUSE);
	}
	memset(&before, 0x77, sizeof(before));
	SOCKADDR_IN untouched = before;
	WS_IS(wsd_getsockname(s, (SOCKADDR *)&untouched, &len), WSAEINVAL);
	cr_assert_eq(memcmp(&untouched, &before, sizeof(before)), 0);
	WS_IS(wsd_listen(s, 1), WSAEINVAL);
	cr_assert_eq(wsd_check_fds(), fds);
	/* none of the failures holds a name */
	WS_OK(ws_bind(s, LOOPBACK2, WS_PORT));
	WS_OK(wsd_listen(s, 1));
	cr_assert(ws_answers(LOOPBACK2, WS_PORT));
	WS_END();
}

Test(bind, WS_BIND_6_bound_wins_over_in_use)
{
	WS_BEGIN();
	SOCKET holder = ws_tcp(), s = ws_tcp();
	WS_OK(ws_bind(holder, LOOPBACK, WS_PORT));
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_IS(ws_bind(s, LOOPBACK, WS_PORT), WSAEINVAL);
	WS_END();
}

Test(bind, WS_BIND_10_no_irda)
{
	WS_BEGIN();
	cr_assert_eq(wsd_socket(WSD_AF_IRDA, WSD_SOCK_STREAM, 0), INVALID_SOCKET);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEAFNOSUPPORT);
	WS_END();
}

/* ---- WS-BIND-11: whatever interrupts a bind, it does not corrupt the library ---- */

static SOCKET nested = INVALID_SOCKET;

static void bind_in_handler(int sig)
{
	/* a call within a call of this thread, as an APC would make it */
	SOCKADDR_IN a;
	int len = sizeof(a);
	wsd_getsockname(nested, (SOCKADDR *)&a, &len);
}

Test(bind, WS_BIND_11_calls_from_an_interrupted_bind)
{
	WS_BEGIN();
	nested = ws_tcp();
	WS_OK(ws_bind(nested, LOOPBACK2, 0));
	struct sigaction old, new = {.sa_handler = bind_in_handler};
	struct itimerval tick = {{0, 500}, {0, 500}}, none = {{0, 0}, {0, 0}};
	sigaction(SIGALRM, &new, &old);
	setitimer(ITIMER_REAL, &tick, NULL);
	for (int i = 0; i < 500; i++) {
		SOCKET s = ws_tcp();
		cr_assert_eq(ws_bind(s, LOOPBACK, 0), 0);
		cr_assert_eq(wsd_closesocket(s), 0);
	}
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &old, NULL);
	WS_END();
}

/* ---- IPv6 ---- */

Test(bind, WS_BIND_2_ipv6)
{
	WS_BEGIN();
	SOCKET s = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM),
	       t = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	WS_OK(ws_bind(s, "::1", 0));
	SOCKADDR_IN6 a = {0};
	int len = sizeof(a);
	WS_OK(wsd_getsockname(s, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin6_family, WSD_AF_INET6);
	cr_assert_eq(len, 28);
	WS_IS(ws_bind(t, "::1", ntohs(a.sin6_port)), WSAEADDRINUSE);
	/* IPv4 is another protocol: the same port is free there */
	WS_OK(ws_bind(ws_tcp(), LOOPBACK, ntohs(a.sin6_port)));
	WS_OK(wsd_listen(s, 1));
	WS_END();
}
