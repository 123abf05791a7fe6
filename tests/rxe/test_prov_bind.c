/* SPDX-License-Identifier: MIT
 *
 * WSPBind on soft-RoCE, by the module's own door. PROV-BIND-1 to 25 (15 and 21 wait for
 * connecting; 17 is in test_prov_autoconf.c).
 */
#include <errno.h>
#include <rdma/rdma_cma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"

enum { SHOWS_MS = 2000, FAR_SOCKETS = 10000, STORM_THREADS = 8, STORM_ROUNDS = 40 };

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

/* With any name and length. */
static int bind_raw(SOCKET s, const void *name, int namelen)
{
	int code = -1;
	int result = ph.proc.lpWSPBind(s, name, namelen, &code);
	cr_assert((result == 0) == (code == 0), "result %d with code %d", result, code);
	return code;
}

/* Whether the name is really held in rdma_cm: a raw id cannot have it. 0, or -errno. */
static int raw_bind(const char *ip, unsigned short port)
{
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	in.sin_addr.s_addr = inet_addr(ip);
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	int err = rdma_bind_addr(id, (struct sockaddr *)&in) ? -errno : 0;
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
	return err;
}

static int add_address(const char *verb, const char *with_prefix, const char *dev)
{
	return PH_RUN("ip", "addr", strcmp(verb, "add") ? verb : "replace", with_prefix, "dev",
		      dev);
}

/* Clauses: PROV-BIND-1, PROV-BIND-9, PROV-BIND-12 */
Test(bind, PROV_BIND_10_each_address_of_each_nic_fully_qualified)
{
	BEGIN();
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		unsigned short port = ph_port();
		SOCKET s = ph_socket();
		cr_assert_eq(ph_bind(s, all[i], port), 0, "%s", all[i]);
		cr_assert_eq(raw_bind(all[i], port), -EADDRINUSE, "%s is not bound in rdma_cm",
			     all[i]);
		cr_assert_eq(raw_bind(all[i], (unsigned short)(port + 1)), 0, "another port");
		cr_assert_eq(ph_close(s), 0);
		cr_assert_eq(raw_bind(all[i], port), 0, "still held after close");
	}
	END();
}

Test(bind, PROV_BIND_02_a_second_bind_keeps_the_first_name)
{
	BEGIN();
	unsigned short port = ph_port(), other = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 0);
	cr_assert_eq(ph_bind(s, PH_SAN0, other), WSAEINVAL);
	cr_assert_eq(ph_bind(s, PH_SAN0, port), WSAEINVAL);
	cr_assert_eq(raw_bind(PH_SAN0, other), 0);
	cr_assert_eq(raw_bind(PH_SAN0, port), -EADDRINUSE);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_bind(s, PH_SAN0, other), WSAEINVAL, "listening");
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_03_before_listen_and_connect)
{
	BEGIN();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_listen(s, 5), WSAEINVAL);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_04_reads_a_sockaddr_in_at_any_alignment)
{
	BEGIN();
	char room[64];
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, ph_port());
	for (int shift = 0; shift < 4; shift++) {
		SOCKET s = ph_socket();
		memcpy(room + shift, &in, sizeof(in));
		cr_assert_eq(bind_raw(s, room + shift, sizeof(in)), 0, "shift %d", shift);
		cr_assert_eq(ph_close(s), 0);
	}
	/* Host order, as Linux's struct spells it, would be another address: 1.0.77.10. */
	SOCKET s = ph_socket();
	in.sin_addr.s_addr = ntohl(in.sin_addr.s_addr);
	cr_assert_eq(bind_raw(s, &in, sizeof(in)), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_05_another_family_is_WSAEFAULT)
{
	BEGIN();
	static const unsigned short families[] = {WSD_AF_UNSPEC, WSD_AF_UNIX, WSD_AF_INET6, 10,
						  512,           0xffff};
	SOCKET s = ph_socket();
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, ph_port());
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		in.sin_family = families[i];
		cr_assert_eq(bind_raw(s, &in, sizeof(in)), WSAEFAULT, "family %u", families[i]);
	}
	in.sin_family = WSD_AF_INET;
	cr_assert_eq(bind_raw(s, &in, sizeof(in)), 0, "a failed bind changed something");
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_06_lengths)
{
	BEGIN();
	/* The name ends where its page does: reading beyond namelen would crash. */
	long page = sysconf(_SC_PAGESIZE);
	char *two = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(two, MAP_FAILED);
	cr_assert_eq(mprotect(two + page, (size_t)page, PROT_NONE), 0);
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, ph_port());
	static const int bad[] = {INT32_MIN, -1, 0, 1, 2, 4, 8, 15};
	SOCKET s = ph_socket();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int n = bad[i] > 0 ? bad[i] : 0;
		memcpy(two + page - n, &in, (size_t)n);
		cr_assert_eq(bind_raw(s, two + page - n, bad[i]), WSAEFAULT, "%d", bad[i]);
	}
	static const int good[] = {16, 17, 28, 128, 4096, INT32_MAX};
	memcpy(two + page - sizeof(in), &in, sizeof(in));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		SOCKET g = ph_socket();
		cr_assert_eq(bind_raw(g, two + page - sizeof(in), good[i]), 0, "%d", good[i]);
		cr_assert_eq(ph_close(g), 0);
	}
	cr_assert_eq(ph_close(s), 0);
	munmap(two, (size_t)page * 2);
	END();
}

Test(bind, PROV_BIND_07_no_name)
{
	BEGIN();
	SOCKET s = ph_socket();
	cr_assert_eq(bind_raw(s, NULL, 16), WSAEFAULT);
	cr_assert_eq(bind_raw(s, NULL, 0), WSAEFAULT);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_08_the_code_is_written_and_may_have_no_place)
{
	BEGIN();
	SOCKET s = ph_socket();
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, 0);
	int code = 4242;
	cr_assert_eq(ph.proc.lpWSPBind(s, (void *)&in, sizeof(in), &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEADDRNOTAVAIL);
	cr_assert_eq(ph.proc.lpWSPBind(s, (void *)&in, sizeof(in), NULL), SOCKET_ERROR);
	in = ph_addr(PH_SAN0, ph_port());
	cr_assert_eq(ph.proc.lpWSPBind(s, (void *)&in, sizeof(in), NULL), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_09_never_another_port)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s[3];
	for (int i = 0; i < 3; i++) {
		s[i] = ph_listener(PH_SAN0, port, 0);
		for (int d = -3; d <= 3; d++)
			cr_assert_eq(raw_bind(PH_SAN0, (unsigned short)(port + d)),
				     d ? 0 : -EADDRINUSE, "%d", d);
	}
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ph_close(s[i]), 0);
	END();
}

Test(bind, PROV_BIND_11_addresses_that_are_not_served)
{
	BEGIN();
	static const char *const bad[] = {PH_LAN0,           "10.77.0.2",       "10.77.0.255",
					  "10.77.0.0",       "127.0.0.1",       "127.0.0.2",
					  "127.255.255.255", "255.255.255.255", "224.0.0.1",
					  "1.2.3.4",         "169.254.7.7",     "0.0.0.1"};
	SOCKET s = ph_socket();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(ph_bind(s, bad[i], ph_port()), WSAEADDRNOTAVAIL, "%s", bad[i]);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_11_addresses_come_and_go)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, "10.77.1.77", port), WSAEADDRNOTAVAIL);
	cr_assert_eq(add_address("add", "10.77.1.77/24", "san1"), 0);
	cr_assert(WSD_UNTIL(ph_bind(s, "10.77.1.77", port) == 0, SHOWS_MS), "not seen");
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(add_address("del", "10.77.1.77/24", "san1"), 0);
	/* A name that is bound already does not make the address one. */
	for (int i = 0; i < 2; i++) {
		SOCKET late;
		cr_assert(WSD_UNTIL(
			(late = ph_socket(), ph_bind(late, "10.77.1.77", i ? port : ph_port())) ==
					WSAEADDRNOTAVAIL ||
				(ph_close(late), false),
			SHOWS_MS));
		cr_assert_eq(ph_close(late), 0);
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_13_wildcard_means_every_nic, .description = "wildcard_available = true")
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_listener("0.0.0.0", port, 0);
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_assert_eq(raw_bind(all[i], port), -EADDRINUSE, "%s", all[i]);
	/* rdma_cm itself has no wildcard: that would take loopback and NICs without RDMA too. */
	cr_assert_eq(raw_bind("127.0.0.1", port), -EADDRNOTAVAIL);
	cr_assert_eq(ph_bind(s, "0.0.0.0", port), WSAEINVAL);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_close(s), 0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_assert_eq(raw_bind(all[i], port), 0, "%s", all[i]);
	END();
}

Test(bind, PROV_BIND_14_wildcard_both_ways)
{
	ph_up();
	unsigned short port = ph_port();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, "0.0.0.0", port), WSAEADDRNOTAVAIL, "the default is as in Vista");
	cr_assert_eq(ph_bind(s, PH_SAN0, port), 0);
	cr_assert_eq(ph_close(s), 0);
	ph_down();

	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "false", 1);
	ph_up();
	s = ph_socket();
	cr_assert_eq(ph_bind(s, "0.0.0.0", port), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_close(s), 0);
	ph_down();

	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	s = ph_socket();
	cr_assert_eq(ph_bind(s, "0.0.0.0", port), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_16_port_0)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, PH_SAN0, 0), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_bind(s, "0.0.0.0", 0), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(bind, PROV_BIND_18_one_name_many_sockets)
{
	BEGIN();
	enum { N = 200 };
	unsigned short port = ph_port();
	SOCKET s[N];
	for (int i = 0; i < N; i++)
		s[i] = ph_listener(PH_SAN0, port, i % 3 == 0 ? 5 : 0);
	cr_assert_eq(raw_bind(PH_SAN0, port), -EADDRINUSE);
	for (int i = 0; i < N; i++) {
		cr_assert_eq(raw_bind(PH_SAN0, port), -EADDRINUSE, "lost after %d closes", i);
		cr_assert_eq(ph_close(s[i]), 0);
	}
	cr_assert_eq(raw_bind(PH_SAN0, port), 0);
	END();
}

/* Runs @body in a process of its own that has started the provider anew. */
static pid_t in_process(void (*body)(int go_fd, int said_fd), int *ret_go, int *ret_said)
{
	int go[2], said[2];
	cr_assert_eq(pipe(go) | pipe(said), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		close(go[1]);
		close(said[0]);
		if (ph_startup())
			_exit(9);
		body(go[0], said[1]);
		_exit(0);
	}
	close(go[0]);
	close(said[1]);
	*ret_go = go[1];
	*ret_said = said[0];
	return pid;
}

static unsigned short shared_port;

static void bind_and_hold(int go_fd, int said_fd)
{
	char c = (char)(ph_bind(ph_socket(), PH_SAN0, shared_port) == 0 ? 'y' : 'n');
	write(said_fd, &c, 1);
	read(go_fd, &c, 1);
}

Test(bind, PROV_BIND_18_one_name_in_two_processes)
{
	BEGIN();
	shared_port = ph_port();
	int go, said;
	char c = 0;
	pid_t pid = in_process(bind_and_hold, &go, &said);
	cr_assert_eq(read(said, &c, 1), 1);
	cr_assert_eq(c, 'y');
	SOCKET s = ph_listener(PH_SAN0, shared_port, 0);
	SOCKET t = ph_listener(PH_SAN0, shared_port, 5);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_close(t), 0);
	close(go);
	close(said);
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	END();
}

Test(bind, PROV_BIND_19_reuse_is_not_the_providers_business)
{
	BEGIN();
	unsigned short port = ph_port();
	int code, on = 1;
	SOCKET s = ph_socket(), t = ph_socket();
	cr_assert_eq(ph.proc.lpWSPSetSockOpt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&on,
					     sizeof(on), &code),
		     SOCKET_ERROR);
	cr_assert_eq(code, WSAENOPROTOOPT);
	cr_assert_eq(ph_bind(s, PH_SAN0, port), 0);
	cr_assert_eq(ph_bind(t, PH_SAN0, port), 0);
	cr_assert_eq(ph_listen(s, 1), 0);
	cr_assert_eq(ph_listen(t, 1), 0);
	SOCKET u = ph_listener(PH_SAN0, port, 1);
	cr_assert_eq(ph_close(s) + ph_close(t) + ph_close(u), 0);
	END();
}

/* Clauses: PROV-BIND-19, PROV-BIND-20 */
Test(bind, PROV_BIND_23_a_name_held_by_a_raw_program_is_bound_all_the_same)
{
	BEGIN();
	unsigned short port = ph_port();
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	/* A wildcard of another program, too: rdma_cm says EADDRNOTAVAIL then. */
	cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&in), 0);
	cr_assert_eq(rdma_listen(id, 5), 0);
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_close(s), 0);
	rdma_destroy_id(id);

	in.sin_addr.s_addr = inet_addr(PH_SAN0);
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&in), 0);
	s = ph_listener(PH_SAN0, port, 5);
	uint32_t max = 0;
	int len = sizeof(max), code;
	cr_assert_eq(ph.proc.lpWSPGetSockOpt(s, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&max, &len,
					     &code),
		     0, "the device of a dormant name is known");
	cr_assert_gt(max, 0);
	rdma_destroy_id(id);
	cr_assert(WSD_UNTIL(raw_bind(PH_SAN0, port) == -EADDRINUSE, SHOWS_MS),
		  "the dormant name did not wake up");
	cr_assert_eq(ph_close(s), 0);
	rdma_destroy_event_channel(channel);
	END();
}

Test(bind, PROV_BIND_23_a_wildcard_and_a_specific_name_of_one_port)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	unsigned short port = ph_port();
	SOCKET w = ph_listener("0.0.0.0", port, 5), s = ph_listener(PH_SAN1, port, 5);
	SOCKET w2 = ph_listener("0.0.0.0", port, 0);
	cr_assert_eq(ph_close(w), 0);
	cr_assert_eq(raw_bind(PH_SAN1, port), -EADDRINUSE);
	cr_assert_eq(raw_bind(PH_SAN0, port), -EADDRINUSE);
	cr_assert_eq(ph_close(w2), 0);
	cr_assert_eq(raw_bind(PH_SAN0, port), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

/* The order of checks: each row has all the later faults too. Clauses: PROV-BIND-24 */
Test(bind, PROV_BIND_25_order_of_checks)
{
	BEGIN();
	SOCKET bound = ph_listener(PH_SAN0, ph_port(), 0), fresh = ph_socket();
	struct wsd_sockaddr_in wrong = ph_addr("1.2.3.4", 0);
	wrong.sin_family = WSD_AF_INET6;
	cr_assert_eq(bind_raw(bound + 1, NULL, 3), WSAENOTSOCK);
	cr_assert_eq(bind_raw(INVALID_SOCKET, &wrong, 3), WSAENOTSOCK);
	cr_assert_eq(bind_raw(0, &wrong, 16), WSAENOTSOCK);
	cr_assert_eq(bind_raw(bound, NULL, 3), WSAEFAULT);
	cr_assert_eq(bind_raw(bound, &wrong, 3), WSAEFAULT);
	cr_assert_eq(bind_raw(bound, &wrong, 16), WSAEFAULT);
	wrong.sin_family = WSD_AF_INET;
	cr_assert_eq(bind_raw(bound, &wrong, 16), WSAEINVAL);
	cr_assert_eq(bind_raw(fresh, &wrong, 16), WSAEADDRNOTAVAIL);
	wrong.sin_port = htons(80);
	cr_assert_eq(bind_raw(fresh, &wrong, 16), WSAEADDRNOTAVAIL);
	struct wsd_sockaddr_in good = ph_addr(PH_SAN0, ph_port());
	memset(good.sin_zero, 0x5a, sizeof(good.sin_zero));
	cr_assert_eq(bind_raw(fresh, &good, 16), 0, "sin_zero may hold anything");
	cr_assert_eq(ph_close(bound) + ph_close(fresh), 0);
	cr_assert_eq(bind_raw(bound, NULL, 0), WSAENOTSOCK, "a closed one");
	END();
}

/* No answer of a network is waited for: an address without a peer binds as fast as any. */
Test(bind, PROV_BIND_20_does_not_wait)
{
	BEGIN();
	long long start = wsd_check_now_ms();
	for (int i = 0; i < 100; i++) {
		SOCKET s = ph_listener(i % 2 ? PH_SAN0 : PH_SAN2B, ph_port(), 5);
		cr_assert_eq(ph_close(s), 0);
	}
	cr_assert_lt(wsd_check_now_ms() - start, 5000);
	END();
}

Test(bind, PROV_BIND_22_ten_thousand_sockets_on_names_of_their_own, .timeout = 300)
{
	BEGIN();
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	SOCKET *s = calloc(FAR_SOCKETS, sizeof(*s));
	for (int i = 0; i < FAR_SOCKETS; i++)
		s[i] = ph_listener(all[i % 4], (unsigned short)(1024 + i / 4), i % 2);
	cr_assert_eq(ph_open_handles(), FAR_SOCKETS);
	for (int i = 0; i < FAR_SOCKETS; i++)
		cr_assert_eq(ph_close(s[i]), 0);
	free(s);
	END();
}

static void *storm(void *arg)
{
	unsigned short port = *(unsigned short *)arg;
	for (int i = 0; i < STORM_ROUNDS; i++) {
		SOCKET s = ph_listener(i % 2 ? PH_SAN0 : PH_SAN1, port, i % 3 ? 3 : 0);
		if (ph_close(s))
			return arg;
	}
	return NULL;
}

Test(bind, PROV_BIND_18_one_name_from_many_threads, .timeout = 120)
{
	BEGIN();
	pthread_t threads[STORM_THREADS];
	unsigned short port = ph_port();
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_create(&threads[i], NULL, storm, &port);
	for (int i = 0; i < STORM_THREADS; i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		cr_assert_null(bad);
	}
	cr_assert_eq(raw_bind(PH_SAN0, port), 0);
	cr_assert_eq(raw_bind(PH_SAN1, port), 0);
	END();
}

struct same {
	SOCKET s;
	atomic_uint ok, refused, gone;
};

static void *bind_same(void *arg)
{
	struct same *m = arg;
	switch (ph_bind(m->s, PH_SAN0, ph_port())) {
	case 0:
		atomic_fetch_add(&m->ok, 1);
		break;
	case WSAEINVAL:
		atomic_fetch_add(&m->refused, 1);
		break;
	case WSAENOTSOCK:
		atomic_fetch_add(&m->gone, 1);
		break;
	default:
		break;
	}
	return NULL;
}

static void *close_same(void *arg)
{
	struct same *m = arg;
	ph_close(m->s);
	return NULL;
}

Test(bind, PROV_BIND_02_many_threads_bind_one_socket, .timeout = 120)
{
	BEGIN();
	for (int round = 0; round < 20; round++) {
		pthread_t threads[STORM_THREADS];
		struct same m = {.s = ph_socket()};
		bool closing = round % 2;
		for (int i = 0; i < STORM_THREADS; i++)
			pthread_create(&threads[i], NULL,
				       closing && i == STORM_THREADS / 2 ? close_same : bind_same,
				       &m);
		for (int i = 0; i < STORM_THREADS; i++)
			pthread_join(threads[i], NULL);
		unsigned binds = STORM_THREADS - (closing ? 1 : 0);
		cr_assert_leq(m.ok, 1);
		cr_assert_eq(m.ok + m.refused + m.gone, binds, "another code");
		if (!closing) {
			cr_assert_eq(m.ok, 1);
			cr_assert_eq(ph_close(m.s), 0);
		}
	}
	END();
}
