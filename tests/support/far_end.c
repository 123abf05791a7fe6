/* SPDX-License-Identifier: MIT
 *
 * Far ends. No state, no locks.
 */
#include "far_end.h"

#include <netinet/in.h>

static struct far_end by_kernel(const char *ip, unsigned port)
{
	return (struct far_end){.fd = conn_foreign(ip, port), .s = INVALID_SOCKET};
}

static struct far_end by_library(const char *ip, unsigned port)
{
	struct far_end f = {.fd = -1, .s = ws_tcp()};
	if (ws_code(conn_connect(f.s, ip, port))) {
		wsd_closesocket(f.s);
		f.s = INVALID_SOCKET;
		return f;
	}
	WS_OK(ws_set(f.s, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, CONN_WAIT_MS));
	return f;
}

struct far_end far_connect_to(const char *ip, unsigned port)
{
	if (!pair_on_san()) {
		struct far_end f = by_kernel(ip, port);
		cr_assert_geq(f.fd, 0, "%s:%u does not answer: %s", ip, port, strerror(errno));
		return f;
	}
	long long before = pair_traffic();
	struct far_end f = by_library(ip, port);
	cr_assert_neq(f.s, INVALID_SOCKET, "connect to %s:%u: code %d", ip, port,
		      wsd_WSAGetLastError());
	pair_is_right(f.s, before);
	return f;
}

struct far_end far_connect(unsigned port)
{
	return far_connect_to(pair_address(), port);
}

bool far_try(unsigned port, struct far_end *ret)
{
	*ret = pair_on_san() ? by_library(pair_address(), port) : by_kernel(pair_address(), port);
	return ret->fd >= 0 || ret->s != INVALID_SOCKET;
}

unsigned far_port(const struct far_end *f)
{
	return f->fd >= 0 ? ws_foreign_port(f->fd) : ws_port(f->s);
}

int far_recv(const struct far_end *f, void *buffer, int n)
{
	int r;
	if (f->fd < 0) {
		r = wsd_recv(f->s, buffer, n, 0);
		return r == SOCKET_ERROR ? -wsd_WSAGetLastError() : r;
	}
	r = conn_foreign_read(f->fd, buffer, (size_t)n);
	return r == -ECONNRESET ? -WSAECONNRESET : r == -ETIMEDOUT ? -WSAETIMEDOUT : r;
}

static void send_all(const struct far_end *f, const void *data, int n, bool urgent)
{
	if (f->fd < 0)
		cr_assert_eq(wsd_send(f->s, data, n, urgent ? WSD_MSG_OOB : 0), n, "code %d",
			     wsd_WSAGetLastError());
	else
		cr_assert_eq(send(f->fd, data, (size_t)n, urgent ? MSG_OOB : 0), n, "%s",
			     strerror(errno));
}

void far_send(const struct far_end *f, const void *data, int n)
{
	send_all(f, data, n, false);
}

void far_put(const struct far_end *f, const char *text)
{
	send_all(f, text, (int)strlen(text), false);
}

void far_urgent(const struct far_end *f, char c)
{
	send_all(f, &c, 1, true);
}

void far_shut(const struct far_end *f)
{
	if (f->fd < 0)
		WS_OK(wsd_shutdown(f->s, WSD_SD_SEND));
	else
		cr_assert_eq(shutdown(f->fd, SHUT_WR), 0);
}

void far_close(struct far_end *f)
{
	if (f->fd >= 0)
		close(f->fd);
	else if (f->s != INVALID_SOCKET)
		wsd_closesocket(f->s);
	*f = (struct far_end){.fd = -1, .s = INVALID_SOCKET};
}

void far_reset(struct far_end *f)
{
	static const struct wsd_linger hard = {.l_onoff = 1};
	if (f->fd >= 0) {
		conn_reset(f->fd);
		f->fd = -1;
	} else {
		WS_OK(wsd_setsockopt(f->s, WSD_SOL_SOCKET, WSD_SO_LINGER, (const char *)&hard,
				     sizeof(hard)));
		far_close(f);
	}
}
