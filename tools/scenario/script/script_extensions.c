/* SPDX-License-Identifier: MIT
 *
 * The scripting provider's extension functions: each fails when the script says so, or goes on to
 * the one of the provider beneath. What is beneath is kept when it is handed out, and never changes
 * then: no lock.
 */
#include "script_priv.h"

#include <stddef.h>
#include <string.h>

static struct {
	LPFN_WSPREGISTERMEMORY register_memory;
	LPFN_WSPDEREGISTERMEMORY deregister_memory;
	LPFN_WSPREGISTERRDMAMEMORY register_rdma;
	LPFN_WSPDEREGISTERRDMAMEMORY deregister_rdma;
	LPFN_WSPRDMAWRITE write;
	LPFN_WSPRDMAREAD read;
	LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK cache;
} inner;

static HANDLE WSPAPI register_memory(SOCKET s, PVOID buffer, DWORD len, DWORD flags, LPINT error)
{
	UNLESS_SCRIPTED(NULL, "WSPRegisterMemory", "len=%u, flags=%u", len, flags);
	return inner.register_memory(s, buffer, len, flags, error);
}

static int WSPAPI deregister_memory(SOCKET s, HANDLE handle, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPDeregisterMemory", "%s", "");
	return inner.deregister_memory(s, handle, error);
}

static int WSPAPI register_rdma(SOCKET s, PVOID buffer, DWORD len, DWORD flags, LPVOID descriptor,
				LPDWORD descriptor_len, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPRegisterRdmaMemory", "len=%u, flags=%u", len, flags);
	return inner.register_rdma(s, buffer, len, flags, descriptor, descriptor_len, error);
}

static int WSPAPI deregister_rdma(SOCKET s, LPVOID descriptor, DWORD descriptor_len, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPDeregisterRdmaMemory", "%s", "");
	return inner.deregister_rdma(s, descriptor, descriptor_len, error);
}

static int WSPAPI rdma_write(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			     DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			     LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			     LPWSATHREADID thread, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPRdmaWrite", "segments=%u, offset=%u", count, offset);
	return inner.write(s, buffers, count, target, target_len, offset, bytes, flags, overlapped,
			   routine, thread, error);
}

static int WSPAPI rdma_read(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			    DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			    LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			    LPWSATHREADID thread, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPRdmaRead", "segments=%u, offset=%u", count, offset);
	return inner.read(s, buffers, count, target, target_len, offset, bytes, flags, overlapped,
			  routine, thread, error);
}

static int WSPAPI cache_callback(LPVOID address, SIZE_T size, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPMemoryRegistrationCacheCallback", "%s", "");
	return inner.cache(address, size, error);
}

static const struct {
	const char *name;
	GUID id;
	void **inner; /* function pointers are as wide as others wherever dlsym() works */
	void (*outer)(void);
} extensions[] = {
#define ROW(name, id, at, outer)                                              \
	{                                                                     \
		name, id, (void **)(void *)&inner.at, (void (*)(void))(outer) \
	}
	ROW("WSPRegisterMemory", WSAID_REGISTERMEMORY, register_memory, register_memory),
	ROW("WSPDeregisterMemory", WSAID_DEREGISTERMEMORY, deregister_memory, deregister_memory),
	ROW("WSPRegisterRdmaMemory", WSAID_REGISTERRDMAMEMORY, register_rdma, register_rdma),
	ROW("WSPDeregisterRdmaMemory", WSAID_DEREGISTERRDMAMEMORY, deregister_rdma,
	    deregister_rdma),
	ROW("WSPRdmaWrite", WSAID_RDMAWRITE, write, rdma_write),
	ROW("WSPRdmaRead", WSAID_RDMAREAD, read, rdma_read),
	ROW("WSPMemoryRegistrationCacheCallback", WSAID_MEMORYREGISTRATIONCACHECALLBACK, cache,
	    cache_callback),
#undef ROW
};

enum { EXTENSIONS = sizeof(extensions) / sizeof(extensions[0]) };

const char *script_extension(const void *guid)
{
	for (size_t i = 0; i < EXTENSIONS; i++)
		if (!memcmp(&extensions[i].id, guid, sizeof(GUID)))
			return extensions[i].name;
	return NULL;
}

void *script_extension_outer(const char *name, void *function)
{
	void *outer = function;
	for (size_t i = 0; i < EXTENSIONS; i++)
		if (!strcmp(extensions[i].name, name)) {
			*extensions[i].inner = function;
			memcpy(&outer, &extensions[i].outer, sizeof(outer));
		}
	return outer;
}
