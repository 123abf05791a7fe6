/* SPDX-License-Identifier: MIT
 *
 * Requests: the application's array of buffers, copied, and windows into it. No locks.
 */
#include "request.h"
#include "usermem.h"

#include <stdlib.h>

enum { READ_AT_ONCE = MEMORY_MAX / sizeof(WSABUF) };

void sw_request_init(struct sw_request *r, struct sw_socket *s, enum sw_op op, DWORD flags)
{
	/* one by one: quicker than clearing it all, of which most is addresses */
	r->prev = r->next = NULL;
	r->s = s;
	r->op = op;
	r->nonblocking = false;
	r->flags = flags;
	r->ret_flags = 0;
	r->buffers = r->first;
	r->count = 0;
	r->pieces = NULL;
	r->n_pieces = 0;
	r->total = r->done = 0;
	r->code = 0;
	atomic_init(&r->over, false);
	r->finish = NULL;
	r->overlapped = NULL;
	r->name_len = 0;
	r->control = NULL;
	r->control_len = 0;
	r->queued = false;
	r->offset = 0;
	r->mark = NULL;
}

static int copy_array(struct sw_request *r, const WSABUF *array, DWORD count)
{
	for (DWORD at = 0, n; at < count; at += n) {
		n = count - at < READ_AT_ONCE ? count - at : READ_AT_ONCE;
		if (memory_read(&r->buffers[at], &array[at], n * sizeof(WSABUF)) < 0)
			return WSAEFAULT;
		for (DWORD i = at; i < at + n; i++) {
			if (r->buffers[i].len && !r->buffers[i].buf)
				return WSAEFAULT;
			r->total += r->buffers[i].len;
		}
	}
	return r->total > UINT32_MAX ? WSAEINVAL : 0; /* bytes are counted in a DWORD */
}

int sw_request_buffers(struct sw_request *r, const WSABUF *array, DWORD count)
{
	if (!array)
		return WSAEFAULT;
	if (!count)
		return WSAEINVAL;
	if (count > SW_REQUEST_INLINE) {
		WSABUF probe; /* before memory is had for it */
		if (memory_read(&probe, &array[count - 1], sizeof(probe)) < 0)
			return WSAEFAULT;
		WSABUF *copy = calloc(count, sizeof(*copy));
		if (!copy)
			return WSAENOBUFS;
		r->buffers = copy;
	}
	r->count = count;
	int code = copy_array(r, array, count);
	if (code)
		sw_request_release(r);
	return code;
}

void sw_request_one(struct sw_request *r, const void *buffer, DWORD len)
{
	r->first[0] = (WSABUF){len, (CHAR *)(uintptr_t)buffer};
	r->buffers = r->first;
	r->count = 1;
	r->total = len;
}

void sw_request_release(struct sw_request *r)
{
	if (r->buffers != r->first)
		free(r->buffers);
	r->buffers = r->first;
	r->count = 0;
}

unsigned sw_request_window(const struct sw_request *r, uint64_t skip, uint64_t bytes, WSABUF *ret,
			   unsigned max)
{
	uint64_t at = r->done + skip;
	unsigned n = 0;
	for (DWORD i = 0; i < r->count && n < max && bytes; i++) {
		const WSABUF *b = &r->buffers[i];
		if (at >= b->len) {
			at -= b->len;
			continue;
		}
		uint64_t left = b->len - at;
		ret[n].buf = b->buf + at;
		ret[n].len = (ULONG)(left < bytes ? left : bytes);
		bytes -= ret[n++].len;
		at = 0;
	}
	return n;
}
