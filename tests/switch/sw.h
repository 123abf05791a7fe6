/* SPDX-License-Identifier: MIT
 *
 * The ordered lists of docs/spec/switch.md as the scripted provider writes them down, and the frame
 * of a test: one bed, in a namespace of its own.
 */
#ifndef WSD_TESTS_SW_H
#define WSD_TESTS_SW_H

#include "bed.h"
#include "check.h"

/* SW-INIT-1 steps 4 to 7 [SW-INIT-3]; @n: how many addresses it answers. */
#define INIT(p, n)                                                \
	p " WSPStartupEx(2.2, TCP/IP) = 0", p " WSPSocket() = 1", \
		p " WSPIoctl(1, SIO_ADDRESS_LIST_QUERY) = " n, INIT_EXTENSIONS(p)
#define INIT_EXTENSIONS(p)                                                                         \
	p " WSPIoctl(1, WSPRegisterMemory) = 0", p " WSPIoctl(1, WSPDeregisterMemory) = 0",        \
		p " WSPIoctl(1, WSPRegisterRdmaMemory) = 0",                                       \
		p " WSPIoctl(1, WSPDeregisterRdmaMemory) = 0", p " WSPIoctl(1, WSPRdmaWrite) = 0", \
		p " WSPIoctl(1, WSPRdmaRead) = 0",                                                 \
		p " WSPIoctl(1, WSPMemoryRegistrationCacheCallback) = 0",                          \
		p " WSPIoctl(1, WSDAttend) = WSAEOPNOTSUPP",                                       \
		p " WSPIoctl(1, WSDServe) = WSAEOPNOTSUPP"
/* SW-INIT-6 */
#define STOP(p) p " WSPCloseSocket(1) = 0", p " WSPCleanup() = 0"
/* SW-LISTEN-2 with SW-BIND-4 in it; the tests listen with a backlog of 5. */
#define COMPANION(p, d, name)                                                                   \
	p " WSPSocket() = " d, p " WSPBind(" d ", " name ") = 0", p " WSPListen(" d ", 5) = 0", \
		p " WSPEventSelect(" d ", FD_ACCEPT) = 0"
#define CLOSED(p, d) p " WSPCloseSocket(" d ") = 0"

static struct bed bed;

/* @n providers, not started yet. */
#define BED(n)                                                     \
	if (!bed_make(&bed, (n)))                                  \
		cr_skip_test("no network namespace of one's own"); \
	WSD_TEST_BEGIN()
#define BED_END()                      \
	do {                           \
		bed_check_clean(&bed); \
		bed_free(&bed);        \
		WSD_TEST_END();        \
	} while (0)

/* Start, and forget the calls of that. */
__attribute__((unused)) static void started(void)
{
	bed_start(&bed);
	bed_clear(&bed);
}

__attribute__((unused)) static void stopped(void)
{
	bed_stop(&bed);
	bed_clear(&bed);
}

/* The standard share: a serves san0 and san2 (two addresses), b serves san1. */
__attribute__((unused)) static void usual_addresses(void)
{
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.1", "10.77.2.101", NULL);
	bed_addrs(&bed, 1, "10.77.1.1", NULL);
}

#endif
