/* SPDX-License-Identifier: MIT
 *
 * socket, WSASocket, handles, closesocket. [WS-SOCKET-1 to 4, WS-CLOSE-1 on names]
 */
#include "peer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { BAD = 0xdead };

Test(socket, WS_SOCKET_1_what_goes_together)
{
	static const struct {
		int af, type, protocol, code;
		int got_type, got_protocol;
	} rows[] = {
		{WSD_AF_INET, WSD_SOCK_STREAM, 0, 0, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
		{WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, 0, WSD_SOCK_STREAM,
		 WSD_IPPROTO_TCP},
		{WSD_AF_INET, WSD_SOCK_DGRAM, 0, 0, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
		{WSD_AF_INET, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP, 0, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
		{WSD_AF_INET, 0, 0, 0, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
		{WSD_AF_INET, 0, WSD_IPPROTO_TCP, 0, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
		{WSD_AF_INET, 0, WSD_IPPROTO_UDP, 0, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
		{WSD_AF_UNSPEC, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, 0, WSD_SOCK_STREAM,
		 WSD_IPPROTO_TCP},
		{WSD_AF_UNSPEC, 0, WSD_IPPROTO_UDP, 0, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
		{WSD_AF_INET6, WSD_SOCK_STREAM, 0, 0, WSD_SOCK_STREAM, WSD_IPPROTO_TCP},
		{WSD_AF_INET6, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP, 0, WSD_SOCK_DGRAM, WSD_IPPROTO_UDP},
		{WSD_AF_UNIX, WSD_SOCK_STREAM, 0, 0, WSD_SOCK_STREAM, 0},
		/* a bad type is judged before a bad family */
		{BAD, BAD, WSD_IPPROTO_TCP, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_INET, BAD, WSD_IPPROTO_TCP, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_INET, BAD, 0, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_UNSPEC, BAD, BAD, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_RDM, 0, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_SEQPACKET, 0, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_STREAM | SOCK_CLOEXEC, 0, WSAESOCKTNOSUPPORT, 0, 0},
		{BAD, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, WSAEAFNOSUPPORT, 0, 0},
		{BAD, 0, 0, WSAEAFNOSUPPORT, 0, 0},
		{AF_INET6, WSD_SOCK_STREAM, 0, WSAEAFNOSUPPORT, 0, 0}, /* Linux's number */
		{-1, WSD_SOCK_STREAM, 0, WSAEAFNOSUPPORT, 0, 0},
		{WSD_AF_IRDA, WSD_SOCK_STREAM, 0, WSAEAFNOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_STREAM, BAD, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_INET, 0, BAD, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_INET, 0, WSD_IPPROTO_ICMP, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_DGRAM, WSD_IPPROTO_TCP, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_UDP, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_INET, WSD_SOCK_DGRAM, WSD_IPPROTO_ICMP, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_UNSPEC, WSD_SOCK_STREAM, BAD, WSAEPROTONOSUPPORT, 0, 0},
		{WSD_AF_UNSPEC, WSD_SOCK_STREAM, 0, WSAEINVAL, 0, 0},
		{WSD_AF_UNSPEC, 0, 0, WSAEINVAL, 0, 0},
		{WSD_AF_UNIX, WSD_SOCK_DGRAM, 0, WSAESOCKTNOSUPPORT, 0, 0},
		{WSD_AF_UNIX, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, WSAEPROTONOSUPPORT, 0, 0},
	};
	WS_BEGIN();
	unsigned fds = wsd_check_fds();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int form = 0; form < 3; form++) {
			int af = rows[i].af, type = rows[i].type, protocol = rows[i].protocol;
			wsd_WSASetLastError(0);
			SOCKET s = form == 0   ? wsd_socket(af, type, protocol)
				   : form == 1 ? wsd_WSASocketA(af, type, protocol, NULL, 0, 0)
					       : wsd_WSASocketW(af, type, protocol, NULL, 0,
								WSA_FLAG_OVERLAPPED);
			cr_assert_eq(s == INVALID_SOCKET ? wsd_WSAGetLastError() : 0, rows[i].code,
				     "row %zu, form %d: code %d", i, form, wsd_WSAGetLastError());
			if (s == INVALID_SOCKET)
				continue;
			WSAPROTOCOL_INFOW info = {0};
			int len = sizeof(info);
			cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_TYPE), rows[i].got_type);
			if (rows[i].af != WSD_AF_UNIX) {
				WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, SO_PROTOCOL_INFOW,
						     (char *)&info, &len));
				cr_assert_eq(info.iProtocol, rows[i].got_protocol, "row %zu", i);
			}
			WS_OK(wsd_closesocket(s));
		}
	}
	cr_assert_eq(wsd_check_fds(), fds);
	WS_END();
}

Test(socket, WS_SOCKET_1_protocol_info_and_flags)
{
	WS_BEGIN();
	WSAPROTOCOL_INFOW all[16], *udp = NULL;
	DWORD len = sizeof(all);
	int n = wsd_WSAEnumProtocolsW(NULL, all, &len);
	for (int i = 0; i < n; i++)
		if (all[i].iAddressFamily == WSD_AF_INET && all[i].iProtocol == WSD_IPPROTO_UDP)
			udp = &all[i];
	cr_assert_not_null(udp);
	SOCKET s = wsd_WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, udp,
				  0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
	cr_assert_neq(s, INVALID_SOCKET);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_TYPE), WSD_SOCK_DGRAM);
	cr_assert_eq(wsd_WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
				    (LPWSAPROTOCOL_INFOW)8, 0, 0),
		     INVALID_SOCKET);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	static const DWORD flags[] = {0x1000, WSA_FLAG_MULTIPOINT_C_ROOT, WSA_FLAG_REGISTERED_IO};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		cr_assert_eq(wsd_WSASocketW(WSD_AF_INET, WSD_SOCK_STREAM, 0, NULL, 0, flags[i]),
			     INVALID_SOCKET);
		cr_assert_eq(wsd_WSAGetLastError(), WSAEINVAL);
	}
	WS_END();
}

/* No socket is in a group, so none can be joined; to found one has no effect. */
Test(socket, WS_SOCKET_1_groups)
{
	WS_BEGIN();
	for (GROUP g = 0; g < 8; g++) {
		SOCKET s = wsd_WSASocketW(WSD_AF_INET, WSD_SOCK_STREAM, 0, NULL, g, 0);
		cr_assert_eq(s != INVALID_SOCKET, g <= 2, "group %u", g);
		if (s == INVALID_SOCKET)
			cr_assert_eq(wsd_WSAGetLastError(), WSAEINVAL);
	}
	WS_END();
}

/* ---- raw ---- */

static int raw_without_privilege(void)
{
	if (ws_startup())
		return 1;
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_RAW, WSD_IPPROTO_ICMP);
	if (s != INVALID_SOCKET || wsd_WSAGetLastError() != WSAEACCES)
		return 2;
	return wsd_WSACleanup() ? 3 : 0;
}

Test(socket, WS_SOCKET_2_raw_without_privilege)
{
	WSD_TEST_BEGIN();
	ws_environment();
	int status;
	pid_t pid = wsd_fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
			_exit(99);
		_exit(raw_without_privilege());
	}
	waitpid(pid, &status, 0);
	cr_assert_eq(status, 0, "status %d", WEXITSTATUS(status));
	WSD_TEST_END();
}

Test(socket, WS_SOCKET_3_raw_sockets_may_be_bound)
{
	if (geteuid() != 0)
		cr_skip_test("raw sockets need root");
	WS_BEGIN();
	SOCKET icmp = wsd_socket(WSD_AF_INET, WSD_SOCK_RAW, WSD_IPPROTO_ICMP);
	SOCKET tcp = wsd_socket(WSD_AF_INET, WSD_SOCK_RAW, WSD_IPPROTO_TCP);
	cr_assert_neq(icmp, INVALID_SOCKET);
	cr_assert_neq(tcp, INVALID_SOCKET);
	SOCKADDR_IN got = {0}, want = ws_in(LOOPBACK, 0);
	int len = sizeof(got);
	WS_IS(wsd_getsockname(icmp, (SOCKADDR *)&got, &len), WSAEINVAL);
	WS_OK(ws_bind(icmp, LOOPBACK, 0));
	WS_OK(wsd_getsockname(icmp, (SOCKADDR *)&got, &len));
	cr_assert_eq(memcmp(&got, &want, sizeof(got)), 0);
	WS_IS(ws_bind(icmp, LOOPBACK, 0), WSAEINVAL);
	WS_IS(wsd_listen(icmp, 1), WSAEOPNOTSUPP);
	WS_IS(ws_bind(tcp, LOOPBACK, 0), WSAEACCES);
	cr_assert_eq(wsd_socket(WSD_AF_INET, WSD_SOCK_RAW, 256), INVALID_SOCKET);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEPROTONOSUPPORT);
	WS_END();
}

/* ---- handles ---- */

Test(socket, WS_SOCKET_4_opaque_handles)
{
	WS_BEGIN();
	SOCKET live = ws_tcp(), closed = ws_tcp();
	WSAEVENT event = wsd_WSACreateEvent();
	WS_OK(wsd_closesocket(closed));
	SOCKET bad[64 + 8];
	size_t n = 0;
	for (int fd = 0; fd < 64; fd++) /* the kernel's descriptors, the socket's own among them */
		bad[n++] = (SOCKET)fd;
	bad[n++] = INVALID_SOCKET;
	bad[n++] = 0xdeadbeef;
	bad[n++] = closed;
	bad[n++] = (SOCKET)(uintptr_t)event;
	bad[n++] = live + 1; /* not even well formed */
	bad[n++] = live | (SOCKET)1 << 40;
	bad[n++] = live ^ (1u << 20); /* another generation */
	for (size_t i = 0; i < n; i++) {
		WS_IS(wsd_listen(bad[i], 1), WSAENOTSOCK, "%#lx", (unsigned long)bad[i]);
		WS_IS(wsd_closesocket(bad[i]), WSAENOTSOCK, "%#lx", (unsigned long)bad[i]);
	}
	/* and a socket is no event */
	cr_assert_not(wsd_WSASetEvent((WSAEVENT)(uintptr_t)live));
	cr_assert_eq(wsd_WSAGetLastError(), WSA_INVALID_HANDLE);
	cr_assert_not(wsd_CloseHandle((HANDLE)(uintptr_t)live));
	cr_assert_leq(live, INT32_MAX, "fits an int, as programs expect");
	WS_OK(wsd_closesocket(live));
	cr_assert(wsd_WSACloseEvent(event));
	WS_END();
}

Test(socket, WS_SOCKET_4_numbers_do_not_come_back_soon)
{
	WS_BEGIN();
	SOCKET first = ws_tcp();
	WS_OK(wsd_closesocket(first));
	for (int i = 0; i < 20000; i++) {
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_DGRAM, 0);
		cr_assert_neq(s, first, "after %d", i);
		wsd_closesocket(s);
	}
	WS_IS(wsd_closesocket(first), WSAENOTSOCK);
	WS_END();
}

Test(socket, WS_CLOSE_1_frees_the_name_at_once)
{
	WS_BEGIN();
	static const int options[] = {0, WSD_SO_REUSEADDR, SO_EXCLUSIVEADDRUSE};
	for (int i = 0; i < 3; i++) {
		for (int listening = 0; listening < 2; listening++) {
			SOCKET s = ws_tcp(), next = ws_tcp();
			if (options[i])
				WS_OK(ws_set(s, WSD_SOL_SOCKET, options[i], 1));
			WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
			if (listening)
				WS_OK(wsd_listen(s, 1));
			WS_OK(wsd_closesocket(s));
			WS_OK(ws_bind(next, LOOPBACK, WS_PORT));
			WS_OK(wsd_closesocket(next));
			WS_IS(wsd_closesocket(s), WSAENOTSOCK);
		}
	}
	WS_END();
}

/* ---- limits ---- */

Test(socket, WS_BIND_4_descriptors_used_up_is_WSAEMFILE)
{
	WS_BEGIN();
	struct rlimit old, low;
	SOCKET s[64], bound = ws_tcp();
	int n = 0;
	WS_OK(ws_bind(bound, LOOPBACK, 0)); /* the book of names has its descriptors */
	getrlimit(RLIMIT_NOFILE, &old);
	low = old;
	low.rlim_cur = wsd_check_fds() + 20;
	setrlimit(RLIMIT_NOFILE, &low);
	while (n < 64 && (s[n] = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0)) != INVALID_SOCKET)
		n++;
	int code = wsd_WSAGetLastError();
	WSAEVENT e = wsd_WSACreateEvent();
	int event_code = wsd_WSAGetLastError();
	int r = n ? ws_code(ws_bind(s[0], LOOPBACK, 0)) : -1;
	int l = n ? ws_code(wsd_listen(s[0], 1)) : -1;
	setrlimit(RLIMIT_NOFILE, &old);
	cr_assert_eq(code, WSAEMFILE, "%d", code);
	cr_assert_geq(n, 10);
	cr_assert_eq(e, WSA_INVALID_EVENT);
	cr_assert_eq(event_code, WSA_NOT_ENOUGH_MEMORY);
	cr_assert_eq(r, 0, "binding needs no descriptor: %d", r);
	cr_assert_eq(l, 0, "listening needs no descriptor: %d", l);
	SOCKET after = ws_tcp();
	WS_OK(wsd_closesocket(after));
	WS_END();
}

/* As many as the limit on descriptors allows, and 50,000 at most. */
Test(socket, WS_SOCKET_4_fifty_thousand_sockets, .timeout = 120)
{
	enum { WANTED = 50000, SPARE = 500 };
	struct rlimit old, high;
	getrlimit(RLIMIT_NOFILE, &old);
	high = (struct rlimit){WANTED + SPARE, WANTED + SPARE};
	if (setrlimit(RLIMIT_NOFILE, &high) < 0) {
		high = (struct rlimit){old.rlim_max, old.rlim_max};
		setrlimit(RLIMIT_NOFILE, &high);
	}
	int many = high.rlim_cur > WANTED + SPARE ? WANTED : (int)high.rlim_cur - SPARE;
	cr_assert_gt(many, 100);
	WS_BEGIN();
	SOCKET *s = malloc((size_t)many * sizeof(*s));
	for (int i = 0; i < many; i++) {
		char ip[16];
		s[i] = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		cr_assert_neq(s[i], INVALID_SOCKET, "socket %d: %d", i, wsd_WSAGetLastError());
		snprintf(ip, sizeof(ip), "127.0.%d.1", i / 10000 + 1);
		unsigned port = (unsigned)(1100 + i % 10000);
		if (ws_bind(s[i], ip, port)) /* some foreign program has that port */
			port += 20000;
		if (port > 20000)
			WS_OK(ws_bind(s[i], ip, port));
		cr_assert_eq(ws_port(s[i]), port);
	}
	unsigned last = ws_port(s[76]), first = ws_port(s[0]);
	WS_IS(ws_bind(ws_tcp(), "127.0.1.1", last), WSAEADDRINUSE);
	for (int i = 0; i < many; i += 2)
		cr_assert_eq(wsd_closesocket(s[i]), 0);
	WS_IS(wsd_closesocket(s[0]), WSAENOTSOCK);
	WS_OK(ws_bind(ws_tcp(), "127.0.1.1", first));
	free(s);
	WS_END();
	if (many < WANTED)
		cr_skip_test("RLIMIT_NOFILE allowed less than 50000 sockets; those passed");
}

/* ---- threads ---- */

static void *make_and_close(void *arg)
{
	atomic_int *failed = arg;
	for (int i = 0; i < 500; i++) {
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		if (s == INVALID_SOCKET || ws_bind(s, LOOPBACK, 0) || !ws_port(s) ||
		    (i % 4 == 0 && wsd_listen(s, 1)) || wsd_closesocket(s) ||
		    wsd_closesocket(s) != SOCKET_ERROR || wsd_WSAGetLastError() != WSAENOTSOCK)
			atomic_fetch_add(failed, 1);
	}
	return NULL;
}

Test(socket, WS_SOCKET_4_many_threads_on_many_sockets, .timeout = 60)
{
	WS_BEGIN();
	atomic_int failed = 0;
	pthread_t t[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, make_and_close, &failed);
	for (int i = 0; i < 8; i++)
		pthread_join(t[i], NULL);
	cr_assert_eq(failed, 0);
	WS_END();
}

struct shared {
	_Atomic SOCKET s;
	atomic_bool stop;
	atomic_int bound, closed, strange;
};

/* Every call at random on one socket that others close and replace. */
static void *hammer(void *arg)
{
	struct shared *h = arg;
	unsigned seed = (unsigned)(uintptr_t)&seed;
	while (!atomic_load(&h->stop)) {
		SOCKET s = atomic_load(&h->s);
		SOCKADDR_IN a;
		int len = sizeof(a), r = 0;
		switch (rand_r(&seed) % 6) {
		case 0:
			r = ws_bind(s, LOOPBACK, 0);
			atomic_fetch_add(&h->bound, r == 0);
			break;
		case 1:
			r = wsd_listen(s, 1);
			break;
		case 2:
			r = wsd_getsockname(s, (SOCKADDR *)&a, &len);
			break;
		case 3:
			r = ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1);
			break;
		case 4:
			r = ws_get(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF) < 0 ? SOCKET_ERROR : 0;
			break;
		default:
			r = wsd_closesocket(s);
			if (r == 0) {
				atomic_fetch_add(&h->closed, 1);
				atomic_store(&h->s, wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0));
			}
		}
		int code = r ? wsd_WSAGetLastError() : 0;
		if (code && code != WSAENOTSOCK && code != WSAEINVAL)
			atomic_store(&h->strange, code);
	}
	return NULL;
}

Test(socket, WS_SOCKET_4_many_threads_on_one_socket, .timeout = 60)
{
	WS_BEGIN();
	struct shared h = {.s = ws_tcp()};
	pthread_t t[6];
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, hammer, &h);
	usleep(700000);
	WSD_UNTIL(h.bound > 100 && h.closed > 100, 20000);
	atomic_store(&h.stop, true);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	cr_assert_eq(h.strange, 0, "code %d", h.strange);
	cr_assert_gt(h.bound, 100);
	cr_assert_gt(h.closed, 100);
	WS_END();
}

static void *bind_once(void *arg)
{
	struct shared *h = arg;
	while (!atomic_load(&h->stop))
		;
	int r = ws_bind(h->s, LOOPBACK, 0);
	atomic_fetch_add(&h->bound, r == 0);
	atomic_fetch_add(&h->strange, r != 0 && wsd_WSAGetLastError() != WSAEINVAL);
	atomic_fetch_add(&h->closed, wsd_closesocket(h->s) == 0);
	return NULL;
}

Test(socket, WS_BIND_6_one_of_many_threads_binds_and_one_closes)
{
	WS_BEGIN();
	for (int round = 0; round < 50; round++) {
		struct shared h = {.s = ws_tcp()};
		pthread_t t[4];
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, bind_once, &h);
		atomic_store(&h.stop, true);
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		cr_assert_leq(h.bound, 1);
		cr_assert_eq(h.closed, 1);
	}
	WS_END();
}
