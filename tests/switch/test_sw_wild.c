/* SPDX-License-Identifier: MIT
 *
 * Wildcard listeners in both modes, and shared names [switch.md parts 4 and 5].
 */
#include "sw.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

Test(wild, SW_WILD_01_legacy_one_companion_for_each_provider)
{
	BED(2);
	usual_addresses();
	setenv("WSD_WILDCARD", "legacy", 1);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "0.0.0.0:5150"), COMPANION("b", "2", "0.0.0.0:5150"));
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"), CLOSED("b", "2"));
	stopped();
	BED_END();
}

Test(wild, SW_WILD_01_legacy_also_to_a_provider_without_addresses)
{
	BED(1);
	setenv("WSD_WILDCARD", "legacy", 1);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "0.0.0.0:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(wild, SW_WILD_01_a_provider_that_refuses_0_0_0_0_is_treated_as_in_vista)
{
	BED(2);
	usual_addresses();
	setenv("WSD_WILDCARD", "legacy", 1);
	bed_fail(&bed, 0, "WSPBind", "0.0.0.0", WSAEADDRNOTAVAIL);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, "a WSPSocket() = 2", "a WSPBind(2, 0.0.0.0:5150) = WSAEADDRNOTAVAIL",
		   CLOSED("a", "2"), COMPANION("a", "3", "10.77.0.1:5150"),
		   COMPANION("a", "4", "10.77.2.1:5150"), COMPANION("a", "5", "10.77.2.101:5150"),
		   COMPANION("b", "2", "0.0.0.0:5150"));
	cr_assert(bed_logged(&bed, "provider a refuses 0.0.0.0 although wildcard is legacy"));
	/* from then on it is not asked again */
	SOCKET other = bed_listener("0.0.0.0", BED_PORT + 1);
	cr_assert_eq(bed_count(&bed, "a WSPBind"), 3);
	cr_assert_eq(bed_count(&bed, "WSAEADDRNOTAVAIL"), 0);
	bed_close(s);
	bed_close(other);
	stopped();
	BED_END();
}

Test(wild, SW_WILD_01_another_refusal_is_a_failure_like_any_other)
{
	BED(1);
	usual_addresses();
	setenv("WSD_WILDCARD", "legacy", 1);
	bed_fail(&bed, 0, "WSPBind", "0.0.0.0", WSAENETDOWN);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, "a WSPSocket() = 2", "a WSPBind(2, 0.0.0.0:5150) = WSAENETDOWN",
		   CLOSED("a", "2"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(wild, SW_WILD_02_SW_WILD_03_vista_is_the_default_and_never_binds_0_0_0_0)
{
	BED(2);
	usual_addresses();
	unsetenv("WSD_WILDCARD");
	/* as a provider has to in this mode */
	bed_fail(&bed, 0, "WSPBind", "0.0.0.0", WSAEADDRNOTAVAIL);
	bed_fail(&bed, 1, "WSPBind", "0.0.0.0", WSAEADDRNOTAVAIL);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	cr_assert_eq(bed_count(&bed, "0.0.0.0"), 0);
	cr_assert_eq(bed_count(&bed, "WSPBind"), 4);
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- SW-WILD-4 ---- */

static void autoconf_case(const char *global, const char *nic, const char *listed)
{
	if (global)
		setenv("WSD_IPAUTOCONFIGURATIONENABLED", global, 1);
	else
		unsetenv("WSD_IPAUTOCONFIGURATIONENABLED");
	if (nic)
		setenv("WSD_IPAUTOCONFIGURATIONENABLED_SAN1", nic, 1);
	else
		unsetenv("WSD_IPAUTOCONFIGURATIONENABLED_SAN1");
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	unsigned san0 = bed_count(&bed, "169.254.0.1:5150"),
		 san1 = bed_count(&bed, "169.254.1.1:5150");
	char got[16];
	snprintf(got, sizeof(got), "%u%u", san0, san1);
	cr_assert_str_eq(got, listed, "global %s, san1 %s: %s", global ? global : "-",
			 nic ? nic : "-", got);
	bed_close(s);
	stopped();
}

Test(wild, SW_WILD_04_autoconfiguration_global_and_for_one_interface)
{
	BED(1);
	cr_assert_eq(netbed_add_addr("san0", "169.254.0.1", 16), 0);
	cr_assert_eq(netbed_add_addr("san1", "169.254.1.1", 16), 0);
	bed_addrs(&bed, 0, "169.254.0.1", "169.254.1.1", NULL);
	/* which of the addresses on san0 and san1 are used */
	autoconf_case(NULL, NULL, "11");
	autoconf_case("1", NULL, "11");
	autoconf_case("0", NULL, "00");
	autoconf_case("0", "1", "01");
	autoconf_case("1", "0", "10");
	autoconf_case(NULL, "0", "10");
	BED_END();
}

/* ---- SW-WILD-5 ---- */

Test(wild, SW_WILD_05_a_specific_listener_first)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET specific = bed_listener("10.77.2.1", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.2.1:5150"));
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "3", "10.77.0.1:5150"),
		   COMPANION("a", "4", "10.77.2.101:5150"), COMPANION("b", "2", "10.77.1.1:5150"));
	bed_close(specific);
	bed_expect(&bed, CLOSED("a", "2"), COMPANION("a", "5", "10.77.2.1:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

Test(wild, SW_WILD_05_a_specific_listener_later)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"),
		   COMPANION("a", "3", "10.77.2.1:5150"));
	SOCKET specific = bed_listener("10.77.2.1", BED_PORT);
	/* the two sides act on different threads: in whichever order */
	cr_assert(WSD_UNTIL(bed_count(&bed, "a ") == 5, 2000));
	cr_assert_eq(bed_count(&bed, "a WSPCloseSocket(3) = 0"), 1);
	cr_assert_eq(bed_count(&bed, "a WSPBind(4, 10.77.2.1:5150) = 0"), 1);
	bed_clear(&bed);
	bed_close(specific);
	bed_expect(&bed, CLOSED("a", "4"), COMPANION("a", "5", "10.77.2.1:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

Test(wild, SW_WILD_05_another_port_is_another_name)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET specific = bed_listener("10.77.0.1", BED_PORT);
	bed_clear(&bed);
	SOCKET any = bed_listener("0.0.0.0", BED_PORT + 1);
	bed_expect(&bed, COMPANION("a", "3", "10.77.0.1:5151"));
	bed_close(any);
	bed_close(specific);
	stopped();
	BED_END();
}

/* ---- shared names ---- */

static SOCKET sharer(const char *addr)
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = 0x1e14};
	SOCKET s = bed_socket();
	int32_t yes = 1;
	in.sin_addr.s_addr = bed.p[0]->addrs_be[0];
	if (!strcmp(addr, "0.0.0.0"))
		in.sin_addr.s_addr = 0;
	cr_assert_eq(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&yes, sizeof(yes)),
		     0);
	cr_assert_eq(wsd_bind(s, (struct wsd_sockaddr *)&in, sizeof(in)), 0, "%d",
		     wsd_WSAGetLastError());
	return s;
}

static void close_waits_for_bind(struct scripted *p, const char *call, void *arg)
{
	if (!strcmp(call, "WSPCloseSocket"))
		(void)WSD_WITHIN(bed_count(&bed, "a WSPBind(3, 10.77.0.1:5150) = 0") == 1, 2000);
}

/* The wildcard listener's companion is still there when the specific one's is bound. */
Test(share, SW_SHARE_01_two_companions_with_one_name)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed.p[0]->hook = close_waits_for_bind;
	SOCKET specific = bed_listener("10.77.0.1", BED_PORT);
	cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPCloseSocket(2) = 0") == 1, 3000));
	bed.p[0]->hook = NULL;
	cr_assert_eq(bed_count(&bed, "a WSPBind(3, 10.77.0.1:5150) = 0"), 1);
	cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPEventSelect(3, FD_ACCEPT) = 0") == 1, 1000));
	bed_clear(&bed);
	bed_close(any);
	bed_expect_quiet(&bed, 20);
	bed_close(specific);
	bed_expect(&bed, CLOSED("a", "3"));
	stopped();
	BED_END();
}

Test(share, SW_SHARE_02_only_the_first_listener_has_a_companion)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET one = sharer("10.77.0.1"), two = sharer("10.77.0.1");
	cr_assert_eq(wsd_listen(one, 5), 0);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	cr_assert_eq(wsd_listen(two, 5), 0, "SW-SHARE-4");
	bed_expect_quiet(&bed, 50);
	bed_close(two);
	bed_expect_quiet(&bed, 50);
	bed_close(one);
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	BED_END();
}

Test(share, SW_SHARE_03_the_next_takes_over_after_the_head_has_closed_its_companion)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_trace_on(&bed);
	started();
	SOCKET one = sharer("10.77.0.1"), two = sharer("10.77.0.1"), three = sharer("10.77.0.1");
	cr_assert_eq(wsd_listen(two, 5), 0);
	cr_assert_eq(wsd_listen(three, 5), 0);
	cr_assert_eq(wsd_listen(one, 5), 0);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	static char lines[BED_TRACE][SCRIPTED_TEXT];
	size_t from = bed_trace_lines(&bed, lines, BED_TRACE);
	bed_close(two);
	bed_expect(&bed, CLOSED("a", "2"), COMPANION("a", "3", "10.77.0.1:5150"));
	cr_assert(WSD_UNTIL(bed_trace_lines(&bed, lines, BED_TRACE) >= from + 7, 1000));
	bed_traced(&bed, from, "a WSPCloseSocket", "TCP/IP WSPCloseSocket", "TCP/IP WSPListen",
		   "a WSPSocket", "a WSPBind", "a WSPListen", "a WSPEventSelect");
	bed_close(three);
	bed_expect(&bed, CLOSED("a", "3"), COMPANION("a", "4", "10.77.0.1:5150"));
	bed_close(one);
	stopped();
	BED_END();
}

Test(share, SW_SHARE_04_a_second_identical_listen_is_0)
{
	BED(0);
	bed.p[0]->addrs_be[0] = 0x01004d0a;
	started();
	SOCKET one = sharer("10.77.0.1"), two = sharer("10.77.0.1");
	cr_assert_eq(wsd_listen(one, 5), 0);
	cr_assert_eq(wsd_listen(two, 5), 0);
	bed_close(one);
	bed_close(two);
	stopped();
	BED_END();
}

/* ---- across processes ---- */

/* How often process @pid has called @call on provider a, by the trace that all append to. */
static unsigned calls_of(pid_t pid, const char *call)
{
	char line[2048], mark[64], who[96];
	unsigned n = 0;
	snprintf(mark, sizeof(mark), "\"pid\":%d,", (int)pid);
	snprintf(who, sizeof(who), "\"who\":\"a\",\"call\":\"%s\"", call);
	FILE *f = fopen(bed.trace, "re");
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, mark) && strstr(line, who) && strstr(line, "\"error\":null");
	if (f)
		fclose(f);
	return n;
}

/* A second process that shares the name and listens; it says so, and lives until told otherwise. */
static pid_t second_process(int *ret_talk)
{
	int talk[2], answer[2];
	char c = 0;
	cr_assert(!pipe2(talk, O_CLOEXEC) && !pipe2(answer, O_CLOEXEC));
	pid_t child = wsd_fork();
	if (!child) {
		WSADATA data;
		bool before = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0) == INVALID_SOCKET &&
			      wsd_WSAGetLastError() == WSANOTINITIALISED;
		bool ok = before && !wsd_WSAStartup(0x0202, &data);
		SOCKET s = ok ? sharer("10.77.0.1") : INVALID_SOCKET;
		ok = ok && !wsd_listen(s, 5);
		c = ok ? 'y' : 'n';
		close(talk[1]);
		ok = write(answer[1], &c, 1) == 1 && read(talk[0], &c, 1) == 0 && ok;
		_exit(ok && !wsd_closesocket(s) && !wsd_WSACleanup() ? 0 : 1);
	}
	close(talk[0]);
	close(answer[1]);
	cr_assert_eq(read(answer[0], &c, 1), 1);
	cr_assert_eq(c, 'y');
	close(answer[0]);
	*ret_talk = talk[1];
	return child;
}

Test(share, SW_SHARE_03_another_process_takes_over)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_trace_on(&bed);
	started();
	int talk, status = 0;
	SOCKET s = sharer("10.77.0.1");
	cr_assert_eq(wsd_listen(s, 5), 0);
	pid_t child = second_process(&talk);
	/* its startup has its own sequence, and no companion yet */
	cr_assert_eq(calls_of(child, "WSPStartupEx"), 1);
	cr_assert_eq(calls_of(child, "WSPListen"), 0);
	bed_close(s);
	cr_assert(WSD_UNTIL(calls_of(child, "WSPEventSelect") == 1, 2000));
	cr_assert_eq(calls_of(child, "WSPBind"), 1);
	close(talk);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(calls_of(child, "WSPCleanup"), 1);
	stopped();
	BED_END();
}

Test(share, SW_SHARE_03_after_the_head_is_killed)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	int talk;
	/* the book is kept by this process, the head is the other one */
	SOCKET s = sharer("10.77.0.1");
	pid_t child = second_process(&talk);
	cr_assert_eq(wsd_listen(s, 5), 0);
	bed_expect_quiet(&bed, 50);
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	close(talk);
	bed_close(s);
	stopped();
	BED_END();
}
