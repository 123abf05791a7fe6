/* SPDX-License-Identifier: MIT
 *
 * nic/ on real soft-RoCE: what is there is found exactly, what changes is seen within 200 ms, what
 * is called usable can be bound by rdma_cm at once, and nothing that watches keeps a device from
 * being deleted. Every test leaves the machine as it was: interfaces of its own are dummies named
 * wt*, devices rxewt*.
 */
#include "forks.h"
#include "nic_watch.h"
#include "nl_do.h"

#include <fcntl.h>
#include <rdma/rdma_cma.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { DEVICES = 64, ADDRESSES = 200, ROUNDS = 20 };

static void expect(int r, const char *what)
{
	cr_assert_eq(r, 0, "%s: %s", what, strerror(-r));
}

/* A dummy that is up, with a soft-RoCE device on it, and an address if wanted. */
static void device_up(const char *netdev, const char *device, const char *addr)
{
	expect(do_link_add(netdev, NULL, 0), netdev);
	expect(do_link_set(netdev, 1), netdev);
	if (addr)
		expect(do_addr(RTM_NEWADDR, netdev, addr, 24), addr);
	if (device)
		expect(do_rxe_add(device, netdev), device);
}

static uint32_t device_index(const char *device)
{
	struct nic_snapshot *s;
	const struct nic_port *p;
	uint32_t index = UINT32_MAX;

	cr_assert_eq(nic_discover(&s), 0);
	for (size_t i = 0; (p = nic_snapshot_port(s, i)); i++)
		if (!strcmp(p->device, device))
			index = p->device_index;
	nic_snapshot_unref(s);
	cr_assert_neq(index, UINT32_MAX, "no %s", device);
	return index;
}

/* What a test that failed has left. */
static void clear_leftovers(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_name; i++)
		if (!strncmp(i->if_name, "wt", 2))
			do_link_del(i->if_name);
	if_freenameindex(all);
	do_addr(RTM_DELADDR, "san0", "10.77.0.77", 24);
	do_addr(RTM_DELADDR, "san0", "10.77.0.78", 24);
	do_addr(RTM_DELADDR, "san1", "169.254.77.9", 16);
}

TestSuite(nic_rxe, .init = clear_leftovers, .timeout = 200);

static void no_leftovers(void)
{
	struct nic_snapshot *s;
	const struct nic_port *p;

	cr_assert_eq(nic_discover(&s), 0);
	for (size_t i = 0; (p = nic_snapshot_port(s, i)); i++)
		cr_assert_neq(strncmp(p->device, "rxewt", 5), 0, "%s was left", p->device);
	nic_snapshot_unref(s);
}

Test(nic_rxe, PROV_IOCTL_2_the_standard_machine)
{
	static const struct {
		const char *start, *device, *netdev;
	} want[] = {{"10.77.0.", "rxe0", "san0"},
		    {"10.77.1.", "rxe1", "san1"},
		    {"10.77.2.", "rxe2", "san2"},
		    {"10.77.2.10", "rxe2", "san2"}};
	WSD_TEST_BEGIN();
	struct nic_snapshot *s;
	struct stats took = {0};
	double began;
	char addr[32];
	int host = 1;

	for (int i = 0; i < ROUNDS; i++) {
		began = now_ms();
		cr_assert_eq(nic_discover(&s), 0);
		add(&took, now_ms() - began);
		nic_snapshot_unref(s);
	}
	tell(&took, "discover, 3 devices");
	expect_fast(&took, 30);
	cr_assert_eq(nic_discover(&s), 0);
	cr_assert_eq(nic_snapshot_ports(s), 3);
	cr_assert_eq(nic_snapshot_addrs(s), 4, "lan0 is not among them");
	if (!nic_snapshot_find(s, ip("10.77.0.1")))
		host = 2;
	for (size_t i = 0; i < 4; i++) {
		const struct nic_addr *a;
		const struct nic_port *p;

		snprintf(addr, sizeof(addr), "%s%d", want[i].start, host);
		a = nic_snapshot_find(s, ip(addr));
		cr_assert_not_null(a, "%s", addr);
		cr_assert_str_eq(a->ifname, want[i].netdev);
		cr_assert_eq(a->prefix_len, 24);
		p = nic_snapshot_port(s, a->port_index);
		cr_assert_str_eq(p->device, want[i].device);
		cr_assert_str_eq(p->netdev, want[i].netdev);
		cr_assert_eq(p->state, NIC_STATE_ACTIVE);
		cr_assert_eq(p->ll, NIC_LL_ROCE);
		cr_assert_eq(p->mtu, 1500);
		cr_assert_eq(p->path_mtu, 1024);
		cr_assert(p->usable);
	}
	nic_snapshot_unref(s);
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_address_comes_and_goes)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "10.77.0.77", .usable = true},
			  go = {.addr = "10.77.0.77"};
	struct watcher *w = watcher_start();
	struct stats added = {0}, removed = {0};
	double from;

	for (int i = 0; i < ROUNDS; i++) {
		from = now_ms();
		expect(do_addr(RTM_NEWADDR, "san0", "10.77.0.77", 24), "add");
		add(&added, expect_seen(w, &come, from, "address added"));
		from = now_ms();
		expect(do_addr(RTM_DELADDR, "san0", "10.77.0.77", 24), "del");
		add(&removed, expect_seen(w, &go, from, "address removed"));
	}
	tell(&added, "address added");
	tell(&removed, "address removed");
	measured("%-28s %.1f ms\n", "longest dispatch, 3 devices", w->worst_ms);
	watcher_stop(w);
	WSD_TEST_END();
}

Test(nic_rxe, PROV_BIND_17_link_local_address)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "169.254.77.9", .usable = true},
			  go = {.addr = "169.254.77.9"};
	struct watcher *w = watcher_start();
	const struct nic_snapshot *s;
	double from = now_ms();

	expect(do_addr(RTM_NEWADDR, "san1", "169.254.77.9", 16), "add");
	expect_seen(w, &come, from, "address added");
	s = nic_monitor_snapshot(w->m);
	cr_assert(nic_snapshot_find(s, ip("169.254.77.9"))->autoconf);
	nic_snapshot_unref(s);
	from = now_ms();
	expect(do_addr(RTM_DELADDR, "san1", "169.254.77.9", 16), "del");
	expect_seen(w, &go, from, "address removed");
	watcher_stop(w);
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_device_comes_and_goes)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "10.91.0.1", .usable = true}, go = {.addr = "10.91.0.1"},
			  gone = {.device = "rxewt0"};
	struct watcher *w = watcher_start();
	struct stats added = {0}, removed = {0}, call = {0}, del_call = {0};
	uint32_t index;
	double from, done;

	device_up("wt0", NULL, "10.91.0.1");
	for (int i = 0; i < ROUNDS; i++) {
		from = now_ms();
		expect(do_rxe_add("rxewt0", "wt0"), "rdma link add");
		done = now_ms();
		add(&call, done - from);
		add(&added, expect_seen_since(w, &come, from, done, "device added"));
		index = device_index("rxewt0");
		from = now_ms();
		expect(do_rxe_del(index), "rdma link del");
		done = now_ms();
		add(&del_call, done - from);
		add(&removed, expect_seen_since(w, &go, from, done, "device removed"));
		expect_seen_since(w, &gone, from, done, "device removed");
	}
	expect(do_link_del("wt0"), "wt0");
	tell(&added, "device added");
	tell(&removed, "device removed");
	tell(&call, "rdma link add, the call");
	tell(&del_call, "rdma link del, the call");
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_interface_down_and_up)
{
	WSD_TEST_BEGIN();
	const struct want up = {.addr = "10.91.0.1", .usable = true},
			  down = {.addr = "10.91.0.1", .reason = NIC_NETDEV_DOWN},
			  gone = {.device = "rxewt0"};
	struct watcher *w = watcher_start();
	struct stats ups = {0}, downs = {0};
	double from = now_ms();

	device_up("wt0", "rxewt0", "10.91.0.1");
	expect_seen_since(w, &up, from, now_ms(), "device added");
	for (int i = 0; i < ROUNDS; i++) {
		from = now_ms();
		expect(do_link_set("wt0", 0), "down");
		add(&downs, expect_seen(w, &down, from, "interface down"));
		from = now_ms();
		expect(do_link_set("wt0", 1), "up");
		add(&ups, expect_seen(w, &up, from, "interface up"));
	}
	tell(&downs, "interface down");
	tell(&ups, "interface up");
	from = now_ms();
	expect(do_link_del("wt0"), "wt0"); /* and its device with it */
	expect_seen_since(w, &gone, from, now_ms(), "interface deleted");
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_vlan_comes_and_goes)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "10.91.5.1", .usable = true}, go = {.addr = "10.91.5.1"};
	struct watcher *w = watcher_start();
	struct stats added = {0}, removed = {0};
	const struct nic_snapshot *s;
	double from;

	cr_assert_eq(system("modprobe 8021q"), 0);
	device_up("wt0", "rxewt0", NULL);
	for (int i = 0; i < ROUNDS; i++) {
		expect(do_link_add("wt0.5", "wt0", 5), "vlan");
		expect(do_link_set("wt0.5", 1), "vlan up");
		from = now_ms();
		expect(do_addr(RTM_NEWADDR, "wt0.5", "10.91.5.1", 24), "add");
		add(&added, expect_seen(w, &come, from, "VLAN added"));
		s = nic_monitor_snapshot(w->m);
		const struct nic_addr *a = nic_snapshot_find(s, ip("10.91.5.1"));

		cr_assert_str_eq(a->ifname, "wt0.5");
		cr_assert_str_eq(nic_snapshot_port(s, a->port_index)->device, "rxewt0");
		nic_snapshot_unref(s);
		from = now_ms();
		expect(do_link_del("wt0.5"), "vlan");
		add(&removed, expect_seen_since(w, &go, from, now_ms(), "VLAN removed"));
	}
	tell(&added, "VLAN address added");
	tell(&removed, "VLAN removed");
	expect(do_link_del("wt0"), "wt0");
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_sixty_four_devices, .timeout = 120)
{
	WSD_TEST_BEGIN();
	struct watcher *w = watcher_start();
	struct stats added = {0}, removed = {0}, address = {0}, took = {0}, call = {0},
		     del_call = {0};
	char netdev[16], device[16], addr[32];
	struct want want = {.addr = addr, .usable = true};
	struct nic_snapshot *s;
	double from, done;

	for (int i = 0; i < DEVICES; i++) {
		snprintf(netdev, sizeof(netdev), "wt%d", i);
		snprintf(device, sizeof(device), "rxewt%d", i);
		snprintf(addr, sizeof(addr), "10.92.%d.1", i);
		device_up(netdev, NULL, addr);
		from = now_ms();
		expect(do_rxe_add(device, netdev), device);
		done = now_ms();
		add(&call, done - from);
		add(&added, expect_seen_since(w, &want, from, done, "device added"));
	}
	for (int i = 0; i < ROUNDS; i++) {
		from = now_ms();
		cr_assert_eq(nic_discover(&s), 0);
		add(&took, now_ms() - from);
		cr_assert_eq(nic_snapshot_addrs(s), 4 + DEVICES);
		nic_snapshot_unref(s);
	}
	for (int i = 0; i < ROUNDS; i++) {
		want = (struct want){.addr = "10.92.200.1", .usable = true};
		from = now_ms();
		expect(do_addr(RTM_NEWADDR, "wt31", "10.92.200.1", 24), "add");
		add(&address, expect_seen(w, &want, from, "address added"));
		want.usable = false;
		from = now_ms();
		expect(do_addr(RTM_DELADDR, "wt31", "10.92.200.1", 24), "del");
		add(&address, expect_seen(w, &want, from, "address removed"));
	}
	for (int i = 0; i < DEVICES; i++) {
		uint32_t index;

		snprintf(netdev, sizeof(netdev), "wt%d", i);
		snprintf(device, sizeof(device), "rxewt%d", i);
		index = device_index(device);
		want = (struct want){.device = device};
		from = now_ms();
		expect(do_rxe_del(index), device);
		done = now_ms();
		add(&del_call, done - from);
		add(&removed, expect_seen_since(w, &want, from, done, "device removed"));
		expect(do_link_del(netdev), netdev);
	}
	tell(&added, "up to 64 devices, added");
	tell(&took, "discover, 67 devices");
	expect_fast(&took, 100);
	tell(&address, "67 devices, address change");
	tell(&removed, "64 devices, removed");
	tell(&call, "64 devices, the add calls");
	tell(&del_call, "64 devices, the del calls");
	measured("%-28s %.1f ms\n", "longest dispatch, 67 devices", w->worst_ms);
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_two_hundred_secondary_addresses)
{
	WSD_TEST_BEGIN();
	struct watcher *w = watcher_start();
	struct stats took = {0};
	struct want all = {.addr = "10.93.0.201", .usable = true};
	struct nic_snapshot *s;
	char addr[32];
	double from;

	device_up("wt0", "rxewt0", "10.93.0.1");
	for (int i = 0; i < ADDRESSES; i++) {
		snprintf(addr, sizeof(addr), "10.93.0.%d", 2 + i);
		from = now_ms();
		expect(do_addr(RTM_NEWADDR, "wt0", addr, 24), addr);
	}
	measured("%-28s %.1f ms\n", "last of 200 addresses",
		 expect_seen(w, &all, from, "address added"));
	for (int i = 0; i < ROUNDS; i++) {
		from = now_ms();
		cr_assert_eq(nic_discover(&s), 0);
		add(&took, now_ms() - from);
		for (int k = 0; k < ADDRESSES; k++) {
			snprintf(addr, sizeof(addr), "10.93.0.%d", 2 + k);
			cr_assert(nic_snapshot_find(s, ip(addr))->secondary, "%s", addr);
		}
		nic_snapshot_unref(s);
	}
	tell(&took, "discover, 201 addresses");
	expect_fast(&took, 60);
	from = now_ms();
	expect(do_rxe_del(device_index("rxewt0")), "rdma link del");
	all = (struct want){.device = "rxewt0"};
	expect_seen_since(w, &all, from, now_ms(), "device removed");
	expect(do_link_del("wt0"), "wt0");
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

/* In a child: librdmacm keeps what it has bound to open. 0 or the errno of rdma_bind_addr. */
static int bind_in_child(const char *addr)
{
	int status;
	pid_t pid = wsd_fork();

	if (pid == 0) {
		struct sockaddr_in name = {
			.sin_family = AF_INET, .sin_port = htons(7471), .sin_addr = {ip(addr)}};
		struct rdma_event_channel *channel = rdma_create_event_channel();
		struct rdma_cm_id *id;

		if (!channel || rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
			_exit(255);
		_exit(rdma_bind_addr(id, (struct sockaddr *)&name) == 0 && id->verbs ? 0
		      : errno                                                        ? errno
										     : 254);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Without the GID, rdma_bind_addr refuses; so an address is not to be called usable before. */
Test(nic_rxe, PROV_BIND_12_usable_means_that_rdma_cm_takes_it)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "10.91.0.2", .usable = true}, go = {.addr = "10.91.0.2"};
	struct watcher *w = watcher_start();
	double from;

	device_up("wt0", "rxewt0", "10.91.0.1");
	for (int i = 0; i < 5; i++) {
		from = now_ms();
		expect(do_addr(RTM_NEWADDR, "wt0", "10.91.0.2", 24), "add");
		expect_seen(w, &come, from, "address added");
		cr_assert_eq(bind_in_child("10.91.0.2"), 0);
		from = now_ms();
		expect(do_addr(RTM_DELADDR, "wt0", "10.91.0.2", 24), "del");
		expect_seen(w, &go, from, "address removed");
		cr_assert_neq(bind_in_child("10.91.0.2"), 0, "nor does rdma_cm take it any more");
	}
	cr_assert_neq(bind_in_child("10.78.0.1"), 0, "lan0");
	expect(do_rxe_del(device_index("rxewt0")), "rdma link del");
	expect(do_link_del("wt0"), "wt0");
	watcher_stop(w);
	WSD_TEST_END();
}

/* Starts `wsd nics --watch` and waits for its table. */
static pid_t start_watch(int *ret_fd)
{
	int fds[2];
	char c;
	pid_t pid;

	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	pid = wsd_fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fds[1], STDOUT_FILENO);
		execl(WSD_TOOL, "wsd", "nics", "--watch", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	cr_assert_eq(read(fds[0], &c, 1), 1, "wsd nics --watch says nothing");
	*ret_fd = fds[0];
	return pid;
}

/* What appears on @fd within SURELY_MS contains @text. */
static bool says(int fd, const char *text)
{
	static char said[65536];
	static size_t n;
	struct pollfd p = {fd, POLLIN, 0};
	double end = now_ms() + SURELY_MS;
	ssize_t got;

	while (now_ms() < end) {
		said[n] = 0;
		if (strstr(said, text))
			return true;
		if (poll(&p, 1, 100) > 0) {
			got = read(fd, said + n, sizeof(said) - 1 - n);
			if (got <= 0)
				return false;
			n += (size_t)got;
		}
	}
	return false;
}

Test(nic_rxe, PROV_IOCTL_3_deleting_a_device_returns_at_once)
{
	WSD_TEST_BEGIN();
	struct watcher *w = watcher_start();
	struct stats call = {0};
	int fd, status;
	pid_t tool;
	double from;

	device_up("wt0", "rxewt0", "10.91.0.1");
	tool = start_watch(&fd);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t index = device_index("rxewt0");

		from = now_ms();
		expect(do_rxe_del(index), "rdma link del");
		add(&call, now_ms() - from);
		expect(do_rxe_add("rxewt0", "wt0"), "rdma link add");
	}
	tell(&call, "rdma link del, 2 watchers");
	cr_assert_lt(call.v[call.n - 1], 5000, "%.1f ms: something held it", call.v[call.n - 1]);
	from = now_ms();
	cr_assert_eq(system("rdma link del rxewt0"), 0);
	measured("%-28s %.1f ms\n", "rdma link del, the tool", now_ms() - from);
	cr_assert_lt(now_ms() - from, 10000);
	cr_assert(says(fd, " - rxewt0/1"), "and wsd nics --watch tells of it");
	kill(tool, SIGTERM);
	cr_assert_eq(waitpid(tool, &status, 0), tool);
	close(fd);
	expect(do_link_del("wt0"), "wt0");
	watcher_stop(w);
	no_leftovers();
	WSD_TEST_END();
}

/* Devices of the first namespace are there, but their interfaces are not. */
Test(nic_rxe, PROV_IOCTL_3_in_a_network_namespace_of_its_own)
{
	WSD_TEST_BEGIN();
	struct nic_snapshot *s;
	const struct nic_port *p;

	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	cr_assert_eq(nic_discover(&s), 0);
	for (size_t i = 0; (p = nic_snapshot_port(s, i)); i++) {
		cr_assert_eq(p->reason, NIC_NO_NETDEV);
		cr_assert_eq(p->ifindex, 0);
	}
	cr_assert_eq(nic_snapshot_addrs(s), 0);
	nic_snapshot_unref(s);
	WSD_TEST_END();
}

Test(nic_rxe, PROV_IOCTL_3_for_a_user_who_is_not_root)
{
	WSD_TEST_BEGIN();
	const struct want come = {.addr = "10.77.0.78", .usable = true},
			  go = {.addr = "10.77.0.78"};
	int start[2], status;
	pid_t root;
	char c;

	/* who may change addresses, on our word */
	cr_assert_eq(pipe2(start, O_CLOEXEC), 0);
	root = wsd_fork();
	if (root == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		if (read(start[0], &c, 1) != 1 || do_addr(RTM_NEWADDR, "san0", "10.77.0.78", 24))
			_exit(1);
		if (read(start[0], &c, 1) != 1)
			_exit(1);
		_exit(do_addr(RTM_DELADDR, "san0", "10.77.0.78", 24) != 0);
	}
	cr_assert_eq(setgid(65534), 0);
	cr_assert_eq(setuid(65534), 0);

	struct watcher *w = watcher_start();
	const struct nic_snapshot *s = nic_monitor_snapshot(w->m);
	double from = now_ms();

	cr_assert_eq(nic_snapshot_ports(s), 3);
	cr_assert(nic_snapshot_port(s, 0)->usable);
	nic_snapshot_unref(s);
	cr_assert_eq(write(start[1], "a", 1), 1);
	expect_seen(w, &come, from, "address added");
	from = now_ms();
	cr_assert_eq(write(start[1], "d", 1), 1);
	expect_seen(w, &go, from, "address removed");
	close(start[0]);
	close(start[1]);
	cr_assert_eq(waitpid(root, &status, 0), root);
	cr_assert_eq(status, 0);
	watcher_stop(w);
	WSD_TEST_END();
}
