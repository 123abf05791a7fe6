/* SPDX-License-Identifier: MIT
 *
 * Devices that are deleted and come again under bound and listening sockets. Each test works on
 * rxe1 (or all) and puts it back. The raw client lives in a process of its own: in this one it
 * would keep the device open.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { AT_ONCE_MS = 10000, SHOWS_MS = 4000 };

static const char *const devices[][3] = {
	{"rxe0", "san0", PH_SAN0}, {"rxe1", "san1", PH_SAN1}, {"rxe2", "san2", PH_SAN2}};

static int delete (const char *device)
{
	return PH_RUN("rdma", "link", "delete", device);
}

static int add(const char *device, const char *netdev)
{
	return PH_RUN("rdma", "link", "add", device, "type", "rxe", "netdev", netdev);
}

/* All three are there at the end, whatever happened. */
static void put_back(void)
{
	for (size_t i = 0; i < 3; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/sys/class/infiniband/%s", devices[i][0]);
		if (access(path, F_OK) != 0)
			add(devices[i][0], devices[i][1]);
	}
}

/* Milliseconds of a deletion, which waits for every process that has the device open; -1: it hangs.
 */
static long long time_of_deletion(const char *device)
{
	long long start = wsd_check_now_ms();
	return delete (device) ? -1 : wsd_check_now_ms() - start;
}

/* From another process: does a request to this name get queued? */
static bool reachable(const char *ip, unsigned short port)
{
	char number[8];
	snprintf(number, sizeof(number), "%u", port);
	return PH_RUN(WSD_TEST_KNOCK, ip, number) == 0;
}

static int max_msg_code(SOCKET s)
{
	uint32_t value;
	int len = sizeof(value), code = -1;
	ph.proc.lpWSPGetSockOpt(s, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&value, &len, &code);
	return code;
}

TestSuite(device, .init = put_back, .fini = put_back, .timeout = 200);

/* Clauses: PROV-IOCTL-3 */
Test(device, PROV_IOCTL_03_started_and_idle_holds_no_device)
{
	ph_load();
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_socket();
	long long ms = time_of_deletion("rxe1");
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%lld ms", ms);
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == WSAEADDRNOTAVAIL, SHOWS_MS));
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == 0, SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* Clauses: PROV-BIND-24, PROV-LISTEN-6, PROV-OPT-3 */
Test(device, PROV_BIND_24_a_deleted_device_is_let_go_and_listeners_come_back)
{
	ph_up();
	struct ph_event e = {0};
	unsigned short port = ph_port(), port2 = ph_port();
	SOCKET listener = ph_listener(PH_SAN1, port, 50), bound = ph_listener(PH_SAN1, port2, 0),
	       other = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(listener, &e, FD_ACCEPT), 0);
	cr_assert(reachable(PH_SAN1, port));
	long long ms = time_of_deletion("rxe1");
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%lld ms", ms);
	/* What needs the device says so; nothing else is harmed. */
	cr_assert_eq(ph_listen(bound, 5), WSAENETDOWN);
	cr_assert_eq(max_msg_code(bound), WSAENETDOWN);
	cr_assert_eq(max_msg_code(other), 0);
	cr_assert_eq(ph_listen(listener, 60), 0, "a new backlog needs no device");
	cr_assert(reachable(PH_SAN0, port));
	SOCKET s = ph_socket();
	int code = 0;
	cr_assert(WSD_UNTIL((code = ph_bind(s, PH_SAN1, ph_port())) == WSAEADDRNOTAVAIL, SHOWS_MS),
		  "%d", code);
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert(WSD_UNTIL(reachable(PH_SAN1, port), SHOWS_MS), "the listener did not come back");
	cr_assert(WSD_UNTIL(ph_listen(bound, 5) == 0, SHOWS_MS));
	cr_assert(reachable(PH_SAN1, port2));
	cr_assert_eq(max_msg_code(bound), 0);
	/* And once more, with the queue full of requests. */
	ms = time_of_deletion("rxe1");
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "the second time: %lld ms", ms);
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert_eq(ph_close(listener) + ph_close(bound) + ph_close(other) + ph_close(s), 0);
	ph_down();
}

/* Whatever has happened below a socket, it is there until the switch closes it: its device is gone
 * here, which breaks it. */
Test(device, PROV_CLOSE_04_a_socket_whose_device_is_gone_is_kept_until_it_is_closed)
{
	ph_up();
	struct ph_event e = {0};
	WSANETWORKEVENTS out;
	SOCKET s[2] = {ph_listener(PH_SAN1, ph_port(), 5), ph_listener(PH_SAN1, ph_port(), 0)};
	cr_assert_eq(ph_select(s[0], &e, FD_ACCEPT), 0);
	long long ms = time_of_deletion("rxe1");
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%lld ms", ms);
	SOCKET fresh = ph_socket();
	cr_assert(WSD_UNTIL(ph_bind(fresh, PH_SAN1, ph_port()) == WSAEADDRNOTAVAIL, SHOWS_MS));
	cr_assert_eq(ph.closes, 0, "a handle of the switch was closed");
	cr_assert_eq(ph_open_handles(), 3);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ph_bind(s[i], PH_SAN1, ph_port()), WSAEINVAL, "it is bound still");
		cr_assert_eq(max_msg_code(s[i]), WSAENETDOWN);
		cr_assert_eq(ph_select(s[i], &e, FD_ACCEPT), 0);
		cr_assert_eq(ph_enum(s[i], &e, &out), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		cr_assert_eq(ph_close(s[i]), 0, "closed without its device");
		cr_assert_eq(ph.closes, i + 1);
		cr_assert_eq(ph_close(s[i]), WSAENOTSOCK);
	}
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert(WSD_UNTIL(ph_bind(fresh, PH_SAN1, ph_port()) == 0, SHOWS_MS));
	cr_assert_eq(ph_close(fresh), 0);
	ph_down();
}

Test(device, PROV_BIND_24_with_queued_requests)
{
	ph_up();
	struct ph_event e = {0};
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN1, port, 50);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	int go[2];
	cr_assert_eq(pipe(go), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		struct rdma_peer c[5];
		char byte;
		close(go[1]);
		for (int i = 0; i < 5; i++)
			if (rdma_peer_connect(&c[i], PH_SAN1, PH_SAN1, port, NULL, 0))
				_exit(1);
		read(go[0], &byte, 1);
		_exit(0);
	}
	close(go[0]);
	cr_assert(WSD_UNTIL(atomic_load(&e.sets) == 5, SHOWS_MS));
	/* The client ends a moment after the deletion has begun: it holds the device too. */
	pid_t deleting = wsd_fork();
	if (deleting == 0)
		_exit(delete ("rxe1"));
	usleep(300000);
	close(go[1]);
	int status = -1;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert(WSD_UNTIL(waitpid(deleting, &status, WNOHANG) == deleting, AT_ONCE_MS),
		  "the deletion hangs");
	cr_assert_eq(status, 0);
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert(WSD_UNTIL(reachable(PH_SAN1, port), SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* Clauses: PROV-LISTEN-5 */
Test(device, PROV_LISTEN_05_a_wildcard_listener_over_devices_that_come_and_go)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	ph_up();
	unsigned short port = ph_port();
	SOCKET s = ph_listener("0.0.0.0", port, 200);
	long long ms = time_of_deletion("rxe1");
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%lld ms", ms);
	cr_assert(reachable(PH_SAN0, port));
	cr_assert(reachable(PH_SAN2B, port));
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert(WSD_UNTIL(reachable(PH_SAN1, port), SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* librdmacm lets go of a device when it sees others: not of the last one. Clauses: PROV-INIT-8,
 * PROV-IOCTL-2 */
Test(device, PROV_INIT_08_the_last_device_too)
{
	ph_up();
	unsigned short port = ph_port();
	SOCKET s[3];
	for (int i = 0; i < 3; i++)
		s[i] = ph_listener(devices[i][2], port, 50);
	for (int i = 0; i < 3; i++) {
		long long ms = time_of_deletion(devices[i][0]);
		cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%s: %lld ms", devices[i][0], ms);
	}
	char out[512];
	DWORD n;
	int code;
	cr_assert(WSD_UNTIL(ph.proc.lpWSPIoctl(s[0], SIO_ADDRESS_LIST_QUERY, NULL, 0, out,
					       sizeof(out), &n, NULL, NULL, NULL, &code) == 0 &&
				    n == 8,
			    SHOWS_MS),
		  "the list is not empty");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(add(devices[i][0], devices[i][1]), 0);
	for (int i = 0; i < 3; i++)
		cr_assert(WSD_UNTIL(reachable(devices[i][2], port), SHOWS_MS), "%s", devices[i][2]);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ph_close(s[i]), 0);
	ph_down();
}

/* Clauses: PROV-IOCTL-2 */
Test(device, PROV_INIT_08_no_device_yet_is_success_with_an_empty_list)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(delete (devices[i][0]), 0);
	ph_load();
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_socket();
	SOCKET_ADDRESS_LIST list = {.iAddressCount = 9};
	DWORD n = 0;
	int code = -1;
	cr_assert_eq(ph.proc.lpWSPIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, &list, sizeof(list), &n,
					NULL, NULL, NULL, &code),
		     0);
	cr_assert_eq(list.iAddressCount, 0);
	cr_assert_eq(n, 8);
	cr_assert_eq(ph_bind(s, PH_SAN0, 5555), WSAEADDRNOTAVAIL);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(add(devices[i][0], devices[i][1]), 0);
	/* A NIC that comes later is used. */
	unsigned short port = ph_port();
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN0, port) == 0, SHOWS_MS));
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert(reachable(PH_SAN0, port));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* A child of a fork keeps no device open. Clauses: PROV-MEM-14 */
Test(device, PROV_MEM_14_a_child_does_not_hold_the_device)
{
	ph_up();
	SOCKET s = ph_listener(PH_SAN1, ph_port(), 5);
	int go[2];
	cr_assert_eq(pipe(go), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		char byte;
		close(go[1]);
		read(go[0], &byte, 1);
		_exit(0);
	}
	close(go[0]);
	long long ms = time_of_deletion("rxe1");
	close(go[1]);
	waitpid(pid, NULL, 0);
	cr_assert(ms >= 0 && ms < AT_ONCE_MS, "%lld ms", ms);
	cr_assert_eq(add("rxe1", "san1"), 0);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

struct churn {
	atomic_bool stop;
	atomic_uint strange;
};

static void *bind_and_close(void *arg)
{
	struct churn *m = arg;
	unsigned short port = 7000;
	while (!atomic_load(&m->stop)) {
		SOCKET s = ph_socket();
		int code = ph_bind(s, port % 2 ? PH_SAN1 : PH_SAN0, port);
		if (code && code != WSAEADDRNOTAVAIL && code != WSAENETDOWN)
			atomic_fetch_add(&m->strange, 1);
		if (!code) {
			code = ph_listen(s, 5);
			if (code && code != WSAENETDOWN)
				atomic_fetch_add(&m->strange, 1);
		}
		ph_close(s);
		port = (unsigned short)(7000 + (port + 1) % 100);
	}
	return NULL;
}

/* Clauses: PROV-BIND-24 */
Test(device, PROV_LISTEN_06_binding_while_the_device_comes_and_goes)
{
	ph_up();
	struct churn m = {0};
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, bind_and_close, &m);
	bool hung = false;
	for (int i = 0; i < 4 && !hung; i++) {
		long long ms = time_of_deletion("rxe1");
		hung = ms < 0 || ms > AT_ONCE_MS;
		if (!hung)
			add("rxe1", "san1");
		usleep(200000);
	}
	atomic_store(&m.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	cr_assert_not(hung);
	cr_assert_eq(m.strange, 0);
	SOCKET s = ph_socket();
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == 0, SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}
