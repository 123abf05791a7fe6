/* SPDX-License-Identifier: MIT
 *
 * SW-FALLBACK-6: for how long a host is left alone, and what makes the switch forget it.
 */
#include "check.h"
#include "neigh.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#define S UINT64_C(1000000000)

Test(negcache, SW_FALLBACK_06_thirty_seconds_doubling_to_ten_minutes)
{
	static const unsigned periods[] = {30, 60, 120, 240, 480, 600, 600};
	WSD_TEST_BEGIN();
	struct negcache c;
	uint64_t now = 5 * S;
	uint32_t host = inet_addr("10.77.0.9");
	negcache_init(&c);
	cr_assert_not(negcache_has(&c, host, 0, now));
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		cr_assert_eq(negcache_add(&c, host, 0, now), periods[i]);
		cr_assert_eq(negcache_add(&c, host, 0, now + 1), periods[i],
			     "two attempts at a time are one");
		cr_assert(negcache_has(&c, host, 0, now + periods[i] * S));
		now += periods[i] * S + 1;
		cr_assert_not(negcache_has(&c, host, 0, now));
		cr_assert_not(negcache_has(&c, inet_addr("10.77.0.8"), 0, now));
	}
	negcache_remove(&c, host, 0);
	cr_assert_eq(negcache_add(&c, host, 0, now), 30, "it had answered");
	negcache_clear(&c);
	cr_assert_not(negcache_has(&c, host, 0, now));
	negcache_destroy(&c);
	WSD_TEST_END();
}

/* A port that only TCP/IP serves says nothing of the others, and is asked again much sooner. */
Test(negcache, SW_FALLBACK_06_ports_of_a_host_that_answers)
{
	static const unsigned periods[] = {2, 4, 8, 16, 32, 60, 60};
	WSD_TEST_BEGIN();
	struct negcache c;
	uint64_t now = 5 * S;
	uint32_t host = inet_addr("10.77.0.9");
	uint16_t port = htons(80), other = htons(81);
	negcache_init(&c);
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		cr_assert_eq(negcache_add(&c, host, port, now), periods[i]);
		cr_assert(negcache_has(&c, host, port, now));
		cr_assert_not(negcache_has(&c, host, other, now));
		now += periods[i] * S + 1;
		cr_assert_not(negcache_has(&c, host, port, now));
	}
	negcache_remove(&c, host, other);
	cr_assert_eq(negcache_add(&c, host, port, now), 60, "the other port answered, not this");
	negcache_remove(&c, host, port);
	cr_assert_eq(negcache_add(&c, host, port, now), 2);
	cr_assert_eq(negcache_add(&c, host, 0, now), 30, "the whole host");
	cr_assert(negcache_has(&c, host, other, now));
	negcache_remove(&c, host, port);
	cr_assert_not(negcache_has(&c, host, other, now), "it answers");
	cr_assert_eq(atomic_load(&c.count), 0);
	negcache_destroy(&c);
	WSD_TEST_END();
}

Test(negcache, SW_FALLBACK_06_there_is_room_for_some)
{
	WSD_TEST_BEGIN();
	struct negcache c;
	negcache_init(&c);
	for (uint32_t i = 0; i < NEGCACHE_HOSTS + 3; i++)
		negcache_add(&c, htonl(0x0a4d0001 + i), 0, (i + 1) * S);
	for (uint32_t i = 0; i < NEGCACHE_HOSTS + 3; i++)
		cr_assert_eq(negcache_has(&c, htonl(0x0a4d0001 + i), 0, 10 * S), i >= 3);
	cr_assert_eq(atomic_load(&c.count), NEGCACHE_HOSTS);
	negcache_destroy(&c);
	WSD_TEST_END();
}

Test(negcache, SW_FALLBACK_06_neighbours_that_change)
{
	WSD_TEST_BEGIN();
	struct negcache c;
	uint32_t host = inet_addr("10.77.0.9");
	negcache_init(&c);
	negcache_add(&c, host, 0, 0);
	/* our own fallback reaches it over TCP/IP: that changes nothing */
	negcache_neighbour(&c, host, true, "abcdef", 6);
	negcache_neighbour(&c, host, true, "abcdef", 6);
	cr_assert(negcache_has(&c, host, 0, 1));
	negcache_neighbour(&c, host, true, "abcdeg", 6);
	cr_assert_not(negcache_has(&c, host, 0, 1), "another machine");
	negcache_add(&c, host, 0, 0);
	negcache_neighbour(&c, host, false, NULL, 0);
	cr_assert(negcache_has(&c, host, 0, 1));
	negcache_neighbour(&c, host, true, "abcdef", 6);
	cr_assert_not(negcache_has(&c, host, 0, 1), "back again");
	negcache_destroy(&c);
	WSD_TEST_END();
}

struct message {
	struct nlmsghdr h;
	struct ndmsg n;
	struct rtattr dst;
	uint32_t addr_be;
	struct rtattr ll;
	uint8_t lladdr[8];
};

Test(negcache, SW_FALLBACK_06_the_kernels_messages)
{
	WSD_TEST_BEGIN();
	struct negcache c;
	uint32_t host = inet_addr("10.77.0.9");
	struct message m = {
		.h = {.nlmsg_len = sizeof(m), .nlmsg_type = RTM_NEWNEIGH},
		.n = {.ndm_family = AF_INET, .ndm_state = NUD_FAILED},
		.dst = {.rta_len = RTA_LENGTH(4), .rta_type = NDA_DST},
		.addr_be = host,
		.ll = {.rta_len = RTA_LENGTH(6), .rta_type = NDA_LLADDR},
	};
	negcache_init(&c);
	negcache_add(&c, host, 0, 0);
	neigh_take(&c, &m, sizeof(m));
	cr_assert(negcache_has(&c, host, 0, 1));
	m.n.ndm_state = NUD_REACHABLE;
	neigh_take(&c, &m, sizeof(m));
	cr_assert_not(negcache_has(&c, host, 0, 1));
	static const uint16_t types[] = {RTM_NEWLINK, RTM_DELLINK, RTM_NEWROUTE, RTM_DELROUTE};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		negcache_add(&c, host, 0, 0);
		m.h.nlmsg_type = types[i];
		neigh_take(&c, &m, sizeof(m));
		cr_assert_not(negcache_has(&c, host, 0, 1));
	}
	/* what is cut short is not read beyond its end */
	negcache_add(&c, host, 0, 0);
	m.h.nlmsg_type = RTM_NEWNEIGH;
	for (size_t len = 0; len < sizeof(m); len++) {
		char *copy = malloc(len);
		memcpy(copy, &m, len);
		neigh_take(&c, copy, len);
		if (len >= sizeof(m.h)) {
			((struct nlmsghdr *)(void *)copy)->nlmsg_len = (uint32_t)len;
			neigh_take(&c, copy, len);
		}
		free(copy);
	}
	negcache_destroy(&c);
	WSD_TEST_END();
}
