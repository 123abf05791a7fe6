/* SPDX-License-Identifier: MIT
 *
 * TransmitFile and TransmitPackets, over the transport of the environment (stream_pair.h).
 * [SW-OPT-4, WS-DATA-3]
 */
#include "stream_pair.h"
#include "socket.h"
#include "transport.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <wsd/rare.h>

enum { KIB = 1024, MIB = 1024 * KIB, SEED = 11 };

/* A file of @bytes bytes of the pattern, from byte @at of it on. */
static int file_of(size_t bytes, uint64_t at)
{
	int fd = memfd_create("transmit", MFD_CLOEXEC);
	char *b = malloc(bytes ? bytes : 1);
	cr_assert_geq(fd, 0);
	pair_fill(b, bytes, SEED, at);
	cr_assert_eq(write(fd, b, bytes), (ssize_t)bytes);
	lseek(fd, 0, SEEK_SET);
	free(b);
	return fd;
}

static int transmit(SOCKET s, HANDLE file, DWORD count, LPOVERLAPPED o,
		    LPTRANSMIT_FILE_BUFFERS buffers, DWORD flags)
{
	return wsd_TransmitFile(s, file, count, 0, o, buffers, flags) ? 0 : wsd_WSAGetLastError();
}

/* The pattern goes on through head, file and tail. */
Test(transmit, SW_OPT_4_head_file_tail)
{
	enum { HEAD = 100, FILE_BYTES = 3 * MIB + 7, TAIL = 33 };
	char head[HEAD], tail[TAIL];
	TRANSMIT_FILE_BUFFERS both = {head, HEAD, tail, TAIL};
	WS_BEGIN();
	int fd = file_of(FILE_BYTES, HEAD);
	pair_fill(head, HEAD, SEED, 0);
	pair_fill(tail, TAIL, SEED, HEAD + FILE_BYTES);
	for (int mode = 0; mode < 2; mode++) { /* blocking; non-blocking waits all the same */
		struct pair p = pair_open_small(32 * KIB, 32 * KIB);
		struct pair_flow f = {
			.s = p.b, .seed = SEED, .bytes = HEAD + FILE_BYTES + TAIL, .piece = 50000};
		conn_nonblocking(p.a, mode);
		pair_flow_start(&f);
		lseek(fd, 0, SEEK_SET);
		cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, NULL, &both, 0), 0);
		cr_assert_eq(pair_flow_end(&f), 0);
		cr_assert_eq(lseek(fd, 0, SEEK_CUR), FILE_BYTES, "the position has moved");
		pair_close(&p);
	}
	close(fd);
	WS_END();
}

Test(transmit, SW_OPT_4_parts_of_a_file)
{
	WS_BEGIN();
	struct pair p = pair_open();
	int fd = file_of(10000, 0);
	OVERLAPPED o = {.Offset = 5000};
	DWORD n, flags;
	lseek(fd, 100, SEEK_SET); /* from its position */
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 500, NULL, NULL, 0), 0);
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 600);
	char b[6000];
	size_t wrong;
	cr_assert_eq(wsd_recv(p.b, b, 500, WSD_MSG_WAITALL), 500);
	cr_assert(pair_same(b, 500, SEED, 100, &wrong));
	o.hEvent = wsd_WSACreateEvent(); /* from the offset */
	int code = transmit(p.a, WSD_FILE_HANDLE(fd), 1000, &o, NULL, TF_WRITE_BEHIND);
	cr_assert(code == 0 || code == WSA_IO_PENDING, "code %d", code);
	cr_assert(wsd_WSAGetOverlappedResult(p.a, &o, &n, TRUE, &flags));
	cr_assert_eq(n, 1000);
	cr_assert_eq(wsd_recv(p.b, b, 1000, WSD_MSG_WAITALL), 1000);
	cr_assert(pair_same(b, 1000, SEED, 5000, &wrong));
	cr_assert_eq(lseek(fd, 0, SEEK_CUR), 600, "it stays then");
	/* more than there is: to the end */
	lseek(fd, 9000, SEEK_SET);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 5000, NULL, NULL, 0), 0);
	cr_assert_eq(wsd_recv(p.b, b, 1000, WSD_MSG_WAITALL), 1000);
	cr_assert(pair_same(b, 1000, SEED, 9000, &wrong));
	/* a file whose pages cannot be sent */
	int proc = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(proc), 5, NULL, NULL, 0), 0);
	cr_assert_eq(wsd_recv(p.b, b, 5, WSD_MSG_WAITALL), 5);
	cr_assert_arr_eq(b, "Name:", 5);
	close(proc);
	wsd_WSACloseEvent((WSAEVENT)o.hEvent);
	close(fd);
	pair_close(&p);
	WS_END();
}

Test(transmit, SW_OPT_4_overlapped_and_disconnect)
{
	enum { BYTES = 5 * MIB };
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	int fd = file_of(BYTES, 0);
	OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	DWORD n, flags;
	char b;
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, &o, NULL, TF_DISCONNECT),
		     WSA_IO_PENDING);
	cr_assert_eq(pair_recv_all(p.b, SEED, BYTES, 100000), 0);
	cr_assert_eq(wsd_recv(p.b, &b, 1, 0), 0, "and the end");
	cr_assert(wsd_WSAGetOverlappedResult(p.a, &o, &n, TRUE, &flags));
	cr_assert_eq(n, BYTES);
	cr_assert_eq(wsd_send(p.a, &b, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAESHUTDOWN);
	wsd_WSACloseEvent((WSAEVENT)o.hEvent);
	close(fd);
	pair_close(&p);
	WS_END();
}

/* As DisconnectEx's: the peer sees the end, and the socket serves again. */
Test(transmit, SW_OPT_4_disconnect_and_reuse)
{
	enum { BYTES = 300 * KIB };
	const DWORD flags = TF_DISCONNECT | TF_REUSE_SOCKET;
	WS_BEGIN();
	struct pair p = pair_open();
	int fd = file_of(BYTES, 0);
	DWORD n, got;
	char b;
	for (int i = 0; i < 4; i++) {
		OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
		struct pair_flow in = {.s = p.b, .seed = SEED, .bytes = BYTES, .piece = 50000};
		pair_flow_start(&in);
		lseek(fd, 0, SEEK_SET);
		int code = transmit(p.a, WSD_FILE_HANDLE(fd), 0, i & 1 ? &o : NULL, NULL, flags);
		cr_assert(!code || (i & 1 && code == WSA_IO_PENDING), "%d", code);
		if (i & 1)
			cr_assert(wsd_WSAGetOverlappedResult(p.a, &o, &n, TRUE, &got));
		cr_assert_eq(pair_flow_end(&in), 0);
		cr_assert_eq(wsd_recv(p.b, &b, 1, 0), 0, "the end");
		WS_IS(wsd_send(p.a, "x", 1, 0), WSAENOTCONN);
		WS_OK(wsd_closesocket(p.b));
		WS_OK(conn_connect(p.a, pair_address(), ws_port(p.listener)));
		p.b = conn_accept(p.listener);
		cr_assert_str_eq(pair_transport(p.a), pair_on_san() ? "SAN" : "TCP/IP");
		wsd_WSACloseEvent((WSAEVENT)o.hEvent);
	}
	close(fd);
	pair_close(&p);
	WS_END();
}

/* A peer that reads, but slowly: each part comes through in time, all of it does not. */
static void *read_slowly(void *arg)
{
	static char buffer[64 * KIB];
	while (wsd_recv(*(SOCKET *)arg, buffer, sizeof(buffer), 0) > 0)
		usleep(30000);
	return NULL;
}

Test(transmit, WS_DATA_3_the_time_out_is_for_all_of_it)
{
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	struct wsd_linger hard = {1, 0};
	int fd = file_of(16 * MIB, 0);
	pthread_t t;
	WS_OK(ws_set(p.a, WSD_SOL_SOCKET, WSD_SO_SNDTIMEO, 1000));
	pthread_create(&t, NULL, read_slowly, &p.b);
	long long before = wsd_check_now_ms();
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, NULL, NULL, 0), WSAETIMEDOUT);
	long long took = wsd_check_now_ms() - before;
	cr_assert(took >= 999 && took < 6000, "%lld ms", took);
	WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)));
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	pthread_join(t, NULL);
	close(fd);
	pair_close(&p);
	WS_END();
}

struct blocked {
	SOCKET s;
	int code;
	_Atomic bool over;
};

static void *block(void *arg)
{
	struct blocked *x = arg;
	char c;
	x->code = wsd_recv(x->s, &c, 1, 0) < 0 ? wsd_WSAGetLastError() : 0;
	x->over = true;
	return NULL;
}

Test(transmit, WS_CLOSE_1_a_blocked_call_ends_when_DisconnectEx_gives_the_socket_back)
{
	WS_BEGIN();
	struct pair p = pair_open();
	DWORD timeout = 60000; /* a call that looks at its deadline, too */
	WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, (char *)&timeout,
			     sizeof(timeout)));
	for (int i = 0; i < 5; i++) {
		struct blocked x = {.s = p.a};
		pthread_t t;
		cr_assert_eq(pthread_create(&t, NULL, block, &x), 0);
		usleep(i * 20000u); /* before, in the middle of, and after the way to sleep */
		WS_OK(wsd_DisconnectEx(p.a, NULL, TF_REUSE_SOCKET, 0) ? 0 : SOCKET_ERROR);
		cr_assert(WSD_UNTIL(x.over, 20000));
		cr_assert(x.code == WSAEINTR || x.code == WSAENOTCONN ||
				  x.code == WSA_OPERATION_ABORTED,
			  "%d", x.code);
		pthread_join(t, NULL);
		WS_OK(wsd_closesocket(p.b));
		WS_OK(conn_connect(p.a, pair_address(), ws_port(p.listener)));
		p.b = conn_accept(p.listener);
	}
	pair_close(&p);
	WS_END();
}

/* A transport that takes buffers only, as a SAN session does: the switch reads the file itself. */
static void buffers_only(SOCKET s)
{
	static struct sw_transport plain;
	struct sw_process *process = sw_enter();
	struct sw_socket *found = sw_socket_find(process, s);
	plain = *found->transport;
	plain.pieces = false;
	found->transport = &plain;
	sw_socket_put(found);
	sw_leave(process);
}

Test(transmit, SW_OPT_4_in_chunks)
{
	enum { HEAD = 100, FILE_BYTES = 2 * MIB + 7, TAIL = 33, ALL = HEAD + FILE_BYTES + TAIL };
	char head[HEAD], tail[TAIL];
	TRANSMIT_FILE_BUFFERS both = {head, HEAD, tail, TAIL};
	WS_BEGIN();
	int fd = file_of(FILE_BYTES, HEAD);
	OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	DWORD n = 0, flags;
	pair_fill(head, HEAD, SEED, 0);
	pair_fill(tail, TAIL, SEED, HEAD + FILE_BYTES);
	for (int overlapped = 0; overlapped < 2; overlapped++) {
		struct pair p = pair_open_small(32 * KIB, 32 * KIB);
		struct pair_flow f = {.s = p.b, .seed = SEED, .bytes = ALL, .piece = 50000};
		buffers_only(p.a);
		pair_flow_start(&f);
		lseek(fd, 0, SEEK_SET);
		cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, overlapped ? &o : NULL, &both,
				      TF_DISCONNECT),
			     overlapped ? WSA_IO_PENDING : 0);
		cr_assert_eq(pair_flow_end(&f), 0);
		cr_assert_eq(wsd_recv(p.b, head, 1, 0), 0, "disconnected");
		pair_fill(head, 1, SEED, 0);
		if (overlapped) {
			cr_assert(wsd_WSAGetOverlappedResult(p.a, &o, &n, TRUE, &flags));
			cr_assert_eq(n, ALL);
		} else {
			cr_assert_eq(lseek(fd, 0, SEEK_CUR), FILE_BYTES);
		}
		pair_close(&p);
	}
	/* and closed in the middle */
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	WSAEVENT e = (WSAEVENT)o.hEvent;
	buffers_only(p.a);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, &o, &both, 0), WSA_IO_PENDING);
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, CONN_WAIT_MS, FALSE),
		     (DWORD)WSA_WAIT_EVENT_0);
	cr_assert_eq(o.Internal, (ULONG_PTR)WSA_OPERATION_ABORTED);
	pair_close(&p);
	wsd_WSACloseEvent(e);
	close(fd);
	WS_END();
}

Test(transmit, WS_CLOSE_1_close_ends_it)
{
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	int fd = file_of(8 * MIB, 0);
	OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	WSAEVENT e = (WSAEVENT)o.hEvent;
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(fd), 0, &o, NULL, 0), WSA_IO_PENDING);
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, CONN_WAIT_MS, FALSE),
		     (DWORD)WSA_WAIT_EVENT_0);
	cr_assert_eq(o.Internal, (ULONG_PTR)WSA_OPERATION_ABORTED);
	wsd_WSACloseEvent(e);
	close(fd);
	pair_close(&p);
	WS_END();
}

static void *read_on(void *arg)
{
	const SOCKET *s = arg;
	char buffer[65536];
	while (wsd_recv(*s, buffer, sizeof(buffer), 0) > 0)
		;
	return NULL;
}

/* Whatever is being done for it in this moment: one part has ended, the next is read, or sent. */
Test(transmit, WS_CLOSE_1_a_hard_close_ends_it, .timeout = 100)
{
	static const struct wsd_linger hard = {1, 0};
	WS_BEGIN();
	int fd = file_of(32 * MIB, 0);
	for (int i = 0; i < pair_rounds(200); i++) {
		struct pair p = pair_open();
		SOCKET reader = p.b;
		OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
		WSAEVENT e = (WSAEVENT)o.hEvent;
		pthread_t t;
		cr_assert_eq(pthread_create(&t, NULL, read_on, &reader), 0);
		int code = transmit(p.a, WSD_FILE_HANDLE(fd), 0, &o, NULL, 0);
		cr_assert(code == WSA_IO_PENDING || !code, "%d", code);
		WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (const char *)&hard,
				     sizeof(hard)));
		for (volatile int spin = 0; spin < i % 50 * 100000; spin++)
			;
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, CONN_WAIT_MS, FALSE),
			     (DWORD)WSA_WAIT_EVENT_0);
		pthread_join(t, NULL);
		wsd_WSACloseEvent(e);
		pair_close(&p);
	}
	close(fd);
	WS_END();
}

Test(transmit, WS_ERR_3_bad_arguments)
{
	TRANSMIT_FILE_BUFFERS bad = {NULL, 5, NULL, 0};
	int pipes[2];
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET s = ws_tcp();
	int fd = file_of(10, 0), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	HANDLE file = WSD_FILE_HANDLE(fd);
	cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
	cr_assert_eq(transmit(1, file, 0, NULL, NULL, 0), WSAENOTSOCK);
	cr_assert_eq(transmit(s, file, 0, NULL, NULL, 0), WSAENOTCONN);
	cr_assert_eq(transmit(p.a, (HANDLE)(uintptr_t)fd, 0, NULL, NULL, 0), WSA_INVALID_HANDLE);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(4000), 0, NULL, NULL, 0), WSA_INVALID_HANDLE);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(out), 0, NULL, NULL, 0), WSA_INVALID_HANDLE);
	cr_assert_eq(transmit(p.a, WSD_FILE_HANDLE(pipes[0]), 0, NULL, NULL, 0),
		     WSA_INVALID_HANDLE);
	cr_assert_eq(transmit(p.a, file, 0, NULL, NULL, 0x8000), WSAEINVAL);
	cr_assert_eq(transmit(p.a, file, 0, NULL, NULL, TF_REUSE_SOCKET), WSAEINVAL);
	cr_assert_eq(transmit(p.a, file, 0, NULL, &bad, 0), WSAEFAULT);
	cr_assert_eq(transmit(p.a, file, 0, NULL, (LPTRANSMIT_FILE_BUFFERS)8, 0), WSAEFAULT);
	cr_assert_eq(transmit(p.a, file, 0, (LPOVERLAPPED)8, NULL, 0), WSAEFAULT);
	cr_assert_eq(transmit(p.a, file, 0xffffffff, NULL, NULL, 0), WSAEINVAL, "2 GiB at most");
	/* nothing to send is fine */
	cr_assert_eq(transmit(p.a, NULL, 0, NULL, NULL, 0), 0);
	close(pipes[0]);
	close(pipes[1]);
	close(out);
	close(fd);
	WS_OK(wsd_closesocket(s));
	pair_close(&p);
	WS_END();
}

/* No SIGPIPE from sendfile either: it would end this process. */
Test(transmit, WS_DATA_1_no_sigpipe)
{
	WS_BEGIN();
	struct wsd_linger hard = {.l_onoff = 1};
	struct pair p = pair_open();
	int fd = file_of(MIB, 0), code = 0;
	WS_OK(wsd_setsockopt(p.b, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)));
	WS_OK(wsd_closesocket(p.b));
	p.b = INVALID_SOCKET;
	for (int i = 0; i < 5; i++) {
		lseek(fd, 0, SEEK_SET);
		code = transmit(p.a, WSD_FILE_HANDLE(fd), 0, NULL, NULL, 0);
	}
	cr_assert_eq(code, WSAECONNRESET);
	close(fd);
	pair_close(&p);
	WS_END();
}

Test(transmit, SW_OPT_4_packets)
{
	enum { A = 1000, B = 70000, C = 5000 };
	char *memory = malloc(A + C);
	WS_BEGIN();
	struct pair p = pair_open();
	int fd = file_of(B + 10, A - 10);
	TRANSMIT_PACKETS_ELEMENT e[3] = {{.dwElFlags = TP_ELEMENT_MEMORY, .cLength = A},
					 {.dwElFlags = TP_ELEMENT_FILE | TP_ELEMENT_EOP},
					 {.dwElFlags = TP_ELEMENT_MEMORY, .cLength = C}};
	pair_fill(memory, A, SEED, 0);
	pair_fill(memory + A, C, SEED, A + B);
	e[0].pBuffer = memory;
	e[1].nFileOffset.QuadPart = 10;
	e[1].hFile = WSD_FILE_HANDLE(fd);
	e[2].pBuffer = memory + A;
	struct pair_flow f = {.s = p.b, .seed = SEED, .bytes = A + B + C, .piece = 9999};
	pair_flow_start(&f);
	cr_assert(wsd_TransmitPackets(p.a, e, 3, 0, NULL, 0));
	cr_assert_eq(pair_flow_end(&f), 0);
	cr_assert_not(wsd_TransmitPackets(p.a, NULL, 3, 0, NULL, 0));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	cr_assert_not(wsd_TransmitPackets(p.a, e, 0, 0, NULL, 0));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEINVAL);
	e[1].dwElFlags = 8;
	cr_assert_not(wsd_TransmitPackets(p.a, e, 3, 0, NULL, 0));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEINVAL);
	close(fd);
	pair_close(&p);
	free(memory);
	WS_END();
}

/* Found by its GUID, it is the same function. */
Test(transmit, SW_OPT_4_by_guid)
{
	GUID id = WSAID_TRANSMITFILE, none = {1, 2, 3, {4}};
	LPFN_TRANSMITFILE fn = NULL;
	DWORD n = 0;
	char b[10];
	WS_BEGIN();
	struct pair p = pair_open();
	int fd = file_of(10, 0);
	WS_OK(wsd_WSAIoctl(p.a, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &fn,
			   sizeof(fn), &n, NULL, NULL));
	cr_assert_eq(n, sizeof(fn));
	cr_assert(fn(p.a, WSD_FILE_HANDLE(fd), 0, 0, NULL, NULL, 0));
	cr_assert_eq(wsd_recv(p.b, b, 10, WSD_MSG_WAITALL), 10);
	WS_IS(wsd_WSAIoctl(p.a, SIO_GET_EXTENSION_FUNCTION_POINTER, &none, sizeof(none), &fn,
			   sizeof(fn), &n, NULL, NULL),
	      WSAEINVAL);
	WS_IS(wsd_WSAIoctl(p.a, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &fn, 4, &n,
			   NULL, NULL),
	      WSAEFAULT);
	close(fd);
	pair_close(&p);
	WS_END();
}
