/* SPDX-License-Identifier: MIT
 *
 * The loop provider: listening, requests, accepting, connecting [provider.md parts 6 and 7;
 * PROV-BIND-22]. Lock: loop.h.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG_MAX = 1024, CONNECT_MS = 1000, MS = 1000000 };

/* ---- listeners [PROV-BIND-22] ---- */

/* Exact before wildcard, then the earliest. */
static struct loop_socket *listener_of(const struct wsd_sockaddr_in *local)
{
	struct loop_socket *wild = NULL;
	for (struct loop_socket *s = loop.listeners; s; s = s->next_listener) {
		if (s->local.sin_port != local->sin_port)
			continue;
		if (s->local.sin_addr.s_addr == local->sin_addr.s_addr)
			return s;
		if (!s->local.sin_addr.s_addr && !wild)
			wild = s;
	}
	return wild;
}

/* ---- requests ---- */

static void send_answer(const struct loop_request *r, enum loop_packet_kind kind, int final)
{
	struct loop_packet p = {.magic = LOOP_MAGIC, .kind = kind, .code = final};
	ssize_t n = send(r->object.fd, &p, sizeof(p), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)n; /* the peer has given up meanwhile */
}

static void request_free(struct loop_request *r)
{
	loop_object_remove(&r->object);
	free(r);
}

/* Final: the application or the backlog refuses; else the peer goes on to TCP/IP. */
static void refuse(struct loop_request *r, bool final)
{
	send_answer(r, LP_REJECT, final);
	request_free(r);
}

static void unqueue(struct loop_request *r)
{
	struct loop_request **at = &r->listener->queue;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	r->listener->queued--;
	r->listener = NULL;
}

static void enqueue(struct loop_socket *s, struct loop_request *r, bool first)
{
	struct loop_request **at = &s->queue;
	while (!first && *at)
		at = &(*at)->next;
	r->next = *at;
	*at = r;
	r->listener = s;
	s->queued++;
}

static void request_arrived(struct loop_request *r)
{
	struct loop_packet p;
	ssize_t n = recv(r->object.fd, &p, sizeof(p), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(p) || p.magic != LOOP_MAGIC || p.kind != LP_REQUEST) {
		request_free(r);
		return;
	}
	r->known = true;
	r->local = p.local;
	r->peer = p.peer;
	if (loop_control.options.silent)
		return;
	struct loop_socket *s = listener_of(&r->local);
	if (!s || s->queued >= s->backlog) { /* [PROV-LISTEN-3] */
		refuse(r, s != NULL);
		return;
	}
	enqueue(s, r, false);
	loop_record(s, FD_ACCEPT);
}

void loop_request_event(struct loop_request *r)
{
	if (!r->known) {
		request_arrived(r);
	} else if (r->taken) {
		r->gone = true;
		loop_watch(&r->object, 0);
	} else { /* withdrawn [PROV-ACCEPT-10] */
		if (r->listener)
			unqueue(r);
		request_free(r);
	}
}

void loop_name_event(struct loop_name *n)
{
	for (;;) {
		int fd = accept4(n->object.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		struct ucred cred = {0};
		socklen_t len = sizeof(cred);
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
		struct loop_request *r = calloc(1, sizeof(*r));
		if (!r || (r->object.kind = LOOP_REQUEST, !loop_object_add(&r->object))) {
			free(r);
			close(fd);
			return;
		}
		r->object.fd = fd;
		r->pid = cred.pid;
		loop_watch(&r->object, EPOLLIN);
	}
}

static int WSPAPI do_listen(SOCKET desc, int backlog, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = s ? loop_state_code(s, LC_LISTEN) : WSAENOTSOCK;
	if (!code && s->state == LS_BOUND)
		code = loop_names_join(s);
	if (code)
		return loop_done(error, code);
	s->backlog = backlog < 1 ? 1 : backlog > BACKLOG_MAX ? BACKLOG_MAX : (unsigned)backlog;
	if (s->state == LS_BOUND) {
		struct loop_socket **at = &loop.listeners;
		while (*at)
			at = &(*at)->next_listener;
		*at = s;
		s->rank = ++loop.ranks;
		s->state = LS_LISTENING;
	}
	while (s->queued > s->backlog) { /* [PROV-LISTEN-4] */
		struct loop_request *r = s->queue;
		while (r->next)
			r = r->next;
		unqueue(r);
		refuse(r, true);
	}
	return loop_done(error, 0);
}

/* ---- accepting [PROV-ACCEPT] ---- */

/* CF_ACCEPT: the request becomes a socket. Gives the lock up. */
static int accept_request(struct loop_socket *listener, struct loop_request *r, SOCKET *ret)
{
	struct loop_socket *s = loop_make();
	int code = s ? loop_ask_handle(s) : WSAENOBUFS;
	if (!code && !loop_object_add(&s->object)) {
		loop_return_handle(s);
		code = WSAEMFILE;
	}
	if (code) {
		if (s)
			loop_unref(s);
		refuse(r, false);
		return code;
	}
	s->local = r->local;
	s->peer = r->peer;
	s->pid = r->pid;
	s->debug = listener->debug;
	s->state = LS_CONNECTED;
	send_answer(r, LP_ACCEPT, 0);
	loop_watch(&r->object, 0);
	s->object.fd = r->object.fd;
	r->object.fd = -1;
	request_free(r);
	loop_watch(&s->object, EPOLLIN);
	atomic_fetch_add(&loop_control.accepts, 1);
	*ret = (SOCKET)s->object.id;
	return 0;
}

static int ask_condition(const struct loop_request *r, LPCONDITIONPROC condition, DWORD_PTR data)
{
	struct wsd_sockaddr_in peer = r->peer, local = r->local;
	WSABUF caller = {sizeof(peer), (char *)&peer}, callee = {sizeof(local), (char *)&local};
	if (!condition)
		return CF_ACCEPT;
	pthread_mutex_unlock(&loop.lock);
	int answer = condition(&caller, NULL, NULL, NULL, &callee, NULL, NULL, data);
	pthread_mutex_lock(&loop.lock);
	return answer;
}

static SOCKET WSPAPI do_accept(SOCKET desc, struct wsd_sockaddr *addr, LPINT addrlen,
			       LPCONDITIONPROC condition, DWORD_PTR data, LPINT error)
{
	SOCKET accepted = INVALID_SOCKET;
	int ignored;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = s ? loop_state_code(s, LC_ACCEPT) : WSAENOTSOCK;
	if (!code && !s->queue)
		code = WSAEWOULDBLOCK;
	if (!code && addr && (!addrlen || *addrlen < (int)sizeof(struct wsd_sockaddr_in)))
		code = WSAEFAULT;
	if (code) {
		loop_done(error, code);
		return INVALID_SOCKET;
	}
	struct loop_request *r = s->queue;
	struct wsd_sockaddr_in peer = r->peer;
	unqueue(r);
	r->taken = true;
	loop_ref(s);
	int answer = ask_condition(r, condition, data);
	r->taken = answer == CF_ACCEPT; /* which asks for a handle, without the lock */
	if (answer == CF_ACCEPT) {
		code = accept_request(s, r, &accepted);
	} else if (answer == CF_DEFER && !s->closed) {
		enqueue(s, r, true);
		code = WSATRY_AGAIN;
	} else {
		refuse(r, answer != CF_DEFER);
		code = answer == CF_REJECT ? WSAECONNREFUSED : WSAEINVAL;
	}
	if (!code && addr) {
		memcpy(addr, &peer, sizeof(peer));
		*addrlen = sizeof(peer);
	}
	if (!s->closed && s->event) /* [PROV-ACCEPT-6] */
		loop.up.lpWPUResetEvent(s->event, &ignored);
	s->record &= ~(LONG)FD_ACCEPT;
	if (s->queue)
		loop_record(s, FD_ACCEPT);
	loop_unref(s);
	loop_done(error, code);
	return accepted;
}

/* ---- connecting [PROV-CONNECT] ---- */

void loop_stop_connecting(struct loop_socket *s)
{
	struct loop_socket **at = &loop.connecting;
	while (*at && *at != s)
		at = &(*at)->next_connecting;
	if (*at)
		*at = s->next_connecting;
}

static void connect_end(struct loop_socket *s, int code)
{
	loop_stop_connecting(s);
	if (code) {
		if (s->object.fd >= 0) {
			loop_watch(&s->object, 0);
			close(s->object.fd);
			s->object.fd = -1;
		}
		s->state = LS_BOUND;
	} else {
		s->state = LS_CONNECTED;
		atomic_fetch_add(&loop_control.connects, 1);
	}
	s->connect_code = code;
	loop_record(s, FD_CONNECT);
}

static bool is_lost(uint32_t addr_be)
{
	for (unsigned i = 0; i < loop_control.options.n_lost; i++)
		if (loop_control.options.lost_be[i] == addr_be)
			return true;
	return false;
}

/* A wildcard-bound socket gets a real address [PROV-BIND-15]: of the same /24, if there is one. */
static void choose_local(struct loop_socket *s)
{
	const struct loop_options *o = &loop_control.options;
	if (s->local.sin_addr.s_addr || !o->n_addrs)
		return;
	s->local.sin_addr.s_addr = o->addrs_be[0];
	for (unsigned i = 0; i < o->n_addrs; i++)
		if (!((o->addrs_be[i] ^ s->peer.sin_addr.s_addr) & htonl(0xffffff00)))
			s->local.sin_addr.s_addr = o->addrs_be[i];
}

static void set_out(struct loop_socket *s)
{
	struct loop_packet p = {.magic = LOOP_MAGIC, .kind = LP_REQUEST};
	struct ucred cred = {0};
	socklen_t cred_len = sizeof(cred);
	s->start_ns = 0;
	if (loop_control.options.refuse) {
		connect_end(s, loop_control.options.refuse);
		return;
	}
	if (is_lost(s->peer.sin_addr.s_addr))
		return;
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	s->object.fd = fd;
	choose_local(s);
	p.local = s->peer;
	p.peer = s->local;
	if (fd < 0) {
		connect_end(s, WSAENOBUFS);
	} else if (loop_name_call(fd, &s->peer) ||
		   send(fd, &p, sizeof(p), MSG_NOSIGNAL) != sizeof(p)) {
		connect_end(s, WSAETIMEDOUT); /* nobody speaks for the port [PROV-CONNECT-7] */
	} else {
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len);
		s->pid = cred.pid;
		loop_watch(&s->object, EPOLLIN);
	}
}

int loop_knock(const char *ip, uint16_t port, const char *from, uint16_t from_port)
{
	struct loop_packet p = {.magic = LOOP_MAGIC, .kind = LP_REQUEST};
	p.local.sin_family = p.peer.sin_family = WSD_AF_INET;
	p.local.sin_port = htons(port);
	p.peer.sin_port = htons(from_port);
	inet_pton(AF_INET, ip, &p.local.sin_addr.s_addr);
	inet_pton(AF_INET, from, &p.peer.sin_addr.s_addr);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    (loop_name_call(fd, &p.local) || send(fd, &p, sizeof(p), MSG_NOSIGNAL) != sizeof(p))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void loop_connect_event(struct loop_socket *s, unsigned events)
{
	struct loop_packet p;
	ssize_t n = recv(s->object.fd, &p, sizeof(p), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(p) && p.magic == LOOP_MAGIC && p.kind == LP_ACCEPT) {
		connect_end(s, 0);
		return;
	}
	bool final =
		n == (ssize_t)sizeof(p) && p.magic == LOOP_MAGIC && p.kind == LP_REJECT && p.code;
	connect_end(s, final ? WSAECONNREFUSED : WSAETIMEDOUT);
}

int loop_timers(void)
{
	uint64_t now = loop_now_ns(), next = UINT64_MAX;
	for (struct loop_name *n = loop.names; n; n = n->next) {
		if (n->object.fd < 0)
			loop_name_open(n);
		if (n->object.fd < 0 && next > now + (uint64_t)LOOP_DORMANT_MS * MS)
			next = now + (uint64_t)LOOP_DORMANT_MS * MS;
	}
	for (struct loop_socket *s = loop.connecting; s;) {
		bool due = s->start_ns && s->start_ns <= now;
		if (due || s->deadline_ns <= now) {
			if (due)
				set_out(s);
			else
				connect_end(s, WSAETIMEDOUT);
			s = loop.connecting; /* the lock was given up, perhaps */
			continue;
		}
		uint64_t at =
			s->start_ns && s->start_ns < s->deadline_ns ? s->start_ns : s->deadline_ns;
		next = at < next ? at : next;
		s = s->next_connecting;
	}
	return next == UINT64_MAX ? -1 : (int)((next - now) / MS + 1);
}

static int WSPAPI do_connect(SOCKET desc, const struct wsd_sockaddr *name, int namelen,
			     LPWSABUF caller, LPWSABUF callee, LPQOS sqos, LPQOS gqos, LPINT error)
{
	const struct loop_options *o = &loop_control.options;
	struct wsd_sockaddr_in in;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return loop_done(error, WSAENOTSOCK);
	if (!name || namelen < (int)sizeof(in))
		return loop_done(error, WSAEFAULT);
	memcpy(&in, name, sizeof(in));
	int code = in.sin_family != WSD_AF_INET          ? WSAEAFNOSUPPORT
		   : caller                              ? WSAEPROTONOSUPPORT
		   : loop_state_code(s, LC_CONNECT)      ? loop_state_code(s, LC_CONNECT)
		   : !in.sin_addr.s_addr || !in.sin_port ? WSAEADDRNOTAVAIL
							 : o->refuse_now;
	atomic_fetch_add(&loop_control.attempts, 1);
	if (code)
		return loop_done(error, code);
	if (callee)
		callee->len = 0;
	uint64_t now = loop_now_ns();
	s->peer = in;
	s->state = LS_CONNECTING;
	s->start_ns = now + (uint64_t)o->delay_ms * MS;
	s->deadline_ns = now + (uint64_t)(o->connect_ms ? o->connect_ms : CONNECT_MS) * MS;
	s->next_connecting = loop.connecting;
	loop.connecting = s;
	loop_wake();
	return loop_done(error, WSAEWOULDBLOCK);
}

void loop_stop_listening(struct loop_socket *s)
{
	struct loop_socket **at = &loop.listeners;
	while (*at != s)
		at = &(*at)->next_listener;
	*at = s->next_listener;
	loop_names_leave(s);
	while (s->queue) {
		struct loop_request *r = s->queue;
		unqueue(r);
		refuse(r, false);
	}
}

void loop_fill_cm(WSPPROC_TABLE *table)
{
	table->lpWSPAccept = do_accept;
	table->lpWSPConnect = do_connect;
	table->lpWSPListen = do_listen;
}
