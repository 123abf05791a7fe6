/* SPDX-License-Identifier: MIT
 *
 * Pairs and patterns.
 */
#include "stream_pair.h"
#include "pair_bed.h"
#include "reason.h"
#include "socket.h"
#include "transport.h"

static bool on(const char *transport)
{
	const char *t = getenv("WSD_TEST_TRANSPORT");
	return t && !strcmp(t, transport);
}

bool pair_bed_make(void)
{
	return !pair_on_san() || pair_san_make();
}

void pair_bed_free(void)
{
	if (pair_on_san())
		pair_san_free();
}

bool pair_on_san(void)
{
	return on("san") || on("rxe");
}

bool pair_on_rxe(void)
{
	return on("rxe");
}

const char *pair_address(void)
{
	const char *a = getenv("WSD_TEST_ADDRESS");
	return a && *a ? a : pair_on_san() ? "10.77.0.1" : LOOPBACK;
}

const char *pair_address2(void)
{
	return pair_on_san() ? "10.77.1.1" : LOOPBACK2;
}

const char *pair_nobody(void)
{
	return pair_on_san() ? pair_address() : LOOPBACK2;
}

int pair_rounds(int n)
{
	return on("rxe") ? (n + 3) / 4 : n;
}

bool pair_is_full(SOCKET s)
{
	struct wsd_fd_set w = {1, {s}};
	struct timeval t = {0, pair_on_rxe() ? 500000 : 50000};
	int n = wsd_select(0, NULL, &w, NULL, &t);
	cr_assert_geq(n, 0, "select: code %d", wsd_WSAGetLastError());
	return n == 0;
}

long long pair_traffic(void)
{
	return pair_on_san() ? pair_san_traffic() : 0;
}

const char *pair_transport(SOCKET s)
{
	struct sw_process *p = sw_enter();
	cr_assert_not_null(p, "not started");
	struct sw_socket *found = sw_socket_find(p, s);
	cr_assert_not_null(found, "no socket");
	const char *name = found->transport ? found->transport->name : "none";
	sw_socket_put(found);
	sw_leave(p);
	return name;
}

/* Why it is not on the SAN. */
static const char *reason_of(SOCKET s)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *found = sw_socket_find(p, s);
	const char *text = sw_reason_text((enum sw_reason)found->tcp_reason);
	sw_socket_put(found);
	sw_leave(p);
	return text;
}

static void set_buffers(SOCKET s, DWORD sndbuf, DWORD rcvbuf)
{
	if (sndbuf)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_SNDBUF, sndbuf));
	if (rcvbuf)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, rcvbuf));
}

void pair_is_right(SOCKET s, long long before)
{
	cr_assert_str_eq(pair_transport(s), pair_on_san() ? "SAN" : "TCP/IP", "%s", reason_of(s));
	/* the kernel shows a device's counters some milliseconds late */
	cr_assert(!pair_on_san() || WSD_UNTIL(pair_traffic() > before, CONN_WAIT_MS),
		  "no traffic on the SAN");
}

SOCKET pair_listener(int backlog)
{
	return conn_listener(pair_address(), 0, backlog);
}

SOCKET pair_accept(SOCKET listener)
{
	SOCKET s = conn_accept(listener);
	pair_is_right(s, -1);
	return s;
}

struct pair pair_open_small(DWORD sndbuf, DWORD rcvbuf)
{
	struct pair p = {.listener = ws_tcp(), .a = ws_tcp()};
	long long before = pair_traffic();
	set_buffers(p.listener, sndbuf, rcvbuf);
	set_buffers(p.a, sndbuf, rcvbuf);
	WS_OK(ws_bind(p.listener, pair_address(), 0));
	WS_OK(wsd_listen(p.listener, 5));
	WS_OK(conn_connect(p.a, pair_address(), ws_port(p.listener)));
	p.b = conn_accept(p.listener);
	pair_is_right(p.b, -1);
	pair_is_right(p.a, before);
	return p;
}

struct pair pair_open(void)
{
	return pair_open_small(0, 0);
}

void pair_close(struct pair *p)
{
	SOCKET *all[] = {&p->a, &p->b, &p->listener};
	for (int i = 0; i < 3; i++) {
		if (*all[i] != INVALID_SOCKET)
			WS_OK(wsd_closesocket(*all[i]));
		*all[i] = INVALID_SOCKET;
	}
}

/* ---- bytes ---- */

/* A block of its own for each 256 bytes, so that no shift looks the same: byte i of a block that
 * begins with b is b + i * 167. */
static unsigned char blocks[256][256];
static pthread_once_t blocks_once = PTHREAD_ONCE_INIT;

static void make_blocks(void)
{
	for (int b = 0; b < 256; b++)
		for (int i = 0; i < 256; i++)
			blocks[b][i] = (unsigned char)(b + i * 167);
}

static const unsigned char *block_at(unsigned seed, uint64_t at)
{
	uint64_t x = (at >> 8) * 0x9e3779b97f4a7c15u + seed * 0x2545f491u;
	pthread_once(&blocks_once, make_blocks);
	return blocks[(x >> 32) & 255] + (at & 255);
}

unsigned char pair_byte(unsigned seed, uint64_t at)
{
	return *block_at(seed, at);
}

static size_t in_block(uint64_t at, size_t left)
{
	size_t n = 256 - (at & 255);
	return n < left ? n : left;
}

void pair_fill(void *buffer, size_t n, unsigned seed, uint64_t at)
{
	unsigned char *b = buffer;
	for (size_t done = 0, len; done < n; done += len) {
		len = in_block(at + done, n - done);
		memcpy(b + done, block_at(seed, at + done), len);
	}
}

bool pair_same(const void *buffer, size_t n, unsigned seed, uint64_t at, size_t *ret_at)
{
	const unsigned char *b = buffer;
	for (size_t done = 0, len; done < n; done += len) {
		len = in_block(at + done, n - done);
		const unsigned char *want = block_at(seed, at + done);
		if (!memcmp(b + done, want, len))
			continue;
		while (b[done] == *want++)
			done++;
		*ret_at = done;
		return false;
	}
	return true;
}

int pair_send_all(SOCKET s, unsigned seed, uint64_t bytes, size_t piece)
{
	char *buffer = malloc(piece ? piece : 1);
	int code = 0;
	for (uint64_t at = 0; at < bytes && !code;) {
		size_t n = bytes - at < piece ? (size_t)(bytes - at) : piece;
		pair_fill(buffer, n, seed, at);
		int r = wsd_send(s, buffer, (int)n, 0);
		code = r == SOCKET_ERROR ? wsd_WSAGetLastError() : 0;
		cr_assert(code || (size_t)r == n, "send of %zu answered %d", n, r);
		at += n;
	}
	free(buffer);
	return code;
}

int pair_recv_all(SOCKET s, unsigned seed, uint64_t bytes, size_t piece)
{
	char *buffer = malloc(piece ? piece : 1);
	int code = 0;
	for (uint64_t at = 0; at < bytes && !code;) {
		size_t n = bytes - at < piece ? (size_t)(bytes - at) : piece, wrong = 0;
		int r = wsd_recv(s, buffer, (int)n, 0);
		code = r == SOCKET_ERROR ? wsd_WSAGetLastError() : r == 0 ? WSAEDISCON : 0;
		if (code)
			break;
		cr_assert(pair_same(buffer, (size_t)r, seed, at, &wrong),
			  "byte %llu of the stream is wrong", (unsigned long long)(at + wrong));
		at += (uint64_t)r;
	}
	free(buffer);
	return code;
}

static void *flow(void *arg)
{
	struct pair_flow *f = arg;
	f->code = f->send ? pair_send_all(f->s, f->seed, f->bytes, f->piece)
			  : pair_recv_all(f->s, f->seed, f->bytes, f->piece);
	f->over = true;
	return NULL;
}

void pair_flow_start(struct pair_flow *f)
{
	f->over = false;
	cr_assert_eq(pthread_create(&f->thread, NULL, flow, f), 0);
}

int pair_flow_end(struct pair_flow *f)
{
	pthread_join(f->thread, NULL);
	return f->code;
}
