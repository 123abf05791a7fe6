/* SPDX-License-Identifier: MIT
 *
 * The loop provider: sends, receives, RDMA, completions, the loss of a connection [provider.md
 * parts 9 and 10]. A send is over when a receive of the peer has taken it, as on a real SAN; a
 * thread writes only memory of its own process. Lock: loop.h.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void loop_append(struct loop_list *l, struct loop_op *op)
{
	op->next = NULL;
	*l->last = op;
	l->last = &op->next;
}

static struct loop_op *take(struct loop_list *l)
{
	struct loop_op *op = l->first;
	if (op && !(l->first = op->next))
		l->last = &l->first;
	return op;
}

void loop_data_init(struct loop_socket *s)
{
	struct loop_list *const lists[] = {&s->waiting, &s->flight, &s->receives, &s->done};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		lists[i]->last = &lists[i]->first;
	s->early_last = &s->early;
}

/* ---- the end of an operation [PROV-OVL-1, -2] ---- */

static void publish(struct loop_op *op)
{
	__atomic_store_n(&op->overlapped->Internal, (ULONG_PTR)op->code, __ATOMIC_RELEASE);
}

static void complete(struct loop_socket *s, struct loop_op *op, int code, uint32_t bytes)
{
	LPWSAOVERLAPPED o = op->overlapped;
	for (unsigned i = 0; i < op->count; i++)
		if (op->segments[i].memory)
			op->segments[i].memory->users--;
	op->code = code;
	op->bytes = code ? 0 : bytes;
	o->InternalHigh = op->bytes;
	o->Offset = 0;
	o->OffsetHigh = (DWORD)code;
	s->completions++;
	if ((uintptr_t)o->hEvent & 1) {
		publish(op);
		free(op);
	} else {
		loop_append(&s->done, op);
		loop_kick(s);
	}
	pthread_cond_broadcast(&loop.cond);
}

void loop_deliver(struct loop_socket *s)
{
	bool nested = s->delivering;
	if (nested && !pthread_equal(s->deliverer, pthread_self()))
		return; /* that thread takes what is there */
	loop_ref(s);
	s->delivering = true;
	s->deliverer = pthread_self();
	for (struct loop_op *op; (op = take(&s->done));) {
		int ignored;
		SOCKET handle = s->handle;
		publish(op);
		pthread_mutex_unlock(&loop.lock);
		loop.up.lpWPUCompleteOverlappedRequest(handle, op->overlapped, (DWORD)op->code,
						       op->bytes, &ignored);
		pthread_mutex_lock(&loop.lock);
		free(op);
	}
	if (!nested) {
		s->delivering = false;
		pthread_cond_broadcast(&loop.cond);
	}
	loop_unref(s);
}

/* ---- sending ---- */

uint64_t loop_total_of(const struct loop_op *op)
{
	uint64_t total = 0;
	for (unsigned i = 0; i < op->count; i++)
		total += op->segments[i].len;
	return total;
}

/* False: not now, or never. */
static bool transmit(const struct loop_socket *s, struct iovec *iov, size_t n)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = n};
	return sendmsg(s->object.fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

static bool transmit_packet(const struct loop_socket *s, struct loop_packet *p)
{
	struct iovec iov = {p, sizeof(*p)};
	p->magic = LOOP_MAGIC;
	return transmit(s, &iov, 1);
}

static bool transmit_message(struct loop_socket *s, const struct loop_op *op)
{
	struct loop_packet p = {.magic = LOOP_MAGIC, .kind = LP_MESSAGE};
	struct iovec iov[1 + LOOP_SEGMENTS] = {{&p, sizeof(p)}};
	char *garbage = NULL;
	size_t n = 1;
	for (unsigned i = 0; i < op->count; i++)
		iov[n++] = (struct iovec){op->segments[i].buf, op->segments[i].len};
	if (s->sent + 1 == loop_control.options.garbage_at) {
		uint64_t total = loop_total_of(op);
		garbage = malloc(total + 1);
		memset(garbage, 0xa5, total);
		iov[1] = (struct iovec){garbage, total};
		n = 2;
	}
	bool sent = transmit(s, iov, n);
	free(garbage);
	s->sent += sent;
	return sent;
}

static bool transmit_rdma(const struct loop_socket *s, const struct loop_op *op)
{
	struct loop_packet p = {.magic = LOOP_MAGIC,
				.kind = LP_RDMA,
				.code = (int32_t)op->kind,
				.n = op->count,
				.target = op->target,
				.offset = op->offset,
				.bytes = (uint32_t)loop_total_of(op)};
	struct loop_wire_segment segments[LOOP_SEGMENTS];
	for (unsigned i = 0; i < op->count; i++)
		segments[i] = (struct loop_wire_segment){(uintptr_t)op->segments[i].buf,
							 op->segments[i].len};
	struct iovec iov[] = {{&p, sizeof(p)}, {segments, op->count * sizeof(segments[0])}};
	return transmit(s, iov, 2);
}

/* A read is a fence for what is posted behind it [PROV-DATA-6]. */
static bool may_start(const struct loop_socket *s)
{
	if (!s->waiting.first || s->flights == LOOP_FLIGHT)
		return false;
	for (const struct loop_op *op = s->flight.first; op; op = op->next)
		if (op->kind == LO_READ && !op->over)
			return false;
	return true;
}

static bool pump_operations(struct loop_socket *s)
{
	while (may_start(s)) {
		struct loop_op *op = s->waiting.first;
		if (op->kind == LO_SEND && s->sent + 1 == loop_control.options.cut_at) {
			loop_data_break(s, WSAECONNABORTED);
			return true;
		}
		if (!(op->kind == LO_SEND ? transmit_message(s, op) : transmit_rdma(s, op)))
			return false;
		loop_append(&s->flight, take(&s->waiting));
		s->flights++;
	}
	return true;
}

static bool pump_answers(struct loop_socket *s)
{
	if (s->acks) {
		struct loop_packet p = {.kind = LP_ACKS, .n = s->acks};
		if (!transmit_packet(s, &p))
			return false;
		s->acks = 0;
	}
	while (s->notes) {
		struct loop_note *note = s->notes;
		struct loop_packet p = {.kind = LP_DONE, .code = note->code};
		if (!transmit_packet(s, &p))
			return false;
		s->notes = note->next;
		free(note);
	}
	return true;
}

/* What can be sent now; the rest when there is room. */
void loop_pump(struct loop_socket *s)
{
	if (s->state != LS_CONNECTED)
		return;
	bool all = pump_answers(s) && pump_operations(s);
	if (s->state == LS_CONNECTED)
		loop_watch(&s->object, (s->attended ? 0 : EPOLLIN) | (all ? 0 : EPOLLOUT));
}

/* ---- what arrives ---- */

/* One message into one receive. */
static void fill(struct loop_socket *s, const char *data, uint32_t len)
{
	struct loop_op *op = take(&s->receives);
	uint32_t at = 0;
	if (loop_total_of(op) < len) { /* [PROV-DATA-10] */
		complete(s, op, WSAEMSGSIZE, 0);
		loop_data_break(s, WSAECONNABORTED);
		return;
	}
	for (unsigned i = 0; at < len; i++) {
		uint32_t part = op->segments[i].len < len - at ? op->segments[i].len : len - at;
		memcpy(op->segments[i].buf, data + at, part);
		at += part;
	}
	s->acks++;
	atomic_fetch_add(&loop_control.messages, 1);
	atomic_fetch_add(&loop_control.message_bytes, len);
	complete(s, op, 0, len);
}

static bool message_came(struct loop_socket *s, const char *data, uint32_t len)
{
	if (s->receives.first && !s->early) {
		fill(s, data, len);
		return true;
	}
	struct loop_early *e = malloc(sizeof(*e) + len);
	if (!e)
		return false;
	e->next = NULL;
	e->len = len;
	memcpy(e->data, data, len);
	*s->early_last = e;
	s->early_last = &e->next;
	atomic_fetch_add(&loop_control.early, 1);
	return true;
}

/* Messages that came too early, one to one and in order [PROV-DATA-9]. */
void loop_use_early(struct loop_socket *s)
{
	while (s->state == LS_CONNECTED && s->early && s->receives.first) {
		struct loop_early *e = s->early;
		if (!(s->early = e->next))
			s->early_last = &s->early;
		fill(s, e->data, e->len);
		free(e);
	}
}

/* The operations in flight that are over leave in order. */
static void land(struct loop_socket *s)
{
	while (s->flight.first && s->flight.first->over) {
		struct loop_op *op = take(&s->flight);
		s->flights--;
		complete(s, op, op->code, (uint32_t)loop_total_of(op));
	}
}

static struct loop_op *first_open(struct loop_socket *s, bool send)
{
	for (struct loop_op *op = s->flight.first; op; op = op->next)
		if (!op->over && (op->kind == LO_SEND) == send)
			return op;
	return NULL;
}

static bool acks_came(struct loop_socket *s, uint32_t n)
{
	for (struct loop_op *op; n; n--) {
		if (!(op = first_open(s, true)))
			return false;
		op->over = true;
	}
	land(s);
	return true;
}

/* Copy out of a process's memory into ours. */
static bool fetch(pid_t pid, struct iovec *to, size_t n_to, struct iovec *from, size_t n_from,
		  uint64_t bytes)
{
	if (pid != getpid())
		return !bytes || process_vm_readv(pid, to, n_to, from, n_from, 0) == (ssize_t)bytes;
	while (bytes) {
		/* both have that many: NOLINTNEXTLINE(clang-analyzer-core.*) */
		size_t part = to->iov_len < from->iov_len ? to->iov_len : from->iov_len;
		memmove(to->iov_base, from->iov_base, part);
		bytes -= part;
		to->iov_base = (char *)to->iov_base + part;
		from->iov_base = (char *)from->iov_base + part;
		if (!(to->iov_len -= part))
			to++;
		if (!(from->iov_len -= part))
			from++;
	}
	return true;
}

/* The initiator may have given its write up meanwhile; at a NIC that ends it. Of this process we
 * know. */
static bool still_written(const struct loop_socket *s, const struct iovec *from, uint32_t n)
{
	if (s->pid != getpid() || !n)
		return true;
	for (unsigned i = 0; i < LOOP_OBJECTS; i++) {
		const struct loop_object *o = loop_object_at(i);
		if (!o || o->kind != LOOP_SOCKET)
			continue;
		for (const struct loop_op *op = ((const struct loop_socket *)o)->flight.first; op;
		     op = op->next)
			if (op->kind == LO_WRITE && !op->over && op->count == n &&
			    op->segments[0].buf == from->iov_base)
				return true;
	}
	return false;
}

/* The peer's transfer, on the target's side: rights, and for a write the data. */
static int rdma_came(const struct loop_socket *s, const struct loop_packet *p)
{
	const struct loop_wire_segment *segments = (const void *)(p + 1);
	struct iovec from[LOOP_SEGMENTS];
	bool write = p->code == LO_WRITE;
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		from[i] = (struct iovec){(void *)(uintptr_t)segments[i].addr, segments[i].len};
		bytes += segments[i].len;
	}
	char *target =
		loop_memory_target(s, &p->target, p->offset, bytes, write ? MEM_WRITE : MEM_READ);
	if (!target || bytes != p->bytes)
		return WSAECONNABORTED;
	struct iovec to = {target, bytes};
	if (write && (!still_written(s, from, p->n) || !fetch(s->pid, &to, 1, from, p->n, bytes)))
		return WSAECONNABORTED;
	return 0;
}

static bool answer_rdma(struct loop_socket *s, const struct loop_packet *p, size_t size)
{
	if (p->n > LOOP_SEGMENTS || size != sizeof(*p) + p->n * sizeof(struct loop_wire_segment) ||
	    (p->code != LO_WRITE && p->code != LO_READ))
		return false;
	struct loop_note *note = malloc(sizeof(*note)), **at = &s->notes;
	if (!note)
		return false;
	*note = (struct loop_note){.code = rdma_came(s, p)};
	while (*at)
		at = &(*at)->next;
	*at = note;
	if (note->code) { /* the peer learns of it first [PROV-RDMA-3] */
		pump_answers(s);
		loop_data_break(s, WSAECONNABORTED);
	}
	return true;
}

/* Between its agreement and now the target may have withdrawn the memory; at a NIC there is no such
 * time. Of this process we know. */
static bool still_there(const struct loop_socket *s, const struct loop_op *op, uint64_t bytes)
{
	if (s->pid != getpid())
		return true;
	for (unsigned i = 0; i < LOOP_OBJECTS; i++) {
		struct loop_object *o = loop_object_at(i);
		if (o && o->kind == LOOP_SOCKET &&
		    loop_memory_target((struct loop_socket *)o, &op->target, op->offset, bytes,
				       MEM_READ))
			return true;
	}
	return false;
}

/* The target agrees (a read is made now), or refuses. */
static bool done_came(struct loop_socket *s, int code)
{
	struct loop_op *op = first_open(s, false);
	uint64_t bytes = op ? loop_total_of(op) : 0;
	if (!op)
		return false;
	if (!code && op->kind == LO_READ) {
		struct iovec to[LOOP_SEGMENTS] = {{0}};
		struct iovec from = {(void *)(uintptr_t)(op->target.addr + op->offset), bytes};
		for (unsigned i = 0; i < op->count; i++)
			to[i] = (struct iovec){op->segments[i].buf, op->segments[i].len};
		if (!still_there(s, op, bytes) || !fetch(s->pid, to, op->count, &from, 1, bytes))
			code = WSAECONNABORTED;
	}
	op->over = true;
	op->code = code;
	if (!code) {
		atomic_fetch_add(op->kind == LO_READ ? &loop_control.rdma_reads
						     : &loop_control.rdma_writes,
				 1);
		atomic_fetch_add(&loop_control.rdma_bytes, bytes);
	}
	land(s);
	if (code)
		loop_data_break(s, WSAECONNABORTED);
	return true;
}

static bool packet_came(struct loop_socket *s, const char *packet, size_t size)
{
	const struct loop_packet *p = (const void *)packet;
	if (size < sizeof(*p) || p->magic != LOOP_MAGIC)
		return false;
	switch (p->kind) {
	case LP_MESSAGE:
		return message_came(s, packet + sizeof(*p), (uint32_t)(size - sizeof(*p)));
	case LP_ACKS:
		return acks_came(s, p->n);
	case LP_RDMA:
		return answer_rdma(s, p, size);
	case LP_DONE:
		return done_came(s, p->code);
	default:
		return false;
	}
}

/* Everything that is there; then what can be sent. */
void loop_progress(struct loop_socket *s)
{
	bool reset = false;
	while (s->state == LS_CONNECTED) {
		ssize_t n = recv(s->object.fd, loop.packet,
				 sizeof(struct loop_packet) + LOOP_MSG_LIMIT, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0 && errno == ECONNRESET && !reset) {
			reset = true; /* said once, then comes what was sent before */
			continue;
		}
		if (n <= 0)
			loop_data_break(s, WSAECONNRESET);
		else if (!packet_came(s, loop.packet, (size_t)n))
			loop_data_break(s, WSAECONNABORTED);
	}
	loop_pump(s);
}

void loop_data_event(struct loop_socket *s, unsigned events)
{
	loop_progress(s);
	loop_deliver(s);
}

/* ---- the end of a connection ---- */

static void abandon(struct loop_socket *s, int code)
{
	struct loop_list *const lists[] = {&s->flight, &s->waiting, &s->receives};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (struct loop_op *op; (op = take(lists[i]));)
			complete(s, op, op->over ? op->code : code,
				 op->over ? (uint32_t)loop_total_of(op) : 0);
	s->flights = 0;
	s->acks = 0;
	while (s->early) {
		struct loop_early *e = s->early;
		s->early = e->next;
		free(e);
	}
	s->early_last = &s->early;
	while (s->notes) {
		struct loop_note *note = s->notes;
		s->notes = note->next;
		free(note);
	}
}

void loop_data_break(struct loop_socket *s, int code)
{
	if (s->state != LS_CONNECTED)
		return;
	s->state = LS_BROKEN;
	s->broken = code;
	loop_watch(&s->object, 0);
	/* the descriptor stays: who attends to it sees its end */
	shutdown(s->object.fd, SHUT_RDWR);
	abandon(s, code);
}

void loop_data_close(struct loop_socket *s)
{
	s->state = s->state == LS_CONNECTED ? LS_BROKEN : s->state;
	abandon(s, WSA_OPERATION_ABORTED);
}

void loop_cut_all(void)
{
	pthread_mutex_lock(&loop.lock);
	for (uint64_t i = 0; i < LOOP_OBJECTS; i++) {
		struct loop_object *o = loop_object_at((unsigned)i);
		if (o && o->kind == LOOP_SOCKET)
			loop_data_break((struct loop_socket *)o, WSAECONNABORTED);
	}
	pthread_mutex_unlock(&loop.lock);
}
