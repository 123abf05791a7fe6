/* SPDX-License-Identifier: MIT
 *
 * A connected pair within this process, over the transport that the environment names: so that one
 * source of tests runs over TCP/IP and over a SAN, and says so when it did not.
 *
 *   WSD_TEST_TRANSPORT   "tcp" (default), "san" (the loop provider), "rxe" (soft-RoCE, in its
 * guest) WSD_TEST_ADDRESS     the server's; default 127.0.0.1, on a SAN 10.77.0.1
 *
 * Everything else (catalogue, provider, namespace) is in place before: see
 * tests/switch/meson.build. Links the switch statically, to look at what a socket's transport is.
 */
#ifndef WSD_TESTS_STREAM_PAIR_H
#define WSD_TESTS_STREAM_PAIR_H

#include "conn.h"

/* On a SAN: the bed with its provider, before WSAStartup. False: skip the test. */
bool pair_bed_make(void);
void pair_bed_free(void);

#undef WS_BEGIN
#undef WS_END
#define WS_BEGIN()                                                 \
	if (!pair_bed_make())                                      \
		cr_skip_test("no network namespace of one's own"); \
	WSD_TEST_BEGIN();                                          \
	ws_start()
#define WS_END()                           \
	cr_assert_eq(wsd_WSACleanup(), 0); \
	pair_bed_free();                   \
	WSD_TEST_END()

struct pair {
	SOCKET listener, a, b; /* a has connected, b was accepted */
};

bool pair_on_san(void); /* "rxe" is one, too */
bool pair_on_rxe(void);
const char *pair_address(void);
const char *pair_address2(void); /* another one of this host, on another NIC */
const char *pair_nobody(void);   /* one where ports without a listener are looked for */
#define PAIR_SILENT "10.77.0.9"  /* on a SAN: a host that does not answer */

/* First in a test that says nothing of transports. List it in tests/skips. */
#define PAIR_TCP_ONLY(why)                 \
	do {                               \
		if (pair_on_san())         \
			cr_skip_test(why); \
	} while (0)

/* Of @n rounds of a race, those that an emulated guest has time for. */
int pair_rounds(int n);

/* The send buffer is full and stays so: a SAN moves some more in the background before it stands
 * still. False: more can be sent. */
bool pair_is_full(SOCKET s);

/* Messages that the SAN's provider or the packets that its device has moved; 0 over TCP/IP. */
long long pair_traffic(void);
/* Asserts that s is connected over the transport that was asked for, and on a SAN that this has
 * moved since @before. */
void pair_is_right(SOCKET s, long long before);

/* Connected; asserts that it is the transport that was asked for. */
struct pair pair_open(void);
SOCKET pair_listener(int backlog); /* at pair_address() */
SOCKET pair_accept(SOCKET listener);
/* pair_open with options of both ends set before (SO_RCVBUF, SO_SNDBUF); 0: left alone. */
struct pair pair_open_small(DWORD sndbuf, DWORD rcvbuf);
void pair_close(struct pair *p); /* those that are not INVALID_SOCKET */

/* The transport of a connected socket: "TCP/IP", "SAN". */
const char *pair_transport(SOCKET s);

/* ---- bytes ---- */

/* Byte @at of stream @seed: a pattern in which a lost, doubled or swapped byte shows. */
unsigned char pair_byte(unsigned seed, uint64_t at);
void pair_fill(void *buffer, size_t n, unsigned seed, uint64_t at);
/* True if the bytes are those; otherwise the place of the first that is not in *ret_at. */
bool pair_same(const void *buffer, size_t n, unsigned seed, uint64_t at, size_t *ret_at);

/* A code, or 0: until all is moved. The receiver checks the pattern (fails the test). */
int pair_send_all(SOCKET s, unsigned seed, uint64_t bytes, size_t piece);
int pair_recv_all(SOCKET s, unsigned seed, uint64_t bytes, size_t piece);

/* The same on a thread of its own. */
struct pair_flow {
	SOCKET s;
	bool send;
	unsigned seed;
	uint64_t bytes;
	size_t piece;
	int code;
	pthread_t thread;
	_Atomic bool over;
};
void pair_flow_start(struct pair_flow *f);
int pair_flow_end(struct pair_flow *f);

#endif
