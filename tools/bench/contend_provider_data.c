/* SPDX-License-Identifier: MIT
 *
 * contend_provider_data.c - messages as a switch sends them that adds nothing of its own: from
 * buffers that are registered once, received where they lie (nothing is copied), asleep on the
 * provider's descriptor where it has one (wsd/attend.h). Credits, in messages of no bytes, keep the
 * peer's receives from running out; the first of them says that the receives are there.
 *
 * Lock: the connection's. Upcalls take it, so no call that may make upcalls is made under it; of
 * the calls made here WSPSend and WSPRecv make none.
 */
#include "contend.h"
#include "contend_provider.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

enum { MEMORY_MAX = 16 << 20, DEPTH_MIN = 4 };
#define SILENT   ((HANDLE)(uintptr_t)1) /* no upcall [PROV-OVL-1] */
#define UNDERWAY WSS_OPERATION_IN_PROGRESS

/* As both ends reckon it. */
static unsigned depth_for(size_t size)
{
	size_t n = MEMORY_MAX / size;
	return n > PROVIDER_DEPTH ? PROVIDER_DEPTH : n < DEPTH_MIN ? DEPTH_MIN : (unsigned)n;
}

static int post_recv(struct conn *c, unsigned slot)
{
	int code = 0;
	struct provider_op *op = &c->receives[slot];
	WSABUF b = {.len = (ULONG)c->size, .buf = c->memory + slot * c->size};
	DWORD got, flags = 0;
	op->ov = (WSAOVERLAPPED){0};
	provider_calls()->table.lpWSPRecv(c->s, &b, c->size ? 1 : 0, &got, &flags, &op->ov, NULL,
					  NULL, &code);
	return code == WSA_IO_PENDING ? 0 : contend_result(code);
}

/* The next place of the ring of sends is free: for messages that the peer has taken it is, but for
 * a completion that nobody has looked at. The lock is let go meanwhile. */
static int free_send(struct conn *c, struct provider_op **ret)
{
	struct provider_op *op;
	DWORD bytes, flags;
	int code;
	while ((op = &c->sends[c->sent % PROVIDER_SENDS])->ov.Internal == UNDERWAY) {
		if (c->broken) {
			errno = EPIPE;
			return -1;
		}
		pthread_mutex_unlock(&c->lock);
		if (!provider_calls()->table.lpWSPGetOverlappedResult(c->s, &op->ov, &bytes, FALSE,
								      &flags, &code))
			sched_yield();
		pthread_mutex_lock(&c->lock);
	}
	c->sent++;
	*ret = op;
	return 0;
}

int WSPAPI provider_completed(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD code, DWORD bytes,
			      LPINT err)
{
	const struct provider_op *op = (struct provider_op *)overlapped;
	struct conn *c = op->conn;
	(void)s, (void)err;
	pthread_mutex_lock(&c->lock);
	bool receive = op >= c->receives && op < c->receives + PROVIDER_RECVS;
	if (code) {
		c->broken = true;
	} else if (receive && bytes) {
		unsigned at = (c->first + c->came++) % PROVIDER_RECVS;
		c->taken[at] = op->slot;
		c->lengths[at] = bytes;
	} else if (receive) {
		c->credits += c->greeted ? c->depth / 2 : c->depth;
		c->greeted = true;
		c->broken |= post_recv(c, op->slot) != 0;
	}
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	return 0;
}

/* ---- waiting ---- */

static bool has_message(struct conn *c)
{
	return c->came;
}

static bool has_room(struct conn *c)
{
	return c->credits;
}

static bool has_ended(struct conn *c)
{
	return c->broken;
}

/* Until something completes, or may have. */
static bool nap(struct conn *c)
{
	struct pollfd p = {.events = POLLIN};
	int code;
	int n = provider_calls()->attend(c->s, TRUE, &p.fd, &code);
	if (n)
		return n > 0;
	return poll(&p, 1, -1) > 0 || errno == EINTR;
}

/* One thread sleeps on the descriptor, others on what it harvests. 0, or -1 with errno. */
static int wait_for(struct conn *c, bool (*there)(struct conn *))
{
	for (;;) {
		if (there(c))
			return 0;
		if (c->broken) {
			errno = EPIPE;
			return -1;
		}
		if (c->asleep || !c->attended) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		c->asleep = true;
		pthread_mutex_unlock(&c->lock);
		bool good = nap(c);
		pthread_mutex_lock(&c->lock);
		c->asleep = false;
		c->broken |= !good;
		pthread_cond_broadcast(&c->changed);
	}
}

/* ---- messages ---- */

static int source(struct conn *c, const void *data, size_t n)
{
	int i = 0, code = 0;
	while (i < PROVIDER_BUFFERS - 1 && c->sources[i].handle &&
	       (c->sources[i].at != data || c->sources[i].n < n))
		i++;
	if (c->sources[i].handle && c->sources[i].at == data && c->sources[i].n >= n)
		return 0;
	if (c->sources[i].handle)
		provider_calls()->dereg(c->s, c->sources[i].handle, &code);
	c->sources[i].at = data;
	c->sources[i].n = n;
	c->sources[i].handle =
		provider_calls()->reg(c->s, (void *)(uintptr_t)data, (DWORD)n, MEM_READ, &code);
	return c->sources[i].handle ? 0 : contend_result(code);
}

static int post_send(struct conn *c, const void *data, size_t n)
{
	int code = 0;
	DWORD sent;
	WSABUF b = {.len = (ULONG)n, .buf = (char *)(uintptr_t)data};
	struct provider_op *op;
	if (free_send(c, &op))
		return -1;
	op->ov = (WSAOVERLAPPED){.hEvent = c->attended ? SILENT : NULL};
	provider_calls()->table.lpWSPSend(c->s, &b, n ? 1 : 0, &sent, 0, &op->ov, NULL, NULL,
					  &code);
	return code == WSA_IO_PENDING ? 0 : contend_result(code);
}

int provider_send(struct conn *c, const void *data, size_t n)
{
	pthread_mutex_lock(&c->lock);
	int r = n && n <= c->size ? wait_for(c, has_room) : (errno = EMSGSIZE, -1);
	if (!r && !(r = source(c, data, n))) {
		c->credits--;
		r = post_send(c, data, n);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* The receive goes back, and the peer is told of every half of the depth. */
static int take(struct conn *c, size_t n)
{
	unsigned slot = c->taken[c->first];
	size_t length = c->lengths[c->first];
	c->first = (c->first + 1) % PROVIDER_RECVS;
	c->came--;
	if (post_recv(c, slot))
		return -1;
	if (++c->owed >= c->depth / 2) {
		c->owed -= c->depth / 2;
		if (post_send(c, NULL, 0))
			return -1;
	}
	errno = EPROTO;
	return length == n ? 0 : -1;
}

int provider_recv(struct conn *c, void *data, size_t n)
{
	(void)data; /* it stays where it came */
	pthread_mutex_lock(&c->lock);
	int r = wait_for(c, c->size ? has_message : has_ended);
	if (!r && c->size) {
		r = take(c, n);
	} else if (!r) {
		errno = EPIPE;
		r = -1;
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

/* ---- a connection ---- */

static int make_buffers(struct conn *c)
{
	int code = 0;
	c->depth = depth_for(c->size);
	size_t all = (c->depth + PROVIDER_SPARE) * c->size;
	if (all > UINT32_MAX)
		errno = EMSGSIZE;
	c->memory = all > UINT32_MAX ? NULL : calloc(1, all);
	if (!c->memory)
		return -1;
	if (!provider_calls()->reg(c->s, c->memory, (DWORD)all, MEM_WRITE, &code))
		return contend_result(code);
	for (unsigned i = 0; i < c->depth + PROVIDER_SPARE; i++)
		if (post_recv(c, i))
			return -1;
	pthread_mutex_lock(&c->lock);
	int r = post_send(c, NULL, 0);
	pthread_mutex_unlock(&c->lock);
	return r;
}

int provider_connected(struct conn *c, SOCKET s, size_t size)
{
	int code = 0, fd;
	c->s = s;
	c->size = size;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	for (unsigned i = 0; i < PROVIDER_RECVS; i++) {
		c->receives[i].conn = c;
		c->receives[i].slot = i;
	}
	for (unsigned i = 0; i < PROVIDER_SENDS; i++)
		c->sends[i].conn = c;
	c->attended = provider_calls()->attend;
	if (c->attended && provider_calls()->attend(s, TRUE, &fd, &code) < 0)
		return contend_result(code);
	if (size)
		return make_buffers(c);
	/* its end may have come: who asks learns of it as of a later one */
	c->broken = post_recv(c, 0) != 0;
	return 0;
}

void provider_disconnected(struct conn *c)
{
	free(c->memory);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}
