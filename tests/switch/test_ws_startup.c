/* SPDX-License-Identifier: MIT
 *
 * WSAStartup, WSACleanup, versions, counts, fork. [WS-STARTUP-1 to 6]
 */
#include "peer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

Test(startup, WS_STARTUP_1_the_code_is_the_value)
{
	WSD_TEST_BEGIN();
	ws_environment();
	WSADATA data;
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	wsd_WSASetLastError(4711);
	cr_assert_eq(wsd_WSAStartup(0x0202, NULL), WSAEFAULT);
	cr_assert_eq(wsd_WSAStartup(0x0202, (LPWSADATA)1), WSAEFAULT);
	cr_assert_eq(wsd_WSAStartup(0x0202, hole), WSAEFAULT);
	cr_assert_eq(wsd_WSAStartup(0x0200, &data), WSAVERNOTSUPPORTED); /* major 0 */
	cr_assert_eq(wsd_WSAGetLastError(), 4711, "WSAStartup needs no last error");
	/* none of the failures has left the library started */
	cr_assert_eq(wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0), INVALID_SOCKET);
	cr_assert_eq(wsd_WSAGetLastError(), WSANOTINITIALISED);
	munmap(hole, 4096);
	WSD_TEST_END();
}

Test(startup, WS_STARTUP_1_limit_gives_WSAEPROCLIM)
{
	WSD_TEST_BEGIN();
	setenv("WSD_LIMIT_STARTUPS", "2", 1);
	ws_start();
	cr_assert_eq(ws_startup(), 0);
	cr_assert_eq(ws_startup(), WSAEPROCLIM);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(ws_startup(), 0);
	cr_assert_eq(wsd_WSACleanup(), 0);
	WS_END();
}

Test(startup, WS_STARTUP_1_no_configuration_gives_WSASYSNOTREADY)
{
	WSD_TEST_BEGIN();
	setenv("WSD_CONFIG", "/nonexistent/wsdirect.conf", 1);
	ws_environment();
	cr_assert_eq(ws_startup(), WSASYSNOTREADY);
	setenv("WSD_CONFIG", "/dev/null", 1);
	cr_assert_eq(ws_startup(), 0, "and it may be tried again");
	WS_END();
}

Test(startup, WS_STARTUP_2_versions)
{
	static const struct {
		WORD asked, got;
	} rows[] = {
		{0x0001, 0x0001}, {0x0101, 0x0101}, {0x0501, 0x0101}, {0x0002, 0x0002},
		{0x0102, 0x0102}, {0x0202, 0x0202}, {0x0302, 0x0202}, {0xff02, 0x0202},
		{0x0003, 0x0202}, {0xffff, 0x0202},
	};
	WSD_TEST_BEGIN();
	ws_environment();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		WSADATA data;
		memset(&data, 0xaa, sizeof(data));
		cr_assert_eq(wsd_WSAStartup(rows[i].asked, &data), 0, "%04x", rows[i].asked);
		cr_assert_eq(data.wVersion, rows[i].got, "%04x", rows[i].asked);
		cr_assert_eq(data.wHighVersion, 0x0202);
		/* programs of version 1 reckon with it, later ones are told to ignore it */
		cr_assert_eq(data.iMaxSockets, (rows[i].asked & 0xff) < 2 ? 32767 : 0);
		cr_assert_str_eq(data.szSystemStatus, "Running");
		cr_assert_neq(data.szDescription[0], '\0');
		cr_assert_eq(wsd_WSACleanup(), 0);
	}
	WSADATA untouched, before;
	memset(&untouched, 0x55, sizeof(untouched));
	before = untouched;
	cr_assert_eq(wsd_WSAStartup(0x0200, &untouched), WSAVERNOTSUPPORTED);
	cr_assert_eq(memcmp(&untouched, &before, sizeof(before)), 0);
	WSD_TEST_END();
}

Test(startup, WS_STARTUP_3_calls_are_counted)
{
	WSD_TEST_BEGIN();
	ws_environment();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ws_startup(), 0);
	SOCKET s = ws_tcp();
	for (int i = 0; i < 2; i++) {
		WS_OK(wsd_WSACleanup());
		WS_OK(wsd_listen(s, 1) == SOCKET_ERROR && wsd_WSAGetLastError() == WSAEINVAL ? 0
											     : -1);
	}
	WS_OK(wsd_WSACleanup());
	WS_IS(wsd_WSACleanup(), WSANOTINITIALISED);
	WS_IS(wsd_closesocket(s), WSANOTINITIALISED);
	WSD_TEST_END();
}

Test(startup, WS_STARTUP_4_the_last_cleanup_destroys_every_socket)
{
	WS_BEGIN();
	unsigned fds = wsd_check_fds();
	SOCKET s[50];
	for (int i = 0; i < 50; i++) {
		s[i] = ws_tcp();
		WS_OK(ws_bind(s[i], LOOPBACK, 0));
		if (i % 2)
			WS_OK(wsd_listen(s[i], 1));
	}
	unsigned port = ws_port(s[1]);
	cr_assert(ws_answers(LOOPBACK, port));
	WS_OK(wsd_WSACleanup());
	cr_assert_not(ws_answers(LOOPBACK, port));
	cr_assert_leq(wsd_check_fds(), fds);
	cr_assert_eq(ws_startup(), 0);
	SOCKET fresh[50];
	for (int i = 0; i < 50; i++)
		fresh[i] = ws_tcp();
	for (int i = 0; i < 50; i++) {
		SOCKADDR_IN a;
		int len = sizeof(a);
		WS_IS(wsd_getsockname(s[i], (SOCKADDR *)&a, &len), WSAENOTSOCK);
		WS_IS(wsd_send(s[i], "x", 1, 0), WSAENOTSOCK);
		WS_IS(wsd_closesocket(s[i]), WSAENOTSOCK);
		WS_IS(wsd_listen(s[i], 1), WSAENOTSOCK);
	}
	WS_OK(ws_bind(fresh[0], LOOPBACK, port)); /* the names went with them */
	WS_END();
}

struct barrier {
	pthread_barrier_t b;
	atomic_int failed;
};

static void *start_and_stop(void *arg)
{
	struct barrier *b = arg;
	pthread_barrier_wait(&b->b);
	for (int i = 0; i < 50; i++) {
		if (ws_startup())
			atomic_fetch_add(&b->failed, 1);
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		if (s == INVALID_SOCKET || ws_bind(s, LOOPBACK, 0) ||
		    (i % 2 && wsd_closesocket(s)) || wsd_WSACleanup())
			atomic_fetch_add(&b->failed, 1);
	}
	return NULL;
}

Test(startup, WS_STARTUP_3_threads_start_and_stop_at_will, .timeout = 60)
{
	WSD_TEST_BEGIN();
	ws_environment();
	struct barrier b = {.failed = 0};
	pthread_t t[4];
	pthread_barrier_init(&b.b, NULL, 4);
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, start_and_stop, &b);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	pthread_barrier_destroy(&b.b);
	cr_assert_eq(b.failed, 0);
	WS_IS(wsd_WSACleanup(), WSANOTINITIALISED);
	WSD_TEST_END();
}

/* ---- fork ---- */

/* Runs @fn in a child and returns its status. */
static int in_child(int (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = wsd_fork();
	if (pid == 0)
		_exit(fn(arg));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int child_has_nothing(void *arg)
{
	SOCKET s = *(SOCKET *)arg;
	SOCKADDR_IN a;
	int len = sizeof(a);
	if (wsd_getsockname(s, (SOCKADDR *)&a, &len) == 0 ||
	    wsd_WSAGetLastError() != WSANOTINITIALISED)
		return 1;
	if (wsd_WSACleanup() == 0 || wsd_WSAGetLastError() != WSANOTINITIALISED)
		return 2;
	if (ws_startup())
		return 3;
	if (wsd_closesocket(s) == 0 || wsd_WSAGetLastError() != WSAENOTSOCK)
		return 4;
	SOCKET own = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	if (ws_bind(own, LOOPBACK, WS_PORT) == 0 || wsd_WSAGetLastError() != WSAEADDRINUSE)
		return 5;
	if (ws_bind(own, LOOPBACK2, WS_PORT))
		return 6;
	return wsd_WSACleanup() ? 7 : 0;
}

Test(startup, WS_STARTUP_6_a_child_has_no_sockets)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	WS_OK(wsd_listen(s, 5));
	cr_assert_eq(in_child(child_has_nothing, &s), 0);
	/* its exit releases nothing of ours */
	SOCKET second = ws_tcp();
	WS_IS(ws_bind(second, LOOPBACK, WS_PORT), WSAEADDRINUSE);
	WS_OK(ws_bind(second, LOOPBACK2, WS_PORT)); /* that was the child's, and it is gone */
	cr_assert(ws_answers(LOOPBACK, WS_PORT));
	cr_assert(wsd_WSASetEvent(e));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

static int child_waits(void *arg)
{
	const int *hold = arg;
	char c;
	close(hold[1]); /* a test that fails must not leave us waiting */
	return read(hold[0], &c, 1) == 1 ? 0 : 1;
}

Test(startup, WS_STARTUP_6_a_child_neither_listens_nor_holds_a_name)
{
	WS_BEGIN();
	int hold[2];
	cr_assert_eq(pipe2(hold, O_CLOEXEC), 0);
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(wsd_listen(s, 5));
	unsigned port = ws_port(s);
	pid_t pid = wsd_fork();
	if (pid == 0)
		_exit(child_waits(hold));
	WS_OK(wsd_closesocket(s));
	cr_assert_not(ws_answers(LOOPBACK, port), "the child listens in our stead");
	int fd = -1;
	cr_assert(WSD_UNTIL((fd = ws_foreign(SOCK_STREAM, LOOPBACK, port, true)) >= 0, 2000),
		  "the child has the kernel's socket");
	close(fd);
	SOCKET again = ws_tcp();
	WS_OK(ws_bind(again, LOOPBACK, port));
	cr_assert_eq(write(hold[1], "x", 1), 1);
	int status;
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0);
	close(hold[0]);
	close(hold[1]);
	WS_END();
}

/* The child of a process that dies keeps nothing of it alive. */
Test(startup, WS_STARTUP_6_a_killed_parent_leaves_no_name_to_its_child)
{
	WS_BEGIN();
	int hold[2];
	cr_assert_eq(pipe2(hold, O_CLOEXEC), 0);
	pid_t parent = wsd_fork();
	if (parent == 0) {
		SOCKET s =
			ws_startup() ? INVALID_SOCKET : wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		if (ws_bind(s, LOOPBACK, WS_PORT) || wsd_listen(s, 1))
			_exit(1);
		if (wsd_fork() == 0)
			_exit(child_waits(hold));
		raise(SIGKILL);
	}
	int status;
	waitpid(parent, &status, 0);
	cr_assert(WIFSIGNALED(status));
	SOCKET s = ws_tcp();
	cr_assert(WSD_UNTIL(ws_bind(s, LOOPBACK, WS_PORT) == 0, 1000));
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(write(hold[1], "x", 1), 1);
	close(hold[0]);
	close(hold[1]);
	WS_END();
}

static void *bind_and_close(void *arg)
{
	atomic_bool *stop = arg;
	while (!atomic_load(stop)) {
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		ws_bind(s, LOOPBACK, 0);
		wsd_closesocket(s);
	}
	return NULL;
}

static int child_starts(void *arg)
{
	if (ws_startup())
		return 1;
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	if (ws_bind(s, LOOPBACK, 0) || wsd_listen(s, 1))
		return 2;
	return wsd_WSACleanup() ? 3 : 0;
}

Test(startup, WS_STARTUP_6_fork_while_threads_are_at_work, .timeout = 60)
{
#ifdef WSD_CHECK_ASAN
	cr_skip_test("ASan's own allocator does not survive fork beside threads");
#endif
	WS_BEGIN();
	atomic_bool stop = false;
	pthread_t t[2];
	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, bind_and_close, &stop);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(in_child(child_starts, NULL), 0, "child %d", i);
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	WS_END();
}

Test(startup, WS_STARTUP_6_no_descriptor_survives_exec)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(wsd_listen(s, 1));
	DIR *d = opendir("/proc/self/fd");
	unsigned ours = 0;
	for (struct dirent *entry; (entry = readdir(d));) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' || fd == dirfd(d) ||
		    (fd < WSD_CHECK_FDS && wsd_check_.open[fd]))
			continue;
		cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC, "descriptor %d", fd);
		ours++;
	}
	closedir(d);
	cr_assert_geq(ours, 2);
	wsd_WSACloseEvent(e);
	WS_END();
}
