/* SPDX-License-Identifier: MIT
 *
 * `wsd matrix`: measured live, by two processes and by two users; wrong usage.
 */
#include "check.h"
#include "run_tool.h"

#include <jansson.h>

TestSuite(matrix_tool, .timeout = 100);

Test(matrix_tool, WS_REUSE_2_all_cells_measured)
{
	WSD_TEST_BEGIN();
	RUN_TOOL_SAYS("", "matrix", 0, "\n36 of 36 cells as in Microsoft's table, ");
	RUN_TOOL_SAYS("", "matrix --address 127.9.9.9", 0, "S: 127.9.9.9.");
	RUN_TOOL_SAYS("", "matrix --format svg", 0, "</svg>");
	WSD_TEST_END();
}

Test(matrix_tool, WS_REUSE_4_all_cells_of_before)
{
	WSD_TEST_BEGIN();
	RUN_TOOL_SAYS("WSD_REUSE=legacy", "matrix", 0, "(WS-REUSE-4)");
	RUN_TOOL_SAYS("WSD_REUSE=legacy", "matrix", 0, "36 of 36");
	WSD_TEST_END();
}

Test(matrix_tool, WS_REUSE_3_all_cells_between_users)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "matrix --user-b 2001 --format json");
	cr_assert_eq(r->status, 0, "%s", r->text);
	json_t *j = json_loads(r->text, 0, NULL), *table;
	size_t i;
	cr_assert_eq(json_integer_value(json_object_get(j, "schema")), 1);
	cr_assert_eq(json_array_size(json_object_get(j, "tables")), 2);
	json_array_foreach(json_object_get(j, "tables"), i, table)
	{
		cr_assert(json_equal(json_object_get(table, "measured"),
				     json_object_get(table, "microsoft")));
		cr_assert_eq(json_integer_value(json_object_get(table, "as_microsoft")), 36);
	}
	json_decref(j);
	free(r);
	WSD_TEST_END();
}

Test(matrix_tool, what_is_wrong_is_said)
{
	WSD_TEST_BEGIN();
	char self[64];
	snprintf(self, sizeof(self), "matrix --user-b %u", geteuid());
	RUN_TOOL_SAYS("", self, 2, "is who you are");
	RUN_TOOL_SAYS("", "matrix --user-b someone", 2, "'someone' is no user number");
	RUN_TOOL_SAYS("", "matrix --user-b ''", 2, "'' is no user number");
	RUN_TOOL_SAYS("", "matrix --user-b 4294967296", 2, "is no user number");
	RUN_TOOL_SAYS("", "matrix --format pdf", 2, "there is no format 'pdf'");
	RUN_TOOL_SAYS("", "matrix --address 1.2.3", 2, "'1.2.3' is no address");
	RUN_TOOL_SAYS("", "matrix --address 0.0.0.0", 2, "'0.0.0.0' is no address");
	RUN_TOOL_SAYS("", "matrix more", 2, "too many arguments");
	RUN_TOOL_SAYS("", "matrix --address 192.0.2.1", 2,
		      "'192.0.2.1' is no address of this host");
	RUN_TOOL_SAYS("", "matrix --address 255.255.255.255", 2, "is no address of this host");
	RUN_TOOL_SAYS("", "matrix --address 127.255.255.255", 2, "is no address of this host");
	RUN_TOOL_SAYS("", "matrix --address 224.0.0.1", 2,
		      "'224.0.0.1' is no address of this host");
	RUN_TOOL_SAYS("", "matrix >/dev/full", 1, "");
	WSD_TEST_END();
}
