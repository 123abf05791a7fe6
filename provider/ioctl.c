/* SPDX-License-Identifier: MIT
 *
 * WSPIoctl: extension pointers and the address list. Takes sock->call by sock_enter(). PROV-IOCTL-1
 * to 5.
 */
#include <string.h>
#include <wsd/attend.h>
#include <wsd/serve.h>

#include "memory.h"
#include "wsp.h"

typedef void (*any_function)(void);

/* A function, and for an optional one whether it is offered. */
static const struct extension {
	GUID guid;
	any_function function;
	bool (*offered)(void);
} extensions[] = {
	{WSAID_REGISTERMEMORY, (any_function)prov_WSPRegisterMemory, NULL},
	{WSAID_DEREGISTERMEMORY, (any_function)prov_WSPDeregisterMemory, NULL},
	{WSAID_REGISTERRDMAMEMORY, (any_function)prov_WSPRegisterRdmaMemory, NULL},
	{WSAID_DEREGISTERRDMAMEMORY, (any_function)prov_WSPDeregisterRdmaMemory, NULL},
	{WSAID_RDMAWRITE, (any_function)prov_WSPRdmaWrite, NULL},
	{WSAID_RDMAREAD, (any_function)prov_WSPRdmaRead, memory_offer_read},
	{WSAID_MEMORYREGISTRATIONCACHECALLBACK,
	 (any_function)prov_WSPMemoryRegistrationCacheCallback, regcache_offer},
	{WSAID_WSDATTEND, (any_function)prov_WSPAttend, NULL},
	{WSAID_WSDSERVE, (any_function)prov_WSDServe, NULL},
};

struct ioctl_args {
	const void *in;
	void *out;
	DWORD in_size, out_size;
	LPDWORD returned;
};

/* The descriptor is not looked at: the real switch passed an invalid one [PROV-IOCTL-1]. */
static int get_extension(const struct ioctl_args *a)
{
	GUID guid;
	if (!a->in || a->in_size < sizeof(guid) || !a->out || a->out_size < sizeof(any_function) ||
	    !a->returned)
		return WSAEFAULT;
	memcpy(&guid, a->in, sizeof(guid));
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		const struct extension *e = &extensions[i];
		if (memcmp(&e->guid, &guid, sizeof(guid)) != 0)
			continue;
		if (e->offered && !e->offered())
			return WSAEOPNOTSUPP;
		memcpy(a->out, &e->function, sizeof(e->function));
		*a->returned = sizeof(e->function);
		return 0;
	}
	return WSAEINVAL;
}

/* The caller's buffer need not be aligned, hence memcpy. */
static void put_address(char *out, size_t count, size_t i, uint32_t addr_be)
{
	size_t entry = offsetof(SOCKET_ADDRESS_LIST, Address) + i * sizeof(SOCKET_ADDRESS);
	size_t at = offsetof(SOCKET_ADDRESS_LIST, Address) + count * sizeof(SOCKET_ADDRESS) +
		    i * sizeof(SOCKADDR_IN);
	SOCKADDR_IN in = {.sin_family = WSD_AF_INET, .sin_addr.s_addr = addr_be};
	SOCKET_ADDRESS address = {
		.lpSockaddr = (LPSOCKADDR)(void *)(out + at),
		.iSockaddrLength = sizeof(in),
	};
	memcpy(out + entry, &address, sizeof(address));
	memcpy(out + at, &in, sizeof(in));
}

/* Each address served, once [PROV-IOCTL-2]: the list of the snapshot is in order of address. */
static size_t next_served(const struct prov *p, const struct nic_snapshot *snap, size_t from)
{
	for (size_t i = from; i < nic_snapshot_addrs(snap); i++) {
		const struct nic_addr *a = nic_snapshot_addr(snap, i);
		if (served(p, a) && served_find(p, snap, a->addr_be) == a)
			return i;
	}
	return nic_snapshot_addrs(snap);
}

static int list_addresses(const struct prov *p, const struct nic_snapshot *snap,
			  const struct ioctl_args *a)
{
	size_t end = nic_snapshot_addrs(snap), count = 0, n = 0;
	for (size_t i = next_served(p, snap, 0); i < end; i = next_served(p, snap, i + 1))
		count++;
	size_t need = offsetof(SOCKET_ADDRESS_LIST, Address) +
		      count * (sizeof(SOCKET_ADDRESS) + sizeof(SOCKADDR_IN));
	if (!a->returned)
		return WSAEFAULT;
	if (!a->out || a->out_size < need) {
		*a->returned = (DWORD)need;
		return WSAEFAULT;
	}
	INT header = (INT)count;
	memcpy((char *)a->out + offsetof(SOCKET_ADDRESS_LIST, iAddressCount), &header,
	       sizeof(header));
	for (size_t i = next_served(p, snap, 0); i < end; i = next_served(p, snap, i + 1))
		put_address(a->out, count, n++, nic_snapshot_addr(snap, i)->addr_be);
	*a->returned = (DWORD)need;
	return 0;
}

static int query_addresses(SOCKET descriptor, const struct ioctl_args *a)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return code;
	const struct nic_snapshot *snap = nic_monitor_snapshot(s->p->nic);
	code = list_addresses(s->p, snap, a);
	nic_snapshot_unref(snap);
	sock_leave(s);
	return code;
}

/* QoS codes and unknown ones [PROV-IOCTL-5]. */
static int refuse_code(SOCKET descriptor)
{
	struct sock *s;
	int code = sock_enter(descriptor, SC_QUERY, &s);
	if (code)
		return code;
	sock_leave(s);
	return WSAEOPNOTSUPP;
}

/* All codes finish at once, so the overlapped arguments are left alone. */
int WSPAPI prov_WSPIoctl(SOCKET s, DWORD dwIoControlCode, LPVOID lpvInBuffer, DWORD cbInBuffer,
			 LPVOID lpvOutBuffer, DWORD cbOutBuffer, LPDWORD lpcbBytesReturned,
			 LPWSAOVERLAPPED lpOverlapped,
			 LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			 LPWSATHREADID lpThreadId, LPINT lpErrno)
{
	struct ioctl_args a = {
		.in = lpvInBuffer,
		.out = lpvOutBuffer,
		.in_size = cbInBuffer,
		.out_size = cbOutBuffer,
		.returned = lpcbBytesReturned,
	};
	if (dwIoControlCode == SIO_GET_EXTENSION_FUNCTION_POINTER)
		return sock_fail(lpErrno, get_extension(&a));
	if (dwIoControlCode == SIO_ADDRESS_LIST_QUERY)
		return sock_fail(lpErrno, query_addresses(s, &a));
	return sock_fail(lpErrno, refuse_code(s));
}
