/* SPDX-License-Identifier: MIT
 *
 * The monitor: when it looks, and what it does with what it sees. The looks are answered by the
 * test (nic_look is replaced at link time); the events are real ones, of the loopback interface in
 * a network namespace of the test's own. The tests of discovery itself use what this kernel has: no
 * RDMA, but interfaces.
 */
#include "check.h"
#include "nic_build.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static struct {
	unsigned looks;
	unsigned addrs; /* the next look sees so many addresses */
	bool unsettled;
	int result;
	bool real;
	int how;          /* what the last look was asked */
	int all_how[256]; /* and each, by its number */
} script;

int __real_nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		    bool *ret_unsettled);
int __wrap_nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		    bool *ret_unsettled);

int __wrap_nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		    bool *ret_unsettled)
{
	struct build *b;
	char addr[32];

	script.looks++;
	script.how = how;
	script.all_how[script.looks % 256] = how;
	if (script.real)
		return __real_nic_look(memory, how, ret, ret_unsettled);
	if (script.result)
		return script.result;
	b = build_new();
	build_link(b, 2, "san0");
	build_port(b, "rxe0", 1, 2);
	for (unsigned i = 0; i < script.addrs; i++) {
		snprintf(addr, sizeof(addr), "10.77.0.%u", 1 + i);
		build_addr(b, 2, addr);
	}
	*ret = build_snapshot(b);
	*ret_unsettled = script.unsettled;
	free(b);
	return 0;
}

/* A network namespace with nothing but lo, down. False where that is not allowed. */
static bool own_namespace(void)
{
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static void set_lo(bool up)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

/* Lets the monitor work for @ms; how many changes it told. Stops at the first if asked. */
static unsigned work(struct nic_monitor *m, int ms, bool first)
{
	long long end = wsd_check_now_ms() + ms, left;
	struct pollfd p = {nic_monitor_fd(m), POLLIN, 0};
	unsigned changes = 0;
	bool changed;

	while ((left = end - wsd_check_now_ms()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		if (nic_monitor_dispatch(m, &changed) == 0 && changed) {
			changes++;
			if (first)
				break;
		}
	}
	return changes;
}

/* Lets it work until it has looked @n times in all. */
static bool work_until_looks(struct nic_monitor *m, unsigned n)
{
	return WSD_UNTIL((work(m, 10, false), script.looks >= n), 5000);
}

/* The first look and the second, which always follows. */
static void settle(struct nic_monitor *m)
{
	cr_assert(work_until_looks(m, 2));
}

static size_t addrs_of(struct nic_monitor *m)
{
	const struct nic_snapshot *s = nic_monitor_snapshot(m);
	size_t n = nic_snapshot_addrs(s);

	nic_snapshot_unref(s);
	return n;
}

Test(nic_monitor, PROV_IOCTL_3_a_change_is_seen_in_time)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	bool in_time = false;
	long long began;

	script.addrs = 1;
	cr_assert_eq(nic_monitor_create(&m), 0);
	cr_assert_eq(addrs_of(m), 1, "there from the start");
	settle(m);
	/* a machine that is busy may spoil one try; a monitor that is slow spoils all */
	for (int i = 0; i < 5 && !in_time; i++) {
		script.addrs++;
		began = wsd_check_now_ms();
		set_lo(i % 2 == 0);
		cr_assert_eq(work(m, 2000, true), 1);
		in_time = wsd_check_now_ms() - began < 200;
		cr_assert_eq(addrs_of(m), script.addrs);
	}
	cr_assert(in_time);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_quiet_when_nothing_happens)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;

	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	cr_assert_eq(work(m, 250, false), 0);
	cr_assert_eq(script.looks, 2, "no polling");
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_a_burst_is_few_looks)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	unsigned looks;

	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	looks = script.looks;
	for (int i = 0; i < 200; i++) /* some 800 events */
		set_lo(i % 2);
	work(m, 400, false);
	cr_assert_gt(script.looks, looks);
	cr_assert_lt(script.looks - looks, 10, "%u looks", script.looks - looks);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

/* More events than the socket holds: the kernel drops them, and says so once. */
Test(nic_monitor, PROV_IOCTL_3_more_events_than_fit)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;

	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	script.addrs = 5;
	for (int i = 0; i < 2000; i++)
		set_lo(i % 2);
	cr_assert_eq(work(m, 400, true), 1);
	cr_assert_eq(addrs_of(m), 5);
	script.addrs = 6;
	set_lo(false);
	set_lo(true);
	cr_assert(WSD_UNTIL(work(m, 20, true) || addrs_of(m) == 6, 1000),
		  "later ones arrive again");
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

/* The first look after an event is a quick one, one that takes nothing for granted follows; also if
 * events go on. */
Test(nic_monitor, PROV_IOCTL_3_a_quick_look_then_a_full_one)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	unsigned full = 0, first;
	long long end = wsd_check_now_ms() + 10000;

	cr_assert_eq(nic_monitor_create(&m), 0);
	cr_assert_eq(script.how, NIC_LOOK_THOROUGH, "the first takes nothing for granted");
	settle(m);
	first = script.looks + 1;
	set_lo(true);
	cr_assert(work_until_looks(m, first + 1), "two looks");
	cr_assert_eq(script.all_how[first], NIC_LOOK_QUICK);
	cr_assert_eq(script.all_how[first + 1], 0);
	first = script.looks + 1;
	for (unsigned i = 0; full < 3 && wsd_check_now_ms() < end; i++) { /* without a pause */
		set_lo(i % 2);
		work(m, 5, false);
		full = 0;
		for (unsigned k = first; k <= script.looks; k++)
			full += !(script.all_how[k % 256] & NIC_LOOK_QUICK);
	}
	cr_assert_geq(full, 3, "%u looks, %u full ones", script.looks - first + 1, full);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

/* A GID or a port state comes without an event, after those that there were. */
Test(nic_monitor, PROV_IOCTL_3_what_has_no_event)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	unsigned looks;
	long long began;

	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	script.unsettled = true; /* from the first look after the event on */
	looks = script.looks;
	set_lo(true);
	while (script.looks == looks)
		work(m, 10, false);
	script.addrs = 1; /* 60 ms later than that */
	began = wsd_check_now_ms();
	cr_assert_eq(work(m, 1000, true), 1);
	cr_assert_lt(wsd_check_now_ms() - began, 900);
	cr_assert_geq(script.looks, looks + 2);
	work(m, 500, false);
	cr_assert(script.how & NIC_LOOK_THOROUGH, "later looks leave no corner out");
	script.unsettled = false;
	work(m, 500, false);
	looks = script.looks;
	work(m, 250, false);
	cr_assert_eq(script.looks, looks, "settled: it rests");
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

/* Something that never settles (a bridge that stays without a GID) does not keep it busy for ever.
 */
Test(nic_monitor, PROV_IOCTL_3_unsettled_for_ever)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;

	script.unsettled = true;
	cr_assert_eq(nic_monitor_create(&m), 0);
	work(m, 1900, false);
	cr_assert_lt(script.looks, 12);
	unsigned looks = script.looks;
	work(m, 250, false);
	cr_assert_eq(script.looks, looks);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_a_look_that_fails_is_repeated)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	bool changed = true;

	script.addrs = 1;
	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	script.result = -ENOMEM;
	cr_assert_eq(nic_monitor_refresh(m, &changed), -ENOMEM);
	cr_assert(changed, "untouched");
	cr_assert_eq(addrs_of(m), 1, "the old one stays");
	script.addrs = 2;
	cr_assert_eq(work(m, 150, false), 0);
	script.result = 0;
	cr_assert_eq(work(m, 1000, true), 1, "without another event");
	cr_assert_eq(addrs_of(m), 2);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_generations_count_changes)
{
	WSD_TEST_BEGIN();
	struct nic_monitor *m;
	const struct nic_snapshot *old, *s;
	bool changed;

	script.addrs = 1;
	cr_assert_eq(nic_monitor_create(&m), 0);
	old = nic_monitor_snapshot(m);
	cr_assert_eq(nic_snapshot_generation(old), 1);
	cr_assert_eq(nic_monitor_refresh(m, &changed), 0);
	cr_assert_not(changed);
	s = nic_monitor_snapshot(m);
	cr_assert_eq(s, old, "the same one: nothing changed");
	nic_snapshot_unref(s);
	script.addrs = 3;
	cr_assert_eq(nic_monitor_refresh(m, NULL), 0);
	s = nic_monitor_snapshot(m);
	cr_assert_eq(nic_snapshot_generation(s), 2);
	cr_assert_eq(nic_snapshot_addrs(s), 3);
	cr_assert_eq(nic_snapshot_addrs(old), 1, "what was taken does not change");
	nic_monitor_destroy(m);
	cr_assert_eq(nic_snapshot_addrs(s), 3, "and outlives the monitor");
	nic_snapshot_unref(s);
	nic_snapshot_unref(old);
	nic_monitor_destroy(NULL);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_without_any_rdma)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_snapshot *s;
	struct nic_monitor *m;
	unsigned looks;

	script.real = true;
	cr_assert_eq(nic_discover(&s), 0);
	cr_assert_eq(nic_snapshot_addrs(s), 0, "nothing of this namespace is RDMA");
	nic_snapshot_unref(s);
	cr_assert_eq(nic_monitor_create(&m), 0);
	settle(m);
	looks = script.looks;
	set_lo(true);
	cr_assert_eq(work(m, 200, false), 0);
	cr_assert_gt(script.looks, looks, "it noticed");
	cr_assert_eq(addrs_of(m), 0);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}

Test(nic_monitor, PROV_IOCTL_3_interfaces_as_the_kernel_has_them)
{
	if (!own_namespace())
		cr_skip_test("may not make a network namespace");
	WSD_TEST_BEGIN();
	struct nic_facts f = {0};

	cr_assert_eq(nic_facts_read_links(&f), 0);
	cr_assert_eq(f.n_addrs, 0);
	nic_facts_clear(&f);
	set_lo(true);
	cr_assert_eq(nic_facts_read_links(&f), 0);
	cr_assert_geq(f.n_links, 1);
	cr_assert_str_eq(f.links[0].name, "lo");
	cr_assert_eq(f.links[0].ifindex, 1);
	cr_assert_eq(f.links[0].type, ARPHRD_LOOPBACK);
	cr_assert_eq(f.links[0].flags & (IFF_UP | IFF_LOOPBACK | IFF_LOWER_UP),
		     IFF_UP | IFF_LOOPBACK | IFF_LOWER_UP);
	cr_assert_eq(f.links[0].mtu, 65536);
	cr_assert_eq(f.n_addrs, 1);
	cr_assert_eq(f.addrs[0].addr_be, ip("127.0.0.1"));
	cr_assert_eq(f.addrs[0].prefix_len, 8);
	cr_assert_eq(f.addrs[0].ifindex, 1);
	nic_facts_clear(&f);
	WSD_TEST_END();
}

/* Every descriptor that a monitor needs, missing once: an error and nothing left. */
Test(nic_monitor, no_descriptors)
{
	WSD_TEST_BEGIN();
	struct rlimit old, none;
	struct nic_monitor *m = NULL;
	struct nic_snapshot *s = NULL;
	int r = -1, least, failures = 0;

	script.real = true;
	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	least = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(least);
	for (rlim_t n = (rlim_t)least; r && n < (rlim_t)least + 20; n++) {
		none.rlim_cur = n;
		setrlimit(RLIMIT_NOFILE, &none);
		r = nic_monitor_create(&m);
		cr_assert(r == 0 || r == -EMFILE, "%d", r);
		failures += r != 0;
	}
	cr_assert_eq(r, 0);
	cr_assert_geq(failures, 4);
	none.rlim_cur = (rlim_t)least;
	setrlimit(RLIMIT_NOFILE, &none);
	cr_assert_eq(nic_discover(&s), -EMFILE);
	cr_assert_null(s);
	setrlimit(RLIMIT_NOFILE, &old);
	nic_monitor_destroy(m);
	WSD_TEST_END();
}
