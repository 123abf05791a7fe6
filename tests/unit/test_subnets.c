/* SPDX-License-Identifier: MIT
 *
 * The subnet table [switch.md part 2, SW-WILD-4, SW-PNP-4].
 */
#include "check.h"
#include "subnets.h"

#include <arpa/inet.h>
#include <errno.h>

static bool no_memory;
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

/* The table only passes providers on: any distinct pointers do. */
static int first_provider, second_provider;
#define P1 ((struct san_provider *)&first_provider)
#define P2 ((struct san_provider *)&second_provider)

static uint32_t ip(const char *text)
{
	uint32_t addr_be = 0;
	cr_assert_eq(inet_pton(AF_INET, text, &addr_be), 1);
	return addr_be;
}

static struct addrs_row nic(const char *addr, uint8_t prefix_len, unsigned ifindex)
{
	struct addrs_row row = {.addr_be = ip(addr), .prefix_len = prefix_len, .ifindex = ifindex};
	snprintf(row.ifname, sizeof(row.ifname), "nic%u", ifindex);
	return row;
}

/* Two providers: the first on nic2 and nic3 (two addresses), the second on nic4. */
static struct subnets *usual(struct subnets_doubts *doubts)
{
	const uint32_t one[] = {ip("10.77.0.1"), ip("10.77.2.1"), ip("10.77.2.101")};
	const uint32_t two[] = {ip("10.77.1.1")};
	const struct subnets_source sources[] = {{P1, "one", one, 3}, {P2, "two", two, 1}};
	const struct addrs_row host[] = {nic("127.0.0.1", 8, 1),  nic("10.77.0.1", 24, 2),
					 nic("10.77.2.1", 24, 3), nic("10.77.2.101", 16, 3),
					 nic("10.77.1.1", 24, 4), nic("10.78.0.1", 24, 5)};
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(sources, 2, host, 6, NULL, NULL, &t, doubts), 0);
	return t;
}

Test(subnets, SW_SUBNET_01_rows_are_the_lists_with_the_masks_of_tcpip)
{
	WSD_TEST_BEGIN();
	struct subnets_doubts doubts;
	struct subnets *t = usual(&doubts);
	size_t n;
	cr_assert_eq(subnets_count(t), 4);
	cr_assert_eq(subnets_providers(t), 2);
	const struct subnets_row *r = subnets_rows(t, 0, &n);
	cr_assert_eq(n, 3);
	cr_assert_eq(subnets_provider(t, 0), P1);
	cr_assert_eq(r[0].addr_be, ip("10.77.0.1"));
	cr_assert_eq(r[0].network_be, ip("10.77.0.0"));
	cr_assert_eq(r[0].prefix_len, 24);
	cr_assert_eq(r[0].ifindex, 2);
	cr_assert_eq(r[2].addr_be, ip("10.77.2.101"));
	cr_assert_eq(r[2].network_be, ip("10.77.0.0"));
	cr_assert_eq(r[2].prefix_len, 16);
	r = subnets_rows(t, 1, &n);
	cr_assert_eq(n, 1);
	cr_assert_eq(r[0].provider, P2);
	cr_assert_eq(doubts.unknown, 0);
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_01_an_address_that_tcpip_lacks_has_no_row)
{
	WSD_TEST_BEGIN();
	const uint32_t list[] = {ip("10.77.9.9"), ip("10.77.0.1"), ip("10.77.0.1")};
	const struct subnets_source source = {P1, "one", list, 3};
	const struct addrs_row host[] = {nic("10.77.0.1", 24, 2)};
	struct subnets_doubts doubts;
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(&source, 1, host, 1, NULL, NULL, &t, &doubts), 0);
	cr_assert_eq(subnets_count(t), 1, "listed twice is one row");
	cr_assert_eq(doubts.unknown, 1);
	cr_assert_null(subnets_local(t, ip("10.77.9.9")));
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_02_longest_prefix_then_registration)
{
	WSD_TEST_BEGIN();
	const uint32_t one[] = {ip("10.1.0.1"), ip("10.1.2.1")};
	const uint32_t two[] = {ip("10.1.2.2"), ip("10.9.0.1")};
	const struct subnets_source sources[] = {{P1, "one", one, 2}, {P2, "two", two, 2}};
	const struct addrs_row host[] = {nic("10.1.0.1", 16, 2), nic("10.1.2.1", 24, 3),
					 nic("10.1.2.2", 24, 4), nic("10.9.0.1", 8, 5)};
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(sources, 2, host, 4, NULL, NULL, &t, NULL), 0);
	static const struct {
		const char *dest, *bound, *local; /* local NULL: TCP/IP */
	} rows[] = {
		{"10.1.7.7", NULL, "10.1.0.1"},       {"10.1.2.9", NULL, "10.1.2.1"},
		{"10.2.0.1", NULL, "10.9.0.1"},       {"11.0.0.1", NULL, NULL},
		{"10.1.2.9", "10.1.2.2", "10.1.2.2"}, {"10.1.2.9", "10.1.0.1", "10.1.0.1"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct subnets_row *r =
			subnets_route(t, ip(rows[i].dest), rows[i].bound ? ip(rows[i].bound) : 0);
		uint32_t want = rows[i].local ? ip(rows[i].local) : 0;
		cr_assert_eq(r ? r->addr_be : 0, want, "row %zu", i);
	}
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_03_a_bound_socket_uses_rows_of_its_address_only)
{
	WSD_TEST_BEGIN();
	struct subnets *t = usual(NULL);
	cr_assert_null(subnets_route(t, ip("10.77.0.9"), ip("10.77.1.1")));
	cr_assert_null(subnets_route(t, ip("10.77.0.9"), ip("10.78.0.1")));
	cr_assert_not_null(subnets_route(t, ip("10.77.0.9"), ip("10.77.0.1")));
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_04_loopback_is_tcpip)
{
	WSD_TEST_BEGIN();
	const uint32_t list[] = {ip("127.0.0.1"), 0, ip("10.77.0.1")};
	const struct subnets_source source = {P1, "one", list, 3};
	const struct addrs_row host[] = {nic("127.0.0.1", 8, 1), nic("10.77.0.1", 24, 2)};
	struct subnets_doubts doubts;
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(&source, 1, host, 2, NULL, NULL, &t, &doubts), 0);
	cr_assert_eq(subnets_count(t), 1);
	cr_assert_eq(doubts.loopback, 2);
	cr_assert_null(subnets_route(t, ip("127.0.0.1"), 0));
	/* one of the host's own SAN addresses is looked up like any other */
	cr_assert_not_null(subnets_route(t, ip("10.77.0.1"), 0));
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_06_an_empty_list_keeps_the_provider)
{
	WSD_TEST_BEGIN();
	const struct subnets_source source = {P1, "one", NULL, 0};
	struct subnets *t = NULL;
	size_t n = 7;
	cr_assert_eq(subnets_build(&source, 1, NULL, 0, NULL, NULL, &t, NULL), 0);
	cr_assert_eq(subnets_providers(t), 1);
	subnets_rows(t, 0, &n);
	cr_assert_eq(n, 0);
	cr_assert(subnets_has_provider(t, P1));
	cr_assert_not(subnets_has_provider(t, P2));
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_LISTEN_03_the_first_registered_provider_has_an_address_that_two_list)
{
	WSD_TEST_BEGIN();
	const uint32_t list[] = {ip("10.77.0.1")};
	const struct subnets_source sources[] = {{P2, "two", list, 1}, {P1, "one", list, 1}};
	const struct addrs_row host[] = {nic("10.77.0.1", 24, 2)};
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(sources, 2, host, 1, NULL, NULL, &t, NULL), 0);
	cr_assert_eq(subnets_local(t, ip("10.77.0.1"))->provider, P2);
	cr_assert_eq(subnets_count(t), 2);
	subnets_put(t);
	WSD_TEST_END();
}

/* Every local address is found, and no other. */
Test(subnets, SW_LISTEN_03_look_up_by_address_among_many)
{
	WSD_TEST_BEGIN();
	enum { N = 300 };
	static uint32_t list[N];
	static struct addrs_row host[N];
	for (uint32_t i = 0; i < N; i++) {
		list[i] = htonl(0x0a000000 + i * 257 + 1);
		host[i] = (struct addrs_row){.addr_be = list[i], .prefix_len = 24};
	}
	const struct subnets_source source = {P1, "one", list, N};
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(&source, 1, host, N, NULL, NULL, &t, NULL), 0);
	for (uint32_t i = 0; i < N; i++) {
		cr_assert_eq(subnets_local(t, list[i])->addr_be, list[i]);
		cr_assert_null(subnets_local(t, htonl(ntohl(list[i]) + 1)));
	}
	subnets_put(t);
	WSD_TEST_END();
}

static bool only_nic2(void *arg, const char *ifname)
{
	return !strcmp(ifname, "nic2");
}

Test(subnets, SW_WILD_04_autoconfigured_addresses_follow_the_setting_of_their_interface)
{
	WSD_TEST_BEGIN();
	const uint32_t list[] = {ip("169.254.1.1"), ip("169.254.2.2"), ip("10.77.0.1")};
	const struct subnets_source source = {P1, "one", list, 3};
	const struct addrs_row host[] = {nic("169.254.1.1", 16, 2), nic("169.254.2.2", 16, 3),
					 nic("10.77.0.1", 24, 3)};
	struct subnets_doubts doubts;
	struct subnets *t = NULL;
	cr_assert_eq(subnets_build(&source, 1, host, 3, only_nic2, NULL, &t, &doubts), 0);
	cr_assert_eq(subnets_count(t), 2);
	cr_assert_eq(doubts.autoconf, 1);
	cr_assert_not_null(subnets_local(t, ip("169.254.1.1")));
	cr_assert_null(subnets_local(t, ip("169.254.2.2")));
	subnets_put(t);
	WSD_TEST_END();
}

Test(subnets, SW_PNP_04_a_table_lives_as_long_as_somebody_uses_it)
{
	WSD_TEST_BEGIN();
	struct subnets *t = usual(NULL);
	struct subnets *mine = subnets_ref(t);
	subnets_put(t);
	cr_assert_eq(subnets_local(mine, ip("10.77.1.1"))->provider, P2);
	subnets_put(mine);
	subnets_put(NULL);
	WSD_TEST_END();
}

Test(subnets, SW_SUBNET_01_no_memory)
{
	WSD_TEST_BEGIN();
	struct subnets *t = (struct subnets *)&first_provider;
	no_memory = true;
	int err = subnets_build(NULL, 0, NULL, 0, NULL, NULL, &t, NULL);
	no_memory = false;
	cr_assert_eq(err, -ENOMEM);
	cr_assert_eq(t, (struct subnets *)&first_provider);
	WSD_TEST_END();
}
