/* SPDX-License-Identifier: MIT
 *
 * When a connect goes on over TCP/IP and when not: the table of SW-FALLBACK-1, row by row, and the
 * negotiation.
 */
#include "fake_session.h"

#include "reason.h"
#include "san_priv.h"

#include <sys/socket.h>

enum { PORT = 4000 };

static const struct {
	int code; /* of FD_CONNECT */
	int end;  /* the application's */
	int reason;
} rows[] = {
	{WSAECONNREFUSED, WSAECONNREFUSED, SW_REASON_NONE},
	{WSAECONNRESET, WSAECONNREFUSED, SW_REASON_NONE}, /* [SW-FALLBACK-3] */
	{WSAEHOSTUNREACH, WSAEHOSTUNREACH, SW_REASON_NONE},
	{WSAETIMEDOUT, 0, SW_REASON_NO_WSD}, /* at once: somebody has said no [SW-FALLBACK-2] */
	{WSAENETDOWN, 0, SW_REASON_BUSY},
	{WSAENOBUFS, 0, SW_REASON_BUSY},
	{WSAEINVAL, 0, SW_REASON_BUSY},
	{WSAEADDRNOTAVAIL, 0, SW_REASON_BUSY},
	{WSAECONNABORTED, 0, SW_REASON_BUSY},
	{WSAENETUNREACH, 0, SW_REASON_TIMEOUT},
};

/* An attempt from a fixed port to a kernel listener. */
static SOCKET attempt(unsigned short port)
{
	SOCKET s = bed_bound("10.77.0.1", port);
	make_nonblocking(s);
	cr_assert_eq(fake_connect(s, "10.77.0.1", BED_PORT), WSAEWOULDBLOCK);
	return s;
}

/* As if the time of what is remembered were over. */
static void forget_refusals(void)
{
	struct sw_process *p = sw_enter();
	negcache_clear(&p->san->negcache);
	sw_leave(p);
}

static int kernel_listener(void)
{
	int fd = netbed_bind_reuse("10.77.0.1", BED_PORT);
	cr_assert_geq(fd, 0);
	cr_assert_eq(listen(fd, 64), 0);
	return fd;
}

static unsigned short port_of(SOCKET s)
{
	struct wsd_sockaddr_in name;
	int len = sizeof(name);
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&name, &len), 0);
	return ntohs(name.sin_port);
}

/* Clauses: SW-FALLBACK-2, SW-FALLBACK-3, SW-FALLBACK-5 */
Test(fallback, SW_FALLBACK_01_the_table_row_by_row)
{
	BED(1);
	usual_addresses();
	started();
	int fd = kernel_listener();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned short port = (unsigned short)(PORT + i);
		bed_clear(&bed);
		SOCKET s = attempt(port);
		SOCKET desc = bed.p[0]->n_sockets;
		bed.p[0]->connected(bed.p[0], desc, rows[i].code);
		cr_assert_eq(end_of_connect(s), rows[i].end, "row %zu", i);
		cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), 1, "row %zu", i);
		cr_assert_eq(reason_of(s), rows[i].reason, "row %zu", i);
		cr_assert_str_eq(transport_of(s), rows[i].end ? "none" : "TCP/IP");
		cr_assert_eq(port_of(s), port, "the name stays [SW-FALLBACK-5]");
		bed_close(s);
		forget_refusals();
	}
	close(fd);
	stopped();
	BED_END();
}

Test(fallback, SW_FALLBACK_01_at_once_it_is_the_same)
{
	BED(1);
	usual_addresses();
	started();
	int fd = kernel_listener();
	for (size_t i = 0; i < 3; i++) {
		bed_fail(&bed, 0, "WSPConnect", "", rows[i].code);
		SOCKET s = attempt((unsigned short)(PORT + i));
		cr_assert_eq(end_of_connect(s), rows[i].end);
		bed_close(s);
		bed_heal(&bed, 0);
	}
	close(fd);
	stopped();
	BED_END();
}

Test(fallback, SW_FALLBACK_04_a_negotiation_that_fails_is_tcpips)
{
	BED(1);
	usual_addresses();
	started();
	int fd = kernel_listener();
	SOCKET s = attempt(PORT);
	bed.p[0]->connected(bed.p[0], 2, 0);
	struct session *ss = fake_session(0);
	ss->ops->up(ss->ctx, WSAEPROTONOSUPPORT);
	cr_assert_eq(end_of_connect(s), 0);
	cr_assert_str_eq(transport_of(s), "TCP/IP");
	cr_assert_eq(reason_of(s), SW_REASON_NEGOTIATION);
	cr_assert(WSD_UNTIL(fakes_gone(), 2000));
	bed_close(s);
	forget_refusals();
	/* the session cannot even begin */
	fakes.refuse = WSAENOBUFS;
	s = attempt(PORT + 1);
	bed.p[0]->connected(bed.p[0], 3, 0);
	cr_assert_eq(end_of_connect(s), 0);
	cr_assert_eq(reason_of(s), SW_REASON_NEGOTIATION);
	cr_assert_eq(bed_count(&bed, "WSPCloseSocket(3)"), 1);
	bed_close(s);
	close(fd);
	stopped();
	BED_END();
}

/* A reject says nothing of the host, and nothing of a port where TCP/IP fails, too: that server may
 * be about to start. One where TCP/IP answers is left alone for a while (docs/design.md). */
Test(fallback, SW_FALLBACK_06_rejects_are_of_one_port)
{
	BED(1);
	usual_addresses();
	started();
	for (unsigned i = 0; i < 3; i++) {
		SOCKET s = attempt((unsigned short)(PORT + i));
		bed.p[0]->connected(bed.p[0], 2 + i, WSAETIMEDOUT);
		cr_assert_eq(end_of_connect(s), WSAECONNREFUSED);
		bed_close(s);
	}
	int fd = kernel_listener();
	SOCKET s = attempt(PORT + 3);
	bed.p[0]->connected(bed.p[0], 5, WSAETIMEDOUT);
	cr_assert_eq(end_of_connect(s), 0);
	cr_assert_eq(reason_of(s), SW_REASON_NO_WSD);
	bed_close(s);
	bed_clear(&bed);
	s = attempt(PORT + 4);
	cr_assert_eq(end_of_connect(s), 0);
	cr_assert_eq(reason_of(s), SW_REASON_REMEMBERED);
	cr_assert_eq(bed_count(&bed, "WSPConnect"), 0);
	bed_close(s);
	close(fd);
	stopped();
	BED_END();
}

Test(fallback, SW_BLOCK_01_closing_gives_an_attempt_up)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET s = attempt(PORT);
	bed_clear(&bed);
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"));
	/* in the middle of the negotiation */
	s = attempt(PORT + 1);
	bed.p[0]->connected(bed.p[0], 3, 0);
	struct session *ss = fake_session(0);
	bed_close(s);
	cr_assert(WSD_UNTIL(fakes_gone(), 2000));
	cr_assert_eq(ss->linger_ms, 0);
	cr_assert_eq(bed_count(&bed, "WSPCloseSocket(3)"), 1);
	stopped();
	BED_END();
}
