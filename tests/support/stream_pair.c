/* SPDX-License-Identifier: MIT
 *
 * Pairs and patterns.
 */
#include "stream_pair.h"
#include "bed.h"
#include "loop_provider.h"
#include "socket.h"
#include "transport.h"

#include <dlfcn.h>

static struct {
	struct bed bed;
	struct loop_control *loop;
} san;

bool pair_bed_make(void)
{
	if (!pair_on_san())
		return true;
	if (!bed_make(&san.bed, 0))
		return false;
	bed_install(&san.bed, 0, LOOP_MODULE, "");
	bed_register(&san.bed, 0);
	setenv("LOOP_ADDRS", "10.77.0.1,10.77.1.1", 1);
	void *module = dlopen(LOOP_MODULE, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	san.loop = dlsym(module, LOOP_CONTROL);
	return true;
}

void pair_bed_free(void)
{
	if (!pair_on_san() || !san.loop)
		return;
	cr_assert_eq(atomic_load(&san.loop->sockets), 0, "SAN sockets are left");
	cr_assert_eq(atomic_load(&san.loop->stale), 0);
	bed_free(&san.bed);
}

bool pair_on_san(void)
{
	const char *t = getenv("WSD_TEST_TRANSPORT");
	return t && !strcmp(t, "san");
}

const char *pair_address(void)
{
	const char *a = getenv("WSD_TEST_ADDRESS");
	return a && *a ? a : pair_on_san() ? "10.77.0.1" : LOOPBACK;
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

static void set_buffers(SOCKET s, DWORD sndbuf, DWORD rcvbuf)
{
	if (sndbuf)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_SNDBUF, sndbuf));
	if (rcvbuf)
		WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, rcvbuf));
}

struct pair pair_open_small(DWORD sndbuf, DWORD rcvbuf)
{
	const char *want = pair_on_san() ? "SAN" : "TCP/IP";
	struct pair p = {.listener = ws_tcp(), .a = ws_tcp()};
	set_buffers(p.listener, sndbuf, rcvbuf);
	set_buffers(p.a, sndbuf, rcvbuf);
	WS_OK(ws_bind(p.listener, pair_address(), 0));
	WS_OK(wsd_listen(p.listener, 5));
	WS_OK(conn_connect(p.a, pair_address(), ws_port(p.listener)));
	p.b = conn_accept(p.listener);
	cr_assert_str_eq(pair_transport(p.a), want);
	cr_assert_str_eq(pair_transport(p.b), want);
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

/* A block of its own for each 256 bytes, so that no shift looks the same. */
unsigned char pair_byte(unsigned seed, uint64_t at)
{
	uint64_t x = (at >> 8) * 0x9e3779b97f4a7c15u + seed * 0x2545f491u;
	return (unsigned char)((x >> 32) + at * 167);
}

void pair_fill(void *buffer, size_t n, unsigned seed, uint64_t at)
{
	unsigned char *b = buffer;
	for (size_t i = 0; i < n; i++)
		b[i] = pair_byte(seed, at + i);
}

bool pair_same(const void *buffer, size_t n, unsigned seed, uint64_t at, size_t *ret_at)
{
	const unsigned char *b = buffer;
	for (size_t i = 0; i < n; i++)
		if (b[i] != pair_byte(seed, at + i)) {
			*ret_at = i;
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
