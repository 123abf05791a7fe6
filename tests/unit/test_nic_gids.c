/* SPDX-License-Identifier: MIT
 *
 * Confirming addresses by GID tables. sysfs is replaced at link time by tables in memory, which
 * also count the reads: a table has 1024 files on rxe, and reading them all takes 0.1 s there.
 */
#include "check.h"
#include "nic_build.h"
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>

enum { SLOTS = 1024 };

struct slot {
	uint32_t addr_be; /* 0: empty */
	const char *ndev;
	bool link_local;
};

/* The table of each port in turn; which one is told by the device's name: rxe0, rxe1, ... */
static struct slot tables[3][SLOTS];
static bool available = true, vanished;
static unsigned reads;

bool __wrap_nic_sysfs_available(void);
int __wrap_nic_sysfs_gids_open(const char *device, unsigned port);
int __wrap_nic_sysfs_gid_at(int fd, unsigned slot, uint8_t ret[NIC_GID_SIZE]);
int __wrap_nic_sysfs_gid_ndev(const char *device, unsigned port, unsigned slot,
			      char ret[NIC_IFNAME_SIZE]);

static int current; /* one table is open at a time */

bool __wrap_nic_sysfs_available(void)
{
	return available;
}

int __wrap_nic_sysfs_gids_open(const char *device, unsigned port)
{
	cr_assert_eq(port, 1);
	current = device[3] - '0';
	return vanished ? -ENOENT : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int __wrap_nic_sysfs_gid_at(int fd, unsigned slot, uint8_t ret[NIC_GID_SIZE])
{
	reads++;
	if (slot >= SLOTS)
		return -ENOENT;
	memset(ret, 0, NIC_GID_SIZE);
	if (tables[current][slot].link_local) {
		ret[0] = 0xfe;
		ret[1] = 0x80;
	} else if (tables[current][slot].addr_be) {
		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, &tables[current][slot].addr_be, 4);
	}
	return 0;
}

int __wrap_nic_sysfs_gid_ndev(const char *device, unsigned port, unsigned slot,
			      char ret[NIC_IFNAME_SIZE])
{
	const char *name = tables[device[3] - '0'][slot].ndev;

	reads++;
	if (!name)
		return -EINVAL;
	snprintf(ret, NIC_IFNAME_SIZE, "%s", name);
	return 0;
}

static void put(int table, unsigned slot, const char *addr, const char *ndev)
{
	tables[table][slot].addr_be = ip(addr);
	tables[table][slot].ndev = ndev;
}

/* Looks; returns how many addresses are usable. */
static size_t look(struct build *b, struct nic_gid_hints *hints, bool thorough, bool *ret_unsettled)
{
	struct nic_draft d;
	size_t usable = 0;

	reads = 0;
	cr_assert_eq(nic_join(&b->f, &d), 0);
	cr_assert_eq(nic_gids_confirm(&d, hints, thorough), 0);
	for (size_t i = 0; i < d.n_cands; i++) {
		cr_assert(d.cands[i].a.reason == NIC_OK || d.cands[i].a.reason == NIC_NO_GID);
		cr_assert_eq(d.cands[i].needs_gid, d.cands[i].a.reason == NIC_NO_GID);
		usable += d.cands[i].a.reason == NIC_OK;
	}
	*ret_unsettled = d.unsettled;
	nic_draft_clear(&d);
	return usable;
}

/* rxe0 on san0 with @n addresses from 10.77.0.1, their GIDs from slot 1 on. */
static struct build *machine(unsigned n)
{
	struct build *b = build_new();
	char addr[32];

	build_link(b, 2, "san0");
	build_port(b, "rxe0", 1, 2);
	tables[0][0].link_local = true;
	tables[0][0].ndev = "san0";
	for (unsigned i = 0; i < n; i++) {
		snprintf(addr, sizeof(addr), "10.77.%u.%u", i / 200, 1 + i % 200);
		build_addr(b, 2, addr);
		put(0, 1 + i, addr, "san0");
	}
	return b;
}

Test(nic_gids, PROV_IOCTL_3_reads_no_more_than_needed)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(1);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	cr_assert_eq(look(b, &hints, true, &unsettled), 1);
	cr_assert_not(unsettled);
	cr_assert_eq(reads, 2, "slot 0, slot 1: %u", reads);
	cr_assert_eq(look(b, &hints, true, &unsettled), 1);
	cr_assert_eq(reads, 1, "where it was last time: %u", reads);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_IOCTL_3_two_hundred_addresses)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(200);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	cr_assert_eq(look(b, &hints, false, &unsettled), 200);
	cr_assert_eq(reads, 201);
	cr_assert_eq(look(b, &hints, false, &unsettled), 200);
	cr_assert_eq(reads, 200);
	tables[0][150].addr_be = 0; /* this one's GID went */
	cr_assert_eq(look(b, &hints, false, &unsettled), 199);
	cr_assert(unsettled);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_IOCTL_3_a_gid_that_comes_late)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(3);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	build_addr(b, 2, "10.77.9.9");
	cr_assert_eq(look(b, &hints, false, &unsettled), 3);
	cr_assert(unsettled, "it may come");
	cr_assert_lt(reads, 50, "the empty end is not read: %u", reads);
	put(0, 4, "10.77.9.9", "san0");
	cr_assert_eq(look(b, &hints, false, &unsettled), 4);
	cr_assert_not(unsettled);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_IOCTL_3_beyond_a_long_hole)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(1);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	build_addr(b, 2, "10.77.9.9");
	put(0, 1000, "10.77.9.9", "san0");
	cr_assert_eq(look(b, &hints, false, &unsettled), 1);
	cr_assert_eq(look(b, &hints, true, &unsettled), 2, "a thorough look finds it");
	cr_assert_eq(look(b, &hints, false, &unsettled), 2, "and the next one knows where");
	cr_assert_eq(reads, 2);
	b->ports[0].state = NIC_STATE_DOWN; /* and still does when the port has been down */
	struct nic_draft d;

	cr_assert_eq(nic_join(&b->f, &d), 0);
	cr_assert_eq(nic_gids_confirm(&d, &hints, false), 0);
	nic_draft_clear(&d);
	b->ports[0].state = NIC_STATE_ACTIVE;
	cr_assert_eq(look(b, &hints, false, &unsettled), 2);
	cr_assert_eq(reads, 2);
	put(0, 1000, "10.77.9.8", "san0"); /* the slot is another's now */
	put(0, 2, "10.77.9.9", "san0");
	cr_assert_eq(look(b, &hints, false, &unsettled), 2);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_BIND_11_a_full_table)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(1);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	for (unsigned i = 2; i < SLOTS; i++)
		put(0, i, "10.1.1.1", "other");
	build_addr(b, 2, "10.77.9.9");
	cr_assert_eq(look(b, &hints, true, &unsettled), 1,
		     "no room for its GID: it cannot be bound");
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_BIND_11_the_gid_must_be_the_interfaces_own)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(1);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	build_on(b, 5, "san0.5", NIC_KIND_VLAN, 2);
	build_addr(b, 5, "10.77.0.1"); /* the same address on the VLAN, but a GID of san0 only */
	cr_assert_eq(look(b, &hints, false, &unsettled), 1);
	put(0, 2, "10.77.0.1", "san0.5");
	cr_assert_eq(look(b, &hints, false, &unsettled), 2);
	cr_assert_eq(look(b, &hints, false, &unsettled), 2, "by the hints too");
	put(0, 2, "10.77.0.1", "san0.6");
	cr_assert_eq(look(b, &hints, false, &unsettled), 1);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_IOCTL_3_several_devices)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(2);
	struct nic_gid_hints hints = {0};
	bool unsettled;

	build_link(b, 3, "san1");
	build_port(b, "rxe1", 1, 3)->device_index = 7;
	build_addr(b, 3, "10.78.0.1");
	build_link(b, 4, "san2");
	build_port(b, "rxe2", 1, 4)->device_index = 3;
	build_addr(b, 4, "10.79.0.1");
	put(1, 5, "10.78.0.1", "san1");
	put(0, 9, "10.79.0.1", "san2"); /* in the wrong device's table */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(look(b, &hints, true, &unsettled), 3);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}

Test(nic_gids, PROV_IOCTL_3_without_sysfs_and_without_the_device)
{
	WSD_TEST_BEGIN();
	struct build *b = machine(2);
	struct nic_gid_hints hints = {0};
	struct nic_draft d;
	bool unsettled;

	vanished = true; /* deleted between its list and its table */
	cr_assert_eq(look(b, &hints, true, &unsettled), 0);
	cr_assert(unsettled);
	available = false; /* no /sys in this container: nobody can tell, so they count */
	cr_assert_eq(nic_join(&b->f, &d), 0);
	cr_assert_eq(nic_gids_confirm(&d, &hints, true), 0);
	cr_assert_eq(d.n_cands, 2);
	cr_assert(d.cands[0].a.reason == NIC_OK && d.cands[1].a.reason == NIC_OK);
	cr_assert_not(d.unsettled);
	nic_draft_clear(&d);
	free(hints.v);
	free(b);
	WSD_TEST_END();
}
