/* SPDX-License-Identifier: MIT
 *
 * Overlapped sends and receives with events, over the transport of the environment (stream_pair.h).
 * [WS-DATA-1 to 3, WS-CLOSE-1]
 */
#include "stream_pair.h"

#include <sys/mman.h>

enum { KIB = 1024, MIB = 1024 * KIB };

struct op {
	WSAOVERLAPPED o;
	WSABUF buffer;
	DWORD moved, flags;
};

static void op_init(struct op *op, void *buffer, DWORD len)
{
	memset(op, 0, sizeof(*op));
	op->o.hEvent = wsd_WSACreateEvent();
	op->buffer = (WSABUF){len, buffer};
}

static void op_end(struct op *op)
{
	wsd_WSACloseEvent((WSAEVENT)((uintptr_t)op->o.hEvent & ~(uintptr_t)1));
}

/* 0, WSA_IO_PENDING, or another code. */
static int start_recv(SOCKET s, struct op *op)
{
	return ws_code(wsd_WSARecv(s, &op->buffer, 1, NULL, &op->flags, &op->o, NULL));
}

static int start_send(SOCKET s, struct op *op)
{
	return ws_code(wsd_WSASend(s, &op->buffer, 1, NULL, 0, &op->o, NULL));
}

static bool is_set(struct op *op)
{
	WSAEVENT e = (WSAEVENT)((uintptr_t)op->o.hEvent & ~(uintptr_t)1);
	return wsd_WSAWaitForMultipleEvents(1, &e, TRUE, 0, FALSE) == WSA_WAIT_EVENT_0;
}

static void wait_set(struct op *op)
{
	WSAEVENT e = (WSAEVENT)((uintptr_t)op->o.hEvent & ~(uintptr_t)1);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, CONN_WAIT_MS, FALSE),
		     (DWORD)WSA_WAIT_EVENT_0);
}

/* The result's code; bytes in op->moved. */
static int result(SOCKET s, struct op *op, bool wait)
{
	op->moved = 0xdead;
	BOOL ok = wsd_WSAGetOverlappedResult(s, &op->o, &op->moved, wait, &op->flags);
	return ok ? 0 : wsd_WSAGetLastError();
}

Test(overlapped, WS_DATA_2_receive_pends_and_ends)
{
	char b[16] = {0};
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, sizeof(b));
	WS_OK(!wsd_WSASetEvent((WSAEVENT)op.o.hEvent));
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	op.buffer.buf = NULL; /* the array is the application's again */
	cr_assert_eq(op.o.Internal, (ULONG_PTR)WSS_OPERATION_IN_PROGRESS);
	cr_assert_not(is_set(&op), "reset at the start");
	cr_assert_eq(result(p.b, &op, false), WSA_IO_INCOMPLETE);
	cr_assert_eq(wsd_send(p.a, "hello", 5, 0), 5);
	wait_set(&op);
	cr_assert_eq(result(p.b, &op, false), 0);
	cr_assert_eq(op.moved, 5);
	cr_assert_eq(op.flags, 0);
	cr_assert_eq(op.o.Internal, 0);
	cr_assert_eq(op.o.InternalHigh, 5);
	cr_assert_arr_eq(b, "hello", 5);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

Test(overlapped, WS_DATA_3_done_at_once)
{
	char b[16] = {0};
	struct op out, in;
	ULONG n;
	WS_BEGIN();
	struct pair p = pair_open();
	conn_nonblocking(p.a, true); /* means nothing to overlapped calls */
	conn_nonblocking(p.b, true);
	op_init(&out, b, 3);
	op_init(&in, b, sizeof(b));
	int code = start_send(p.a, &out);
	cr_assert(code == 0 || code == WSA_IO_PENDING);
	wait_set(&out);
	cr_assert_eq(result(p.a, &out, true), 0);
	cr_assert_eq(out.moved, 3);
	cr_assert(WSD_UNTIL(wsd_ioctlsocket(p.b, (LONG)WSD_FIONREAD, &n) == 0 && n == 3,
			    CONN_WAIT_MS));
	code = start_recv(p.b, &in);
	cr_assert(code == 0 || code == WSA_IO_PENDING);
	wait_set(&in);
	cr_assert_eq(result(p.b, &in, false), 0);
	cr_assert_eq(in.moved, 3);
	/* and one that is not, on a non-blocking socket */
	cr_assert_eq(start_recv(p.b, &in), WSA_IO_PENDING);
	cr_assert_eq(wsd_recv(p.b, b, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK, "those before come first");
	cr_assert_eq(wsd_send(p.a, "x", 1, 0), 1);
	cr_assert_eq(result(p.b, &in, true), 0);
	op_end(&in);
	op_end(&out);
	pair_close(&p);
	WS_END();
}

/* Many at once in both directions: they end in order, each with its own bytes. */
Test(overlapped, WS_DATA_3_order, .timeout = 60)
{
	enum { OPS = 40, BYTES = 150 * KIB };
	static struct op out[OPS], in[OPS];
	char *sent = malloc(OPS * BYTES), *got = calloc(OPS, BYTES);
	size_t wrong = 0, at = 0;
	WS_BEGIN();
	struct pair p = pair_open_small(32 * KIB, 32 * KIB);
	pair_fill(sent, OPS * BYTES, 1, 0);
	for (int i = 0; i < OPS; i++) {
		op_init(&in[i], got + i * BYTES, BYTES);
		in[i].flags = WSD_MSG_WAITALL;
		cr_assert_eq(start_recv(p.b, &in[i]), WSA_IO_PENDING);
	}
	for (int i = 0; i < OPS; i++) {
		op_init(&out[i], sent + i * BYTES, BYTES);
		int code = start_send(p.a, &out[i]);
		cr_assert(code == 0 || code == WSA_IO_PENDING, "code %d", code);
	}
	for (int i = OPS - 1; i >= 0; i--) { /* when the last has ended, all have */
		cr_assert_eq(result(p.b, &in[i], i == OPS - 1), 0, "receive %d", i);
		cr_assert_eq(in[i].moved, BYTES);
		cr_assert_eq(result(p.a, &out[i], i == OPS - 1), 0, "send %d", i);
		cr_assert_eq(out[i].moved, BYTES);
	}
	cr_assert(pair_same(got, OPS * BYTES, 1, at, &wrong), "byte %zu", wrong);
	for (int i = 0; i < OPS; i++) {
		op_end(&in[i]);
		op_end(&out[i]);
	}
	pair_close(&p);
	free(got);
	free(sent);
	WS_END();
}

/* A blocking call goes behind those that wait. */
Test(overlapped, WS_DATA_3_blocking_call_behind)
{
	char first[4], second[4];
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, first, 4);
	op.flags = WSD_MSG_WAITALL;
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	struct pair_flow f = {.s = p.a, .send = true, .seed = 3, .bytes = 8, .piece = 1};
	pair_flow_start(&f);
	cr_assert_eq(wsd_recv(p.b, second, 4, 0) > 0, true);
	cr_assert_eq(result(p.b, &op, true), 0);
	cr_assert_eq(op.moved, 4);
	cr_assert_eq((unsigned char)first[0], pair_byte(3, 0));
	cr_assert_eq((unsigned char)second[0], pair_byte(3, 4));
	cr_assert_eq(pair_flow_end(&f), 0);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

Test(overlapped, WS_DATA_1_pending_receive_survives_shutdown)
{
	char b[8], other[8];
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, sizeof(b));
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	WS_OK(wsd_shutdown(p.b, WSD_SD_RECEIVE));
	cr_assert_eq(wsd_recv(p.b, other, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAESHUTDOWN);
	cr_assert_eq(wsd_send(p.a, "late", 4, 0), 4);
	cr_assert_eq(result(p.b, &op, true), 0);
	cr_assert_eq(op.moved, 4);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

/* SD_SEND goes behind what is still to be sent. */
Test(overlapped, WS_DATA_1_shutdown_behind_pending_sends)
{
	enum { BYTES = 6 * MIB };
	char *b = malloc(BYTES), end;
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	pair_fill(b, BYTES, 8, 0);
	op_init(&op, b, BYTES);
	cr_assert_eq(start_send(p.a, &op), WSA_IO_PENDING);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	cr_assert_eq(pair_recv_all(p.b, 8, BYTES, 100 * KIB), 0);
	cr_assert_eq(wsd_recv(p.b, &end, 1, 0), 0);
	int code = result(p.a, &op, true);
	cr_assert_eq(code, 0, "%d", code);
	cr_assert_eq(op.moved, BYTES);
	op_end(&op);
	pair_close(&p);
	free(b);
	WS_END();
}

/* A program may look at Internal at any time (HasOverlappedIoCompleted): it is "in progress" until
 * it is the code, and nothing in between. */
Test(overlapped, WS_DATA_2_internal_changes_once)
{
	enum { ROUNDS = 1000 };
	char b;
	struct op *op = malloc(sizeof(*op));
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(op, &b, 1);
	for (int i = 0; i < ROUNDS; i++) {
		long long deadline = wsd_check_now_ms() + CONN_WAIT_MS;
		ULONG_PTR now = WSS_OPERATION_IN_PROGRESS;
		op->flags = 0;
		cr_assert_eq(start_recv(p.b, op), WSA_IO_PENDING);
		cr_assert_eq(wsd_send(p.a, "x", 1, 0), 1);
		while (now == WSS_OPERATION_IN_PROGRESS && wsd_check_now_ms() < deadline)
			now = __atomic_load_n(&op->o.Internal, __ATOMIC_ACQUIRE);
		cr_assert_eq(now, 0, "round %d: %#llx", i, (unsigned long long)now);
		cr_assert_eq(op->o.InternalHigh, 1);
		cr_assert_eq(result(p.b, op, false), 0);
	}
	op_end(op);
	pair_close(&p);
	free(op);
	WS_END();
}

Test(overlapped, WS_DATA_2_reset_ends_pending_receive)
{
	struct wsd_linger hard = {.l_onoff = 1};
	char b[8];
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, sizeof(b));
	cr_assert_eq(start_recv(p.a, &op), WSA_IO_PENDING);
	WS_OK(wsd_setsockopt(p.b, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)));
	WS_OK(wsd_closesocket(p.b));
	p.b = INVALID_SOCKET;
	wait_set(&op);
	cr_assert_eq(result(p.a, &op, false), WSAECONNRESET);
	cr_assert_eq(wsd_send(p.a, b, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAECONNRESET);
	cr_assert_eq(ws_get(p.a, WSD_SOL_SOCKET, WSD_SO_ERROR), 0);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

Test(overlapped, WS_CLOSE_1_close_ends_all)
{
	enum { BYTES = 4 * MIB, OPS = 5 };
	char *b = calloc(OPS, BYTES), small[8];
	struct op in[OPS], out[OPS];
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	for (int i = 0; i < OPS; i++) {
		op_init(&in[i], small, sizeof(small));
		op_init(&out[i], b + i * BYTES, BYTES);
		cr_assert_eq(start_recv(p.a, &in[i]), WSA_IO_PENDING);
		cr_assert_eq(start_send(p.a, &out[i]), WSA_IO_PENDING);
	}
	WS_OK(wsd_closesocket(p.a));
	for (int i = 0; i < OPS; i++) {
		wait_set(&in[i]);
		wait_set(&out[i]);
		cr_assert_eq(in[i].o.Internal, (ULONG_PTR)WSA_OPERATION_ABORTED);
		cr_assert_eq(out[i].o.Internal, (ULONG_PTR)WSA_OPERATION_ABORTED);
		cr_assert_eq(result(p.a, &in[i], false), WSAENOTSOCK);
		op_end(&in[i]);
		op_end(&out[i]);
	}
	p.a = INVALID_SOCKET;
	pair_close(&p);
	free(b);
	WS_END();
}

/* WSACleanup ends them as closesocket does. */
Test(overlapped, WS_CLOSE_1_cleanup_ends_all)
{
	char b[8];
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, sizeof(b));
	cr_assert_eq(start_recv(p.a, &op), WSA_IO_PENDING);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(op.o.Internal, (ULONG_PTR)WSA_OPERATION_ABORTED);
	cr_assert_eq(wsd_WaitForSingleObject(op.o.hEvent, 0), (DWORD)WAIT_OBJECT_0);
	wsd_CloseHandle(op.o.hEvent);
	WSD_TEST_END();
}

/* No event, an event whose lowest bit is set, an event that resets itself. */
Test(overlapped, WS_DATA_3_events)
{
	char b[8];
	struct op op;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, 4);
	HANDLE event = op.o.hEvent, automatic = wsd_CreateEventA(NULL, FALSE, FALSE, NULL);
	op.o.hEvent = NULL;
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	cr_assert_eq(result(p.b, &op, true), WSA_INVALID_HANDLE, "nothing to wait for");
	cr_assert_eq(wsd_send(p.a, "abcd", 4, 0), 4);
	cr_assert(WSD_UNTIL(result(p.b, &op, false) == 0, CONN_WAIT_MS));
	op.o.hEvent = (HANDLE)((uintptr_t)event | 1);
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	cr_assert_eq(wsd_send(p.a, "abcd", 4, 0), 4);
	wait_set(&op);
	op.o.hEvent = automatic;
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	cr_assert_eq(wsd_send(p.a, "abcd", 4, 0), 4);
	struct op copy = op;
	cr_assert_eq(result(p.b, &op, true), 0);
	cr_assert(WSD_UNTIL(!is_set(&copy), CONN_WAIT_MS), "the wait has reset it");
	wsd_CloseHandle(automatic);
	wsd_CloseHandle(event);
	pair_close(&p);
	WS_END();
}

/* Bad arguments start nothing. */
Test(overlapped, WS_ERR_3_bad_arguments)
{
	char b[8];
	struct op op;
	DWORD n, flags;
	WS_BEGIN();
	struct pair p = pair_open();
	op_init(&op, b, 4);
	HANDLE event = op.o.hEvent;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = (LPWSAOVERLAPPED_COMPLETION_ROUTINE)8;
	WS_IS(wsd_WSARecv(p.b, &op.buffer, 1, NULL, &op.flags, &op.o, routine), WSAEOPNOTSUPP);
	WS_IS(wsd_WSARecv(p.b, &op.buffer, 1, NULL, &op.flags, (LPWSAOVERLAPPED)8, NULL),
	      WSAEFAULT);
	op.o.hEvent = (HANDLE)0x1234;
	cr_assert_eq(start_recv(p.b, &op), WSA_INVALID_HANDLE);
	op.o.hEvent = event;
	op.flags = 0x4000;
	cr_assert_eq(start_recv(p.b, &op), WSAEOPNOTSUPP);
	op.flags = 0;
	cr_assert_not(wsd_WSAGetOverlappedResult(p.b, NULL, &n, FALSE, &flags));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	cr_assert_not(wsd_WSAGetOverlappedResult(p.b, &op.o, NULL, FALSE, &flags));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	cr_assert_not(wsd_WSAGetOverlappedResult(p.b, &op.o, &n, FALSE, NULL));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	cr_assert_not(wsd_WSAGetOverlappedResult(1, &op.o, &n, FALSE, &flags));
	cr_assert_eq(wsd_WSAGetLastError(), WSAENOTSOCK);
	/* nothing of these has taken the byte */
	cr_assert_eq(wsd_send(p.a, "z", 1, 0), 1);
	cr_assert_eq(wsd_recv(p.b, b, 4, 0), 1);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

/* Memory that goes while the operation runs: the operation fails, the process lives. */
Test(overlapped, WS_ERR_4_memory_that_goes)
{
	struct op op;
	if (pair_on_san())
		cr_skip_test("a SAN has the memory registered");
	WS_BEGIN();
	struct pair p = pair_open();
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	op_init(&op, page, 4096);
	cr_assert_eq(start_recv(p.b, &op), WSA_IO_PENDING);
	/* its place stays taken: another thread must not get it */
	cr_assert_eq(mmap(page, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		     page);
	cr_assert_eq(wsd_send(p.a, "z", 1, 0), 1);
	wait_set(&op);
	cr_assert_eq(result(p.b, &op, false), WSAEFAULT);
	munmap(page, 4096);
	op_end(&op);
	pair_close(&p);
	WS_END();
}

/* ---- under load ---- */

struct hammer {
	SOCKET s;
	bool send;
	pthread_t thread;
	uint64_t moved;
};

/* Overlapped calls, one after the other, until the connection ends. */
static void *hammer(void *arg)
{
	struct hammer *h = arg;
	char *b = malloc(64 * KIB);
	struct op op;
	op_init(&op, b, 64 * KIB);
	for (;;) {
		op.flags = 0;
		int code = h->send ? start_send(h->s, &op) : start_recv(h->s, &op);
		if (code && code != WSA_IO_PENDING)
			break;
		wait_set(&op);
		if (op.o.Internal || !op.o.InternalHigh)
			break;
		h->moved += op.o.InternalHigh;
	}
	op_end(&op);
	free(b);
	return NULL;
}

/* Sockets closed in the middle, again and again: nothing hangs, leaks or crashes. */
Test(overlapped, WS_CLOSE_1_closed_in_the_middle, .timeout = 120)
{
	enum { ROUNDS = 15 };
	WS_BEGIN();
	for (int round = 0; round < ROUNDS; round++) {
		struct pair p = pair_open();
		struct hammer h[4] = {{p.a, true}, {p.b, false}, {p.b, true}, {p.a, false}};
		for (int i = 0; i < 4; i++)
			pthread_create(&h[i].thread, NULL, hammer, &h[i]);
		usleep((useconds_t)(round * 300));
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		usleep((useconds_t)(round % 3 * 200));
		pair_close(&p);
		for (int i = 0; i < 4; i++)
			pthread_join(h[i].thread, NULL);
	}
	WS_END();
}
