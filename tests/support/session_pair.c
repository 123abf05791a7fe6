/* SPDX-License-Identifier: MIT
 *
 * The provider in memory behind session_pair.h. One thread; no locks.
 */
#include "session_pair.h"

#include "session_asserts.h"
#include "reactor.h"
#include "upcalls.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

struct pair_work {
	struct pair_work *next;
	LPWSAOVERLAPPED ov;
	enum { W_SEND, W_RECEIVE, W_READ, W_WRITE } kind;
	uint8_t *at; /* sends: a copy; receives: the buffer */
	uint32_t length;
	WSABUFEX segments[PAIR_SEGMENTS];
	DWORD count;
	uint8_t descriptor[24];
	uint32_t offset;
	int code;
	uint32_t bytes;
};

struct pair_memory {
	struct pair_memory *next;
	char *at;
	uint32_t length;
	DWORD rights;
	bool remote;
	uint32_t key;
};

struct descriptor {
	uint64_t at;
	uint32_t length, key, sum, zero;
};

static uint32_t last_key;
/* ---- what the session links against ---- */

static struct pair_end *end_of(SOCKET s)
{
	return (struct pair_end *)(uintptr_t)s;
}

bool upcalls_set_sink(SOCKET handle, const struct upcall_sink *sink, void *ctx)
{
	end_of(handle)->sink = sink;
	end_of(handle)->sink_ctx = ctx;
	return true;
}

/* ---- lists ---- */

static void append(struct pair_work **list, struct pair_work *w)
{
	while (*list)
		list = &(*list)->next;
	w->next = NULL;
	*list = w;
}

static struct pair_work *take_first(struct pair_work **list)
{
	struct pair_work *w = *list;
	if (w)
		*list = w->next;
	return w;
}

static struct pair_work *work(int kind, LPWSAOVERLAPPED ov)
{
	struct pair_work *w = calloc(1, sizeof(*w));
	w->kind = kind;
	w->ov = ov;
	ov->Internal = 0x103;
	return w;
}

static void complete(struct pair_end *e, struct pair_work *w, int code, uint32_t bytes)
{
	w->code = code;
	w->bytes = code ? 0 : bytes;
	append(&e->told, w);
}

/* The first completion reaches the session. */
static void tell(struct pair_end *e)
{
	struct pair_work *w = take_first(&e->told);
	LPWSAOVERLAPPED ov = w->ov;
	int code = w->code;
	uint32_t bytes = w->bytes;
	bool notify = !((uintptr_t)ov->hEvent & 1);
	if (w->kind == W_SEND)
		free(w->at);
	free(w);
	ov->InternalHigh = bytes;
	ov->OffsetHigh = (DWORD)code;
	__atomic_store_n(&ov->Internal, (ULONG_PTR)code, __ATOMIC_RELEASE);
	if (notify && e->sink)
		e->sink->complete(e->sink_ctx, ov, code, bytes);
}

/* ---- the provider ---- */

static int refuse(LPINT error, int code)
{
	*error = code;
	return SOCKET_ERROR;
}

static struct pair_memory *covered(struct pair_end *e, const void *at, uint32_t n, DWORD rights)
{
	for (struct pair_memory *m = e->memory; m; m = m->next)
		if (!m->remote && (const char *)at >= m->at &&
		    (const char *)at + n <= m->at + m->length && (m->rights & rights) == rights)
			return m;
	return NULL;
}

static int usable(struct pair_end *e, LPINT error)
{
	if (e->closed) {
		e->misuse++;
		return refuse(error, WSAENOTSOCK);
	}
	return e->broken ? refuse(error, WSAECONNRESET) : 0;
}

static int WSPAPI pair_send(SOCKET s, LPWSABUF bufs, DWORD count, LPDWORD sent, DWORD flags,
			    LPWSAOVERLAPPED ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			    LPWSATHREADID thread, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (usable(e, error))
		return SOCKET_ERROR;
	if (count != 1 || flags || !covered(e, bufs->buf, bufs->len, MEM_READ)) {
		e->misuse++;
		return refuse(error, WSAEFAULT);
	}
	if (e->fail_send == 0)
		return refuse(error, WSAENOBUFS);
	if (e->fail_send > 0)
		e->fail_send--;
	struct pair_work *w = work(W_SEND, ov);
	w->length = bufs->len;
	w->at = malloc(bufs->len);
	memcpy(w->at, bufs->buf, bufs->len);
	append(&e->wire, w);
	e->silent += ((uintptr_t)ov->hEvent & 1) != 0;
	e->sends++;
	return refuse(error, WSA_IO_PENDING);
}

static int WSPAPI pair_recv(SOCKET s, LPWSABUF bufs, DWORD count, LPDWORD bytes, LPDWORD flags,
			    LPWSAOVERLAPPED ov, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			    LPWSATHREADID thread, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (usable(e, error))
		return SOCKET_ERROR;
	if (count != 1 || !covered(e, bufs->buf, bufs->len, MEM_WRITE)) {
		e->misuse++;
		return refuse(error, WSAEFAULT);
	}
	struct pair_work *w = work(W_RECEIVE, ov);
	w->at = (uint8_t *)bufs->buf;
	w->length = bufs->len;
	append(&e->receives, w);
	e->receives_posted++;
	return refuse(error, WSA_IO_PENDING);
}

static BOOL WSPAPI pair_result(SOCKET s, LPWSAOVERLAPPED ov, LPDWORD bytes, BOOL wait,
			       LPDWORD flags, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (e->closed)
		e->misuse++;
	while (e->told && !e->deaf)
		tell(e);
	if (ov->Internal !=
	    0x103) /* read after it was told of: the session must not reuse it yet */
		return TRUE;
	*error = WSA_IO_INCOMPLETE;
	return FALSE;
}

static int WSPAPI pair_attend(SOCKET s, BOOL attend, int *ret_fd, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (usable(e, error))
		return SOCKET_ERROR;
	e->attended = attend;
	if (attend && e->told && !e->deaf) {
		while (e->told)
			tell(e);
		return 1;
	}
	if (attend)
		*ret_fd = 0; /* nobody polls it here */
	return 0;
}

static int WSPAPI pair_getsockopt(SOCKET s, int level, int name, char *value, LPINT length,
				  LPINT error)
{
	struct pair_end *e = end_of(s);
	e->asked++;
	e->early |= e->registered != 0;
	if (e->tells_in_option)
		pair_run(e->pair);
	DWORD answer = name == SO_MAX_MSG_SIZE    ? (DWORD)e->provider->n_addrs
		       : name == SO_MAX_RDMA_SIZE ? e->provider->info.dwMessageSize
						  : 16384;
	memcpy(value, &answer, sizeof(answer));
	return 0;
}

/* Everything that is pending ends. */
static void flush(struct pair_end *e, int code)
{
	struct pair_work *w;
	while ((w = take_first(&e->wire)))
		complete(e, w, code, 0);
	while ((w = take_first(&e->receives)))
		complete(e, w, code, 0);
}

/* Whether a pending operation works on @m. */
static bool in_use(const struct pair_end *e, const struct pair_memory *m)
{
	const struct pair_work *lists[] = {e->receives, e->wire, e->told};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct pair_work *w = lists[i]; w; w = w->next)
			if (w->kind != W_RECEIVE || ((const char *)w->at >= m->at &&
						     (const char *)w->at < m->at + m->length))
				return true;
	return false;
}

static int WSPAPI pair_close(SOCKET s, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (e->closed) {
		e->misuse++;
		return refuse(error, WSAENOTSOCK);
	}
	if (e->peer->broken || !e->broken) {
		e->peer->broken = true;
		flush(e->peer, WSAECONNRESET);
	}
	for (struct pair_memory *m = e->memory; m; m = m->next)
		e->left_at_close += !in_use(e, m);
	flush(e, WSA_OPERATION_ABORTED);
	while (e->told)
		tell(e);
	e->closed = true;
	while (e->memory) {
		struct pair_memory *m = e->memory;
		e->memory = m->next;
		free(m);
	}
	if (!e->keeps_handle)
		e->sink->closed(e->sink_ctx);
	return 0;
}

void pair_close_handle(struct pair_end *e)
{
	e->sink->closed(e->sink_ctx);
}

static struct pair_memory *enlist(struct pair_end *e, void *at, uint32_t n, DWORD rights,
				  bool remote)
{
	if (e->fail_register == 0)
		return NULL;
	if (e->fail_register > 0)
		e->fail_register--;
	struct pair_memory *m = calloc(1, sizeof(*m));
	*m = (struct pair_memory){e->memory, at, n, rights, remote, ++last_key};
	e->memory = m;
	return m;
}

static HANDLE WSPAPI pair_register(SOCKET s, PVOID at, DWORD n, DWORD rights, LPINT error)
{
	struct pair_end *e = end_of(s);
	struct pair_memory *m = NULL;
	*error = WSAENOBUFS;
	if (usable(e, error) == 0)
		m = enlist(e, at, n, rights, false);
	e->registered += m != NULL;
	return m;
}

static int drop(struct pair_end *e, const struct pair_memory *which, LPINT error)
{
	if (e->closed) {
		e->misuse++;
		return refuse(error, WSAENOTSOCK);
	}
	for (struct pair_memory **m = &e->memory; *m; m = &(*m)->next) {
		if (*m != which)
			continue;
		struct pair_memory *gone = *m;
		*m = gone->next;
		free(gone);
		return 0;
	}
	e->misuse++;
	return refuse(error, WSAEINVAL);
}

static int WSPAPI pair_deregister(SOCKET s, HANDLE handle, LPINT error)
{
	return drop(end_of(s), handle, error);
}

static int WSPAPI pair_register_rdma(SOCKET s, PVOID at, DWORD n, DWORD rights, LPVOID to,
				     LPDWORD length, LPINT error)
{
	struct pair_end *e = end_of(s);
	if (usable(e, error))
		return SOCKET_ERROR;
	if (*length < sizeof(struct descriptor)) {
		*length = sizeof(struct descriptor);
		e->probes++;
		return refuse(error, WSAEFAULT);
	}
	struct pair_memory *m = enlist(e, at, n, rights, true);
	if (!m)
		return refuse(error, WSAENOBUFS);
	struct descriptor d = {(uintptr_t)at, n, m->key, m->key ^ n ^ 0x5a5a, 0};
	memcpy(to, &d, sizeof(d));
	*length = sizeof(d);
	e->exposed++;
	return 0;
}

static struct pair_memory *exposed(struct pair_end *e, const struct descriptor *d)
{
	for (struct pair_memory *m = e->memory; m; m = m->next)
		if (m->remote && m->key == d->key)
			return m;
	return NULL;
}

static int WSPAPI pair_deregister_rdma(SOCKET s, LPVOID descriptor, DWORD length, LPINT error)
{
	struct descriptor d;
	memcpy(&d, descriptor, sizeof(d));
	return drop(end_of(s), exposed(end_of(s), &d), error);
}

static int rdma(int kind, SOCKET s, LPWSABUFEX bufs, DWORD count, LPVOID descriptor, DWORD length,
		DWORD offset, LPWSAOVERLAPPED ov, LPINT error)
{
	struct pair_end *e = end_of(s);
	struct descriptor d;
	uint64_t sum = 0;
	if (usable(e, error))
		return SOCKET_ERROR;
	memcpy(&d, descriptor, sizeof(d));
	if (length != sizeof(d) || d.sum != (d.key ^ d.length ^ 0x5a5a))
		return refuse(error, WSAEINVAL);
	for (DWORD i = 0; i < count; i++) {
		sum += bufs[i].len;
		if (!covered(e, bufs[i].buf, bufs[i].len, kind == W_READ ? MEM_WRITE : MEM_READ))
			e->misuse++;
	}
	if (offset + sum > d.length)
		return refuse(error, WSAEINVAL);
	struct pair_work *w = work(kind, ov);
	memcpy(w->segments, bufs, count * sizeof(*bufs));
	w->count = count;
	memcpy(w->descriptor, &d, sizeof(d));
	w->offset = offset;
	w->length = (uint32_t)sum;
	append(&e->wire, w);
	return refuse(error, WSA_IO_PENDING);
}

static int WSPAPI pair_read(SOCKET s, LPWSABUFEX bufs, DWORD count, LPVOID d, DWORD length,
			    DWORD offset, LPDWORD bytes, DWORD flags, LPWSAOVERLAPPED ov,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			    LPINT error)
{
	end_of(s)->reads++;
	return rdma(W_READ, s, bufs, count, d, length, offset, ov, error);
}

static int WSPAPI pair_write(SOCKET s, LPWSABUFEX bufs, DWORD count, LPVOID d, DWORD length,
			     DWORD offset, LPDWORD bytes, DWORD flags, LPWSAOVERLAPPED ov,
			     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			     LPINT error)
{
	end_of(s)->writes++;
	return rdma(W_WRITE, s, bufs, count, d, length, offset, ov, error);
}

/* ---- the wire ---- */

static void both_break(struct pair_end *e, int mine, int theirs)
{
	e->broken = e->peer->broken = true;
	flush(e, mine);
	flush(e->peer, theirs);
}

bool pair_inject(struct pair_end *to, const void *message, uint32_t length)
{
	struct pair_work *r = to->receives;
	if (!r || to->closed)
		return false;
	take_first(&to->receives);
	if (length > r->length) {
		complete(to, r, WSAEMSGSIZE, 0);
		both_break(to, WSAECONNABORTED, WSAECONNRESET);
		return false;
	}
	memcpy(r->at, message, length);
	complete(to, r, 0, length);
	return true;
}

static void carry_rdma(struct pair_end *e, struct pair_work *w)
{
	struct descriptor d;
	memcpy(&d, w->descriptor, sizeof(d));
	struct pair_memory *m = exposed(e->peer, &d);
	DWORD right = w->kind == W_READ ? MEM_READ : MEM_WRITE;
	if (!m || d.at != (uintptr_t)m->at || d.length != m->length || !(m->rights & right)) {
		complete(e, w, WSAECONNABORTED, 0); /* remote access refused [PROV-RDMA-3] */
		both_break(e, WSAECONNABORTED, WSAECONNRESET);
		return;
	}
	char *remote = m->at + w->offset;
	for (DWORD i = 0; i < w->count; i++) {
		if (w->kind == W_READ)
			memcpy(w->segments[i].buf, remote, w->segments[i].len);
		else
			memcpy(remote, w->segments[i].buf, w->segments[i].len);
		remote += w->segments[i].len;
	}
	complete(e, w, 0, w->length);
}

/* The oldest operation of @e takes effect. */
static void carry(struct pair_end *e)
{
	struct pair_work *w = e->wire;
	if (w->kind == W_SEND && !e->peer->receives) {
		e->peer->late++;
		return;
	}
	take_first(&e->wire);
	if (w->kind != W_SEND) {
		carry_rdma(e, w);
		return;
	}
	bool fits = pair_inject(e->peer, w->at, w->length);
	complete(e, w, fits ? 0 : WSAECONNABORTED, w->length);
}

bool pair_rdma(struct pair_end *e, int code)
{
	struct pair_work *w = e->wire;
	if (!w || w->kind == W_SEND)
		return false;
	take_first(&e->wire);
	for (DWORD i = 0; !code && w->kind == W_READ && i < w->count; i++)
		memset(w->segments[i].buf, 0x5a, w->segments[i].len);
	uint32_t n = w->length;
	complete(e, w, code, n);
	return true;
}

void pair_descriptor(uint32_t length, uint8_t ret[PAIR_DESCRIPTOR])
{
	struct descriptor d = {4096, length, 7, 7 ^ length ^ 0x5a5a, 0};
	memcpy(ret, &d, sizeof(d));
}

uint32_t pair_take(struct pair_end *from, void *message, uint32_t room)
{
	struct pair_work *w = from->wire;
	if (!w || w->kind != W_SEND || w->length > room)
		return 0;
	take_first(&from->wire);
	memcpy(message, w->at, w->length);
	uint32_t n = w->length;
	complete(from, w, 0, n);
	return n;
}

static bool can_carry(const struct pair_end *e)
{
	return e->wire && !e->broken && e->peer->ss &&
	       (e->wire->kind != W_SEND || e->peer->receives || !e->peer->late);
}

bool pair_step(struct pair *p, unsigned choice)
{
	for (unsigned i = 0; i < 4; i++, choice++) {
		struct pair_end *e = &p->end[choice & 1];
		if (choice & 2 && e->told) {
			tell(e);
			return true;
		}
		if (!(choice & 2) && can_carry(e)) {
			carry(e);
			return true;
		}
	}
	return false;
}

void pair_cut(struct pair *p)
{
	both_break(&p->end[0], WSAECONNRESET, WSAECONNRESET);
}

/* ---- its life ---- */

void pair_provider_open(struct pair_end *e, const struct pair_options *o)
{
	struct san_provider *sp = calloc(1, sizeof(*sp));
	e->provider = sp;
	sp->n_addrs = o->max_message ? o->max_message : 65536;
	sp->info.dwMessageSize = o->max_rdma ? o->max_rdma : 1 << 20;
	sp->table.lpWSPSend = pair_send;
	sp->table.lpWSPRecv = pair_recv;
	sp->table.lpWSPGetOverlappedResult = pair_result;
	sp->table.lpWSPGetSockOpt = pair_getsockopt;
	sp->table.lpWSPCloseSocket = pair_close;
	sp->extensions[SAN_REGISTER_MEMORY] = (void (*)(void))pair_register;
	sp->extensions[SAN_DEREGISTER_MEMORY] = (void (*)(void))pair_deregister;
	sp->extensions[SAN_REGISTER_RDMA_MEMORY] = (void (*)(void))pair_register_rdma;
	sp->extensions[SAN_DEREGISTER_RDMA_MEMORY] = (void (*)(void))pair_deregister_rdma;
	sp->extensions[SAN_RDMA_WRITE] = (void (*)(void))pair_write;
	if (!o->no_read)
		sp->extensions[SAN_RDMA_READ] = (void (*)(void))pair_read;
	if (o->attend)
		sp->attend = (void (*)(void))pair_attend;
}

void pair_provider_close(struct pair_end *e)
{
	cr_assert_null(e->receives);
	for (struct pair_work *w; (w = take_first(&e->wire));) {
		free(w->kind == W_SEND ? w->at : NULL);
		free(w);
	}
	slab_drop(&e->provider->slab);
	free(e->provider);
}
