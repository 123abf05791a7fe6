/* SPDX-License-Identifier: MIT
 *
 * 50,000 sockets of one program, bound and listening over the four SAN addresses. [SW-LISTEN-2,
 * WS-SOCKET-4, PROV-BIND-22]
 */
#include "stack.h"

#include "lost.h"

#include <sys/resource.h>

enum { MANY = 50000, FIRST_PORT = 2000, OTHER_PORT = 1500, PER_SOCKET = 4, SPARE = 1000 };

static SOCKET many[MANY];

/* Anonymous memory and the rest, in MiB; 0 if it cannot be read. */
static unsigned resident_mib(void)
{
	unsigned long pages = 0, all;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%lu %lu", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return (unsigned)(pages * (unsigned long)sysconf(_SC_PAGESIZE) >> 20);
}

static unsigned port_of(int i)
{
	return FIRST_PORT + (unsigned)i / 4;
}

Test(many, SW_LISTEN_02_fifty_thousand_listeners, .timeout = 860)
{
	struct rlimit limit;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_geq(limit.rlim_cur, MANY * PER_SOCKET);
	stack_start();
	for (size_t i = 0; i < 4; i++) { /* the devices are open now, for good */
		SOCKET first = listener(sans[i], OTHER_PORT, 1);
		cr_assert(served(sans[i], OTHER_PORT));
		WS_OK(wsd_closesocket(first));
	}
	SOCKET other = listener(SAN1, OTHER_PORT, 1);
	unsigned fds = wsd_check_fds(), threads = wsd_check_threads();
	double from = now_ms();
	for (int i = 0; i < MANY; i++) {
		many[i] = ws_tcp();
		WS_OK(ws_bind(many[i], sans[i % 4], port_of(i)));
		WS_OK(wsd_listen(many[i], 1));
	}
	measured("%-28s %.1f s, %u MiB\n", "50,000 listeners", (now_ms() - from) / 1e3,
		 resident_mib());
	cr_assert_geq(wsd_check_fds(), fds + MANY);
	/* the first, the last, one between, on the SAN and on TCP/IP */
	static const int some[] = {0, 1, 2, 3, MANY / 2, MANY - 2, MANY - 1};
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		const char *ip = sans[some[i] % 4];
		cr_assert(served(ip, port_of(some[i])), "%d is not on the SAN", some[i]);
		cr_assert(ws_answers(ip, port_of(some[i])), "%d is not on TCP/IP", some[i]);
	}
	cr_assert(served(SAN1, OTHER_PORT), "another socket");
	/* one name more is refused as always, and had when its holder closes */
	SOCKET late = ws_tcp();
	WS_IS(ws_bind(late, SAN0, port_of(MANY / 2)), WSAEADDRINUSE);
	WS_OK(wsd_closesocket(many[MANY / 2]));
	WS_OK(ws_bind(late, SAN0, port_of(MANY / 2)));
	WS_OK(wsd_listen(late, 1));
	cr_assert(served(SAN0, port_of(MANY / 2)));
	many[MANY / 2] = late;
	from = now_ms();
	for (int i = 0; i < MANY; i++)
		WS_OK(wsd_closesocket(many[i]));
	measured("%-28s %.1f s\n", "and closed", (now_ms() - from) / 1e3);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++)
		cr_assert_eq(knock(sans[some[i] % 4], port_of(some[i])), INVALID_SERVICE);
	cr_assert(served(SAN1, OTHER_PORT), "another socket goes on");
	/* the provider keeps endpoints, a descriptor each, for the next connections */
	cr_assert(WSD_UNTIL(wsd_check_fds() <= fds + KNOCKS_MAX, WSD_CHECK_SETTLE_MS),
		  "%u descriptors, %u before", wsd_check_fds(), fds);
	cr_assert_eq(wsd_check_threads(), threads);
	WS_OK(wsd_closesocket(other));
	WS_OK(wsd_WSACleanup());
#ifdef WSD_CHECK_ASAN
	cr_assert_eq(__lsan_do_recoverable_leak_check(), 0, "memory leaked");
#endif
}
