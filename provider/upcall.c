/* SPDX-License-Identifier: MIT
 *
 * Upcalls to the switch: none under a lock, and none for a socket after its lpWPUCloseSocketHandle
 * [PROV-OVL-3 PROV-CLOSE-1 PROV-CLOSE-2]. Takes prov->lock for moments.
 *
 * A running upcall is an entry in prov->upcalls on its thread's stack. Closing a socket waits for
 * those of other threads, unless the closing thread is itself inside an upcall (of any socket):
 * then two threads could wait for each other, so the last upcall to return closes the switch's
 * handle instead [PROV-CLOSE-7].
 */
#include "log.h"
#include "prov.h"

/* Completions that this thread tells now: these upcalls are in no list, so that telling takes no
 * lock of the process; the connection's deliverer stands for them (overlapped.c). In the block that
 * every thread has from its start: a block made later, as a module that is loaded gets by itself,
 * costs a call for each look, and LeakSanitizer reads such blocks wrongly and dies. */
static _Thread_local unsigned telling __attribute__((tls_model("initial-exec")));

void upcall_begin(struct prov *p, struct sock *s, struct upcall *u)
{
	u->thread = pthread_self();
	u->s = s;
	u->prev = NULL;
	u->next = p->upcalls;
	if (p->upcalls)
		p->upcalls->prev = u;
	p->upcalls = u;
	s->upcalls++;
	sock_ref(s);
}

static void close_handle_now(struct prov *p, struct sock *s)
{
	int code = 0;
	if (p->up.lpWPUCloseSocketHandle(s->switch_handle, &code) == SOCKET_ERROR)
		wsd_log(WSD_LOG_WARNING, "provider: the switch does not know handle %#lx: %d",
			(unsigned long)s->switch_handle, code);
}

void upcall_end(struct prov *p, struct upcall *u)
{
	struct sock *s = u->s;
	wsd_lock(&p->lock);
	if (u->prev)
		u->prev->next = u->next;
	else
		p->upcalls = u->next;
	if (u->next)
		u->next->prev = u->prev;
	bool close = --s->upcalls == 0 && s->close_handle;
	if (close)
		s->close_handle = false;
	prov_wake_locked(p);
	wsd_unlock(&p->lock);
	if (close) {
		close_handle_now(p, s);
		sock_unref(s); /* the closer's */
	}
	sock_unref(s);
}

/* Caller did upcall_begin() under the lock, together with the decision to set. */
bool upcall_set_event(struct prov *p, struct sock *s, WSAEVENT event, struct upcall *u)
{
	int code = 0;
	BOOL ok = p->up.lpWPUSetEvent(event, &code);
	if (!ok)
		wsd_log(WSD_LOG_WARNING,
			"provider: socket %#lx: the switch cannot set its event: %d",
			(unsigned long)s->descriptor, code);
	upcall_end(p, u);
	return ok;
}

/* How many upcalls of s run in other threads; *ret_inside: whether this thread is in one, of any.
 */
static unsigned others(const struct prov *p, const struct sock *s, bool *ret_inside)
{
	unsigned n = 0;
	pthread_t self = pthread_self();
	*ret_inside = telling > 0;
	for (const struct upcall *u = p->upcalls; u; u = u->next) {
		if (pthread_equal(u->thread, self))
			*ret_inside = true;
		else if (u->s == s)
			n++;
	}
	return n;
}

bool upcall_inside(struct prov *p)
{
	bool inside;
	wsd_lock(&p->lock);
	others(p, NULL, &inside);
	wsd_unlock(&p->lock);
	return inside;
}

void upcall_complete(struct prov *p, struct sock *s, LPWSAOVERLAPPED overlapped, int code,
		     uint32_t bytes)
{
	int err = 0;
	telling++;
	int result = p->up.lpWPUCompleteOverlappedRequest(s->switch_handle, overlapped, (DWORD)code,
							  bytes, &err);
	telling--;
	if (result == SOCKET_ERROR)
		wsd_log(WSD_LOG_WARNING,
			"provider: socket %#lx: the switch does not take a completion: %d",
			(unsigned long)s->descriptor, err);
}

/* Waits until no other thread is in an upcall of s; returns at once inside an upcall. */
void upcall_drain(struct prov *p, struct sock *s)
{
	bool inside;
	wsd_lock(&p->lock);
	while (others(p, s, &inside) && !inside)
		prov_wait_locked(p);
	wsd_unlock(&p->lock);
}

/*
 * The last upcall of s, now or when those that run have returned. Takes the caller's reference.
 * @quiet: none runs and none can begin.
 */
void upcall_close_handle(struct prov *p, struct sock *s, bool quiet)
{
	bool inside;
	unsigned n = 0;
	if (!quiet) {
		wsd_lock(&p->lock);
		while ((n = others(p, s, &inside)) && !inside)
			prov_wait_locked(p);
		s->close_handle = n > 0;
		wsd_unlock(&p->lock);
	}
	if (!n) {
		close_handle_now(p, s);
		sock_unref(s);
	}
}
