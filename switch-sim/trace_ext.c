/* SPDX-License-Identifier: MIT
 *
 * The recording provider's extension functions [SW-INIT-3]: what stands behind the GUIDs, recorded
 * and passed on as trace_spi.c does for the table. No lock, no state of its own.
 */
#include "trace_priv.h"

#include <stdio.h>
#include <wsd/abi.h>

/* NOLINTBEGIN(bugprone-macro-parentheses): args has its own */
#define INNER(pointer, which) ((pointer)w->extensions[which])
#define RECORD(type, call, which, pointer, params, args, failed, enter, leave)         \
	static type rec_##call(struct wrapped *w, UNPACK params)                       \
	{                                                                              \
		struct trace_span span;                                                \
		trace_enter(trace_now(w->trace), &span, TRACE_DOWNCALL, w->who, #call, \
			    UNPACK enter);                                             \
		type result = INNER(pointer, which) args;                              \
		trace_leave(&span, (long long)(intptr_t)result,                        \
			    (failed) && lpErrno ? *lpErrno : 0, UNPACK leave);         \
		return result;                                                         \
	}                                                                              \
	DOORS(type, call, params, args, INNER(pointer, which))
/* NOLINTEND(bugprone-macro-parentheses) */

#define NOTHING    ("%s", "")
#define FAILED_INT result == SOCKET_ERROR
#define S          trace_number(s, TRACE_TEXT)
#define NUMBER(v)  trace_number((uintptr_t)(v), TRACE_TEXT)

static uint64_t total(const WSABUFEX *buffers, DWORD count)
{
	uint64_t sum = 0;
	for (DWORD i = 0; buffers && i < count; i++)
		sum += buffers[i].len;
	return sum;
}

RECORD(HANDLE, WSPRegisterMemory, SAN_REGISTER_MEMORY, LPFN_WSPREGISTERMEMORY,
       (SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags, LPINT lpErrno),
       (s, lpBuffer, dwBufferLength, dwFlags, lpErrno), !result,
       ("s=%s, buffer=%p, len=%u, flags=%u", S, lpBuffer, dwBufferLength, dwFlags), NOTHING)
RECORD(int, WSPDeregisterMemory, SAN_DEREGISTER_MEMORY, LPFN_WSPDEREGISTERMEMORY,
       (SOCKET s, HANDLE Handle, LPINT lpErrno), (s, Handle, lpErrno), FAILED_INT,
       ("s=%s, handle=%s", S, NUMBER(Handle)), NOTHING)
RECORD(int, WSPRegisterRdmaMemory, SAN_REGISTER_RDMA_MEMORY, LPFN_WSPREGISTERRDMAMEMORY,
       (SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags,
	LPVOID lpRdmaBufferDescriptor, LPDWORD lpdwDescriptorLength, LPINT lpErrno),
       (s, lpBuffer, dwBufferLength, dwFlags, lpRdmaBufferDescriptor, lpdwDescriptorLength,
	lpErrno),
       FAILED_INT,
       ("s=%s, buffer=%p, len=%u, flags=%u, room=%u", S, lpBuffer, dwBufferLength, dwFlags,
	lpdwDescriptorLength ? *lpdwDescriptorLength : 0),
       ("descriptor=%u", lpdwDescriptorLength ? *lpdwDescriptorLength : 0))
RECORD(int, WSPDeregisterRdmaMemory, SAN_DEREGISTER_RDMA_MEMORY, LPFN_WSPDEREGISTERRDMAMEMORY,
       (SOCKET s, LPVOID lpRdmaBufferDescriptor, DWORD dwDescriptorLength, LPINT lpErrno),
       (s, lpRdmaBufferDescriptor, dwDescriptorLength, lpErrno), FAILED_INT, ("s=%s", S), NOTHING)

#define RDMA(call, which, pointer)                                                           \
	RECORD(int, call, which, pointer,                                                    \
	       (SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount, LPVOID lpTarget,        \
		DWORD dwTargetLength, DWORD dwOffset, LPDWORD lpdwBytes, DWORD dwFlags,      \
		LPWSAOVERLAPPED lpOverlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE lpRoutine,  \
		LPWSATHREADID lpThreadId, LPINT lpErrno),                                    \
	       (s, lpBuffers, dwBufferCount, lpTarget, dwTargetLength, dwOffset, lpdwBytes,  \
		dwFlags, lpOverlapped, lpRoutine, lpThreadId, lpErrno),                      \
	       FAILED_INT,                                                                   \
	       ("s=%s, segments=%u, bytes=%llu, offset=%u, overlapped=%p", S, dwBufferCount, \
		(unsigned long long)total(lpBuffers, dwBufferCount), dwOffset,               \
		(void *)lpOverlapped),                                                       \
	       NOTHING)

RDMA(WSPRdmaWrite, SAN_RDMA_WRITE, LPFN_WSPRDMAWRITE)
RDMA(WSPRdmaRead, SAN_RDMA_READ, LPFN_WSPRDMAREAD)

RECORD(int, WSPMemoryRegistrationCacheCallback, SAN_CACHE_CALLBACK,
       LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK, (LPVOID lpvAddress, SIZE_T Size, LPINT lpErrno),
       (lpvAddress, Size, lpErrno), FAILED_INT,
       ("address=%p, size=%llu", lpvAddress, (unsigned long long)Size), NOTHING)

#define OUTER(n, call) (void (*)(void)) door_##n##_##call
#define TABLE(n)                                                                     \
	[n] = {                                                                      \
		[SAN_REGISTER_MEMORY] = OUTER(n, WSPRegisterMemory),                 \
		[SAN_DEREGISTER_MEMORY] = OUTER(n, WSPDeregisterMemory),             \
		[SAN_REGISTER_RDMA_MEMORY] = OUTER(n, WSPRegisterRdmaMemory),        \
		[SAN_DEREGISTER_RDMA_MEMORY] = OUTER(n, WSPDeregisterRdmaMemory),    \
		[SAN_RDMA_WRITE] = OUTER(n, WSPRdmaWrite),                           \
		[SAN_RDMA_READ] = OUTER(n, WSPRdmaRead),                             \
		[SAN_CACHE_CALLBACK] = OUTER(n, WSPMemoryRegistrationCacheCallback), \
	},

static void (*const outer[TRACE_WRAPPED_MAX][SAN_EXTENSION_COUNT])(void) = {FOR_EACH_SET(TABLE)};

void (*trace_wrap_extension(int set, unsigned which, void (*inner)(void)))(void)
{
	if (set < 0 || !inner || which >= SAN_EXTENSION_COUNT || !outer[set][which])
		return inner;
	wsd_trace_sets[set].extensions[which] = inner;
	return outer[set][which];
}
