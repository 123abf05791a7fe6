/* SPDX-License-Identifier: MIT
 *
 * What children of a fork have of the provider's descriptors: none, whenever the fork comes and
 * whatever the process lacks. PROV-MEM-14. Tests delete rxe1 and put it back.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"

enum { AT_ONCE_MS = 10000, SHOWS_MS = 4000, SLEEP_MS = 50, KEPT = 64 };

#ifdef WSD_CHECK_ASAN
enum { ROUNDS = 5 }; /* alone: see forks_beside() */
#else
enum { ROUNDS = 150 };
#endif

/*
 * What the provider has open: events, timers, epoll instances; netlink; rdma_cm. (A device that
 * librdmacm keeps open after the last cleanup is left to children, who could not bind without.)
 */
static bool is_providers(const char *target)
{
	return strstr(target, "/dev/infiniband/rdma_cm") || !strncmp(target, "socket:", 7) ||
	       (strstr(target, "anon_inode") && !strstr(target, "[infinibandevent]"));
}

/* Descriptors of that kind in a process, those that @before has left out; the first as text. */
static unsigned inherited(pid_t pid, const bool *before, char *first, size_t size)
{
	char path[64], target[128];
	unsigned n = 0;
	for (int fd = 3; fd < WSD_CHECK_FDS; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
		ssize_t len = before[fd] ? -1 : readlink(path, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (!is_providers(target))
			continue;
		if (!n++)
			snprintf(first, size, "%d=%s", fd, target);
	}
	return n;
}

static void put_back(void)
{
	if (access("/sys/class/infiniband/rxe1", F_OK) != 0)
		PH_RUN("rdma", "link", "add", "rxe1", "type", "rxe", "netdev", "san1");
	/* its GID comes later */
	WSD_UNTIL(PH_RUN("sh", "-c",
			 "grep -q 0a4d:0101 /sys/class/infiniband/rxe1/ports/1/gids/?") == 0,
		  SHOWS_MS);
}

static void expect_deletion_at_once(const char *what, pid_t child)
{
	long long start = wsd_check_now_ms();
	int failed = PH_RUN("rdma", "link", "delete", "rxe1");
	long long ms = wsd_check_now_ms() - start;
	if (failed)
		kill(child, SIGKILL);
	cr_assert(!failed && ms < AT_ONCE_MS, "%s: the deletion took %lld ms", what, ms);
	put_back();
}

/* ---- a parent that lacks something ---- */

struct lack {
	const char *what;
	bool dev, fds, startup;
};

/* The parent: listens, gives things up, has a child that sleeps, and waits to be killed. */
static void parent(const struct lack *lack, unsigned short port, volatile pid_t *ret_child)
{
	char root[] = "/tmp/wsd-root-XXXXXX";
	if (!mkdtemp(root))
		_exit(1);
	ph_load();
	if (ph_startup())
		_exit(2);
	SOCKET s = ph_socket();
	if (!WSD_UNTIL(ph_bind(s, PH_SAN1, port) == 0, SHOWS_MS) || ph_listen(s, 5) ||
	    (lack->startup && ph_cleanup()))
		_exit(3);
	usleep(SLEEP_MS * 1000);
	if (lack->dev && chroot(root))
		_exit(4);
	if (lack->fds) {
		struct rlimit few = {KEPT, KEPT};
		setrlimit(RLIMIT_NOFILE, &few);
		while (dup(0) >= 0)
			;
	}
	pid_t pid = fork();
	if (pid)
		*ret_child = pid;
	for (;;)
		pause();
}

TestSuite(fork, .init = put_back, .fini = put_back, .timeout = 120);

Test(fork, PROV_MEM_14_a_child_of_a_parent_that_lacks_something)
{
	static const struct lack rows[] = {
		{"nothing", false, false, false},
		{"/dev/null", true, false, false},
		{"descriptors", false, true, false},
		{"both", true, true, false},
		{"a startup and descriptors", false, true, true},
	};
	volatile pid_t *child = mmap(NULL, sizeof(*child), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool before[WSD_CHECK_FDS];
	wsd_check_count("fd", before);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char first[160] = "";
		unsigned short port = ph_port();
		*child = 0;
		pid_t pid = wsd_fork();
		if (pid == 0)
			parent(&rows[i], port, child);
		int status = 0;
		bool ready =
			WSD_UNTIL(*child || waitpid(pid, &status, WNOHANG), 2 * SHOWS_MS) && *child;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cr_assert(ready, "%s: no child, status %#x", rows[i].what, (unsigned)status);
		unsigned n = 0;
		WSD_UNTIL(!(n = inherited(*child, before, first, sizeof(first))), SLEEP_MS);
		/* The name is free, the device may go. */
		ph_up();
		SOCKET s = ph_listener(PH_SAN1, port, 5);
		char range[64];
		snprintf(range, sizeof(range), "rdma res show cm_id | grep -c ':%u '", port);
		int shown = PH_RUN("sh", "-c", range); /* 0: it is listed */
		cr_assert_eq(ph_close(s), 0);
		ph_down();
		kill(*child, SIGKILL); /* it may hold devices that this process had opened */
		cr_assert_eq(n, 0, "%s: %u, first %s", rows[i].what, n, first);
		cr_assert_eq(shown, 0, "%s: the name is another's", rows[i].what);
	}
	munmap((void *)(uintptr_t)child, sizeof(*child));
}

/* A process that deletes and has no provider of its own: the children alone hold the device. */
Test(fork, PROV_MEM_14_the_device_of_a_dead_parent_may_go)
{
	static const struct lack rows[] = {{"nothing", false, false, false},
					   {"both", true, true, false}};
	volatile pid_t *child = mmap(NULL, sizeof(*child), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*child = 0;
		pid_t pid = wsd_fork();
		if (pid == 0)
			parent(&rows[i], ph_port(), child);
		bool ready = WSD_UNTIL(*child, 2 * SHOWS_MS);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cr_assert(ready);
		expect_deletion_at_once(rows[i].what, *child);
		kill(*child, SIGKILL);
	}
	munmap((void *)(uintptr_t)child, sizeof(*child));
}

/* ---- a fork at any moment ---- */

struct churn {
	atomic_bool stop;
	atomic_uint rounds;
};

static void *start_and_stop(void *arg)
{
	struct churn *c = arg;
	while (!atomic_load(&c->stop)) {
		int code;
		if (ph_startup())
			continue;
		SOCKET s = ph.proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL,
					       0, WSA_FLAG_OVERLAPPED, &code);
		if (ph_bind(s, PH_SAN1, ph_port()) == 0)
			ph_listen(s, 5);
		ph.proc.lpWSPCleanup(&code); /* which closes it */
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

static void *move_addresses(void *arg)
{
	struct churn *c = arg;
	while (!atomic_load(&c->stop)) {
		PH_RUN("ip", "addr", "add", "10.77.2.200/32", "dev", "san2");
		PH_RUN("ip", "addr", "del", "10.77.2.200/32", "dev", "san2");
		atomic_fetch_add(&c->rounds, 1);
	}
	return NULL;
}

/* Forks; children that have something of the provider's, or hang. */
static unsigned bad_children(const bool *before, char *first, size_t size)
{
	unsigned bad = 0;
	int report[2];
	for (int i = 0; i < ROUNDS; i++) {
		cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
		pid_t pid = wsd_fork();
		if (pid == 0) {
			char mine[160] = "";
			alarm(20);
			unsigned n = inherited(getpid(), before, mine, sizeof(mine));
			if (n && write(report[1], mine, sizeof(mine)) < 0)
				_exit(2);
			_exit(n > 0);
		}
		int status = -1;
		waitpid(pid, &status, 0);
		close(report[1]);
		if (status && bad++ == 0 && read(report[0], first, size) <= 0)
			snprintf(first, size, "status %#x", (unsigned)status);
		close(report[0]);
	}
	return bad;
}

/* With the sanitizer no thread may be inside its allocator over a fork: so each runs to its end. */
static void forks_beside(void *(*run)(void *arg), const bool *before)
{
	struct churn c = {0};
	char first[160] = "";
	pthread_t thread;
#ifdef WSD_CHECK_ASAN
	atomic_store(&c.stop, true);
#endif
	pthread_create(&thread, NULL, run, &c);
#ifdef WSD_CHECK_ASAN
	pthread_join(thread, NULL);
#endif
	unsigned bad = bad_children(before, first, sizeof(first));
#ifndef WSD_CHECK_ASAN
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
	cr_assert_gt(c.rounds, 3);
#endif
	cr_assert_eq(bad, 0, "%u of %d children, the first has %s", bad, ROUNDS, first);
}

Test(fork, PROV_MEM_14_forks_while_another_thread_starts_and_stops)
{
	bool before[WSD_CHECK_FDS];
	wsd_check_count("fd", before);
	ph_load();
	forks_beside(start_and_stop, before);
	ph_unload();
}

Test(fork, PROV_MEM_14_forks_while_addresses_change)
{
	bool before[WSD_CHECK_FDS];
	wsd_check_count("fd", before);
	ph_up();
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	forks_beside(move_addresses, before);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* Workers of a master that looked and cleaned up. */
Test(fork, PROV_MEM_14_a_child_starts_anew_after_the_last_cleanup)
{
	ph_up();
	cr_assert_eq(ph_cleanup(), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		if (ph_startup())
			_exit(1);
		SOCKET s = ph_socket();
		_exit(ph_bind(s, PH_SAN0, ph_port()) || ph_listen(s, 5) ? 2 : 0);
	}
	int status = -1;
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0, "status %#x", (unsigned)status);
	ph_unload();
}

/* The monitor of the parent goes on, though they shared its epoll instance. */
Test(fork, PROV_MEM_14_the_parent_still_sees_its_nics)
{
	ph_up();
	pid_t pid = wsd_fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	SOCKET s = ph_socket();
	cr_assert_eq(PH_RUN("rdma", "link", "delete", "rxe1"), 0);
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == WSAEADDRNOTAVAIL, SHOWS_MS));
	put_back();
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == 0, SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}
