/* SPDX-License-Identifier: MIT
 *
 * The join of RDMA ports, interfaces and addresses into a snapshot, on tables built by hand.
 */
#include "check.h"
#include "nic_build.h"

static const struct nic_addr *entry(const struct nic_snapshot *s, const char *addr,
				    const char *ifname)
{
	const struct nic_addr *a;

	for (size_t i = 0; (a = nic_snapshot_addr(s, i)); i++)
		if (a->addr_be == ip(addr) && (!ifname || !strcmp(a->ifname, ifname)))
			return a;
	return NULL;
}

/* The reason at an address, or -1 if it is not listed. */
static int reason_at(const struct nic_snapshot *s, const char *addr)
{
	const struct nic_addr *a = entry(s, addr, NULL);

	return a ? (int)a->reason : -1;
}

/* The soft-RoCE machine's host a (scripts/README.md). */
static struct build *standard(void)
{
	struct build *b = build_new();

	build_link(b, 1, "lo")->flags |= IFF_LOOPBACK;
	build_link(b, 2, "san0");
	build_link(b, 3, "san1");
	build_link(b, 4, "san2");
	build_link(b, 5, "lan0");
	build_port(b, "rxe2", 1, 4);
	build_port(b, "rxe0", 1, 2);
	build_port(b, "rxe1", 1, 3);
	build_addr(b, 1, "127.0.0.1");
	build_addr(b, 4, "10.77.2.101")->flags |= IFA_F_SECONDARY;
	build_addr(b, 4, "10.77.2.1");
	build_addr(b, 2, "10.77.0.1");
	build_addr(b, 3, "10.77.1.1");
	build_addr(b, 5, "10.78.0.1");
	return b;
}

Test(nic, PROV_IOCTL_2_the_standard_machine)
{
	static const struct {
		const char *addr, *device, *ifname;
	} want[] = {{"10.77.0.1", "rxe0", "san0"},
		    {"10.77.1.1", "rxe1", "san1"},
		    {"10.77.2.1", "rxe2", "san2"},
		    {"10.77.2.101", "rxe2", "san2"}};
	WSD_TEST_BEGIN();
	struct build *b = standard();
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_ports(s), 3);
	cr_assert_eq(nic_snapshot_addrs(s), 4);
	for (size_t i = 0; i < 4; i++) {
		const struct nic_addr *a = nic_snapshot_addr(s, i);

		cr_assert_eq(a->addr_be, ip(want[i].addr), "entry %zu", i);
		cr_assert(a->usable && a->reason == NIC_OK && !a->autoconf);
		cr_assert_eq(a->prefix_len, 24);
		cr_assert_eq(a->secondary, i == 3);
		cr_assert_str_eq(a->ifname, want[i].ifname);
		cr_assert_str_eq(nic_snapshot_port(s, a->port_index)->device, want[i].device);
		cr_assert_eq(nic_snapshot_find(s, ip(want[i].addr)), a);
	}
	cr_assert_null(nic_snapshot_find(s, ip("10.78.0.1")), "lan0 has no RDMA");
	cr_assert_null(nic_snapshot_find(s, ip("10.77.0.2")));
	cr_assert_null(nic_snapshot_find(s, 0));
	cr_assert_null(nic_snapshot_addr(s, 4));
	cr_assert_null(nic_snapshot_port(s, 3));
	cr_assert_eq(nic_snapshot_port(s, 2)->addr_count, 2);
	cr_assert_eq(nic_snapshot_port(s, 0)->mtu, 1500);
	cr_assert_eq(nic_snapshot_port(s, 0)->path_mtu, 1024);
	cr_assert_eq(nic_snapshot_generation(s), 1);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_IOCTL_2_sixty_four_devices_in_order)
{
	WSD_TEST_BEGIN();
	struct build *b = build_new();
	char name[16], addr[32];

	for (unsigned i = 64; i-- > 0;) {
		snprintf(name, sizeof(name), "d%u", i);
		build_link(b, 100 + i, name);
		snprintf(name, sizeof(name), "rxe%u", i);
		build_port(b, name, 1, 100 + i);
		snprintf(addr, sizeof(addr), "10.90.%u.1", i);
		build_addr(b, 100 + i, addr);
	}
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_ports(s), 64);
	cr_assert_eq(nic_snapshot_addrs(s), 64);
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "rxe%u", i);
		cr_assert_str_eq(nic_snapshot_port(s, i)->device, name, "rxe2 comes before rxe10");
		snprintf(addr, sizeof(addr), "10.90.%u.1", i);
		cr_assert_eq(nic_snapshot_find(s, ip(addr))->port_index, i);
	}
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_IOCTL_2_two_hundred_secondary_addresses)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();
	char addr[32];

	for (unsigned i = 2; i < 202; i++) {
		snprintf(addr, sizeof(addr), "10.77.0.%u", i);
		build_addr(b, 2, addr)->flags |= IFA_F_SECONDARY;
	}
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_addrs(s), 204);
	cr_assert_eq(nic_snapshot_port(s, 0)->addr_count, 201);
	for (unsigned i = 2; i < 202; i++) {
		snprintf(addr, sizeof(addr), "10.77.0.%u", i);
		cr_assert(nic_snapshot_find(s, ip(addr))->secondary);
	}
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

/* san0.5 on san0, san0.5.8 on that, a macvlan on san0; san1 in br0 with br0.7 on it; san2 in bond0
 * with bond0.7. */
static struct build *stacked(void)
{
	struct build *b = standard();

	build_on(b, 10, "san0.5", NIC_KIND_VLAN, 2);
	build_addr(b, 10, "10.80.5.1");
	build_on(b, 11, "san0.5.8", NIC_KIND_VLAN, 10);
	build_addr(b, 11, "10.80.58.1");
	build_on(b, 12, "mv0", NIC_KIND_CHILD, 2);
	build_addr(b, 12, "10.80.6.1");
	build_on(b, 13, "br0", NIC_KIND_MASTER, 0);
	build_addr(b, 13, "10.80.7.1");
	build_on(b, 14, "br0.7", NIC_KIND_VLAN, 13);
	build_addr(b, 14, "10.80.77.1");
	build_on(b, 15, "bond0", NIC_KIND_MASTER, 0);
	build_addr(b, 15, "10.80.8.1");
	build_on(b, 16, "bond0.7", NIC_KIND_VLAN, 15);
	build_addr(b, 16, "10.80.87.1");
	build_on(b, 17, "san1.3", NIC_KIND_VLAN, 3);
	build_addr(b, 17, "10.80.9.1");
	build_link(b, 18, "veth0");
	build_addr(b, 18, "10.80.10.1");
	for (size_t i = 0; i < b->f.n_links; i++) {
		if (b->links[i].ifindex == 3)
			b->links[i].master = 13;
		if (b->links[i].ifindex == 4)
			b->links[i].master = 15;
	}
	return b;
}

Test(nic, PROV_BIND_11_interfaces_above_a_port)
{
	static const struct {
		const char *addr;
		int soft, hard; /* the reasons on rxe and on a RoCE NIC; -1: not listed */
	} rows[] = {
		{"10.77.0.1", NIC_OK, NIC_OK},    {"10.80.5.1", NIC_OK, NIC_OK},
		{"10.80.58.1", NIC_OK, NIC_OK},   {"10.80.6.1", NIC_UPPER, NIC_OK},
		{"10.80.7.1", NIC_UPPER, NIC_OK}, {"10.80.77.1", NIC_UPPER, NIC_OK},
		{"10.80.8.1", NIC_UPPER, NIC_OK}, {"10.80.87.1", NIC_UPPER, NIC_OK},
		{"10.80.9.1", NIC_OK, NIC_OK},    {"10.77.1.1", NIC_UPPER, NIC_OK},
		{"10.80.10.1", -1, -1},           {"10.78.0.1", -1, -1},
	};
	WSD_TEST_BEGIN();
	struct build *b = stacked();

	for (int hard = 0; hard < 2; hard++) {
		for (size_t i = 0; i < b->f.n_ports; i++)
			b->ports[i].software = !hard;
		struct nic_snapshot *s = build_snapshot(b);

		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			cr_assert_eq(reason_at(s, rows[i].addr), hard ? rows[i].hard : rows[i].soft,
				     "%s, %s", rows[i].addr, hard ? "hardware" : "rxe");
		cr_assert_str_eq(entry(s, "10.80.58.1", NULL)->ifname, "san0.5.8");
		cr_assert_eq(entry(s, "10.80.58.1", NULL)->port_index, 0);
		nic_snapshot_unref(s);
	}
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_which_addresses_want_a_gid_of_their_own_interface)
{
	WSD_TEST_BEGIN();
	struct build *b = stacked();
	struct nic_draft d;

	build_addr(b, 10, "10.77.0.9"); /* the same on san0 and on its VLAN */
	build_addr(b, 2, "10.77.0.9");
	build_port(b, "siw0", 1, 5)->ll = NIC_LL_IWARP;
	cr_assert_eq(nic_join(&b->f, &d), 0);
	for (size_t i = 0; i < d.n_cands; i++) {
		const struct nic_cand *c = &d.cands[i];
		bool roce = d.ports[c->a.port_index].ll == NIC_LL_ROCE;

		cr_assert_eq(c->needs_gid, roce && c->a.reason == NIC_OK);
		if (!strcmp(c->a.ifname, "san0"))
			cr_assert_eq(c->check_ndev, c->a.addr_be == ip("10.77.0.9"));
		if (!strcmp(c->a.ifname, "san0.5"))
			cr_assert(c->check_ndev);
	}
	nic_draft_clear(&d);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_a_circle_of_interfaces_ends)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();

	/* the kernel makes no such thing; a torn table could */
	build_on(b, 10, "a", NIC_KIND_VLAN, 11);
	build_on(b, 11, "b", NIC_KIND_VLAN, 10);
	build_addr(b, 10, "10.80.1.1");
	build_port(b, "rxe9", 1, 10);
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(reason_at(s, "10.80.1.1"), NIC_OK);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_infiniband_by_guid)
{
	WSD_TEST_BEGIN();
	struct build *b = build_new();

	build_ib_port(b, "mlx5_0", 1, 0x10);
	build_ib_port(b, "mlx4_0", 1, 0x20);
	build_ib_port(b, "mlx4_0", 2, 0x21)->state = NIC_STATE_INIT;
	build_ib_port(b, "mlx5_9", 1, 0)->gid0[8] = 0; /* GIDs not read */
	build_ipoib(b, 2, "ib0", 0x10);
	build_ipoib(b, 3, "ib0.8001", 0x10);
	build_ipoib(b, 4, "ib1", 0x20);
	build_ipoib(b, 5, "ib2", 0x21);
	build_ipoib(b, 6, "ib9", 0x99); /* of a device that is not here */
	build_link(b, 7, "eth0")->hwaddr[5] = 0x10;
	build_addr(b, 2, "10.1.0.1");
	build_addr(b, 3, "10.1.1.1");
	build_addr(b, 4, "10.1.2.1");
	build_addr(b, 5, "10.1.3.1");
	build_addr(b, 6, "10.1.4.1");
	build_addr(b, 7, "10.1.5.1");
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_ports(s), 4);
	cr_assert_str_eq(nic_snapshot_port(s, 0)->device, "mlx4_0");
	cr_assert_eq(nic_snapshot_find(s, ip("10.1.0.1"))->port_index, 2);
	cr_assert_eq(nic_snapshot_find(s, ip("10.1.1.1"))->port_index, 2,
		     "a partition of the same port");
	cr_assert_eq(nic_snapshot_find(s, ip("10.1.2.1"))->port_index, 0);
	cr_assert_eq(reason_at(s, "10.1.3.1"), NIC_PORT_DOWN);
	cr_assert_eq(reason_at(s, "10.1.4.1"), -1);
	cr_assert_eq(reason_at(s, "10.1.5.1"), -1);
	cr_assert_str_eq(nic_snapshot_port(s, 2)->netdev, "ib0");
	cr_assert_eq(nic_snapshot_port(s, 3)->reason, NIC_NO_NETDEV,
		     "an empty GUID matches nothing");
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_infiniband_bond)
{
	WSD_TEST_BEGIN();
	struct build *b = build_new();

	build_ib_port(b, "mlx5_0", 1, 0x10);
	build_ipoib(b, 2, "ib0", 0x10)->master = 5;
	build_ipoib(b, 3, "ib1", 0x11)->master = 5;
	build_ipoib(b, 5, "bond0", 0x10)->kind =
		NIC_KIND_MASTER; /* has the address of the active one */
	build_addr(b, 5, "10.1.0.1");
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_not_null(nic_snapshot_find(s, ip("10.1.0.1")));
	cr_assert_str_eq(nic_snapshot_find(s, ip("10.1.0.1"))->ifname, "bond0");
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

/* Each reason by its cause: what is done to san0 and rxe0, what 10.77.0.1 and the port then say. */
static void netdev_down(struct build *b)
{
	b->links[1].flags = 0;
}
static void no_carrier(struct build *b)
{
	b->links[1].flags = IFF_UP;
}
static void port_down(struct build *b)
{
	b->ports[1].state = NIC_STATE_DOWN;
}
static void port_armed(struct build *b)
{
	b->ports[1].state = NIC_STATE_ARMED;
}
static void port_deferred(struct build *b)
{
	b->ports[1].state = NIC_STATE_ACTIVE_DEFER;
}
static void tentative(struct build *b)
{
	b->addrs[3].flags = IFA_F_TENTATIVE;
}
static void duplicate(struct build *b)
{
	b->addrs[3].flags = IFA_F_DADFAILED;
}
static void deprecated(struct build *b)
{
	b->addrs[3].flags = IFA_F_DEPRECATED;
}
static void on_loopback(struct build *b)
{
	b->links[1].flags |= IFF_LOOPBACK;
}
static void usnic(struct build *b)
{
	b->ports[1].ll = NIC_LL_UNKNOWN;
}
static void netdev_gone(struct build *b)
{
	b->links[1].ifindex = 99;
	b->addrs[3].ifindex = 99;
}
static void netdev_elsewhere(struct build *b)
{
	b->ports[1].ifindex = 0;
}
static void addr_removed(struct build *b)
{
	b->addrs[3].ifindex = 5;
}

Test(nic, PROV_BIND_11_every_reason_by_its_cause)
{
	static const struct {
		void (*make)(struct build *b);
		int addr, port; /* -1: not listed */
		bool unsettled;
	} rows[] = {
		{netdev_down, NIC_NETDEV_DOWN, NIC_NETDEV_DOWN, true},
		{no_carrier, NIC_PORT_DOWN, NIC_PORT_DOWN, true},
		{port_down, NIC_PORT_DOWN, NIC_PORT_DOWN, true},
		{port_armed, NIC_PORT_DOWN, NIC_PORT_DOWN, true},
		{port_deferred, NIC_OK, NIC_OK, false},
		{tentative, NIC_ADDR_TENTATIVE, NIC_ADDR_TENTATIVE, false},
		{duplicate, NIC_ADDR_TENTATIVE, NIC_ADDR_TENTATIVE, false},
		{deprecated, NIC_OK, NIC_OK, false},
		{on_loopback, NIC_LOOPBACK, NIC_LOOPBACK, false},
		{usnic, NIC_UNSUPPORTED, NIC_UNSUPPORTED, false},
		{netdev_gone, -1, NIC_NO_NETDEV, true},
		{netdev_elsewhere, -1, NIC_NO_NETDEV, true},
		{addr_removed, -1, NIC_NO_ADDRESS, false},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct build *b = standard();
		struct nic_snapshot *s;
		struct nic_draft d;

		rows[i].make(b);
		cr_assert_eq(nic_join(&b->f, &d), 0);
		cr_assert_eq(d.unsettled, rows[i].unsettled, "row %zu", i);
		cr_assert_eq(nic_snapshot_seal(&d, &s), 0);
		cr_assert_eq(reason_at(s, "10.77.0.1"), rows[i].addr, "row %zu: %d", i,
			     reason_at(s, "10.77.0.1"));
		cr_assert_eq(!!nic_snapshot_find(s, ip("10.77.0.1")), rows[i].addr == NIC_OK,
			     "row %zu", i);
		cr_assert_eq((int)nic_snapshot_port(s, 0)->reason, rows[i].port, "row %zu: %d", i,
			     nic_snapshot_port(s, 0)->reason);
		cr_assert_eq(nic_snapshot_port(s, 0)->usable, rows[i].port == NIC_OK, "row %zu", i);
		cr_assert_not_null(nic_snapshot_find(s, ip("10.77.1.1")),
				   "row %zu: the others are as before", i);
		nic_snapshot_unref(s);
		free(b);
	}
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_loopback_addresses_wherever_they_are)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();

	build_addr(b, 2, "127.0.0.5");
	build_addr(b, 2, "0.0.0.0");
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(reason_at(s, "127.0.0.5"), NIC_LOOPBACK);
	cr_assert_null(nic_snapshot_find(s, ip("127.0.0.5")));
	cr_assert_null(nic_snapshot_find(s, 0));
	cr_assert(nic_snapshot_port(s, 0)->usable, "10.77.0.1 is there as well");
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_17_autoconfigured_and_none)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();

	b->addrs[3].addr_be = ip("169.254.7.9"); /* san0 */
	b->addrs[4].ifindex = 5;                 /* san1 has none */
	build_addr(b, 4, "169.253.255.255");
	build_addr(b, 4, "169.255.0.0");
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert(nic_snapshot_find(s, ip("169.254.7.9"))->autoconf,
		  "marked, and usable: who configures decides");
	cr_assert_not(nic_snapshot_find(s, ip("169.253.255.255"))->autoconf);
	cr_assert_not(nic_snapshot_find(s, ip("169.255.0.0"))->autoconf);
	cr_assert_eq(nic_snapshot_port(s, 1)->reason, NIC_NO_ADDRESS);
	cr_assert_not(nic_snapshot_port(s, 1)->usable);
	cr_assert_eq(nic_snapshot_port(s, 1)->addr_count, 0);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_BIND_11_one_address_on_two_ports)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();

	build_addr(b, 3, "10.77.0.1"); /* rxe1 too; rxe0 is down */
	b->ports[1].state = NIC_STATE_DOWN;
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_addrs(s), 5);
	cr_assert_eq(nic_snapshot_find(s, ip("10.77.0.1"))->port_index, 1,
		     "the usable one is found");
	cr_assert_eq(entry(s, "10.77.0.1", "san0")->reason, NIC_PORT_DOWN);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_IOCTL_2_nothing_at_all)
{
	WSD_TEST_BEGIN();
	struct build *b = build_new();
	struct nic_snapshot *s = build_snapshot(b);

	cr_assert_eq(nic_snapshot_ports(s), 0);
	cr_assert_eq(nic_snapshot_addrs(s), 0);
	cr_assert_null(nic_snapshot_find(s, ip("10.77.0.1")));
	cr_assert_null(nic_snapshot_addr(s, 0));
	nic_snapshot_unref(s);
	nic_snapshot_unref(NULL);
	cr_assert_null(nic_snapshot_ref(NULL));
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_IOCTL_3_equal_sees_every_field)
{
	static void (*const changes[])(struct build *) = {
		netdev_down, port_down,   port_armed,       tentative,   on_loopback,
		usnic,       netdev_gone, netdev_elsewhere, addr_removed};
	WSD_TEST_BEGIN();
	struct build *b = standard(), *c;
	struct nic_snapshot *s = build_snapshot(b), *t = build_snapshot(b);

	cr_assert(nic_snapshot_equal(s, t));
	cr_assert(nic_snapshot_equal(s, s));
	nic_snapshot_unref(t);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		c = standard();
		changes[i](c);
		t = build_snapshot(c);
		cr_assert_not(nic_snapshot_equal(s, t), "change %zu", i);
		nic_snapshot_unref(t);
		free(c);
	}
	b->ports[0].device_index += 100; /* the device was deleted and made again */
	t = build_snapshot(b);
	cr_assert_not(nic_snapshot_equal(s, t));
	nic_snapshot_unref(t);
	b->addrs[1].prefix_len = 25;
	b->ports[0].device_index -= 100;
	t = build_snapshot(b);
	cr_assert_not(nic_snapshot_equal(s, t));
	nic_snapshot_unref(t);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}

Test(nic, PROV_IOCTL_3_a_reference_keeps_a_snapshot)
{
	WSD_TEST_BEGIN();
	struct build *b = standard();
	struct nic_snapshot *s = build_snapshot(b);
	const struct nic_snapshot *mine = nic_snapshot_ref(s);

	nic_snapshot_unref(s);
	cr_assert_eq(mine, s);
	cr_assert_not_null(nic_snapshot_find(mine, ip("10.77.0.1")));
	nic_snapshot_unref(mine);
	free(b);
	WSD_TEST_END();
}

/* Allocations from the one with this number on fail; 0: none do. Only those of the code under test
 * are counted. */
static unsigned fail_at, allocations;

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return ++allocations >= fail_at && fail_at ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return ++allocations >= fail_at && fail_at ? NULL : __real_realloc(p, size);
}

Test(nic, no_memory_at_each_allocation)
{
	WSD_TEST_BEGIN();
	struct build *b = stacked();
	struct nic_snapshot *s = NULL;
	unsigned n;

	allocations = 0;
	nic_snapshot_unref(build_snapshot(b));
	n = allocations;
	cr_assert_geq(n, 5);
	for (unsigned at = 1; at <= n; at++) {
		allocations = 0;
		fail_at = at;
		s = build_snapshot(b);
		fail_at = 0;
		cr_assert_null(s, "allocation %u", at);
	}
	s = build_snapshot(b);
	cr_assert_not_null(s);
	nic_snapshot_unref(s);
	free(b);
	WSD_TEST_END();
}
