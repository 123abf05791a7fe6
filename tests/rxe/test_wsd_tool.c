/* SPDX-License-Identifier: MIT
 *
 * The tool wsd on soft-RoCE: what it shows of the standard machine, for people and for programs,
 * and IPAutoconfigurationEnabled.
 */
#include "check.h"
#include "nl_do.h"
#include "run_tool.h"

#include <jansson.h>

enum { AUTOCONF_MS = 2000 };

static bool shows(const char *before, const char *arguments, const char *text)
{
	struct run *r = run_tool(before, arguments);
	bool found = r->status == 0 && strstr(r->text, text);

	free(r);
	return found;
}

static void clear_leftovers(void)
{
	do_addr(RTM_DELADDR, "san1", "169.254.77.8", 16);
	do_link_set("san2", 1);
}

TestSuite(wsd_tool_rxe, .init = clear_leftovers, .timeout = 200);

Test(wsd_tool_rxe, PROV_IOCTL_2_the_table_of_the_standard_machine)
{
	static const char *const devices[] = {"rxe0", "rxe1", "rxe2"}, *const netdevs[] = {"san0",
											   "san1",
											   "san2"};
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "nics --json");
	json_t *all = json_loads(r->text, 0, NULL), *ports = json_object_get(all, "ports"), *p;

	cr_assert_eq(r->status, 0);
	cr_assert_eq(json_array_size(ports), 3, "%s", r->text);
	for (size_t i = 0; i < 3; i++) {
		p = json_array_get(ports, i);
		cr_assert_str_eq(json_string_value(json_object_get(p, "device")), devices[i]);
		cr_assert_str_eq(json_string_value(json_object_get(p, "netdev")), netdevs[i]);
		cr_assert_str_eq(json_string_value(json_object_get(p, "state")), "ACTIVE");
		cr_assert_str_eq(json_string_value(json_object_get(p, "link_layer")), "RoCE");
		cr_assert_str_eq(json_string_value(json_object_get(p, "reason")), "ok");
		cr_assert(json_is_true(json_object_get(p, "usable")));
		cr_assert_eq(json_array_size(json_object_get(p, "addresses")), i == 2 ? 2 : 1);
	}
	cr_assert_null(strstr(r->text, "10.78.0."), "lan0 has no RDMA");
	json_decref(all);
	free(r);
	r = run_tool("", "nics");
	cr_assert_eq(r->status, 0);
	cr_assert_not_null(strstr(r->text, "san2"), "%s", r->text);
	cr_assert_null(strstr(r->text, " no: "), "%s", r->text);
	free(r);
	WSD_TEST_END();
}

Test(wsd_tool_rxe, PROV_BIND_17_autoconfigured_addresses_by_configuration)
{
	static const char not_used[] = "IPAutoconfigurationEnabled is 0";
	WSD_TEST_BEGIN();
	int r = do_addr(RTM_NEWADDR, "san1", "169.254.77.8", 16);

	cr_assert_eq(r, 0, "%s", strerror(-r));
	cr_assert(WSD_UNTIL(shows("", "nics", "169.254.77.8/16    yes"), AUTOCONF_MS));
	cr_assert(shows("WSD_IPAUTOCONFIGURATIONENABLED=0", "nics", not_used));
	cr_assert(
		shows("WSD_IPAUTOCONFIGURATIONENABLED=0", "nics --json", "autoconfiguration-off"));
	cr_assert(shows("WSD_IPAUTOCONFIGURATIONENABLED_SAN1=0", "nics", not_used));
	cr_assert_not(
		shows("WSD_IPAUTOCONFIGURATIONENABLED=0 WSD_IPAUTOCONFIGURATIONENABLED_SAN1=1",
		      "nics", not_used),
		"the interface's own value wins");
	r = do_addr(RTM_DELADDR, "san1", "169.254.77.8", 16);
	cr_assert_eq(r, 0, "%s", strerror(-r));
	WSD_TEST_END();
}

Test(wsd_tool_rxe, check_of_a_machine_that_is_ready)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "check");

	cr_assert_eq(r->status, 0, "%s", r->text);
	cr_assert_null(strstr(r->text, "fail  "), "%s", r->text);
	cr_assert_not_null(
		strstr(r->text, "rxe2 port 1 (RoCE, san2): 2 of 2 addresses can be used"), "%s",
		r->text);
	cr_assert_not_null(strstr(r->text, "ok    each address has its GID"), "%s", r->text);
	cr_assert_not_null(strstr(r->text, "MTU 1500 carries RDMA packets of 1024 bytes"), "%s",
			   r->text);
	free(r);
	/* locked memory does not bind root: as another user */
	cr_assert(shows("ulimit -l 64; setpriv --reuid 65534 --regid 65534 --clear-groups", "check",
			"warn  locked memory: 64 KiB"));
	cr_assert_eq(do_link_set("san2", 0), 0);
	cr_assert(shows("", "check",
			"warn  rxe2 port 1 (RoCE, san2): the network interface is down -> ip link "
			"set san2 up\n"),
		  "still 0: the others are up");
	cr_assert_eq(do_link_set("san2", 1), 0);
	cr_assert(WSD_UNTIL(shows("", "check", "2 of 2 addresses can be used"), AUTOCONF_MS));
	WSD_TEST_END();
}

/* Each way, with the reason that san_connect would have [SW-SUBNET-2 to -4]. */
Test(wsd_tool_rxe, SW_SUBNET_02_explain_says_which_way)
{
	static const struct {
		char to[32], says[96];
	} rows[] = {
		{"10.77.0.2:5150", "10.77.0.2:5150: SAN, by provider wsd-rdma from 10.77.0.1"},
		{"10.77.2.77", "SAN, by provider wsd-rdma from 10.77.2.1"},
		{"10.78.0.2:80", "TCP/IP (off-subnet)"},
		{"127.0.0.1:80", "TCP/IP (loopback)"},
		{"--from 10.78.0.1 10.77.0.2", "TCP/IP (local-address)"},
		{"--from 10.77.0.1 10.77.0.2", "SAN, by provider wsd-rdma from 10.77.0.1"},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char arguments[1024];
		snprintf(arguments, sizeof(arguments), "explain %s", rows[i].to);
		struct run *r = run_tool("WSD_CATALOG='" WSD_TEST_CATALOG "'", arguments);
		cr_assert_eq(r->status, 0, "%s", r->text);
		cr_assert_not_null(strstr(r->text, rows[i].says), "%s: no '%s' in\n%s", rows[i].to,
				   rows[i].says, r->text);
		free(r);
	}
	WSD_TEST_END();
}
