/* SPDX-License-Identifier: MIT
 *
 * Both directions at once with everything mixed: sizes from nothing to a mebibyte, numbers of
 * segments, blocking, non-blocking and overlapped calls, several of these at a time, MSG_WAITALL.
 * Over the transport of the environment (stream_pair.h). Each byte is looked at. [WS-DATA-3]
 */
#include "session.h"
#include "socket.h"
#include "stream_pair.h"

enum {
	MIB = 1 << 20,
	SLOTS = 4,
	SEGMENTS = 8,
	GAP = 96, /* between segments, so that they are pieces */
	ROOM = MIB + SEGMENTS * GAP,
	LOOK_MS = 20,
	EVENT_MS = 60000,
};

enum mode { CALL_BLOCKS, CALL_DOES_NOT, CALL_OVERLAPPED, MODES };

/* One call; those under way lie in a ring, in their order. */
struct slot {
	WSAOVERLAPPED o;
	char *memory;
	WSABUF pieces[SEGMENTS];
	DWORD n, flags;
	uint32_t asked, moved;
	bool pending;
};

struct side {
	SOCKET s;
	bool send;
	unsigned seed;
	uint64_t bytes, at; /* at: sent, or received and looked at */
	uint64_t random;
	struct slot slot[SLOTS];
	unsigned first, used;
	unsigned calls[MODES];
	bool ended;
	pthread_t thread;
};

static uint32_t any(struct side *x, uint32_t below)
{
	x->random = x->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(x->random >> 33) % below;
}

/* Small ones are many, large ones carry the bytes; some have none. */
static uint32_t any_size(struct side *x)
{
	return any(x, 20) ? any(x, (1u << any(x, 21)) + 1) : 0;
}

/* ---- one call ---- */

static struct slot *fresh(struct side *x, uint32_t size)
{
	struct slot *c = &x->slot[(x->first + x->used) % SLOTS];
	char *at = c->memory;
	uint32_t left = size;
	c->n = 1 + any(x, SEGMENTS);
	c->asked = size;
	c->moved = 0;
	c->flags = 0;
	c->pending = false;
	for (DWORD i = 0; i < c->n; i++) {
		uint32_t len = i + 1 == c->n ? left : left ? any(x, left + 1) : 0;
		c->pieces[i] = (WSABUF){len, at};
		at += len + any(x, GAP);
		left -= len;
	}
	return c;
}

static void fill(struct side *x, struct slot *c)
{
	uint64_t at = x->at;
	for (DWORD i = 0; i < c->n; i++) {
		pair_fill(c->pieces[i].buf, c->pieces[i].len, x->seed, at);
		at += c->pieces[i].len;
	}
}

static void look(struct side *x, struct slot *c)
{
	uint32_t left = c->moved;
	size_t wrong = 0;
	for (DWORD i = 0; i < c->n && left; i++) {
		uint32_t len = c->pieces[i].len < left ? (uint32_t)c->pieces[i].len : left;
		cr_assert(pair_same(c->pieces[i].buf, len, x->seed, x->at, &wrong),
			  "byte %llu of stream %u is wrong", (unsigned long long)(x->at + wrong),
			  x->seed);
		x->at += len;
		left -= len;
	}
}

/* The oldest call is over. */
static void retire(struct side *x)
{
	struct slot *c = &x->slot[x->first];
	DWORD moved = 0, flags = 0;
	if (c->pending) {
		WSAEVENT e = (WSAEVENT)c->o.hEvent;
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, EVENT_MS, FALSE),
			     (DWORD)WSA_WAIT_EVENT_0, "%s of %u bytes at %llu does not end",
			     x->send ? "a send" : "a receive", c->asked, (unsigned long long)x->at);
		cr_assert(wsd_WSAGetOverlappedResult(x->s, &c->o, &moved, FALSE, &flags), "code %d",
			  wsd_WSAGetLastError());
		cr_assert(!x->send || moved == c->asked, "%u of %u bytes", moved, c->asked);
		c->moved = moved;
	}
	if (!x->send) {
		look(x, c);
		x->ended |= c->asked && !c->moved;
	}
	x->first = (x->first + 1) % SLOTS;
	x->used--;
}

static int call(struct side *x, struct slot *c, LPWSAOVERLAPPED o)
{
	DWORD moved = 0;
	wsd_WSASetLastError(0);
	int r = x->send ? wsd_WSASend(x->s, c->pieces, c->n, &moved, 0, o, NULL)
			: wsd_WSARecv(x->s, c->pieces, c->n, &moved, &c->flags, o, NULL);
	c->moved = moved;
	return ws_code(r);
}

static void wait_ready(struct side *x)
{
	struct wsd_fd_set set = {1, {x->s}};
	struct timeval t = {0, LOOK_MS * 1000};
	cr_assert_geq(wsd_select(0, x->send ? NULL : &set, x->send ? &set : NULL, NULL, &t), 0);
}

/* The mode is the socket's, so the other direction's thread may change it in between: then the call
 * is answered the other way, and made again. */
static void synchronous(struct side *x, struct slot *c, bool non_blocking)
{
	conn_nonblocking(x->s, non_blocking);
	for (int code; (code = call(x, c, NULL));) {
		cr_assert_eq(code, WSAEWOULDBLOCK, "code %d", code);
		while (!x->send && x->used)
			retire(x); /* those before it come first */
		wait_ready(x);
	}
}

static void overlapped(struct side *x, struct slot *c)
{
	c->flags = !x->send && any(x, 2) ? WSD_MSG_WAITALL : 0;
	int code = call(x, c, &c->o);
	cr_assert(code == 0 || code == WSA_IO_PENDING, "code %d", code);
	c->pending = true;
	if (x->send)
		c->moved = c->asked;
}

static void one_call(struct side *x, uint32_t size)
{
	enum mode mode = (enum mode)any(x, MODES);
	while (x->used == SLOTS)
		retire(x);
	struct slot *c = fresh(x, size);
	if (x->send)
		fill(x, c);
	if (mode == CALL_OVERLAPPED)
		overlapped(x, c);
	else
		synchronous(x, c, mode == CALL_DOES_NOT);
	x->calls[mode]++;
	x->used++;
	if (x->send)
		x->at += c->moved;
}

static void *run(void *arg)
{
	struct side *x = arg;
	while (x->send ? x->at < x->bytes : !x->ended) {
		uint32_t size = any_size(x);
		if (x->send && size > x->bytes - x->at)
			size = (uint32_t)(x->bytes - x->at);
		one_call(x, size);
		while (x->used && !any(x, 3))
			retire(x);
	}
	while (x->used)
		retire(x);
	if (x->send)
		WS_OK(wsd_shutdown(x->s, WSD_SD_SEND));
	return NULL;
}

/* ---- both directions ---- */

static void begin(struct side *x, SOCKET s, bool send, unsigned seed, uint64_t bytes)
{
	*x = (struct side){.s = s, .send = send, .seed = seed, .bytes = bytes};
	x->random = seed * 77 + send;
	for (int i = 0; i < SLOTS; i++) {
		x->slot[i].memory = malloc(ROOM);
		x->slot[i].o.hEvent = wsd_WSACreateEvent();
	}
	cr_assert_eq(pthread_create(&x->thread, NULL, run, x), 0);
}

static void end(struct side *x)
{
	pthread_join(x->thread, NULL);
	cr_assert_eq(x->at, x->bytes, "%llu bytes", (unsigned long long)x->at);
	for (int i = 0; i < MODES; i++)
		cr_assert_gt(x->calls[i], 0, "no call in mode %d", i);
	for (int i = 0; i < SLOTS; i++) {
		free(x->slot[i].memory);
		wsd_WSACloseEvent((WSAEVENT)x->slot[i].o.hEvent);
	}
}

/* It was the SAN that moved them: large ones by RDMA, the others by messages. */
static void check_session(SOCKET s, uint64_t bytes)
{
	struct session_stats stats;
	struct sw_process *p = sw_enter();
	struct sw_socket *found = sw_socket_find(p, s);
	session_get_stats(found->session, &stats);
	sw_socket_put(found);
	sw_leave(p);
	cr_assert_eq(stats.bytes_sent, bytes);
	cr_assert_eq(stats.bytes_received, bytes);
	cr_assert_gt(stats.rdma_bytes, bytes / 4);
	cr_assert_gt(stats.messages_sent, 0);
}

Test(mixed, WS_DATA_3_sizes_segments_modes_and_directions, .timeout = 100)
{
	uint64_t bytes = (getenv("WSD_TEST_LONG") ? 128ull : 32) * MIB; /* each way */
	struct side side[4];
	WS_BEGIN();
	struct pair p = pair_open();
	long long before = pair_traffic();
	begin(&side[0], p.a, true, 1, bytes);
	begin(&side[1], p.b, false, 1, bytes);
	begin(&side[2], p.b, true, 2, bytes);
	begin(&side[3], p.a, false, 2, bytes);
	for (int i = 0; i < 4; i++)
		end(&side[i]);
	pair_is_right(p.a, before);
	if (pair_on_san())
		check_session(p.a, bytes);
	pair_close(&p);
	WS_END();
}
