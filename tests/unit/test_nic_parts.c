/* SPDX-License-Identifier: MIT
 *
 * The small parts of nic/: words, the text of GIDs, netlink attributes.
 */
#include "check.h"
#include "netlink.h"
#include "sysfs.h"

#include <errno.h>

Test(nic_parts, words_for_all_values)
{
	WSD_TEST_BEGIN();
	for (int i = 0; i < NIC_REASON_COUNT; i++)
		for (int k = 0; k < i; k++) {
			cr_assert_str_neq(nic_reason_text(i), nic_reason_text(k));
			cr_assert_str_neq(nic_reason_name(i), nic_reason_name(k));
		}
	cr_assert_str_eq(nic_reason_name(NIC_NETDEV_DOWN), "netdev-down");
	cr_assert_str_eq(nic_state_name(NIC_STATE_ACTIVE), "ACTIVE");
	cr_assert_str_eq(nic_link_layer_name(NIC_LL_ROCE), "RoCE");
	cr_assert_not_null(nic_reason_text((enum nic_unusable_reason)1000));
	cr_assert_not_null(nic_reason_name((enum nic_unusable_reason)1000));
	cr_assert_not_null(nic_state_name((enum nic_port_state)1000));
	cr_assert_not_null(nic_link_layer_name((enum nic_link_layer)1000));
	WSD_TEST_END();
}

Test(nic_parts, text_of_a_gid)
{
	static const char *const bad[] = {"",
					  "fe80",
					  "fe80:0000:0000:0000:5054:00ff:fe77",
					  "g:0:0:0:0:0:0:0",
					  "0000:0000:0000:0000:0000:ffff:0a4d:00011",
					  "0000:0000:0000:0000:0000:ffff:0a4d:0001:"};
	WSD_TEST_BEGIN();
	uint8_t gid[16], same[16];

	cr_assert_eq(nic_gid_parse("0000:0000:0000:0000:0000:ffff:0a4d:0001", gid), 0);
	cr_assert_eq(gid[10], 0xff);
	cr_assert_eq(gid[12], 10);
	cr_assert_eq(gid[13], 77);
	cr_assert_eq(gid[15], 1);
	memcpy(same, gid, sizeof(same));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(nic_gid_parse(bad[i], gid), -EBADMSG, "%s", bad[i]);
	cr_assert_arr_eq(gid, same, sizeof(gid), "untouched on failure");
	WSD_TEST_END();
}

Test(nic_parts, attributes_that_are_too_short_or_too_long)
{
	WSD_TEST_BEGIN();
	struct {
		struct nlmsghdr head;
		uint8_t body[64];
	} m = {0};
	const struct nlattr *v[4];
	struct nic_nlattrs a = {v, 4};
	struct nlattr *first = (struct nlattr *)(void *)m.body,
		      *second = (struct nlattr *)(void *)(m.body + 8);
	char text[4];

	*first = (struct nlattr){.nla_len = 8, .nla_type = 1};
	m.body[4] = 7;
	*second = (struct nlattr){.nla_len = 10, .nla_type = 2 | NLA_F_NESTED};
	memcpy(m.body + 12, "abcdef", 6);
	m.head.nlmsg_len = NLMSG_HDRLEN + 20;
	nic_nl_attrs(&m.head, 0, &a);
	cr_assert_eq(nic_nl_u32(v[1], 0), 7);
	cr_assert_eq(nic_nl_u8(v[1], 0), 7);
	nic_nl_str(v[2], text, sizeof(text));
	cr_assert_str_eq(text, "abc", "cut, and terminated");
	cr_assert_null(v[3]);
	cr_assert_eq(nic_nl_u32(v[3], 5), 5);
	nic_nl_str(v[3], text, sizeof(text));
	cr_assert_str_eq(text, "");

	second->nla_len = 60; /* beyond the end of the message */
	nic_nl_attrs(&m.head, 0, &a);
	cr_assert_not_null(v[1]);
	cr_assert_null(v[2]);
	first->nla_len = 2; /* shorter than its own head */
	nic_nl_attrs(&m.head, 0, &a);
	cr_assert_null(v[1]);
	first->nla_len = 6;
	nic_nl_attrs(&m.head, 0, &a);
	cr_assert_eq(nic_nl_u32(v[1], 9), 9, "two octets are no number");
	first->nla_type = 77; /* a later kernel's */
	nic_nl_attrs(&m.head, 0, &a);
	cr_assert_null(v[1]);
	m.head.nlmsg_len = NLMSG_HDRLEN;
	nic_nl_attrs(&m.head, 16, &a);
	cr_assert_null(v[1]);
	nic_nl_nested(NULL, &a);
	cr_assert_null(v[1]);
	WSD_TEST_END();
}
