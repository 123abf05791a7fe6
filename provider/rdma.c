/* SPDX-License-Identifier: MIT
 *
 * WSPRdmaWrite and WSPRdmaRead: arguments judged before anything is posted, then one operation of
 * as many requests as its segments and bytes need. Takes conn->lock. PROV-RDMA-1 to 6.
 */
#include "transfer.h"
#include "wsp.h"

/* A call's arguments. */
struct rdma {
	const WSABUFEX *buffers;
	DWORD count;
	const void *descriptor;
	DWORD descriptor_len, offset;
	bool sound; /* flags and routine as they must be */
	LPWSAOVERLAPPED ov;
};

/* Segments of any number, each covered by the handle that it names. */
static int fill(const struct conn *c, const struct rdma *a, enum op_kind kind, struct op *op,
		uint64_t *ret_bytes)
{
	DWORD right = kind == OP_READ ? MEM_WRITE : MEM_READ;
	uint64_t bytes = 0;
	for (DWORD i = 0; i < a->count; i++) {
		const WSABUFEX *b = &a->buffers[i];
		uintptr_t start = (uintptr_t)b->buf, end = start + b->len;
		struct reg *r = memory_of_handle(c->ep->memory, (uintptr_t)b->handle);
		if (!r || !(r->rights & right) || end < start || start < r->span.start ||
		    end > r->span.end)
			return WSAEFAULT;
		bytes += b->len;
		if (!b->len)
			continue;
		op->segments[op->count] = (struct ibv_sge){start, b->len, r->lkey};
		op->regs[op->count++] = r;
		r->uses++;
	}
	*ret_bytes = bytes;
	return 0;
}

/* [PROV-RDMA-2]: descriptor, then segments, then whether they fit. */
static int start_locked(struct conn *c, const struct rdma *a, enum op_kind kind)
{
	struct remote remote;
	if (!a->sound || !a->ov || !descriptor_get(a->descriptor, a->descriptor_len, &remote) ||
	    !(remote.rights & (kind == OP_READ ? MEM_READ : MEM_WRITE)))
		return WSAEINVAL;
	if (a->count && !a->buffers)
		return WSAEFAULT;
	if (a->count > SEGMENTS_MAX)
		return WSAENOBUFS;
	struct op *op = op_get_locked(c->transfer, a->count);
	if (!op)
		return WSAENOBUFS;
	uint64_t bytes;
	int code = fill(c, a, kind, op, &bytes);
	if (!code && (a->offset > remote.length || bytes > remote.length - a->offset))
		code = WSAEINVAL;
	if (code) {
		op_put_locked(c->transfer, op);
		return code;
	}
	op->kind = kind;
	op->ov = a->ov;
	op->bytes = (uint32_t)bytes;
	op->address = remote.address + a->offset;
	op->rkey = remote.rkey;
	return transfer_start_op_locked(c, op);
}

static int rdma(enum op_kind kind, SOCKET s, const struct rdma *a, LPINT lpErrno)
{
	struct conn *c = NULL;
	int code = transfer_enter(s, WSAENOTCONN, &c);
	if (!code) {
		pthread_mutex_lock(&c->lock);
		code = transfer_check_locked(c);
		if (!code)
			code = start_locked(c, a, kind);
		transfer_unlock(c);
		transfer_leave(c);
	}
	return sock_fail(lpErrno, code);
}

/* Both have the same arguments; nothing is done at once, so no count of bytes is stored. */
#define RDMA_CALL(name, kind)                                                                 \
	int WSPAPI name(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,                  \
			LPVOID lpTargetBufferDescriptor, DWORD dwTargetDescriptorLength,      \
			DWORD dwTargetBufferOffset, LPDWORD lpdwNumberOfBytes, DWORD dwFlags, \
			LPWSAOVERLAPPED lpOverlapped,                                         \
			LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,               \
			LPWSATHREADID lpThreadId, LPINT lpErrno)                              \
	{                                                                                     \
		struct rdma a = {                                                             \
			lpBuffers,                                                            \
			dwBufferCount,                                                        \
			lpTargetBufferDescriptor,                                             \
			dwTargetDescriptorLength,                                             \
			dwTargetBufferOffset,                                                 \
			!dwFlags && !lpCompletionRoutine,                                     \
			lpOverlapped,                                                         \
		};                                                                            \
		return rdma(kind, s, &a, lpErrno);                                            \
	}

RDMA_CALL(prov_WSPRdmaWrite, OP_WRITE)
RDMA_CALL(prov_WSPRdmaRead, OP_READ)
