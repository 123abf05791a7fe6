/* SPDX-License-Identifier: MIT
 *
 * The host's addresses as TCP/IP has them [SW-SUBNET-1, SW-PNP-1, WS-BIND-4]; in a network
 * namespace of the test's own.
 */
#include "addrs.h"
#include "check.h"
#include "netbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>

static bool no_memory;
void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size)
{
	return no_memory ? NULL : __real_realloc(p, size);
}

static uint32_t ip(const char *text)
{
	uint32_t addr_be = 0;
	cr_assert_eq(inet_pton(AF_INET, text, &addr_be), 1);
	return addr_be;
}

#define NETWORK()            \
	if (!netbed_enter()) \
	cr_skip_test("no network namespace of one's own here")

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return poll(&p, 1, ms) == 1;
}

Test(addrs, SW_SUBNET_01_addresses_with_masks_and_interfaces)
{
	NETWORK();
	WSD_TEST_BEGIN();
	struct addrs_row *rows = NULL;
	size_t n = 0;
	cr_assert_eq(netbed_add_link("san2"), 0);
	cr_assert_eq(netbed_add_addr("san2", "10.77.2.1", 24), 0);
	cr_assert_eq(netbed_add_addr("san2", "10.77.2.101", 25), 0);
	cr_assert_eq(netbed_add_addr("lo", "10.1.1.1", 32), 0);
	cr_assert_eq(addrs_list(&rows, &n), 0);
	unsigned seen = 0;
	for (size_t i = 0; i < n; i++) {
		if (rows[i].addr_be == ip("127.0.0.1"))
			cr_assert(rows[i].prefix_len == 8 && !strcmp(rows[i].ifname, "lo"));
		else if (rows[i].addr_be == ip("10.77.2.1"))
			cr_assert(rows[i].prefix_len == 24 && !strcmp(rows[i].ifname, "san2") &&
				  rows[i].broadcast_be == ip("10.77.2.255"));
		else if (rows[i].addr_be == ip("10.77.2.101"))
			cr_assert(rows[i].prefix_len == 25 && rows[i].ifindex > 1);
		else if (rows[i].addr_be == ip("10.1.1.1"))
			cr_assert(rows[i].prefix_len == 32 && rows[i].broadcast_be == 0);
		else
			continue;
		seen++;
	}
	cr_assert_eq(seen, 4);
	cr_assert_eq(n, 4);
	free(rows);
	WSD_TEST_END();
}

Test(addrs, WS_BIND_04_broadcast_addresses)
{
	NETWORK();
	WSD_TEST_BEGIN();
	cr_assert_eq(netbed_add_link("san0"), 0);
	cr_assert_eq(netbed_add_addr("san0", "10.77.0.1", 24), 0);
	static const struct {
		const char *addr;
		bool broadcast;
	} rows[] = {{"255.255.255.255", true}, {"10.77.0.255", true}, {"10.77.0.1", false},
		    {"10.77.1.255", false},    {"0.0.0.0", false},    {"127.0.0.1", false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(addrs_is_broadcast(ip(rows[i].addr)), rows[i].broadcast, "%s",
			     rows[i].addr);
	WSD_TEST_END();
}

Test(addrs, SW_PNP_01_a_change_makes_the_monitor_readable)
{
	NETWORK();
	WSD_TEST_BEGIN();
	int fd = addrs_monitor_open();
	cr_assert_geq(fd, 0);
	cr_assert_not(readable(fd, 0));
	cr_assert_eq(netbed_add_addr("lo", "10.1.1.1", 32), 0);
	cr_assert(readable(fd, 1000));
	addrs_drain(fd);
	cr_assert_not(readable(fd, 0));
	cr_assert_eq(netbed_del_addr("lo", "10.1.1.1", 32), 0);
	cr_assert(readable(fd, 1000));
	addrs_drain(fd);
	close(fd);
	WSD_TEST_END();
}

/* So many changes that the kernel drops some: the monitor is readable, and drained in one go. */
Test(addrs, SW_PNP_01_lost_messages_are_a_change)
{
	NETWORK();
	WSD_TEST_BEGIN();
	int fd = addrs_monitor_open();
	cr_assert_geq(fd, 0);
	for (int i = 0; i < 2000; i++) {
		cr_assert_eq(netbed_add_addr("lo", "10.1.1.1", 32), 0);
		cr_assert_eq(netbed_del_addr("lo", "10.1.1.1", 32), 0);
	}
	cr_assert(readable(fd, 1000));
	addrs_drain(fd);
	cr_assert_not(readable(fd, 0));
	close(fd);
	WSD_TEST_END();
}

Test(addrs, SW_SUBNET_01_many_addresses)
{
	NETWORK();
	WSD_TEST_BEGIN();
	struct addrs_row *rows = NULL;
	size_t n = 0;
	char text[32];
	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "10.2.%d.%d", i / 250, i % 250 + 1);
		cr_assert_eq(netbed_add_addr("lo", text, 32), 0);
	}
	cr_assert_eq(addrs_list(&rows, &n), 0);
	cr_assert_eq(n, 1001);
	free(rows);
	WSD_TEST_END();
}

Test(addrs, SW_SUBNET_01_no_memory)
{
	NETWORK();
	WSD_TEST_BEGIN();
	struct addrs_row *rows = (struct addrs_row *)&no_memory;
	size_t n = 77;
	no_memory = true;
	int err = addrs_list(&rows, &n);
	no_memory = false;
	cr_assert_eq(err, -ENOMEM);
	cr_assert(rows == (struct addrs_row *)&no_memory && n == 77);
	WSD_TEST_END();
}
