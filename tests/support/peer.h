/* SPDX-License-Identifier: MIT
 *
 * A second process that does what the test tells it: another user, a process to kill or to stop, a
 * holder of names. This program again, in a process of its own; it starts the library itself.
 * Header only.
 */
#ifndef WSD_TESTS_PEER_H
#define WSD_TESTS_PEER_H

#include "ws.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

enum peer_op {
	PEER_START,  /* WSAStartup */
	PEER_SOCKET, /* a: family, b: type, c: 0 default, 1 SO_REUSEADDR, 2 SO_EXCLUSIVEADDRUSE */
	PEER_BIND,   /* a: socket, b: port, text: address */
	PEER_LISTEN, /* a: socket */
	PEER_CLOSE,  /* a: socket */
	PEER_PORT,   /* a: socket; result is its port */
	PEER_CHURN,  /* b: port, text: address; binds, listens and closes, a times; how often not */
	PEER_SETUID, /* a: uid */
	PEER_CLEANUP,
	PEER_EXIT, /* a: status; without any clean-up */
};

struct peer_ask {
	enum peer_op op;
	int a, b, c;
	char text[48];
};

struct peer_answer {
	int result; /* sockets are numbered from 0 */
	int code;
};

struct peer {
	pid_t pid;
	int to, from;
};

enum { PEER_SOCKETS = 64, PEER_WAIT_MS = 10000 };

__attribute__((unused)) static int peer_make_socket(const struct peer_ask *q, SOCKET *s)
{
	static const int options[] = {0, WSD_SO_REUSEADDR, SO_EXCLUSIVEADDRUSE};
	*s = wsd_socket(q->a, q->b, 0);
	if (*s == INVALID_SOCKET)
		return -1;
	return q->c ? ws_set(*s, WSD_SOL_SOCKET, options[q->c], 1) : 0;
}

/* With SO_REUSEADDR. */
__attribute__((unused)) static int peer_churn(const struct peer_ask *q)
{
	int refused = 0;
	for (int i = 0; i < q->a; i++) {
		SOCKET s = ws_socket(WSD_AF_INET, WSD_SOCK_STREAM);
		refused += ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1) ||
			   ws_bind(s, q->text, (unsigned)q->b) || wsd_listen(s, 5);
		wsd_closesocket(s);
	}
	return refused;
}

__attribute__((unused)) static void peer_serve(int from, int to)
{
	static SOCKET s[PEER_SOCKETS];
	int n = 0;
	struct peer_ask q;
	while (read(from, &q, sizeof(q)) == sizeof(q)) {
		struct peer_answer r = {0, 0};
		wsd_WSASetLastError(0);
		switch (q.op) {
		case PEER_START:
			r.result = ws_startup();
			break;
		case PEER_SOCKET:
			r.result = n < PEER_SOCKETS ? peer_make_socket(&q, &s[n]) : -1;
			r.result = r.result ? -1 : n++;
			break;
		case PEER_BIND:
			r.result = ws_bind(s[q.a], q.text, (unsigned)q.b);
			break;
		case PEER_LISTEN:
			r.result = wsd_listen(s[q.a], 5);
			break;
		case PEER_CLOSE:
			r.result = wsd_closesocket(s[q.a]);
			break;
		case PEER_PORT:
			r.result = (int)ws_port(s[q.a]);
			break;
		case PEER_CHURN:
			r.result = peer_churn(&q);
			break;
		case PEER_SETUID:
			r.result = setuid((uid_t)q.a);
			break;
		case PEER_CLEANUP:
			r.result = wsd_WSACleanup();
			break;
		case PEER_EXIT:
			_exit(q.a);
		}
		r.code = wsd_WSAGetLastError();
		if (write(to, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

/* The peer is this program again, not what a fork leaves of it: ASan's allocator does not survive a
 * fork beside threads. */
#define PEER_VARIABLE "WSD_TEST_PEER"
#define PEER_USERNS   "WSD_TEST_PEER_USERNS" /* set: in a user namespace of its own */

__attribute__((constructor)) static void peer_main(void)
{
	int from, to;
	unsigned uid;
	const char *text = getenv(PEER_VARIABLE);
	if (!text || sscanf(text, "%d %d %u", &from, &to, &uid) != 3)
		return;
	unsetenv(PEER_VARIABLE);
	fcntl(from, F_SETFD, FD_CLOEXEC);
	fcntl(to, F_SETFD, FD_CLOEXEC);
	if (uid && (setgroups(0, NULL) || setgid(uid) || setuid(uid)))
		_exit(99);
	if (getenv(PEER_USERNS) && unshare(CLONE_NEWUSER))
		_exit(97);
	peer_serve(from, to);
}

/* @uid 0: this user. Another one needs root. */
__attribute__((unused)) static struct peer peer_fork(uid_t uid)
{
	int there[2], back[2];
	char text[64];
	cr_assert_eq(pipe2(there, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(back, O_CLOEXEC), 0);
	snprintf(text, sizeof(text), "%d %d %u", there[0], back[1], (unsigned)uid);
	setenv(PEER_VARIABLE, text, 1);
	pid_t pid = fork();
	if (pid == 0) {
		fcntl(there[0], F_SETFD, 0);
		fcntl(back[1], F_SETFD, 0);
		execl("/proc/self/exe", "peer", (char *)NULL);
		_exit(98);
	}
	unsetenv(PEER_VARIABLE);
	cr_assert_geq(pid, 0);
	close(there[0]);
	close(back[1]);
	return (struct peer){pid, there[1], back[0]};
}

/* The two halves of peer_ask, for what the test does meanwhile. */
__attribute__((unused)) static bool peer_tell(struct peer *p, enum peer_op op, int a, int b, int c,
					      const char *text)
{
	struct peer_ask q = {.op = op, .a = a, .b = b, .c = c};
	snprintf(q.text, sizeof(q.text), "%s", text ? text : "");
	return write(p->to, &q, sizeof(q)) == sizeof(q);
}

__attribute__((unused)) static struct peer_answer peer_hear(struct peer *p)
{
	struct peer_answer r = {-1, ETIMEDOUT};
	struct pollfd fd = {.fd = p->from, .events = POLLIN};
	if (poll(&fd, 1, PEER_WAIT_MS) != 1 || read(p->from, &r, sizeof(r)) != sizeof(r))
		r = (struct peer_answer){-1, ETIMEDOUT};
	return r;
}

/* The answer; code ETIMEDOUT if none comes (it is dead, or stopped). */
__attribute__((unused)) static struct peer_answer peer_ask(struct peer *p, enum peer_op op, int a,
							   int b, int c, const char *text)
{
	return peer_tell(p, op, a, b, c, text) ? peer_hear(p) : (struct peer_answer){-1, ETIMEDOUT};
}

/* 0 or the code. */
__attribute__((unused)) static int peer_bind(struct peer *p, int s, const char *ip, unsigned port)
{
	struct peer_answer r = peer_ask(p, PEER_BIND, s, (int)port, 0, ip);
	return r.result ? r.code : 0;
}

__attribute__((unused)) static int peer_do(struct peer *p, enum peer_op op, int a)
{
	struct peer_answer r = peer_ask(p, op, a, 0, 0, NULL);
	return r.result ? (r.code ? r.code : r.result) : 0;
}

/* A socket of its; its number. */
__attribute__((unused)) static int peer_socket(struct peer *p, int af, int type, int mode)
{
	struct peer_answer r = peer_ask(p, PEER_SOCKET, af, type, mode, NULL);
	cr_assert_geq(r.result, 0, "the peer's socket: code %d", r.code);
	return r.result;
}

__attribute__((unused)) static struct peer peer_start(uid_t uid)
{
	struct peer p = peer_fork(uid);
	cr_assert_eq(peer_do(&p, PEER_START, 0), 0, "the peer cannot start");
	return p;
}

/* Ends it, by its own exit or by @signal (0: exit). */
__attribute__((unused)) static void peer_end(struct peer *p, int sig)
{
	int status;
	if (sig)
		kill(p->pid, sig);
	close(p->to);
	close(p->from);
	waitpid(p->pid, &status, 0);
}

#endif
