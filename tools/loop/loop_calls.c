/* SPDX-License-Identifier: MIT
 *
 * The loop provider: the calls that move data, and those that ask what became of it [PROV-DATA,
 * PROV-OVL, PROV-RDMA]. Lock: loop.h.
 */
#include "loop.h"

#include <stdlib.h>
#include <string.h>

/* Posts one operation or fails without a trace; gives the lock up at the end. */
static int post(struct loop_socket *s, struct loop_op *op, LPINT error)
{
	for (unsigned i = 0; i < op->count; i++)
		if (op->segments[i].memory)
			op->segments[i].memory->users++;
	__atomic_store_n(&op->overlapped->Internal, WSS_OPERATION_IN_PROGRESS, __ATOMIC_RELEASE);
	loop_append(op->kind == LO_RECV ? &s->receives : &s->waiting, op);
	if (op->kind == LO_RECV)
		loop_use_early(s);
	loop_pump(s);
	if (loop_control.options.inline_completions) {
		loop_ref(s);
		loop_progress(s);
		loop_deliver(s);
		loop_unref(s);
	}
	return loop_done(error, WSA_IO_PENDING);
}

static int check(SOCKET desc, const void *buffers, DWORD count, LPWSAOVERLAPPED overlapped,
		 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, struct loop_socket **ret)
{
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return WSAENOTSOCK;
	if (s->state != LS_CONNECTED)
		return s->state == LS_BROKEN ? s->broken : WSAENOTCONN;
	if (!overlapped || routine || !count || count > LOOP_SEGMENTS)
		return WSAEINVAL;
	*ret = s;
	return buffers ? 0 : WSAEFAULT;
}

static struct loop_op *make_op(enum loop_op_kind kind, DWORD count, LPWSAOVERLAPPED overlapped)
{
	struct loop_op *op = calloc(1, sizeof(*op) + count * sizeof(op->segments[0]));
	if (!op)
		return NULL;
	op->kind = kind;
	op->overlapped = overlapped;
	op->count = (unsigned)count;
	return op;
}

static int message(SOCKET desc, enum loop_op_kind kind, LPWSABUF buffers, DWORD count,
		   LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
		   LPINT error)
{
	struct loop_socket *s = NULL;
	int code = check(desc, buffers, count, overlapped, routine, &s);
	struct loop_op *op = code ? NULL : make_op(kind, count, overlapped);
	if (!code && !op)
		code = WSAENOBUFS;
	for (DWORD i = 0; i < count && !code; i++) { /* [PROV-DATA-4, PROV-MEM-7] */
		op->segments[i] = (struct loop_segment){buffers[i].buf, buffers[i].len, NULL};
		op->segments[i].memory = loop_memory_cover(s, buffers[i].buf, buffers[i].len,
							   kind == LO_SEND ? MEM_READ : MEM_WRITE);
		if (!op->segments[i].memory && buffers[i].len)
			code = WSAEFAULT;
	}
	uint32_t max = loop_control.options.max_msg;
	if (!code && kind == LO_SEND &&
	    loop_total_of(op) > (max && max < LOOP_MSG_LIMIT ? max : LOOP_MSG_LIMIT / 2))
		code = WSAEMSGSIZE;
	if (!code)
		return post(s, op, error);
	free(op);
	return loop_done(error, code);
}

static int WSPAPI do_send(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD bytes, DWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	if (flags && loop_find(s))
		return loop_done(error, WSAEINVAL);
	return message(s, LO_SEND, buffers, count, overlapped, routine, error);
}

static int WSPAPI do_recv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD bytes, LPDWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	return message(s, LO_RECV, buffers, count, overlapped, routine, error);
}

static int rdma(SOCKET desc, enum loop_op_kind kind, LPWSABUFEX buffers, DWORD count, LPVOID target,
		DWORD target_len, DWORD offset, DWORD flags, LPWSAOVERLAPPED overlapped,
		LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPINT error)
{
	struct loop_socket *s = NULL;
	uint32_t max = loop_control.options.max_rdma;
	pthread_mutex_lock(&loop.lock);
	int code = check(desc, buffers, count, overlapped, routine, &s);
	if (!code && (flags || !target || target_len != sizeof(struct loop_descriptor)))
		code = WSAEINVAL;
	struct loop_op *op = code ? NULL : make_op(kind, count, overlapped);
	if (!code && !op)
		code = WSAENOBUFS;
	for (DWORD i = 0; i < count && !code; i++) {
		op->segments[i] = (struct loop_segment){buffers[i].buf, buffers[i].len, NULL};
		op->segments[i].memory =
			loop_memory_handle(s, buffers[i].handle, buffers[i].buf, buffers[i].len,
					   kind == LO_WRITE ? MEM_READ : MEM_WRITE);
		if (!op->segments[i].memory)
			code = WSAEFAULT;
	}
	if (!code) { /* [PROV-RDMA-2] */
		memcpy(&op->target, target, sizeof(op->target));
		op->offset = offset;
		uint64_t total = loop_total_of(op);
		if (!loop_descriptor_sound(&op->target) || offset + total > op->target.len)
			code = WSAEINVAL;
		else if (total > (max ? max : 1u << 30))
			code = WSAEMSGSIZE;
	}
	if (!code)
		return post(s, op, error);
	free(op);
	return loop_done(error, code);
}

int WSPAPI loop_rdma_write(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			   DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			   LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			   LPWSATHREADID thread, LPINT error)
{
	return rdma(s, LO_WRITE, buffers, count, target, target_len, offset, flags, overlapped,
		    routine, error);
}

int WSPAPI loop_rdma_read(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			  DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	return rdma(s, LO_READ, buffers, count, target, target_len, offset, flags, overlapped,
		    routine, error);
}

/* Polling harvests, too [PROV-OVL-4]; its upcalls come on this thread. */
static void harvest(struct loop_socket *s)
{
	if (s->state == LS_CONNECTED)
		loop_progress(s);
	loop_deliver(s);
}

static BOOL WSPAPI do_get_result(SOCKET desc, LPWSAOVERLAPPED overlapped, LPDWORD bytes, BOOL wait,
				 LPDWORD flags, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s || !overlapped) {
		loop_done(error, s ? WSA_INVALID_PARAMETER : WSAENOTSOCK);
		return FALSE;
	}
	loop_ref(s);
	int code = WSA_IO_INCOMPLETE;
	for (bool tried = false;; tried = true) {
		if (__atomic_load_n(&overlapped->Internal, __ATOMIC_ACQUIRE) !=
		    WSS_OPERATION_IN_PROGRESS) {
			code = (int)overlapped->OffsetHigh;
			if (bytes)
				*bytes = (DWORD)overlapped->InternalHigh;
			if (flags)
				*flags = overlapped->Offset;
			break;
		}
		if (s->closed || (tried && !wait))
			break;
		if (tried)
			pthread_cond_wait(&loop.cond, &loop.lock);
		harvest(s);
	}
	loop_unref(s);
	loop_done(error, code);
	return code ? FALSE : TRUE;
}

int WSPAPI loop_attend(SOCKET desc, BOOL attend, int *ret_fd, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = !s                                                  ? WSAENOTSOCK
		   : s->state != LS_CONNECTED && s->state != LS_BROKEN ? WSAENOTCONN
		   : attend && !ret_fd                                 ? WSAEFAULT
								       : 0;
	if (code)
		return loop_done(error, code);
	uint64_t before = s->completions;
	bool came = s->done.first != NULL;
	s->attended = attend;
	loop_ref(s);
	if (attend)
		harvest(s);
	else
		loop_pump(s);
	came = came || s->completions != before;
	if (attend && !came)
		*ret_fd = s->object.fd;
	loop_unref(s);
	loop_done(error, 0);
	return attend && came ? 1 : 0;
}

void loop_fill_data(WSPPROC_TABLE *table)
{
	table->lpWSPGetOverlappedResult = do_get_result;
	table->lpWSPRecv = do_recv;
	table->lpWSPSend = do_send;
}
