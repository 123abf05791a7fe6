/* SPDX-License-Identifier: MIT
 *
 * The functions that an application asks for by GUID. They are the same for each socket: what
 * serves it is decided when they are called, so no provider hears of them.
 */
#include "extension.h"
#include "usermem.h"

#include <string.h>
#include <wsd/api.h>

typedef void (*any_function)(void);

static const struct {
	GUID id;
	any_function function;
} rows[] = {
	{WSAID_TRANSMITFILE, (any_function)wsd_TransmitFile},
	{WSAID_TRANSMITPACKETS, (any_function)wsd_TransmitPackets},
	{WSAID_ACCEPTEX, (any_function)wsd_AcceptEx},
	{WSAID_GETACCEPTEXSOCKADDRS, (any_function)wsd_GetAcceptExSockaddrs},
	{WSAID_CONNECTEX, (any_function)wsd_ConnectEx},
	{WSAID_DISCONNECTEX, (any_function)wsd_DisconnectEx},
	{WSAID_WSARECVMSG, (any_function)wsd_WSARecvMsg},
	{WSAID_WSASENDMSG, (any_function)wsd_WSASendMsg},
	{WSAID_WSAPOLL, (any_function)wsd_WSAPoll},
};

int extension_pointer(const struct sw_ioctl *call)
{
	GUID id;
	DWORD n = sizeof(any_function);
	if (call->overlapped || call->routine)
		return WSAEOPNOTSUPP;
	if (!call->ret_len || memory_probe(call->ret_len, sizeof(n)) < 0 ||
	    call->in_len < sizeof(id) || memory_read(&id, call->in, sizeof(id)) < 0 ||
	    call->out_len < n)
		return WSAEFAULT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (memcmp(&rows[i].id, &id, sizeof(id)) != 0)
			continue;
		if (memory_write(call->out, &rows[i].function, sizeof(any_function)) < 0)
			return WSAEFAULT;
		memory_write(call->ret_len, &n, sizeof(n));
		return 0;
	}
	return WSAEINVAL;
}
