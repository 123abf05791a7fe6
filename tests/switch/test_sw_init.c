/* SPDX-License-Identifier: MIT
 *
 * Starting and stopping, call by call [switch.md part 1].
 */
#include "sw.h"

#include <dlfcn.h>
#include <jansson.h>
#include <stdlib.h>

Test(init, SW_INIT_01_no_provider)
{
	BED(0);
	bed_start(&bed);
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_close(s);
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
	BED_END();
}

/* Clauses: SW-INIT-1, SW-CHECK-1 */
Test(init, SW_INIT_01_order_with_one_provider)
{
	BED(1);
	usual_addresses();
	bed_start(&bed);
	bed_expect(&bed, INIT("a", "3"));
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"));
	BED_END();
}

Test(init, SW_INIT_01_order_with_two_providers)
{
	BED(2);
	usual_addresses();
	bed_start(&bed);
	bed_expect(&bed, INIT("a", "3"), INIT("b", "1"));
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"), STOP("b"));
	BED_END();
}

Test(init, SW_INIT_01_in_the_order_of_the_list)
{
	BED(0);
	usual_addresses();
	bed_register(&bed, 1);
	bed_register(&bed, 0);
	bed_start(&bed);
	bed_expect(&bed, INIT("b", "1"), INIT("a", "3"));
	stopped();
	BED_END();
}

Test(init, SW_INIT_01_a_second_startup_starts_nothing)
{
	BED(1);
	started();
	bed_start(&bed);
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"));
	BED_END();
}

Test(init, SW_INIT_01_hidden_entries_of_the_list_only)
{
	BED(1);
	bed_install(&bed, 0, NULL, "flags = PFL_RECOMMENDED_PROTO_ENTRY\n");
	bed_start(&bed);
	cr_assert(bed_logged(&bed, "a is on the TCP on SAN list but is not PFL_HIDDEN"));
	bed_stop(&bed);
	bed_file(&bed, "a.provider", NULL);
	bed_start(&bed);
	cr_assert(bed_logged(&bed, "is on the TCP on SAN list but has no entry"));
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
	BED_END();
}

/* The provider must see TCP/IP's protocol, and the switch must really be its caller. */
Test(init, SW_INIT_01_the_provider_is_given_tcpip_and_the_upcalls)
{
	BED(1);
	started();
	struct scripted *p = bed.p[0];
	cr_assert_eq(p->info.iAddressFamily, WSD_AF_INET);
	cr_assert_eq(p->info.iProtocol, WSD_IPPROTO_TCP);
	void *const *slots = (void *const *)&p->upcalls;
	for (size_t i = 0; i < sizeof(p->upcalls) / sizeof(*slots); i++)
		cr_assert_not_null(slots[i], "upcall %zu", i);
	stopped();
	BED_END();
}

Test(init, SW_INIT_01_the_service_thread_comes_with_the_first_listener)
{
	BED(1);
	usual_addresses();
	started();
	unsigned before = wsd_check_threads();
	SOCKET s = bed_bound("10.77.0.1", BED_PORT);
	unsigned bound = wsd_check_threads();
	cr_assert_eq(wsd_listen(s, 5), 0);
	cr_assert_eq(wsd_check_threads(), bound + 1);
	SOCKET other = bed_listener("10.77.1.1", BED_PORT);
	cr_assert_eq(wsd_check_threads(), bound + 1);
	cr_assert_geq(bound, before);
	bed_close(other);
	bed_close(s);
	stopped();
	BED_END();
}

/* What is done for a provider that fails at each step, and what is undone again [SW-INIT-2]. */
static void failing_step(const char *call, int error, const char *said, unsigned calls_before)
{
	bed_fail(&bed, 0, call, "", error);
	bed_start(&bed);
	cr_assert(bed_logged(&bed, said), "%s: nothing said", call);
	cr_assert_eq(bed_count(&bed, "a "), calls_before, "%s: %u calls", call,
		     bed_count(&bed, "a "));
	bed_clear(&bed);
	/* never offered to a socket; the other one is */
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("b", "2", "10.77.1.1:5150"));
	bed_close(s);
	bed_heal(&bed, 0);
	stopped();
	cr_assert_eq(bed.p[0]->handles_made, bed.p[0]->handles_returned);
	cr_assert_eq(bed.p[0]->startups, 0, "%s: a started provider was left behind", call);
}

Test(init, SW_INIT_02_each_failing_step)
{
	BED(2);
	usual_addresses();
	failing_step("WSPStartupEx", WSASYSNOTREADY,
		     "provider a is not used: WSPStartupEx failed: WSASYSNOTREADY", 1);
	failing_step("WSPStartupEx", WSAVERNOTSUPPORTED, "WSPStartupEx failed: WSAVERNOTSUPPORTED",
		     1);
	failing_step("WSPSocket", WSAENOBUFS, "WSPSocket of the utility socket: WSAENOBUFS", 3);
	failing_step("SIO_ADDRESS_LIST_QUERY", WSAENETDOWN, "SIO_ADDRESS_LIST_QUERY: WSAENETDOWN",
		     5);
	failing_step("WSPRegisterMemory", WSAEINVAL, "WSPRegisterMemory: WSAEINVAL", 6);
	failing_step("WSPRdmaWrite", WSAEOPNOTSUPP, "WSPRdmaWrite: WSAEOPNOTSUPP", 10);
	failing_step("WSPMemoryRegistrationCacheCallback", WSAEINVAL,
		     "WSPMemoryRegistrationCacheCallback: WSAEINVAL", 12);
	BED_END();
}

Test(init, SW_INIT_02_a_socket_without_the_upcall)
{
	BED(1);
	bed.p[0]->no_handle = true;
	bed_start(&bed);
	bed_expect(&bed, "a WSPStartupEx(2.2, TCP/IP) = 0", "a WSPSocket() = 1", STOP("a"));
	cr_assert(bed_logged(&bed, "WSPSocket of the utility socket: WSAEINVALIDPROVIDER"));
	stopped();
	BED_END();
}

static void bad_module(const char *path, const char *said)
{
	bed_install(&bed, 0, path, "");
	bed_start(&bed);
	cr_assert(bed_logged(&bed, said), "%s: not said: %s", path, said);
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_close(s);
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
}

Test(init, SW_INIT_02_modules_that_cannot_be_loaded)
{
	BED(1);
	char path[160];
	Dl_info other;
	bad_module("/nonexistent/provider.so",
		   "/nonexistent/provider.so: cannot open shared object file");
	bed_file(&bed, "garbage.so", "this is no module");
	snprintf(path, sizeof(path), "%s/garbage.so", bed.catalog);
	bad_module(path, "garbage.so: file too short");
	char elf[300] =
		"\177ELF\2\1\1 and then nothing that makes sense, for long enough to be read";
	memset(elf + 80, 'x', sizeof(elf) - 81);
	bed_file(&bed, "broken.so", elf);
	snprintf(path, sizeof(path), "%s/broken.so", bed.catalog);
	bad_module(path, "provider a is not used: the module cannot be loaded");
	cr_assert(dladdr((const void *)(uintptr_t)json_loads, &other));
	bad_module(other.dli_fname, "no provider module: WSAEINVALIDPROVIDER (10105): it has no "
				    "WSPStartupEx");
	BED_END();
}

Test(init, SW_INIT_02_a_provider_of_another_version)
{
	BED(1);
	bed.p[0]->version = 0x0102;
	bed_start(&bed);
	bed_expect(&bed, "a WSPStartupEx(2.2, TCP/IP) = 0", "a WSPCleanup() = 0");
	cr_assert(bed_logged(&bed, "it speaks SPI version 2.1, the switch 2.2"));
	bed_stop(&bed);
	BED_END();
}

Test(init, SW_INIT_03_each_extension_is_asked_for_once)
{
	BED(1);
	bed_start(&bed);
	static const char *const names[] = {"WSPRegisterMemory)",
					    "WSPDeregisterMemory)",
					    "WSPRegisterRdmaMemory)",
					    "WSPDeregisterRdmaMemory)",
					    "WSPRdmaWrite)",
					    "WSPRdmaRead)",
					    "WSPMemoryRegistrationCacheCallback)"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		cr_assert_eq(bed_count(&bed, names[i]), 1, "%s", names[i]);
	stopped();
	BED_END();
}

Test(init, SW_INIT_04_two_extensions_are_optional)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_fail(&bed, 0, "WSPRdmaRead", "", WSAEOPNOTSUPP);
	bed_fail(&bed, 0, "WSPMemoryRegistrationCacheCallback", "", WSAEOPNOTSUPP);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(init, SW_INIT_04_any_other_answer_disqualifies)
{
	BED(1);
	static const char *const required[] = {"WSPRegisterMemory", "WSPDeregisterMemory",
					       "WSPRegisterRdmaMemory", "WSPDeregisterRdmaMemory",
					       "WSPRdmaWrite"};
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		bed_fail(&bed, 0, required[i], "", WSAEOPNOTSUPP);
		bed_start(&bed);
		cr_assert_eq(bed_count(&bed, "a WSPCleanup() = 0"), 1, "%s", required[i]);
		bed_heal(&bed, 0);
		stopped();
	}
	bed_fail(&bed, 0, "WSPRdmaRead", "", WSAENOPROTOOPT);
	bed_start(&bed);
	cr_assert_eq(bed_count(&bed, "a WSPCleanup() = 0"), 1);
	bed_heal(&bed, 0);
	stopped();
	BED_END();
}

Test(init, SW_INIT_05_every_required_slot)
{
	BED(1);
	static const char *const required[] = {"WSPAccept",
					       "WSPBind",
					       "WSPCleanup",
					       "WSPCloseSocket",
					       "WSPConnect",
					       "WSPDuplicateSocket",
					       "WSPEnumNetworkEvents",
					       "WSPEventSelect",
					       "WSPGetOverlappedResult",
					       "WSPGetQOSByName",
					       "WSPGetSockOpt",
					       "WSPIoctl",
					       "WSPListen",
					       "WSPRecv",
					       "WSPSend",
					       "WSPSetSockOpt",
					       "WSPSocket"};
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		char said[96];
		snprintf(bed.p[0]->empty_slot, sizeof(bed.p[0]->empty_slot), "%s", required[i]);
		snprintf(said, sizeof(said),
			 "WSAEINVALIDPROCTABLE (10104): the slot of %s is empty", required[i]);
		bed_start(&bed);
		cr_assert(bed_logged(&bed, said), "%s", required[i]);
		bool can_clean_up = strcmp(required[i], "WSPCleanup") != 0;
		cr_assert_eq(bed_count(&bed, "a "), can_clean_up ? 2 : 1, "%s", required[i]);
		bed.p[0]->startups = 0; /* one could not be taken back */
		stopped();
	}
	BED_END();
}

Test(init, SW_INIT_06_sockets_then_tcpip_then_the_san)
{
	BED(2);
	usual_addresses();
	bed_trace_on(&bed);
	started();
	bed_listener("10.77.0.1", BED_PORT);
	bed_listener("10.77.1.1", BED_PORT);
	static char lines[BED_TRACE][SCRIPTED_TEXT];
	size_t before = bed_trace_lines(&bed, lines, BED_TRACE);
	bed_clear(&bed);
	bed_stop(&bed);
	size_t after = bed_trace_lines(&bed, lines, BED_TRACE);
	size_t sockets = after, tcpip = 0, a = 0, b = 0;
	for (size_t i = before; i < after; i++) {
		if (!strcmp(lines[i], "TCP/IP WSPCloseSocket"))
			sockets = i;
		else if (!strcmp(lines[i], "TCP/IP WSPCleanup"))
			tcpip = i;
		else if (!strcmp(lines[i], "a WSPCleanup"))
			a = i;
		else if (!strcmp(lines[i], "b WSPCleanup"))
			b = i;
	}
	cr_assert(sockets < tcpip && tcpip < a && a < b, "%zu %zu %zu %zu", sockets, tcpip, a, b);
	cr_assert_eq(bed_count(&bed, "a WSPCloseSocket"), 2);
	cr_assert_eq(bed_count(&bed, "b WSPCloseSocket"), 2);
	bed_clear(&bed);
	BED_END();
}

Test(init, SW_INIT_07_stream_sockets_land_on_the_switch)
{
	BED(2);
	started();
	DWORD size = 0;
	cr_assert_eq(wsd_WSAEnumProtocolsW(NULL, NULL, &size), SOCKET_ERROR);
	WSAPROTOCOL_INFOW *rows = malloc(size);
	int n = wsd_WSAEnumProtocolsW(NULL, rows, &size);
	cr_assert_gt(n, 0);
	int first = 0;
	while (first < n && rows[first].iProtocol != WSD_IPPROTO_TCP)
		first++;
	cr_assert_arr_eq(rows[first].szProtocol, u"wsdirect switch", 30);
	for (int i = 0; i < n; i++)
		cr_assert_not(rows[i].dwProviderFlags & PFL_HIDDEN);
	free(rows);
	stopped();
	BED_END();
}

/* Handles of one lifetime are stale in the next. */
Test(init, SW_INIT_06_a_new_start_after_the_last_cleanup)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	SOCKET handle = bed.p[0]->sockets[2].handle;
	bed_close(s);
	stopped();
	bed_start(&bed);
	bed_expect(&bed, INIT("a", "3"));
	s = bed_listener("10.77.0.1", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	int error = 0;
	DWORD_PTR context = 0;
	cr_assert_eq(bed.p[0]->upcalls.lpWPUQuerySocketHandleContext(handle, &context, &error), -1);
	cr_assert_eq(error, WSAENOTSOCK);
	bed_close(s);
	stopped();
	BED_END();
}
