/* SPDX-License-Identifier: MIT
 *
 * What the kernel may answer and a healthy machine does not: its calls are wrapped. Each errno
 * becomes its code, and the socket is as before. [WS-BIND-4, WS-BIND-5, WS-LISTEN-1, WS-ERR-4,
 * SW-SHARE-3]
 */
#include "peer.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/un.h>

static struct {
	int socket_error, bind_error, listen_error, option_error; /* 0: the kernel is asked */
	int binds_refused;                                        /* this many, with EADDRINUSE */
	atomic_int listens;                                       /* calls of listen */
	int unix_error;                                           /* of bind, for AF_UNIX */
	bool first_cannot_listen; /* the first descriptor to try fails each time, no other does */
	atomic_int first, last;   /* which that was, and who listened last; -1: nobody */
} kernel = {.first = -1, .last = -1};

int __real_socket(int domain, int type, int protocol);
int __real_bind(int fd, const struct sockaddr *name, socklen_t len);
int __real_listen(int fd, int backlog);
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len);
int __wrap_listen(int fd, int backlog);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

static int refuse(int error)
{
	errno = error;
	return -1;
}

int __wrap_socket(int domain, int type, int protocol)
{
	return kernel.socket_error && domain == AF_INET ? refuse(kernel.socket_error)
							: __real_socket(domain, type, protocol);
}

int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	if (name->sa_family == AF_INET && kernel.bind_error)
		return refuse(kernel.bind_error);
	if (name->sa_family == AF_INET && kernel.binds_refused && kernel.binds_refused--)
		return refuse(EADDRINUSE);
	if (name->sa_family == AF_UNIX && kernel.unix_error &&
	    ((const struct sockaddr_un *)name)->sun_path[0]) /* not the book of names' own */
		return refuse(kernel.unix_error);
	return __real_bind(fd, name, len);
}

int __wrap_listen(int fd, int backlog)
{
	int none = -1;
	atomic_fetch_add(&kernel.listens, 1);
	if (kernel.listen_error)
		return refuse(kernel.listen_error);
	if (kernel.first_cannot_listen) {
		atomic_compare_exchange_strong(&kernel.first, &none, fd);
		if (atomic_load(&kernel.first) == fd)
			return refuse(ENOBUFS);
		atomic_store(&kernel.last, fd);
	}
	return __real_listen(fd, backlog);
}

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	return kernel.option_error ? refuse(kernel.option_error)
				   : __real_setsockopt(fd, level, name, value, len);
}

struct row {
	int error, code;
};

Test(kernel, WS_SOCKET_1_codes_of_socket)
{
	static const struct row rows[] = {
		{EMFILE, WSAEMFILE},
		{ENFILE, WSAENOBUFS},
		{ENOMEM, WSAENOBUFS},
		{ENOBUFS, WSAENOBUFS},
		{EACCES, WSAEACCES},
		{EPERM, WSAEACCES},
		{EAFNOSUPPORT, WSAEAFNOSUPPORT},
		{EPROTONOSUPPORT, WSAEPROTONOSUPPORT},
		{EXDEV, WSASYSCALLFAILURE},
	};
	WS_BEGIN();
	unsigned fds = wsd_check_fds();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel.socket_error = rows[i].error;
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		kernel.socket_error = 0;
		cr_assert_eq(s, INVALID_SOCKET);
		cr_assert_eq(wsd_WSAGetLastError(), rows[i].code, "errno %d", rows[i].error);
	}
	cr_assert_eq(wsd_check_fds(), fds);
	WS_END();
}

Test(kernel, WS_BIND_4_codes_of_bind_and_nothing_kept)
{
	static const struct row rows[] = {
		{ENOMEM, WSAENOBUFS},
		{ENOBUFS, WSAENOBUFS},
		{EACCES, WSAEACCES},
		{EPERM, WSAEACCES},
		{EADDRNOTAVAIL, WSAEADDRNOTAVAIL},
		{EADDRINUSE, WSAEADDRINUSE},
		{EAGAIN, WSAENOBUFS},
		{ENETDOWN, WSAENETDOWN},
		{EXDEV, WSASYSCALLFAILURE},
	};
	WS_BEGIN();
	SOCKET s = ws_tcp();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel.bind_error = rows[i].error;
		WS_IS(ws_bind(s, LOOPBACK, WS_PORT), rows[i].code, "errno %d", rows[i].error);
		if (rows[i].error != EADDRINUSE) /* there port 0 tries the whole range */
			WS_IS(ws_bind(s, LOOPBACK, 0), rows[i].code, "errno %d", rows[i].error);
		kernel.bind_error = 0;
		WS_IS(wsd_listen(s, 1), WSAEINVAL, "errno %d has bound it", rows[i].error);
	}
	kernel.option_error = ENOMEM;
	WS_IS(ws_bind(s, LOOPBACK, WS_PORT), WSAENOBUFS);
	kernel.option_error = 0;
	SOCKET other = ws_tcp(); /* the name was given back each time */
	WS_OK(ws_bind(other, LOOPBACK, WS_PORT));
	WS_OK(wsd_closesocket(other));
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	WS_OK(wsd_listen(s, 1));
	WS_END();
}

Test(kernel, WS_PORT_4_a_foreign_programs_port_is_passed_over)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	kernel.binds_refused = 40;
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(kernel.binds_refused, 0);
	cr_assert_geq(ws_port(s), 49152);
	WS_END();
}

Test(kernel, WS_BIND_4_every_dynamic_port_is_a_foreign_programs)
{
	WSD_TEST_BEGIN();
	setenv("WSD_DYNAMICPORT_TCP4", "30000,255", 1);
	ws_start();
	SOCKET s = ws_tcp();
	kernel.bind_error = EADDRINUSE;
	WS_IS(ws_bind(s, LOOPBACK, 0), WSAENOBUFS);
	kernel.bind_error = 0;
	for (int i = 0; i < 255; i++) /* and none of them is held afterwards */
		WS_OK(ws_bind(ws_tcp(), LOOPBACK, 0));
	WS_IS(ws_bind(s, LOOPBACK, 0), WSAENOBUFS);
	WS_END();
}

Test(kernel, WS_LISTEN_1_codes_of_listen_and_the_rank_is_left)
{
	static const struct row rows[] = {
		{EADDRINUSE, WSAEADDRINUSE}, {EMFILE, WSAEMFILE},     {ENOBUFS, WSAENOBUFS},
		{ENOMEM, WSAENOBUFS},        {ENETDOWN, WSAENETDOWN}, {EOPNOTSUPP, WSAEOPNOTSUPP},
	};
	WS_BEGIN();
	SOCKET s = ws_tcp(), next = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_set(next, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(ws_bind(next, LOOPBACK, ws_port(s)));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel.listen_error = rows[i].error;
		WS_IS(wsd_listen(s, 1), rows[i].code, "errno %d", rows[i].error);
		kernel.listen_error = 0;
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
		cr_assert_not(ws_answers(LOOPBACK, ws_port(s)));
	}
	WS_OK(wsd_listen(next, 1));
	cr_assert(ws_answers(LOOPBACK, ws_port(s)), "the next listener is the head");
	WS_OK(wsd_listen(s, 1));
	WS_OK(wsd_closesocket(next));
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, ws_port(s)), 1000));
	WS_END();
}

/* Of the descriptors here, which is in kernel LISTEN on @port? -1: none. */
static int who_listens(unsigned port)
{
	int found = -1;
	for (int fd = 0; fd < WSD_CHECK_FDS; fd++) {
		int listening = 0;
		socklen_t len = sizeof(listening);
		if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) && listening &&
		    ws_foreign_port(fd) == port)
			found = fd;
	}
	return found;
}

/* Listeners that share one name, the first of them its head. Return: the port. */
static unsigned sharers(SOCKET *s, int n)
{
	for (int i = 0; i < n; i++) {
		s[i] = ws_tcp();
		WS_OK(ws_set(s[i], WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
		WS_OK(ws_bind(s[i], LOOPBACK, i ? ws_port(s[0]) : 0));
		WS_OK(wsd_listen(s[i], 1));
	}
	return ws_port(s[0]);
}

/* A successor that cannot listen makes way for the one after it. */
Test(kernel, SW_SHARE_3_a_takeover_that_fails_goes_to_the_next)
{
	WS_BEGIN();
	SOCKET s[3];
	unsigned port = sharers(s, 3);
	kernel.first_cannot_listen = true;
	WS_OK(wsd_closesocket(s[0]));
	cr_assert(WSD_UNTIL(atomic_load(&kernel.last) >= 0, 1000), "nobody took over");
	cr_assert_neq(atomic_load(&kernel.first), -1);
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 1000));
	int heir = who_listens(port);
	cr_assert_eq(heir, atomic_load(&kernel.last));
	cr_assert_neq(heir, atomic_load(&kernel.first), "the one that failed");
	/* it is the second successor: the first can go, and it goes on; without it nobody does */
	WS_OK(wsd_closesocket(s[1]));
	cr_assert_eq(who_listens(port), heir);
	cr_assert(ws_answers(LOOPBACK, port));
	kernel.first_cannot_listen = false;
	WS_OK(wsd_closesocket(s[2]));
	cr_assert_not(ws_answers(LOOPBACK, port));
	SOCKET fresh = ws_tcp();
	WS_OK(ws_bind(fresh, LOOPBACK, port));
	WS_OK(wsd_listen(fresh, 1));
	cr_assert(ws_answers(LOOPBACK, port));
	WS_END();
}

/* A successor that is alone and cannot listen is tried again: the application sees a listener. */
Test(kernel, SW_SHARE_3_a_takeover_that_fails_is_tried_again)
{
	WS_BEGIN();
	SOCKET s[2];
	unsigned port = sharers(s, 2);
	atomic_store(&kernel.listens, 0);
	kernel.listen_error = ENOBUFS;
	WS_OK(wsd_closesocket(s[0]));
	cr_assert(WSD_UNTIL(atomic_load(&kernel.listens) >= 3, 3000), "%d tries",
		  atomic_load(&kernel.listens));
	cr_assert_not(ws_answers(LOOPBACK, port));
	kernel.listen_error = 0;
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 2000));
	SOCKET third = ws_tcp(); /* and the rank is in order */
	WS_OK(ws_set(third, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(third, LOOPBACK, port));
	WS_OK(wsd_listen(third, 1));
	WS_OK(wsd_closesocket(s[1]));
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 2000));
	WS_END();
}

/* The same with the process about to end: what is still to come is forgotten. */
Test(kernel, SW_SHARE_3_cleanup_while_a_takeover_waits_to_be_tried_again)
{
	WS_BEGIN();
	SOCKET s[2];
	sharers(s, 2);
	atomic_store(&kernel.listens, 0);
	kernel.listen_error = ENOBUFS;
	WS_OK(wsd_closesocket(s[0]));
	cr_assert(WSD_UNTIL(atomic_load(&kernel.listens) >= 1, 3000));
	WS_END();
}

/* With both successors failing the name is lost to nobody: who binds and listens next has it. */
Test(kernel, SW_SHARE_3_takeovers_that_all_fail_leave_nothing_behind)
{
	WS_BEGIN();
	SOCKET s[3];
	unsigned port = sharers(s, 3);
	kernel.listen_error = ENOBUFS;
	for (int i = 0; i < 3; i++) {
		WS_OK(wsd_closesocket(s[i]));
		cr_assert_eq(who_listens(port), -1);
	}
	kernel.listen_error = 0;
	cr_assert_not(ws_answers(LOOPBACK, port));
	SOCKET fresh = ws_tcp();
	WS_OK(ws_bind(fresh, LOOPBACK, port));
	WS_OK(wsd_listen(fresh, 1));
	cr_assert(ws_answers(LOOPBACK, port));
	WS_END();
}

/* No disk can be made to fail at will; a read-only one can: test_ws_bind.c. */
Test(kernel, WS_BIND_4_af_unix_input_or_output_fails)
{
	static const struct row rows[] = {
		{EIO, WSASYSCALLFAILURE}, {EROFS, WSAEACCES},   {EACCES, WSAEACCES},
		{ENOSPC, WSAENOBUFS},     {EDQUOT, WSAENOBUFS}, {ENOMEM, WSAENOBUFS},
	};
	WS_BEGIN();
	char dir[] = "/tmp/wsd-unix-XXXXXX";
	cr_assert_not_null(mkdtemp(dir));
	SOCKADDR_UN a = {.sun_family = WSD_AF_UNIX};
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
	SOCKET s = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		kernel.unix_error = rows[i].error;
		WS_IS(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)), rows[i].code, "errno %d",
		      rows[i].error);
		kernel.unix_error = 0;
		WS_IS(wsd_listen(s, 1), WSAEINVAL, "errno %d has bound it", rows[i].error);
	}
	WS_OK(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)));
	unlink(a.sun_path);
	rmdir(dir);
	WS_END();
}

/* Who is killed leaves the book before the kernel has closed its sockets: nobody is in the way then
 * but the kernel says so, and nobody else will leave. */
Test(kernel, WS_REUSE_13_put_off_and_nobody_in_the_way, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("another user needs root");
	WS_BEGIN();
	struct peer p = peer_start(2001);
	int first = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	cr_assert_eq(peer_bind(&p, first, LOOPBACK, WS_PORT), 0);
	cr_assert_eq(peer_do(&p, PEER_LISTEN, first), 0);
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(s, LOOPBACK, WS_PORT)); /* put off */
	WS_OK(wsd_listen(s, 1));
	kernel.binds_refused = 3;
	peer_end(&p, SIGKILL);
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, WS_PORT), 5000));
	cr_assert_eq(kernel.binds_refused, 0);
	WS_END();
}
