/* SPDX-License-Identifier: MIT
 *
 * The same calls in the same random order on two connections, one over TCP/IP and one over the
 * SAN: each answers the same, call by call, and what can be seen of their sockets between the calls
 * comes to be the same. [Issue B, "How it must behave"; WS-DATA-1 to 4, WS-SELECT-1, WS-CLOSE-1]
 *
 *   WSD_TEST_SEEDS   "FIRST COUNT": these instead of the fixed handful
 *   WSD_TEST_STEPS   calls per seed
 *   WSD_TEST_TELL    each call is printed
 *
 * It stays away from what is known to differ (README, switch-sim/README): a second urgent byte
 * before the first was read; sends that do not fit a buffer.
 */
#include "random_lanes.h"

/* ---- the connections ---- */

static void end_pending(struct end *e)
{
	for (int i = 0; i < PENDING; i++) {
		struct pending *p = &e->pending[i];
		if (p->used)
			cr_assert(WSD_UNTIL(is_over(p), CONN_WAIT_MS));
		p->used = false;
	}
}

static void fresh(struct end *e)
{
	DWORD ms = 30;
	WS_OK(wsd_setsockopt(e->s, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, (char *)&ms, sizeof(ms)));
	e->seen = 0;
}

static void open_lanes(void)
{
	struct answer a[LANES] = {{0}};
	unsigned early = dice(6);
	for (int i = 0; i < LANES; i++) {
		struct lane *l = &w.lane[i];
		const char *ip = i == SAN ? pair_address() : LOOPBACK;
		l->end[0].s = ws_tcp();
		WS_OK(conn_connect(l->end[0].s, ip, ws_port(l->listener)));
		if (early == 1)
			cr_assert_eq(wsd_send(l->end[0].s, "early", 5, 0), 5);
		if (early == 2)
			WS_OK(wsd_shutdown(l->end[0].s, WSD_SD_SEND));
		l->end[1].s = conn_accept(l->listener);
		cr_assert_str_eq(pair_transport(l->end[0].s), i == SAN ? "SAN" : "TCP/IP");
		for (int k = 0; k < ENDS; k++)
			fresh(&l->end[k]);
	}
	tell("open %u", early);
	same(a, "open");
	w.m = (struct model){.open = {true, true}};
	w.m.sent[0] = early == 1 ? 5 : 0;
}

static void close_end(int k, bool hard)
{
	static const struct wsd_linger l = {.l_onoff = 1};
	struct answer a[LANES];
	tell("close %c%s", "ab"[k], hard ? " hard" : "");
	for (int i = 0; i < LANES; i++) {
		struct end *e = &w.lane[i].end[k];
		if (hard)
			wsd_setsockopt(e->s, WSD_SOL_SOCKET, WSD_SO_LINGER, (const char *)&l,
				       sizeof(l));
		a[i] = answer(wsd_closesocket(e->s));
		e->s = INVALID_SOCKET;
		if (e->event)
			wsd_WSACloseEvent(e->event);
		e->event = NULL;
		e->seen = 0;
	}
	w.m.open[k] = false;
	same(a, "closesocket");
}

/* ---- calls; @k is the end ---- */

static bool waits(int k)
{
	for (int i = 0; i < PENDING; i++) {
		const struct pending *p = &w.lane[0].end[k].pending[i];
		if (p->used && !is_over(p))
			return true;
	}
	return false;
}

static const DWORD send_flags[] = {
	0, 0, 0, 0, 0, WSD_MSG_DONTROUTE, WSD_MSG_OOB, WSD_MSG_OOB, 0x40, WSD_MSG_PEEK};

static void call_send(int k)
{
	static char data[ROOM];
	WSABUF buffers[64];
	struct answer a[LANES];
	DWORD flags = send_flags[dice(10)], count = dice(3) ? 1 : dice(64), n = 0;
	DWORD most = dice(4) ? 100 : 3000;
	/* a byte that TCP/IP would lose, or send after it knows of the loss */
	if (flags == WSD_MSG_OOB && (w.m.got[!k] < w.m.mark[!k] || !w.m.open[!k] || waits(!k)))
		return;
	if (w.m.sent[k] - w.m.got[!k] > QUEUED_MOST)
		return;
	if ((waits(!k) || !w.m.open[!k]) &&
	    count > 16) /* TCP/IP sends them in groups: the first one ends it */
		count = 16;
	if (waits(!k)) /* it may end with the first message */
		most = 100;
	for (DWORD i = 0; i < count; i++) {
		DWORD len = dice(count > 1 ? 3 : 6) ? dice(most / (count > 1 ? count : 1) + 1) : 0;
		buffers[i] = (WSABUF){len, data + n};
		n += len;
	}
	pair_fill(data, n, (unsigned)k, w.m.sent[k]);
	tell("send %c %u bytes in %u, flags %x", "ab"[k], n, count, flags);
	for (int i = 0; i < LANES; i++) {
		DWORD sent = 0;
		a[i] = answer(
			wsd_WSASend(w.lane[i].end[k].s, buffers, count, &sent, flags, NULL, NULL));
		a[i].more = sent;
	}
	if (!a[0].ret) {
		w.m.sent[k] += n;
		w.m.urgent[!k] |= flags == WSD_MSG_OOB && n;
		if (flags == WSD_MSG_OOB && n)
			w.m.mark[!k] = w.m.sent[k];
	}
	same(a, "send");
}

static const DWORD recv_flags[] = {0,
				   0,
				   0,
				   0,
				   WSD_MSG_PEEK,
				   WSD_MSG_PEEK,
				   WSD_MSG_WAITALL,
				   WSD_MSG_OOB,
				   WSD_MSG_OOB | WSD_MSG_PEEK,
				   WSD_MSG_WAITALL | WSD_MSG_PEEK,
				   MSG_PARTIAL,
				   0x40};

static int find_pending(int k)
{
	for (int i = 0; i < PENDING; i++)
		if (!w.lane[0].end[k].pending[i].used)
			return i;
	return -1;
}

static void got(int k, DWORD flags, const struct answer *a, DWORD n)
{
	if (a->ret || flags & WSD_MSG_PEEK)
		return;
	w.m.got[k] += n;
	w.m.urgent[k] &= !(flags & WSD_MSG_OOB) || !n;
	w.m.urgent[k] &= !w.m.in_line[k] || w.m.got[k] < w.m.sent[!k];
}

static void call_recv(int k)
{
	static char data[LANES][ROOM];
	struct answer a[LANES];
	DWORD flags = recv_flags[dice(12)], count = dice(3) ? 1 : dice(20);
	DWORD most = dice(3) ? 60 : ROOM, lens[20], n = 0, first = 0;
	if (w.m.urgent[k] && !w.m.in_line[k] && !(flags & WSD_MSG_OOB)) /* TCP/IP would lose it */
		flags |= WSD_MSG_PEEK;
	if (w.m.urgent[k] && !w.m.open[!k] && flags & WSD_MSG_OOB) /* likewise */
		return;
	for (DWORD i = 0; i < count; i++)
		lens[i] = dice(6) ? dice(most / (count ? count : 1)) : 0;
	for (int i = 0; i < LANES; i++) {
		WSABUF buffers[20];
		DWORD f = flags;
		char *at = data[i];
		memset(data[i], 0, ROOM);
		for (DWORD j = 0; j < count; at += lens[j++])
			buffers[j] = (WSABUF){lens[j], at};
		n = 0;
		a[i] = answer(wsd_WSARecv(w.lane[i].end[k].s, buffers, count, &n, &f, NULL, NULL));
		a[i].more = digest(data[i], ROOM) << 24 ^ n ^ (unsigned long long)f << 40;
		if (!i) {
			tell("recv %c of %u in %u, flags %x: %u", "ab"[k], (DWORD)(at - data[i]),
			     count, flags, n);
			first = n;
		} else if (n != first) {
			tell("   the SAN: %u", n);
		}
	}
	got(k, flags, &a[0], first);
	same(a, "recv");
}

static void call_recv_overlapped(int k)
{
	struct answer a[LANES];
	int slot = find_pending(k);
	DWORD flags = dice(4) ? 0 : WSD_MSG_WAITALL, n = 1 + dice(dice(2) ? 50 : ROOM - 1);
	if (slot < 0 || (w.m.urgent[k] && !w.m.in_line[k]))
		return;
	if (!dice(8))
		flags = WSD_MSG_PEEK;
	tell("overlapped %d recv %c of %u, flags %x", slot, "ab"[k], n, flags);
	for (int i = 0; i < LANES; i++) {
		struct pending *p = &w.lane[i].end[k].pending[slot];
		WSABUF b = {n, p->buffer};
		DWORD f = flags;
		memset(p, 0, sizeof(*p));
		a[i] = answer(wsd_WSARecv(w.lane[i].end[k].s, &b, 1, NULL, &f, &p->o, NULL));
		p->used = !a[i].ret || a[i].code == WSA_IO_PENDING;
		p->peeks = flags == WSD_MSG_PEEK;
		a[i].code = p->used ? 0 : a[i].code;
		a[i].ret = p->used ? 0 : a[i].ret;
	}
	same(a, "overlapped recv");
}

/* What has ended is taken away. */
static void call_reap(int k)
{
	for (int j = 0; j < PENDING; j++) {
		struct pending *p = &w.lane[0].end[k].pending[j];
		if (!p->used || !is_over(p))
			continue;
		w.m.got[k] += p->peeks ? 0 : p->o.InternalHigh;
		for (int i = 0; i < LANES; i++)
			w.lane[i].end[k].pending[j].used = false;
	}
}

static void call_shutdown(int k)
{
	struct answer a[LANES];
	int how = dice(8) ? (int)dice(3) : 5 - (int)dice(8);
	tell("shutdown %c %d", "ab"[k], how);
	for (int i = 0; i < LANES; i++)
		a[i] = answer(wsd_shutdown(w.lane[i].end[k].s, how));
	same(a, "shutdown");
}

static void call_nonblocking(int k)
{
	struct answer a[LANES];
	ULONG on = dice(2);
	tell("nonblocking %c %u", "ab"[k], on);
	for (int i = 0; i < LANES; i++)
		a[i] = answer(wsd_ioctlsocket(w.lane[i].end[k].s, (LONG)WSD_FIONBIO, &on));
	same(a, "FIONBIO");
}

static void call_in_line(int k)
{
	struct answer a[LANES];
	if (w.m.got[k] < w.m.sent[!k]) /* what becomes of a mark is nobody's promise */
		return;
	DWORD on = dice(2);
	tell("in line %c %u", "ab"[k], on);
	for (int i = 0; i < LANES; i++)
		a[i] = answer(ws_set(w.lane[i].end[k].s, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, on));
	w.m.in_line[k] = a[0].ret ? w.m.in_line[k] : on != 0;
	same(a, "SO_OOBINLINE");
}

static void call_select_events(int k)
{
	static const LONG masks[] = {0,
				     FD_READ,
				     FD_READ | FD_CLOSE,
				     FD_WRITE | FD_CLOSE,
				     FD_READ | FD_WRITE | FD_OOB | FD_CLOSE,
				     FD_OOB,
				     FD_ALL_EVENTS,
				     FD_CONNECT,
				     FD_MAX_EVENTS << 20};
	struct answer a[LANES];
	LONG mask = masks[dice(9)];
	tell("events %c %lx", "ab"[k], (unsigned long)mask);
	for (int i = 0; i < LANES; i++) {
		struct end *e = &w.lane[i].end[k];
		if (!e->event)
			e->event = wsd_WSACreateEvent();
		look_events(e);
		a[i] = answer(wsd_WSAEventSelect(e->s, e->event, mask));
	}
	same(a, "WSAEventSelect");
}

static void call_option(int k)
{
	static const int names[] = {WSD_SO_ERROR,     WSD_SO_TYPE,
				    WSD_SO_RCVTIMEO,  WSD_SO_LINGER,
				    WSD_SO_OOBINLINE, WSD_SO_ACCEPTCONN,
				    WSD_SO_KEEPALIVE, WSD_SO_REUSEADDR,
				    SO_DONTLINGER,    0x7123};
	struct answer a[LANES];
	int name = names[dice(10)];
	tell("getsockopt %c %x", "ab"[k], (unsigned)name);
	for (int i = 0; i < LANES; i++) {
		char value[16] = "";
		int len = sizeof(value);
		a[i] = answer(
			wsd_getsockopt(w.lane[i].end[k].s, WSD_SOL_SOCKET, name, value, &len));
		a[i].more = digest(value, sizeof(value)) ^ (unsigned)len;
	}
	same(a, "getsockopt");
}

/* Calls that do not fit a connected socket, and its names. */
static void call_odd(int k)
{
	struct answer a[LANES];
	unsigned which = dice(8);
	tell("odd %u %c", which, "ab"[k]);
	for (int i = 0; i < LANES; i++) {
		SOCKET s = w.lane[i].end[k].s, other = w.lane[i].end[!k].s;
		SOCKADDR_IN name = {0}, far = {0};
		int len = which == 7 ? 3 : sizeof(name), far_len = sizeof(far);
		const char *ip = i == SAN ? pair_address() : LOOPBACK;
		switch (which) {
		case 0:
			a[i] = answer(conn_connect(s, ip, ws_port(w.lane[i].listener)));
			break;
		case 1:
			a[i] = answer(ws_bind(s, ip, 0));
			break;
		case 2:
			a[i] = answer(wsd_listen(s, 5));
			break;
		case 3:
			a[i] = answer(wsd_accept(s, NULL, NULL) == INVALID_SOCKET ? -1 : 0);
			break;
		case 4:
			a[i] = answer(wsd_DisconnectEx(s, NULL, 0x40, 0) ? 0 : -1);
			break;
		case 5:
			a[i] = answer(wsd_recv(s, NULL, 5, 0));
			break;
		default:
			a[i] = answer(wsd_getpeername(s, (SOCKADDR *)&name, &len));
			if (w.m.open[!k] && !a[i].ret &&
			    !wsd_getsockname(other, (SOCKADDR *)&far, &far_len))
				a[i].more = !memcmp(&name, &far, sizeof(name));
		}
	}
	same(a, "odd");
}

static void call_close(int k)
{
	bool hard = !dice(3);
	/* of an urgent byte that was read in advance the kernel thinks it was not */
	if (!dice(3) && (hard || !w.m.mark[k] || w.m.mark[k] < w.m.sent[!k]))
		close_end(k, hard);
}

static void call_disconnect(int k)
{
	struct answer a[LANES];
	if (dice(4) || (w.m.mark[k] && w.m.mark[k] == w.m.sent[!k]))
		return;
	tell("disconnect %c", "ab"[k]);
	for (int i = 0; i < LANES; i++)
		a[i] = answer(wsd_DisconnectEx(w.lane[i].end[k].s, NULL, 0, 0) ? 0 : -1);
	same(a, "DisconnectEx");
}

static const struct {
	void (*fn)(int k);
	unsigned weight;
} calls[] = {
	{call_send, 30},   {call_recv, 30},         {call_recv_overlapped, 8},
	{call_reap, 8},    {call_shutdown, 4},      {call_nonblocking, 4},
	{call_in_line, 2}, {call_select_events, 5}, {call_option, 4},
	{call_odd, 4},     {call_close, 5},         {call_disconnect, 2},
};

static void step(void)
{
	unsigned sum = 0, at;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		sum += calls[i].weight;
	int k = (int)dice(2);
	if (!w.m.open[k])
		k = !k;
	size_t i = 0;
	for (at = dice(sum); at >= calls[i].weight; i++)
		at -= calls[i].weight;
	for (int lane = 0; lane < LANES; lane++)
		for (int e = 0; e < ENDS; e++)
			w.lane[lane].end[e].seen = 0;
	unsigned told = w.n_told;
	calls[i].fn(k);
	if (told != w.n_told)
		settle();
}

static void run(unsigned seed, unsigned steps)
{
	w.seed = seed;
	w.rng = seed * 0x51ed2701u;
	w.n_told = 0;
	for (int i = 0; i < LANES; i++) {
		w.lane[i].listener = conn_listener(i == SAN ? pair_address() : LOOPBACK, 0, 5);
		for (int k = 0; k < ENDS; k++)
			w.lane[i].end[k].pending = calloc(PENDING, sizeof(struct pending));
	}
	open_lanes();
	for (w.step = 0; w.step < steps; w.step++) {
		if (!w.m.open[0] && !w.m.open[1]) {
			for (int i = 0; i < LANES; i++)
				for (int k = 0; k < ENDS; k++)
					end_pending(&w.lane[i].end[k]);
			open_lanes();
			settle();
		}
		step();
	}
	for (int k = 0; k < ENDS; k++)
		if (w.m.open[k])
			close_end(k, false);
	for (int i = 0; i < LANES; i++) {
		for (int k = 0; k < ENDS; k++) {
			end_pending(&w.lane[i].end[k]);
			free(w.lane[i].end[k].pending);
		}
		WS_OK(wsd_closesocket(w.lane[i].listener));
	}
}

Test(random, WS_DATA_1_the_same_over_both_transports)
{
	unsigned first = 1, count = pair_on_rxe() ? 2 : 8, steps = 150;
	const char *seeds = getenv("WSD_TEST_SEEDS"), *n = getenv("WSD_TEST_STEPS");
	if (!pair_on_san())
		cr_skip_test("it compares a SAN with TCP/IP");
	if (seeds)
		cr_assert_eq(sscanf(seeds, "%u %u", &first, &count), 2);
	if (n)
		steps = (unsigned)atoi(n);
	WS_BEGIN();
	for (unsigned i = first; i < first + count; i++)
		run(i, steps);
	WS_END();
}
