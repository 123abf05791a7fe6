/* SPDX-License-Identifier: MIT
 *
 * Addresses and providers that come and go while somebody listens [switch.md part 15, SW-LISTEN-5,
 * SW-LISTEN-6].
 */
#include "sw.h"

#include <stdlib.h>

#define QUERY "SIO_ADDRESS_LIST_QUERY"

Test(pnp, SW_PNP_01_a_change_makes_the_switch_ask_every_provider)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET s = bed_listener("10.78.0.1", BED_PORT);
	bed_expect_quiet(&bed, 50);
	cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPIoctl(1, " QUERY ") = 3") >= 1 &&
				    bed_count(&bed, "b WSPIoctl(1, " QUERY ") = 1") >= 1,
			    1000));
	bed_close(s);
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_06_an_address_comes_in_vista)
{
	BED(2);
	usual_addresses();
	bed.calls.ignore = QUERY;
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT),
	       other = bed_listener("10.77.0.1", BED_PORT + 1);
	bed_clear(&bed);
	bed_addrs(&bed, 1, "10.77.1.1", "10.77.1.2", NULL);
	cr_assert_eq(netbed_add_addr("san1", "10.77.1.2", 24), 0);
	bed_expect(&bed, COMPANION("b", "3", "10.77.1.2:5150"));
	bed_expect_quiet(&bed, 50);
	bed_close(any);
	bed_close(other);
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_06_an_address_comes_in_legacy)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	setenv("WSD_WILDCARD", "legacy", 1);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "0.0.0.0:5150"));
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.2", NULL);
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.2", 24), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, QUERY ") = 2") >= 1, 1000));
	bed.calls.ignore = QUERY;
	bed_clear(&bed);
	bed_expect_quiet(&bed, 50);
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_06_an_address_goes)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.1", "10.77.2.101", NULL);
	bed.calls.ignore = QUERY;
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	SOCKET specific = bed_listener("10.77.2.1", BED_PORT + 1);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"),
		   COMPANION("a", "3", "10.77.2.1:5150"), COMPANION("a", "4", "10.77.2.101:5150"),
		   COMPANION("a", "5", "10.77.2.1:5151"));
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.101", NULL);
	/* the kernel drops a primary address's secondaries with it: 10.77.2.101 is one here */
	cr_assert_eq(netbed_del_addr("san2", "10.77.2.101", 24), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, "WSPCloseSocket") == 3, 1000));
	cr_assert_eq(bed_count(&bed, CLOSED("a", "3")) + bed_count(&bed, CLOSED("a", "4")) +
			     bed_count(&bed, CLOSED("a", "5")),
		     3);
	bed_clear(&bed);
	bed_close(specific);
	bed_expect_quiet(&bed, 0);
	bed_close(any);
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_06_a_specific_listener_that_lacked_a_companion_gets_one)
{
	BED(1);
	bed.calls.ignore = QUERY;
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_expect_quiet(&bed, 0);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

/* The address is back: one companion again, and no other call. */
Test(pnp, SW_LISTEN_06_an_address_goes_and_comes_again)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.1.1", NULL);
	bed.calls.ignore = QUERY;
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"),
		   COMPANION("a", "3", "10.77.1.1:5150"));
	cr_assert_eq(netbed_del_addr("san1", "10.77.1.1", 24), 0);
	bed_expect(&bed, CLOSED("a", "3"));
	cr_assert_eq(netbed_add_addr("san1", "10.77.1.1", 24), 0);
	bed_expect(&bed, COMPANION("a", "4", "10.77.1.1:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

/* What happened between startup and the first listener is known to the first listener. */
Test(pnp, SW_PNP_01_a_change_before_the_first_listener)
{
	BED(1);
	bed.calls.ignore = QUERY;
	started();
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- SW-PNP-2: a provider that is late ---- */

Test(pnp, SW_PNP_02_a_late_provider_is_asked_again)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed.calls.ignore = QUERY;
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed.calls.ignore = NULL;
	long long took = LLONG_MAX;
	for (int i = 2; i < 7 && took > 900; i++) { /* a busy machine may miss the question */
		char addr[16], bound[64];
		snprintf(addr, sizeof(addr), "10.77.0.%d", i);
		snprintf(bound, sizeof(bound), ", %s:5150) = 0", addr);
		if (i > 2)
			sleep(3); /* the last time's questions are over */
		bed_clear(&bed);
		long long begun = wsd_check_now_ms();
		cr_assert_eq(netbed_add_addr("san0", addr, 24), 0);
		cr_assert(WSD_UNTIL(bed_count(&bed, QUERY) >= 1, 1000));
		bed_addrs(&bed, 0, "10.77.0.1", addr, NULL); /* it has noticed by now */
		cr_assert(WSD_UNTIL(bed_count(&bed, bound) == 1, 1500));
		took = wsd_check_now_ms() - begun;
		cr_assert_geq(took, 90);
	}
	cr_assert_leq(took, 900, "after 100 ms, not only after 1 s");
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_02_a_very_late_provider_is_asked_after_a_second)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	long long begun = wsd_check_now_ms();
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.2", 24), 0);
	usleep(400 * 1000); /* the early questions are over */
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.2", NULL);
	cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPBind(3, 10.77.0.2:5150) = 0") == 1, 2500));
	cr_assert_geq(wsd_check_now_ms() - begun, 900);
	/* the third and last question */
	cr_assert(WSD_UNTIL(bed_count(&bed, QUERY) == 4, 2000), "%u", bed_count(&bed, QUERY));
	cr_assert_geq(wsd_check_now_ms() - begun, 1900);
	bed_clear(&bed);
	bed_expect_quiet(&bed, 300);
	bed_close(any);
	stopped();
	BED_END();
}

/* TCP/IP keeps the address of an interface that is down, and no address is new when it comes up: if
 * the provider sees the change later than TCP/IP, nothing looks doubtful at any time. */
Test(pnp, SW_PNP_02_a_link_that_flaps_before_the_provider_has_noticed)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.1.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	SOCKET own = bed_listener("10.77.1.1", BED_PORT + 1);
	for (int i = 0; i < 5; i++) {
		bed_clear(&bed);
		cr_assert_eq(netbed_set_link("san1", false), 0);
		cr_assert(WSD_UNTIL(bed_count(&bed, QUERY ") = 2") >= 1, 1000));
		usleep(20 * 1000);
		bed_addrs(&bed, 0, "10.77.0.1", NULL);
		cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPCloseSocket") == 2, 2000),
			  "flap %d: down", i);
		bed_clear(&bed);
		cr_assert_eq(netbed_set_link("san1", true), 0);
		cr_assert(WSD_UNTIL(bed_count(&bed, QUERY ") = 1") >= 1, 1000));
		usleep(20 * 1000);
		bed_addrs(&bed, 0, "10.77.0.1", "10.77.1.1", NULL);
		cr_assert(WSD_UNTIL(bed_count(&bed, "WSPEventSelect") == 2, 2000), "flap %d: up",
			  i);
		cr_assert_eq(bed_count(&bed, "10.77.1.1:5150) = 0"), 1);
		cr_assert_eq(bed_count(&bed, "10.77.1.1:5151) = 0"), 1);
	}
	bed_close(any);
	bed_close(own);
	stopped();
	BED_END();
}

/* A change of the catalogue meanwhile does not take the questions away. */
Test(pnp, SW_PNP_02_the_catalogue_changes_between_the_questions)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.1.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	cr_assert_eq(netbed_set_link("san1", false), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, QUERY ") = 2") >= 1, 1000));
	bed_file(&bed, "c.provider", "nonsense");
	cr_assert(bed_logged(&bed, "c.provider:1: no '='"));
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	cr_assert(WSD_UNTIL(bed_count(&bed, "a WSPCloseSocket") == 1, 2000));
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_02_an_address_that_tcpip_lacks_is_not_used_until_it_has_it)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.0.9", NULL);
	bed.calls.ignore = QUERY;
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_expect(&bed, COMPANION("a", "2", "10.77.0.1:5150"));
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.9", 24), 0);
	bed_expect(&bed, COMPANION("a", "3", "10.77.0.9:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_02_a_question_that_fails_leaves_the_last_answer)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	bed_fail(&bed, 0, QUERY, "", WSAENETDOWN);
	cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
	cr_assert(WSD_UNTIL(bed_count(&bed, QUERY ") = WSAENETDOWN") >= 1, 1000));
	cr_assert(bed_logged(&bed, "its last answer stands"));
	cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), 0);
	bed_heal(&bed, 0);
	bed_close(any);
	stopped();
	BED_END();
}

/* ---- SW-LISTEN-5, SW-PNP-3: the catalogue ---- */

Test(pnp, SW_LISTEN_05_a_new_provider_joins_the_wildcard_listeners)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT),
	       more = bed_listener("0.0.0.0", BED_PORT + 1);
	SOCKET other = bed_listener("10.77.0.1", BED_PORT + 2);
	bed_clear(&bed);
	bed_register(&bed, 1);
	bed_expect(&bed, INIT("b", "1"), COMPANION("b", "2", "10.77.1.1:5150"),
		   COMPANION("b", "3", "10.77.1.1:5151"));
	bed_expect_quiet(&bed, 50);
	bed_close(any);
	bed_close(more);
	bed_close(other);
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_05_a_new_provider_in_legacy)
{
	BED(1);
	usual_addresses();
	setenv("WSD_WILDCARD", "legacy", 1);
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	bed_register(&bed, 1);
	bed_expect(&bed, INIT("b", "1"), COMPANION("b", "2", "0.0.0.0:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_LISTEN_05_specific_listeners_whose_address_the_new_provider_serves)
{
	BED(0);
	usual_addresses();
	started();
	SOCKET one = bed_listener("10.77.1.1", BED_PORT), two = bed_listener("10.78.0.1", BED_PORT);
	bed_expect_quiet(&bed, 0);
	bed_register(&bed, 1);
	bed_expect(&bed, INIT("b", "1"), COMPANION("b", "2", "10.77.1.1:5150"));
	bed_close(one);
	bed_close(two);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_03_a_removed_provider)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET any = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	bed_unregister(&bed, 1);
	/* its listeners close; then nobody uses it and it ends */
	bed_expect(&bed, CLOSED("b", "2"), STOP("b"));
	SOCKET later = bed_listener("10.77.1.1", BED_PORT + 1);
	bed_expect_quiet(&bed, 50);
	bed_close(later);
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_03_removed_and_installed_again)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET any = bed_listener("10.77.0.1", BED_PORT);
	bed_clear(&bed);
	bed_unregister(&bed, 0);
	bed_expect(&bed, CLOSED("a", "2"), STOP("a"));
	bed_register(&bed, 0);
	bed_expect(&bed, INIT("a", "3"), COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(any);
	stopped();
	BED_END();
}

Test(pnp, SW_PNP_03_a_provider_that_failed_is_tried_again_when_its_entry_changes)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_fail(&bed, 0, "WSPStartupEx", "", WSAEPROCLIM);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_heal(&bed, 0);
	/* another entry changes: no reason to try this one */
	bed_file(&bed, "c.provider", "nonsense");
	cr_assert(bed_logged(&bed, "c.provider:1: no '='"));
	bed_expect_quiet(&bed, 50);
	bed_install(&bed, 0, NULL, "# installed anew\n");
	bed_expect(&bed, INIT("a", "1"), COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(pnp, PROV_INIT_08_a_provider_that_was_not_ready_is_tried_again)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_fail(&bed, 0, "WSPStartupEx", "", WSASYSNOTREADY);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_heal(&bed, 0);
	cr_assert_eq(netbed_add_addr("lan0", "10.78.0.2", 24), 0);
	bed_expect(&bed, INIT("a", "1"), COMPANION("a", "2", "10.77.0.1:5150"));
	bed_close(s);
	stopped();
	BED_END();
}

/* While a change is being taken in, sockets open and close: nothing is lost and nothing stays. */
Test(pnp, SW_PNP_04_changes_while_sockets_come_and_go)
{
	BED(2);
	usual_addresses();
	started();
	for (int i = 0; i < 60; i++) {
		if (i % 3 == 0)
			cr_assert_eq(netbed_add_addr("san1", "10.77.1.2", 24), 0);
		if (i % 3 == 1)
			bed_unregister(&bed, 1);
		if (i % 3 == 2) {
			cr_assert_eq(netbed_del_addr("san1", "10.77.1.2", 24), 0);
			bed_register(&bed, 1);
		}
		SOCKET any = bed_listener("0.0.0.0", BED_PORT);
		SOCKET one = bed_listener("10.77.1.1", (unsigned short)(BED_PORT + 1));
		bed_close(any);
		bed_close(one);
		bed_clear(&bed);
	}
	stopped();
	BED_END();
}
