/* SPDX-License-Identifier: MIT
 *
 * See calls.h: a table of calls, each a function that turns its arguments round. A new call is a
 * function, a row of the table and a paragraph in wsd-scenario(5).
 */
#include "calls.h"
#include "text.h"
#include "values.h"

#include <mswsock.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a call works on. */
struct made {
	const struct call *call;
	char *result;
	size_t size;
	SOCKET s;     /* the first argument, where it is a handle */
	SOCKET fresh; /* a new handle */
	bool is_fresh;
	bool nonsense; /* an argument is none */
};

static const char *arg(struct made *m, size_t i)
{
	return m->call->args[i];
}

static void nonsense(struct made *m, size_t i, const char *what)
{
	m->nonsense = true;
	snprintf(m->result, m->size, "argument %zu, '%.60s', is no %s", i + 1, arg(m, i), what);
}

static long number(struct made *m, size_t i)
{
	long n = 0;
	if (!value_number(arg(m, i), &n))
		nonsense(m, i, "number or constant");
	return n;
}

static struct sockaddr_in address(struct made *m, size_t i)
{
	struct sockaddr_in in = {0};
	if (!value_address(arg(m, i), &in))
		nonsense(m, i, "address, as 10.77.0.1:5150");
	return in;
}

/* The name that bind or connect gets: ADDRESS or NULL [, LENGTH [, FAMILY]]. */
struct given {
	union {
		struct sockaddr_in in;
		char room[128];
	} name;
	const struct sockaddr *at;
	int len;
};

static void give_name(struct made *m, struct given *g)
{
	size_t n = m->call->n_args;
	memset(g, 0, sizeof(*g));
	g->len = n > 2 ? (int)number(m, 2) : (int)sizeof(g->name.in);
	if (strcmp(arg(m, 1), "NULL") != 0) {
		g->name.in = address(m, 1);
		g->at = (struct sockaddr *)&g->name;
	}
	if (n > 3)
		g->name.in.sin_family = (u_short)number(m, 3);
	if (!m->nonsense && g->at && g->len > (int)sizeof(g->name))
		nonsense(m, 2, "length up to 128");
}

static void error(struct made *m, int code)
{
	value_code_text(code, m->result, m->size);
}

/* 0 or the error's name. */
static void status(struct made *m, int r)
{
	if (r == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else
		snprintf(m->result, m->size, "%d", r);
}

static void new_handle(struct made *m, SOCKET s)
{
	if (s == INVALID_SOCKET) {
		error(m, WSAGetLastError());
		return;
	}
	m->fresh = s;
	m->is_fresh = true;
	snprintf(m->result, m->size, "ok");
}

/* ---- the process ---- */

static void do_startup(struct made *m)
{
	WSADATA data;
	int major = 2, minor = 2;
	if (m->call->n_args && sscanf(arg(m, 0), "%d.%d", &major, &minor) != 2) {
		nonsense(m, 0, "version, as 2.2");
		return;
	}
	int code = WSAStartup(MAKEWORD(major, minor), &data);
	if (code)
		error(m, code);
	else
		snprintf(m->result, m->size, "0");
}

static void do_cleanup(struct made *m)
{
	status(m, WSACleanup());
}

static void do_last_error(struct made *m)
{
	int code = WSAGetLastError();
	if (code)
		error(m, code);
	else
		snprintf(m->result, m->size, "0");
}

/* ---- sockets and names ---- */

static void do_socket(struct made *m)
{
	bool plain = !m->call->n_args;
	long af = plain ? AF_INET : number(m, 0);
	long type = plain ? SOCK_STREAM : number(m, 1);
	long protocol = plain ? IPPROTO_TCP : number(m, 2);
	if (!m->nonsense)
		new_handle(m, socket((int)af, (int)type, (int)protocol));
}

static void do_bind(struct made *m)
{
	struct given g;
	give_name(m, &g);
	if (!m->nonsense)
		status(m, bind(m->s, g.at, g.len));
}

static void do_listen(struct made *m)
{
	long backlog = number(m, 1);
	if (!m->nonsense)
		status(m, listen(m->s, (int)backlog));
}

static void do_connect(struct made *m)
{
	struct given g;
	give_name(m, &g);
	if (!m->nonsense)
		status(m, connect(m->s, g.at, g.len));
}

static void do_accept(struct made *m)
{
	new_handle(m, accept(m->s, NULL, NULL));
}

static int CALLBACK answer(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos,
			   LPWSABUF callee, LPWSABUF callee_data, GROUP *group, DWORD_PTR data)
{
	return (int)data;
}

static void do_wsaaccept(struct made *m)
{
	long decision = number(m, 1);
	if (!m->nonsense)
		new_handle(m, WSAAccept(m->s, NULL, NULL, answer, (DWORD_PTR)decision));
}

static void do_shutdown(struct made *m)
{
	long how = number(m, 1);
	if (!m->nonsense)
		status(m, shutdown(m->s, (int)how));
}

static void do_closesocket(struct made *m)
{
	status(m, closesocket(m->s));
}

static void name_of(struct made *m, int(WSAAPI *call)(SOCKET, struct sockaddr *, int *))
{
	struct sockaddr_in in;
	int len = m->call->n_args > 1 ? (int)number(m, 1) : (int)sizeof(in);
	if (!m->nonsense && len > (int)sizeof(in))
		nonsense(m, 1, "length up to 16");
	if (m->nonsense)
		return;
	if (call(m->s, (struct sockaddr *)&in, &len) == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else
		value_address_text(&in, m->result, m->size);
}

static void do_getsockname(struct made *m)
{
	name_of(m, getsockname);
}

static void do_getpeername(struct made *m)
{
	name_of(m, getpeername);
}

/* ---- data ---- */

static void do_send(struct made *m)
{
	const char *text = arg(m, 1);
	long flags = m->call->n_args > 2 ? number(m, 2) : 0;
	if (*text != '"')
		nonsense(m, 1, "text in quotation marks");
	if (!m->nonsense)
		status(m, send(m->s, text + 1, (int)strlen(text + 1), (int)flags));
}

static void do_recv(struct made *m)
{
	char data[1024];
	long len = number(m, 1), flags = m->call->n_args > 2 ? number(m, 2) : 0;
	if (!m->nonsense && (len < 0 || len > (long)sizeof(data)))
		nonsense(m, 1, "length up to 1024; recv_pattern takes more");
	if (m->nonsense)
		return;
	int n = recv(m->s, data, (int)len, (int)flags);
	if (n > 0)
		text_quote(data, (size_t)n, m->result, m->size);
	else
		status(m, n);
}

/* Byte @i of the pattern. */
static char pattern(long i)
{
	return (char)(i * 31 + (i >> 8) + (i >> 16));
}

static char *pattern_room(struct made *m, long len)
{
	char *data = len > 0 && len <= 256L * 1024 * 1024 ? malloc((size_t)len) : NULL;
	if (!data && !m->nonsense)
		nonsense(m, 1, "length up to 256MiB");
	return data;
}

/* One call sends it all, so that what is beyond the threshold goes by RDMA. */
static void do_send_pattern(struct made *m)
{
	long len = number(m, 1);
	char *data = pattern_room(m, len);
	if (!data)
		return;
	for (long i = 0; i < len; i++)
		data[i] = pattern(i);
	status(m, send(m->s, data, (int)len, 0));
	free(data);
}

/* Takes @len bytes in as many calls as it needs, and looks at each. */
static void do_recv_pattern(struct made *m)
{
	long len = number(m, 1), got = 0;
	char *data = pattern_room(m, len);
	int n = 1;
	if (!data)
		return;
	while (got < len && n > 0) {
		n = recv(m->s, data + got, (int)(len - got), 0);
		if (n > 0)
			got += n;
	}
	long wrong = 0;
	while (wrong < got && data[wrong] == pattern(wrong))
		wrong++;
	if (n == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else if (wrong < got)
		snprintf(m->result, m->size, "wrong-at-%ld", wrong);
	else
		snprintf(m->result, m->size, "%ld", got);
	free(data);
}

/* ---- options and waiting ---- */

static void do_setsockopt(struct made *m)
{
	long option = number(m, 1), value = number(m, 2);
	int level = !strncmp(arg(m, 1), "TCP_", 4) ? IPPROTO_TCP : SOL_SOCKET;
	struct linger linger = {.l_onoff = value >= 0, .l_linger = (u_short)value};
	int plain = (int)value;
	if (m->nonsense)
		return;
	if (option == SO_LINGER)
		status(m, setsockopt(m->s, level, SO_LINGER, (char *)&linger, sizeof(linger)));
	else
		status(m, setsockopt(m->s, level, (int)option, (char *)&plain, sizeof(plain)));
}

static void do_getsockopt(struct made *m)
{
	long option = number(m, 1);
	int level = !strncmp(arg(m, 1), "TCP_", 4) ? IPPROTO_TCP : SOL_SOCKET;
	int value = 0, len = sizeof(value);
	if (m->nonsense)
		return;
	if (getsockopt(m->s, level, (int)option, (char *)&value, &len) == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else if (option == SO_ERROR && value)
		error(m, value);
	else
		snprintf(m->result, m->size, "%d", len == 1 ? *(char *)&value : value);
}

static void do_ioctlsocket(struct made *m)
{
	long code = number(m, 1), value = m->call->n_args > 2 ? number(m, 2) : 0;
	u_long word = (u_long)value;
	if (m->nonsense)
		return;
	int r = ioctlsocket(m->s, code, &word);
	if (r == SOCKET_ERROR || code == (long)FIONBIO)
		status(m, r);
	else
		snprintf(m->result, m->size, "%lu", (unsigned long)word);
}

/* select(s, read|write|except, ms): which of them it is, "none" after the time. */
static void do_select(struct made *m)
{
	static const char *const words[] = {"read", "write", "except"};
	fd_set sets[3];
	bool wanted[3];
	long ms = number(m, 2);
	size_t len = 0;
	for (int i = 0; i < 3; i++) {
		FD_ZERO(&sets[i]);
		wanted[i] = strstr(arg(m, 1), words[i]) != NULL;
		if (wanted[i])
			FD_SET(m->s, &sets[i]);
	}
	struct timeval time = {.tv_sec = (int)(ms / 1000), .tv_usec = (int)(ms % 1000) * 1000};
	if (m->nonsense)
		return;
	int r = select(0, wanted[0] ? &sets[0] : NULL, wanted[1] ? &sets[1] : NULL,
		       wanted[2] ? &sets[2] : NULL, &time);
	if (r == SOCKET_ERROR) {
		error(m, WSAGetLastError());
		return;
	}
	snprintf(m->result, m->size, "none");
	for (int i = 0; i < 3 && r; i++)
		if (wanted[i] && FD_ISSET(m->s, &sets[i]))
			len += (size_t)snprintf(m->result + len, m->size - len, "%s%s",
						len ? "|" : "", words[i]);
}

/* WSAPoll(s, POLLIN|POLLOUT, ms): what it has found, "none" after the time. */
static void do_poll(struct made *m)
{
	long events = number(m, 1), ms = number(m, 2);
	WSAPOLLFD fd = {.fd = m->s, .events = (SHORT)events};
	if (m->nonsense)
		return;
	int r = WSAPoll(&fd, 1, (int)ms);
	if (r == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else
		value_poll_text(r ? fd.revents : 0, m->result, m->size);
}

static void do_create_event(struct made *m)
{
	WSAEVENT event = WSACreateEvent();
	new_handle(m, event == WSA_INVALID_EVENT ? INVALID_SOCKET : (SOCKET)(size_t)event);
}

static WSAEVENT event_of(struct made *m, size_t i)
{
	SOCKET handle = 0;
	if (!value_handle(arg(m, i), &handle))
		nonsense(m, i, "handle of this process");
	return (WSAEVENT)(size_t)handle;
}

static void do_event_select(struct made *m)
{
	WSAEVENT event = event_of(m, 1);
	long events = number(m, 2);
	if (!m->nonsense)
		status(m, WSAEventSelect(m->s, event, events));
}

static void do_enum_events(struct made *m)
{
	WSANETWORKEVENTS got;
	WSAEVENT event = m->call->n_args > 1 ? event_of(m, 1) : NULL;
	if (m->nonsense)
		return;
	if (WSAEnumNetworkEvents(m->s, event, &got) == SOCKET_ERROR)
		error(m, WSAGetLastError());
	else
		value_events_text(got.lNetworkEvents, m->result, m->size);
}

static void do_wait_event(struct made *m)
{
	WSAEVENT event = (WSAEVENT)(size_t)m->s;
	long ms = number(m, 1);
	if (m->nonsense)
		return;
	DWORD r = WSAWaitForMultipleEvents(1, &event, TRUE, (DWORD)ms, FALSE);
	if (r == WSA_WAIT_FAILED)
		error(m, WSAGetLastError());
	else
		snprintf(m->result, m->size, "%s", r == WSA_WAIT_TIMEOUT ? "none" : "set");
}

static void do_close_event(struct made *m)
{
	if (WSACloseEvent((WSAEVENT)(size_t)m->s))
		snprintf(m->result, m->size, "0");
	else
		error(m, WSAGetLastError());
}

/* ---- the table ---- */

enum { TAKES = 1, MAKES = 2 }; /* the first argument is one; it makes one */

static const struct row {
	const char *name;
	void (*make)(struct made *m);
	unsigned least, most; /* arguments */
	unsigned flags;
	const char *args; /* for complaints */
} rows[] = {
	{"WSAStartup", do_startup, 0, 1, 0, "[2.2]"},
	{"WSACleanup", do_cleanup, 0, 0, 0, ""},
	{"WSAGetLastError", do_last_error, 0, 0, 0, ""},
	{"socket", do_socket, 0, 3, MAKES, "[AF_INET, SOCK_STREAM, IPPROTO_TCP]"},
	{"bind", do_bind, 2, 4, TAKES, "s, 10.77.0.1:5150 or NULL [, length [, family]]"},
	{"listen", do_listen, 2, 2, TAKES, "s, backlog"},
	{"connect", do_connect, 2, 4, TAKES, "s, 10.77.0.1:5150 or NULL [, length [, family]]"},
	{"accept", do_accept, 1, 1, TAKES | MAKES, "s"},
	{"WSAAccept", do_wsaaccept, 2, 2, TAKES | MAKES, "s, CF_ACCEPT"},
	{"shutdown", do_shutdown, 2, 2, TAKES, "s, SD_SEND"},
	{"closesocket", do_closesocket, 1, 1, TAKES, "s"},
	{"getsockname", do_getsockname, 1, 2, TAKES, "s [, length]"},
	{"getpeername", do_getpeername, 1, 2, TAKES, "s [, length]"},
	{"send", do_send, 2, 3, TAKES, "s, \"text\" [, MSG_OOB]"},
	{"recv", do_recv, 2, 3, TAKES, "s, length [, MSG_PEEK]"},
	{"send_pattern", do_send_pattern, 2, 2, TAKES, "s, length"},
	{"recv_pattern", do_recv_pattern, 2, 2, TAKES, "s, length"},
	{"setsockopt", do_setsockopt, 3, 3, TAKES, "s, SO_REUSEADDR, 1"},
	{"getsockopt", do_getsockopt, 2, 2, TAKES, "s, SO_REUSEADDR"},
	{"ioctlsocket", do_ioctlsocket, 2, 3, TAKES, "s, FIONBIO, 1"},
	{"select", do_select, 3, 3, TAKES, "s, read|write|except, milliseconds"},
	{"WSAPoll", do_poll, 3, 3, TAKES, "s, POLLIN|POLLOUT, milliseconds"},
	{"WSACreateEvent", do_create_event, 0, 0, MAKES, ""},
	{"WSAEventSelect", do_event_select, 3, 3, TAKES, "s, event, FD_ACCEPT"},
	{"WSAEnumNetworkEvents", do_enum_events, 1, 2, TAKES, "s [, event]"},
	{"WSAWaitForMultipleEvents", do_wait_event, 2, 2, TAKES, "event, milliseconds"},
	{"WSACloseEvent", do_close_event, 1, 1, TAKES, "event"},
};

static const struct row *find(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

bool calls_known(const char *name, size_t n_args, bool variable, char *why, size_t size)
{
	const struct row *row = find(name);
	if (!row)
		snprintf(why, size, "there is no call '%.40s'", name);
	else if (n_args < row->least || n_args > row->most ||
		 (n_args && row->make == do_socket && n_args != 3))
		snprintf(why, size, "expected %s(%s)", name, row->args);
	else if (variable && !(row->flags & MAKES))
		snprintf(why, size, "%s makes no handle that could be kept", name);
	else
		return true;
	return false;
}

bool calls_make(const struct call *c, char *result, size_t size)
{
	struct made m = {.call = c, .result = result, .size = size};
	const struct row *row = find(c->name);

	result[0] = '\0';
	if (!calls_known(c->name, c->n_args, c->variable != NULL, result, size))
		return false;
	if (row->flags & TAKES && !value_handle(c->args[0], &m.s))
		nonsense(&m, 0, "handle of this process");
	if (!m.nonsense)
		row->make(&m);
	if (m.is_fresh && c->variable && !value_keep_handle(c->variable, m.fresh)) {
		snprintf(result, size, "too many handles");
		return false;
	}
	return !m.nonsense;
}
