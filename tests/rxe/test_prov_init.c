/* SPDX-License-Identifier: MIT
 *
 * WSPStartupEx and WSPCleanup on soft-RoCE. PROV-INIT-2 to 12, PROV-MEM-14. (PROV-INIT-1 needs no
 * RDMA: unit suite.)
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, STORM_THREADS = 6, STORM_ROUNDS = 15 };

/* librdmacm keeps devices open for good: once through before the descriptors are counted. */
#define BEGIN()    \
	ph_up();   \
	ph_down(); \
	ph_load(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_unload()

static int startup_version(unsigned major, unsigned minor)
{
	return ph.startup((WORD)(minor << 8 | major), &ph.data, &ph.tcp, &ph.up, &ph.proc);
}

Test(init, PROV_INIT_02_versions)
{
	BEGIN();
	static const struct {
		unsigned major, minor;
		int code;
	} rows[] = {
		{2, 2, 0},
		{2, 3, 0},
		{3, 0, 0},
		{255, 255, 0},
		{2, 1, WSAVERNOTSUPPORTED},
		{2, 0, WSAVERNOTSUPPORTED},
		{1, 1, WSAVERNOTSUPPORTED},
		{1, 255, WSAVERNOTSUPPORTED},
		{0, 0, WSAVERNOTSUPPORTED},
		{0, 2, WSAVERNOTSUPPORTED},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(startup_version(rows[i].major, rows[i].minor), rows[i].code, "%u.%u",
			     rows[i].major, rows[i].minor);
		if (!rows[i].code)
			cr_assert_eq(ph_cleanup(), 0);
	}
	END();
}

Test(init, PROV_INIT_03_what_the_provider_says_of_itself)
{
	BEGIN();
	memset(&ph.data, 0xff, sizeof(ph.data));
	memset(&ph.proc, 0, sizeof(ph.proc));
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph.data.wVersion, 0x0202);
	cr_assert_eq(ph.data.wHighVersion, 0x0202);
	size_t n = 0;
	while (n < 256 && ph.data.szDescription[n]) {
		cr_assert_geq(ph.data.szDescription[n], 0x20, "a control character");
		n++;
	}
	cr_assert(n > 0 && n < 256);
	void *slots[30];
	cr_assert_eq(sizeof(ph.proc), sizeof(slots));
	memcpy(slots, &ph.proc, sizeof(slots));
	for (size_t i = 0; i < 30; i++)
		cr_assert_not_null(slots[i], "slot %zu is empty", i);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

/* Clauses: PROV-SOCKET-2 */
Test(init, PROV_INIT_04_the_protocol_info_is_copied)
{
	BEGIN();
	WSAPROTOCOL_INFOW *tcp = malloc(sizeof(*tcp));
	*tcp = ph.tcp;
	cr_assert_eq(ph.startup(0x0202, &ph.data, tcp, &ph.up, &ph.proc), 0);
	memset(tcp, 0xee, sizeof(*tcp));
	free(tcp);
	SOCKET s = ph_socket();
	cr_assert_eq(ph.last_entry, PH_CATALOG_ENTRY);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

Test(init, PROV_INIT_05_the_upcall_table_is_copied)
{
	BEGIN();
	WSPUPCALLTABLEEX *up = malloc(sizeof(*up));
	*up = ph.up;
	cr_assert_eq(ph.startup(0x0202, &ph.data, &ph.tcp, up, &ph.proc), 0);
	memset(up, 0, sizeof(*up));
	free(up);
	SOCKET s = ph_socket();
	cr_assert_eq(ph.creates, 1);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph.closes, 1);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

Test(init, PROV_INIT_06_references)
{
	BEGIN();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_listen(s, 6), 0, "an early cleanup freed something");
	cr_assert_eq(ph.closes, 0);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_listen(s, 6), WSAENOTSOCK);
	cr_assert_eq(ph_cleanup(), WSANOTINITIALISED);
	END();
}

/* Clauses: PROV-INIT-8 */
Test(init, PROV_INIT_07_a_failed_startup_adds_nothing_and_may_be_repeated)
{
	BEGIN();
	cr_assert_eq(startup_version(1, 1), WSAVERNOTSUPPORTED);
	cr_assert(!ph.proc.lpWSPCleanup, "the table is filled");
	/* No descriptors left: rdma_cm cannot be opened at all. */
	struct rlimit old, none;
	getrlimit(RLIMIT_NOFILE, &old);
	for (unsigned room = 0; room < 12; room++) {
		none = old;
		none.rlim_cur = wsd_check_fds() + room;
		setrlimit(RLIMIT_NOFILE, &none);
		int code = ph_startup();
		setrlimit(RLIMIT_NOFILE, &old);
		cr_assert(code == 0 || code == WSASYSNOTREADY, "room for %u: %d", room, code);
		if (room == 0)
			cr_assert_eq(code, WSASYSNOTREADY);
		if (!code)
			cr_assert_eq(ph_cleanup(), 0);
	}
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 1);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

Test(init, PROV_INIT_08_bad_pointers)
{
	BEGIN();
	WSPUPCALLTABLEEX hole;
	cr_assert_eq(ph.startup(0x0202, NULL, &ph.tcp, &ph.up, &ph.proc), WSAEFAULT);
	cr_assert_eq(ph.startup(0x0202, &ph.data, NULL, &ph.up, &ph.proc), WSAEFAULT);
	cr_assert_eq(ph.startup(0x0202, &ph.data, &ph.tcp, NULL, &ph.proc), WSAEFAULT);
	cr_assert_eq(ph.startup(0x0202, &ph.data, &ph.tcp, &ph.up, NULL), WSAEFAULT);
	hole = ph.up;
	hole.lpWPUCreateSocketHandle = NULL;
	cr_assert_eq(ph.startup(0x0202, &ph.data, &ph.tcp, &hole, &ph.proc), WSAEFAULT);
	hole = ph.up;
	hole.lpWPUSetEvent = NULL;
	cr_assert_eq(ph.startup(0x0202, &ph.data, &ph.tcp, &hole, &ph.proc), WSAEFAULT);
	/* The version comes first. */
	cr_assert_eq(ph.startup(0x0101, NULL, NULL, NULL, NULL), WSAVERNOTSUPPORTED);
	END();
}

Test(init, PROV_INIT_08_client_limit)
{
	setenv("WSD_RDMA_MAX_STARTUPS", "2", 1);
	BEGIN();
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph_startup(), WSAEPROCLIM);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

/* In a mount namespace of its own without the device file. */
Test(init, PROV_INIT_08_rdma_cm_cannot_be_opened)
{
	WSD_TEST_BEGIN();
	pid_t pid = wsd_fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", "/dev", "tmpfs", 0, NULL))
			_exit(1);
		ph_load();
		int code = ph_startup();
		_exit(code == WSASYSNOTREADY ? 0 : 2);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "status %#x", (unsigned)status);
	WSD_TEST_END();
}

Test(init, PROV_INIT_09_cleanup_without_startup)
{
	BEGIN();
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_cleanup(), WSANOTINITIALISED);
	cr_assert_eq(ph.proc.lpWSPCleanup(NULL), SOCKET_ERROR);
	END();
}

Test(init, PROV_INIT_10_the_last_cleanup_frees_sockets_of_every_kind)
{
	BEGIN();
	struct ph_event event = {0};
	struct rdma_peer c;
	cr_assert_eq(ph_startup(), 0);
	unsigned short port = ph_port();
	ph_socket();
	ph_listener(PH_SAN1, ph_port(), 0);
	ph_listener(PH_SAN0, port, 0);
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &event, FD_ACCEPT), 0);
	cr_assert_eq(rdma_peer_connect(&c, PH_SAN0, PH_SAN0, port, NULL, 0), 0);
	cr_assert(WSD_UNTIL(atomic_load(&event.set), SOON_MS));
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph.closes, 4);
	cr_assert_eq(ph_open_handles(), 0);
	cr_assert_eq(ph.wrong, 0);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	rdma_peer_close(&c);
	/* And again from the beginning. */
	cr_assert_eq(ph_startup(), 0);
	cr_assert_eq(ph_close(s), WSAENOTSOCK, "a descriptor of the last startup");
	s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_cleanup(), 0);
	END();
}

static unsigned own_cm_ids(void)
{
	char line[512];
	unsigned n = 0;
	char pid[32];
	snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
	FILE *f = popen("rdma resource show cm_id", "re");
	while (f && fgets(line, sizeof(line), f)) {
		char *at = strstr(line, pid);
		n += at && at[strlen(pid)] == ' ';
	}
	return f && pclose(f) == 0 ? n : UINT32_MAX;
}

Test(init, PROV_INIT_10_no_cm_id_is_left)
{
	BEGIN();
	unsigned before = own_cm_ids();
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	ph_listener(PH_SAN1, ph_port(), 0);
	cr_assert_geq(own_cm_ids(), before + 2);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(own_cm_ids(), before);
	END();
}

/* The last cleanup from inside an upcall of the event thread. */
static atomic_int cleaned = -1;

static void clean_up_inside(struct ph_event *e)
{
	atomic_store(&cleaned, ph_cleanup());
}

Test(init, PROV_INIT_10_cleanup_from_inside_an_upcall)
{
	BEGIN();
	struct ph_event event = {.hook = clean_up_inside};
	struct rdma_peer c;
	cr_assert_eq(ph_startup(), 0);
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &event, FD_ACCEPT), 0);
	cr_assert_eq(rdma_peer_connect(&c, PH_SAN0, PH_SAN0, port, NULL, 0), 0);
	cr_assert(WSD_UNTIL(atomic_load(&cleaned) == 0, SOON_MS));
	rdma_peer_close(&c);
	cr_assert_eq(ph_open_handles(), 0);
	END();
}

static void *restart(void *arg)
{
	for (int i = 0; i < STORM_ROUNDS; i++) {
		WSPDATA data;
		WSPPROC_TABLE proc;
		int code;
		if (ph.startup(0x0202, &data, &ph.tcp, &ph.up, &proc))
			return arg;
		SOCKET s = proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
					    WSA_FLAG_OVERLAPPED, &code);
		struct wsd_sockaddr_in in = ph_addr(PH_SAN0, (unsigned short)(6000 + i));
		if (s != INVALID_SOCKET)
			proc.lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in), &code);
		if (proc.lpWSPCleanup(&code))
			return arg;
	}
	return NULL;
}

Test(init, PROV_INIT_06_startups_and_cleanups_from_many_threads, .timeout = 120)
{
	BEGIN();
	pthread_t threads[STORM_THREADS];
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_create(&threads[i], NULL, restart, &ph);
	for (int i = 0; i < STORM_THREADS; i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		cr_assert_null(bad);
	}
	cr_assert_eq(ph_open_handles(), 0);
	cr_assert_eq(ph.wrong, 0);
	END();
}

/* The child has nothing, harms nothing, and may start anew. */
Test(init, PROV_MEM_14_fork)
{
	ph_up();
	WSD_TEST_BEGIN();
	struct ph_event event = {0};
	struct rdma_peer c;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &event, FD_ACCEPT), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		int code = 0;
		if (ph_listen(s, 5) != WSAENOTSOCK || ph_close(s) != WSAENOTSOCK ||
		    ph_cleanup() != WSANOTINITIALISED)
			_exit(1);
		if (ph.proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
					WSA_FLAG_OVERLAPPED, &code) != INVALID_SOCKET ||
		    code != WSAENETDOWN)
			_exit(2);
		if (ph_startup())
			_exit(3);
		SOCKET mine = ph_socket();
		if (ph_bind(mine, PH_SAN0, (unsigned short)(port + 1)) || ph_listen(mine, 5))
			_exit(4);
		exit(0); /* with its handlers */
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "status %#x", (unsigned)status);
	/* The parent's listener is as before. */
	cr_assert_eq(rdma_peer_connect(&c, PH_SAN0, PH_SAN0, port, NULL, 0), 0);
	cr_assert(WSD_UNTIL(atomic_load(&event.set), SOON_MS));
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(s), 0);
	WSD_TEST_END();
	ph_down();
}

static void *bind_and_close(void *arg)
{
	atomic_bool *stop = arg;
	for (unsigned i = 0; !atomic_load(stop); i++) {
		SOCKET s =
			ph_listener(i % 2 ? PH_SAN0 : PH_SAN1, (unsigned short)(8000 + i % 500), 5);
		ph_close(s);
	}
	return NULL;
}

/* Whatever other threads do in librdmacm, the child can start anew. */
Test(init, PROV_MEM_14_fork_while_other_threads_bind, .timeout = 120)
{
	ph_up();
	WSD_TEST_BEGIN();
#ifdef WSD_CHECK_ASAN
	enum { OTHERS = 0 }; /* gcc 12's sanitizer does not lock its allocator over a fork */
#else
	enum { OTHERS = 3 };
#endif
	pthread_t threads[OTHERS + 1];
	atomic_bool stop = false;
	for (int i = 0; i < OTHERS; i++)
		pthread_create(&threads[i], NULL, bind_and_close, &stop);
	for (int i = 0; i < 20; i++) {
		pid_t pid = wsd_fork();
		if (pid == 0) {
			alarm(20);
			if (ph_startup())
				_exit(1);
			SOCKET s = ph_socket();
			_exit(ph_bind(s, PH_SAN2, ph_port()) || ph_listen(s, 5) || ph_cleanup());
		}
		int status;
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0, "child %d: status %#x", i, (unsigned)status);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < OTHERS; i++)
		pthread_join(threads[i], NULL);
	WSD_TEST_END();
	ph_down();
}

/* What a program that is executed inherits. */
Test(init, PROV_MEM_14_every_descriptor_is_closed_on_exec)
{
	bool before[WSD_CHECK_FDS], now[WSD_CHECK_FDS];
	wsd_check_count("fd", before);
	ph_up();
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	wsd_check_count("fd", now);
	unsigned fresh = 0;
	for (int fd = 0; fd < WSD_CHECK_FDS; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (before[fd] || !now[fd] || flags < 0)
			continue;
		fresh++;
		cr_assert(flags & FD_CLOEXEC, "descriptor %d", fd);
	}
	cr_assert_gt(fresh, 5);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

/* Not root, and memory to lock as an ordinary user has it. Clauses: PROV-BIND-24 */
Test(init, PROV_INIT_08_an_ordinary_user)
{
	pid_t pid = wsd_fork();
	if (pid == 0) {
		struct rlimit lock = {8 << 20, 8 << 20};
		if (setrlimit(RLIMIT_MEMLOCK, &lock) || setgid(65534) || setuid(65534))
			_exit(1);
		ph_load();
		if (ph_startup())
			_exit(2);
		SOCKET s = ph_socket(), low = ph_socket();
		if (ph_bind(s, PH_SAN0, ph_port()) || ph_listen(s, 5))
			_exit(3);
		if (ph_bind(low, PH_SAN0, 80) != WSAEADDRNOTAVAIL)
			_exit(4);
		if (ph_bind(low, PH_SAN0, ph_port()) || ph_close(low) || ph_close(s) ||
		    ph_cleanup())
			_exit(5);
		_exit(0);
	}
	int status;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "status %#x", (unsigned)status);
}
