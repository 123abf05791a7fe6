/* SPDX-License-Identifier: MIT
 *
 * The control socket of a process. Everything but control_describe runs on the reactor's thread,
 * which never waits for a client: one that does not read is asked when there is room again, and
 * holds nobody up. Locks: s->lock for a moment.
 */
#include "control.h"

#include "handle.h"
#include "log.h"
#include "reactor.h"
#include "trace.h"
#include "waiter.h"

#include <errno.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8, NAMES_TRIED = 8, AT_ONCE = 64, LOSSES_MS = 250 };

struct client {
	struct reactor_watch watch;
	struct control *control;
	bool asked;
	struct reactor_timer losses;
	bool looks;  /* on, with trace_tap: it says nothing more, and its end is waited for */
	unsigned at; /* the cursor of handles_next */
	bool last;   /* only the end is left to send */
	char text[CONTROL_MESSAGE_MAX];
	int len; /* of what could not be sent yet */
};

struct control {
	struct sw_process *process;
	struct reactor *reactor;
	struct reactor_watch watch; /* fd: the listening socket */
	struct client *clients[CLIENTS_MAX];
	struct reactor_job end;
	sem_t ended;
	struct control *abandoned; /* of a fork, in the child */
};

/* ---- clients ---- */

/* The process's calls go on; none may keep a pointer to the trace, hence `kept`. */
static void look_away(struct client *c)
{
	struct sw_process *p = c->control->process;
	if (!c->looks)
		return;
	c->looks = false;
	reactor_timer_stop(c->control->reactor, &c->losses);
	trace_untap(p->trace.kept);
	if (!trace_wanted(p->trace.kept))
		atomic_store(&p->trace.wanted, NULL);
}

static void drop(struct client *c)
{
	struct control *k = c->control;
	reactor_unwatch(k->reactor, &c->watch);
	look_away(c);
	sw_fds_begin();
	close(c->watch.fd);
	sw_fds_end();
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (k->clients[i] == c)
			k->clients[i] = NULL;
	free(c);
}

/* The next message into c->text; false: there is none. */
static bool next(struct client *c)
{
	if (c->last)
		return false;
	struct sw_socket *s = handles_next(c->control->process->handles, HANDLE_SOCKET, &c->at);
	if (s) {
		c->len = control_describe(s, c->text, sizeof(c->text));
		sw_socket_put(s);
		return true;
	}
	c->last = true;
	c->len = snprintf(c->text, sizeof(c->text), "{\"end\":true}");
	return true;
}

/* Sends what there is room for. False: the client is done with or gone. */
static bool pump(struct client *c)
{
	for (int i = 0; i < AT_ONCE; i++) {
		if (!c->len && !next(c))
			return false;
		if (send(c->watch.fd, c->text, (size_t)c->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			return errno == EAGAIN || errno == EINTR;
		c->len = 0;
	}
	return true;
}

static void answer_error(struct client *c, const char *words)
{
	c->len = snprintf(c->text, sizeof(c->text), "{\"error\":\"%s\"}", words);
	c->last = true;
}

static void ask_sockets(struct client *c)
{
	(void)c; /* next() tells them */
}

/* A program that falls silent has no next record to tell with what was lost before. */
static void on_losses(struct reactor_timer *t)
{
	struct client *c = (struct client *)(void *)((char *)t - offsetof(struct client, losses));
	trace_tap_losses(c->control->process->trace.kept);
	reactor_timer_set(c->control->reactor, t, waiter_deadline(LOSSES_MS));
}

static void look_on(struct client *c, bool json)
{
	struct sw_process *p = c->control->process;
	sw_fds_begin();
	int err = trace_tap(p->trace.kept, c->watch.fd, json, "{\"looking\":true}");
	sw_fds_end();
	if (err) {
		answer_error(c, err == -EBUSY    ? "somebody looks on already"
				: !p->trace.kept ? "its trace could not be opened when it started"
						 : strerror(-err));
		return;
	}
	c->looks = true;
	c->losses.fire = on_losses;
	reactor_timer_set(c->control->reactor, &c->losses, waiter_deadline(LOSSES_MS));
	atomic_store(&p->trace.wanted, p->trace.kept);
}

static void look_on_text(struct client *c)
{
	look_on(c, false);
}

static void look_on_json(struct client *c)
{
	look_on(c, true);
}

static const struct {
	const char *words;
	void (*begin)(struct client *c);
} requests[] = {{"sockets", ask_sockets}, {"trace", look_on_text}, {"trace json", look_on_json}};

static void begin(struct client *c, const char *words)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (!strcmp(words, requests[i].words)) {
			requests[i].begin(c);
			return;
		}
	answer_error(c, "this process does not know the request");
}

static bool take_request(struct client *c)
{
	char request[64];
	ssize_t n = recv(c->watch.fd, request, sizeof(request) - 1, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	request[n] = '\0';
	c->asked = true;
	begin(c, request);
	return true;
}

static void on_client(struct reactor_watch *w, uint32_t events)
{
	struct client *c = (struct client *)(void *)((char *)w - offsetof(struct client, watch));
	bool more = c->asked ? !c->looks : take_request(c);
	if (more && c->asked && !c->looks)
		more = pump(c);
	uint32_t next_events = c->asked && !c->looks ? EPOLLOUT : EPOLLIN;
	if (!more || reactor_arm(c->control->reactor, w, next_events))
		drop(c);
}

static bool allowed(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
	       (cred.uid == 0 || cred.uid == geteuid());
}

static struct client *admit(struct control *k, int fd)
{
	static const char no[] = "{\"error\":\"the process belongs to another user\"}";
	static const char many[] = "{\"error\":\"too many ask it at once\"}";
	bool ours = allowed(fd);
	int i = 0;
	while (i < CLIENTS_MAX && k->clients[i])
		i++;
	struct client *c = ours && i < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) { /* who does not take the answer is none the wiser, and that is all */
		const char *words = ours ? many : no;
		(void)!send(fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT);
		return NULL;
	}
	c->control = k;
	c->watch = (struct reactor_watch){.ready = on_client, .fd = fd};
	k->clients[i] = c;
	return c;
}

static void on_caller(struct reactor_watch *w, uint32_t events)
{
	struct control *k = (struct control *)(void *)((char *)w - offsetof(struct control, watch));
	sw_fds_begin();
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = fd < 0 ? NULL : admit(k, fd);
	if (fd >= 0 && !c)
		close(fd);
	sw_fds_end();
	if (c && reactor_arm(k->reactor, &c->watch, EPOLLIN))
		drop(c);
	if (reactor_arm(k->reactor, w, EPOLLIN))
		wsd_log(WSD_LOG_WARNING, "the control socket is watched no more");
}

/* ---- life ---- */

/* Names that somebody else has taken, by malice or from another pid namespace, are passed over. */
static int open_name(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	for (int i = 0; fd >= 0 && i < NAMES_TRIED; i++) {
		struct sockaddr_un a = {.sun_family = AF_UNIX};
		int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1,
				 i ? CONTROL_PREFIX "%d.%d" : CONTROL_PREFIX "%d", getpid(), i);
		socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
		if (!bind(fd, (struct sockaddr *)&a, len))
			return listen(fd, CLIENTS_MAX) ? -errno : fd;
		if (errno != EADDRINUSE)
			break;
	}
	int err = errno;
	if (fd >= 0)
		close(fd);
	return -err;
}

static struct control *open_control(struct sw_process *p)
{
	struct control *k = calloc(1, sizeof(*k));
	int err = k ? reactor_start(p, &k->reactor) : -ENOMEM;
	if (!err) {
		k->process = p;
		sw_fds_begin();
		int fd = open_name();
		sw_fds_end();
		k->watch = (struct reactor_watch){.ready = on_caller, .fd = fd};
		err = fd < 0 ? fd : reactor_arm(k->reactor, &k->watch, EPOLLIN);
		if (err && fd >= 0)
			close(fd);
	}
	if (!err)
		return k;
	wsd_log(WSD_LOG_WARNING, "no control socket, so wsd sockets cannot ask this process: %s",
		strerror(-err));
	free(k);
	return NULL;
}

void control_start(struct sw_process *p)
{
	if (atomic_load_explicit(&p->control_tried, memory_order_acquire) ||
	    atomic_exchange(&p->control_tried, true))
		return;
	p->control = open_control(p);
}

/* On the service thread, where clients come and go. */
static void end(struct reactor_job *j)
{
	struct control *k = (struct control *)(void *)((char *)j - offsetof(struct control, end));
	reactor_unwatch(k->reactor, &k->watch);
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (k->clients[i])
			drop(k->clients[i]);
	sw_fds_begin();
	close(k->watch.fd);
	sw_fds_end();
	sem_post(&k->ended);
}

/* Waits for the service thread, so that no socket is described after this. Caller holds no lock. */
void control_stop(struct control *k)
{
	if (!k)
		return;
	k->end.run = end;
	sem_init(&k->ended, 0, 0);
	if (reactor_here(k->reactor))
		end(&k->end);
	else
		reactor_post(k->reactor, &k->end);
	while (sem_wait(&k->ended) && errno == EINTR)
		;
	sem_destroy(&k->ended);
	free(k);
}

void control_after_fork(struct control *k)
{
	static struct control *abandoned;
	if (!k)
		return;
	close(k->watch.fd);
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (k->clients[i])
			close(k->clients[i]->watch.fd);
	k->abandoned = abandoned;
	abandoned = k;
}
