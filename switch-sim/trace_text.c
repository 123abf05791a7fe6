/* SPDX-License-Identifier: MIT
 *
 * Arguments as a reader wants them: names for numbers, addresses in dots. Data and pure functions;
 * memory of the application is read in a way that cannot crash.
 */
#include "trace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wsd/abi.h>
#include <wsd/attend.h>
#include <wsd/serve.h>

struct word {
	long value;
	const char *name;
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *find(const struct word *words, size_t n, long value)
{
	for (size_t i = 0; i < n; i++)
		if (words[i].value == value)
			return words[i].name;
	return NULL;
}

static const char *pick(const struct word *words, size_t n, long value, const char *what,
			char *text, size_t size)
{
	const char *name = find(words, n, value);
	if (name)
		snprintf(text, size, "%s", name);
	else
		snprintf(text, size, "%s %ld", what, value);
	return text;
}

/* Return 0, or -1 if the memory cannot be read; no fault is ever raised. */
static int peek(const void *from, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)from, n};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -1;
}

static const char *inet6_name(const struct wsd_sockaddr_in6 *in6, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, in6->sin6_addr.u.Byte, address, sizeof(address));
	snprintf(text, size, "[%s]:%u", address, ntohs(in6->sin6_port));
	return text;
}

const char *trace_name(const struct wsd_sockaddr *name, int namelen, char *text, size_t size)
{
	union {
		struct wsd_sockaddr any;
		struct wsd_sockaddr_in in;
		struct wsd_sockaddr_in6 in6;
	} copy;
	memset(&copy, 0, sizeof(copy));
	if (!name) {
		snprintf(text, size, "NULL");
		return text;
	}
	if (namelen < (int)sizeof(copy.any.sa_family)) {
		snprintf(text, size, "(short: %d bytes)", namelen);
		return text;
	}
	size_t n = (size_t)namelen < sizeof(copy) ? (size_t)namelen : sizeof(copy);
	if (peek(name, &copy, n)) {
		snprintf(text, size, "(unreadable)");
		return text;
	}
	if (copy.any.sa_family == WSD_AF_INET6 && n >= sizeof(copy.in6))
		return inet6_name(&copy.in6, text, size);
	if (copy.any.sa_family == WSD_AF_INET && n >= sizeof(copy.in) - sizeof(copy.in.sin_zero)) {
		char address[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &copy.in.sin_addr.s_addr, address, sizeof(address));
		snprintf(text, size, "%s:%u", address, ntohs(copy.in.sin_port));
		return text;
	}
	if (copy.any.sa_family == WSD_AF_INET || copy.any.sa_family == WSD_AF_INET6)
		snprintf(text, size, "(short: %d bytes)", namelen);
	else
		snprintf(text, size, "family %u", copy.any.sa_family);
	return text;
}

const char *trace_number(uint64_t number, char *text, size_t size)
{
	if (number == UINT64_MAX)
		snprintf(text, size, "INVALID");
	else if (number < 0x10000)
		snprintf(text, size, "%llu", (unsigned long long)number);
	else
		snprintf(text, size, "0x%llx", (unsigned long long)number);
	return text;
}

static const struct {
	GUID guid;
	const char *name;
} guids[] = {
	{WSAID_REGISTERMEMORY, "WSPRegisterMemory"},
	{WSAID_DEREGISTERMEMORY, "WSPDeregisterMemory"},
	{WSAID_REGISTERRDMAMEMORY, "WSPRegisterRdmaMemory"},
	{WSAID_DEREGISTERRDMAMEMORY, "WSPDeregisterRdmaMemory"},
	{WSAID_RDMAWRITE, "WSPRdmaWrite"},
	{WSAID_RDMAREAD, "WSPRdmaRead"},
	{WSAID_MEMORYREGISTRATIONCACHECALLBACK, "WSPMemoryRegistrationCacheCallback"},
	{WSAID_WSDATTEND, "WSDAttend"},
	{WSAID_WSDSERVE, "WSDServe"},
};

const char *trace_guid(const GUID *guid, char *text, size_t size)
{
	GUID g;
	if (!guid || peek(guid, &g, sizeof(g))) {
		snprintf(text, size, guid ? "(unreadable)" : "NULL");
		return text;
	}
	for (size_t i = 0; i < COUNT(guids); i++) {
		if (!memcmp(&guids[i].guid, &g, sizeof(g))) {
			snprintf(text, size, "%s", guids[i].name);
			return text;
		}
	}
	snprintf(text, size, "{%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X}", g.Data1, g.Data2,
		 g.Data3, g.Data4[0], g.Data4[1], g.Data4[2], g.Data4[3], g.Data4[4], g.Data4[5],
		 g.Data4[6], g.Data4[7]);
	return text;
}

const char *trace_events(long mask, char *text, size_t size)
{
	static const char *const bits[] = {"FD_READ",
					   "FD_WRITE",
					   "FD_OOB",
					   "FD_ACCEPT",
					   "FD_CONNECT",
					   "FD_CLOSE",
					   "FD_QOS",
					   "FD_GROUP_QOS",
					   "FD_ROUTING_INTERFACE_CHANGE",
					   "FD_ADDRESS_LIST_CHANGE"};
	size_t len = 0;
	snprintf(text, size, "0");
	for (size_t i = 0; i < COUNT(bits) && len < size; i++)
		if (mask & (1L << i))
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "|" : "",
						bits[i]);
	long rest = mask & ~(long)FD_ALL_EVENTS;
	if (rest && len < size)
		snprintf(text + len, size - len, "%s0x%lx", len ? "|" : "", (unsigned long)rest);
	return text;
}

#define WSD(name)                 \
	{                         \
		WSD_##name, #name \
	}
#define WIN(name)           \
	{                   \
		name, #name \
	}

static const struct word levels[] = {
	{WSD_SOL_SOCKET, "SOL_SOCKET"},
	WSD(IPPROTO_TCP),
	WSD(IPPROTO_IP),
	WSD(IPPROTO_IPV6),
	WSD(IPPROTO_UDP),
};

static const struct word socket_options[] = {
	WSD(SO_DEBUG),
	WSD(SO_ACCEPTCONN),
	WSD(SO_REUSEADDR),
	WSD(SO_KEEPALIVE),
	WSD(SO_DONTROUTE),
	WSD(SO_BROADCAST),
	WIN(SO_USELOOPBACK),
	WSD(SO_LINGER),
	WSD(SO_OOBINLINE),
	WSD(SO_SNDBUF),
	WSD(SO_RCVBUF),
	WSD(SO_SNDLOWAT),
	WSD(SO_RCVLOWAT),
	WSD(SO_SNDTIMEO),
	WSD(SO_RCVTIMEO),
	WSD(SO_ERROR),
	WSD(SO_TYPE),
	WIN(SO_BSP_STATE),
	WIN(SO_DONTLINGER),
	WIN(SO_EXCLUSIVEADDRUSE),
	WIN(SO_GROUP_ID),
	WIN(SO_GROUP_PRIORITY),
	WIN(SO_MAX_MSG_SIZE),
	WIN(SO_PROTOCOL_INFOA),
	WIN(SO_PROTOCOL_INFOW),
	WIN(SO_CONDITIONAL_ACCEPT),
	WIN(SO_PAUSE_ACCEPT),
	WIN(SO_RANDOMIZE_PORT),
	WIN(SO_PORT_SCALABILITY),
	WIN(SO_MAX_RDMA_SIZE),
	WIN(SO_RDMA_THRESHOLD_SIZE),
	WIN(SO_UPDATE_ACCEPT_CONTEXT),
	WIN(SO_CONNECT_TIME),
	WIN(SO_UPDATE_CONNECT_CONTEXT),
};

const char *trace_option(int level, int option, char *text, size_t size)
{
	const char *l = find(levels, COUNT(levels), level);
	const char *o = level == WSD_SOL_SOCKET
				? find(socket_options, COUNT(socket_options), option)
				: NULL;
	if (level == WSD_IPPROTO_IPV6 && option == WSD_IPV6_V6ONLY)
		o = "IPV6_V6ONLY";
	if (level == WSD_IPPROTO_TCP && option == WSD_TCP_NODELAY)
		o = "TCP_NODELAY";
	if (l && o)
		snprintf(text, size, "%s/%s", l, o);
	else if (l)
		snprintf(text, size, "%s/0x%x", l, (unsigned)option);
	else
		snprintf(text, size, "0x%x/0x%x", (unsigned)level, (unsigned)option);
	return text;
}

const char *trace_ioctl(uint32_t code, char *text, size_t size)
{
	static const struct word words[] = {
		{(long)SIO_GET_EXTENSION_FUNCTION_POINTER, "SIO_GET_EXTENSION_FUNCTION_POINTER"},
		{(long)SIO_ADDRESS_LIST_QUERY, "SIO_ADDRESS_LIST_QUERY"},
		{(long)SIO_ADDRESS_LIST_CHANGE, "SIO_ADDRESS_LIST_CHANGE"},
		{(long)SIO_GET_QOS, "SIO_GET_QOS"},
		{(long)SIO_GET_GROUP_QOS, "SIO_GET_GROUP_QOS"},
		{(long)SIO_SET_QOS, "SIO_SET_QOS"},
		{(long)SIO_SET_GROUP_QOS, "SIO_SET_GROUP_QOS"},
		{(long)SIO_KEEPALIVE_VALS, "SIO_KEEPALIVE_VALS"},
		{(long)SIO_ROUTING_INTERFACE_QUERY, "SIO_ROUTING_INTERFACE_QUERY"},
		{(long)WSD_FIONBIO, "FIONBIO"},
		{(long)WSD_FIONREAD, "FIONREAD"},
		{(long)WSD_SIOCATMARK, "SIOCATMARK"},
	};
	for (size_t i = 0; i < COUNT(words); i++) {
		if ((uint32_t)words[i].value == code) {
			snprintf(text, size, "%s", words[i].name);
			return text;
		}
	}
	snprintf(text, size, "0x%08x", code);
	return text;
}

const char *trace_family(int af, char *text, size_t size)
{
	static const struct word words[] = {WSD(AF_UNSPEC), WSD(AF_UNIX), WSD(AF_INET),
					    WSD(AF_INET6)};
	return pick(words, COUNT(words), af, "family", text, size);
}

const char *trace_type(int type, char *text, size_t size)
{
	static const struct word words[] = {WSD(SOCK_STREAM), WSD(SOCK_DGRAM), WSD(SOCK_RAW),
					    WSD(SOCK_RDM), WSD(SOCK_SEQPACKET)};
	return pick(words, COUNT(words), type, "type", text, size);
}

const char *trace_protocol(int protocol, char *text, size_t size)
{
	static const struct word words[] = {WSD(IPPROTO_IP), WSD(IPPROTO_TCP), WSD(IPPROTO_UDP),
					    WSD(IPPROTO_ICMP)};
	return pick(words, COUNT(words), protocol, "protocol", text, size);
}

const char *trace_int(const void *value, int len, char *text, size_t size)
{
	int32_t n = 0;
	if (!value || len < 1)
		snprintf(text, size, value ? "(%d bytes)" : "NULL", len);
	else if (peek(value, &n, (size_t)len < sizeof(n) ? (size_t)len : sizeof(n)))
		snprintf(text, size, "(unreadable)");
	else
		snprintf(text, size, "%d", n);
	return text;
}

const char *trace_hex(const void *data, size_t len, char *text, size_t size)
{
	uint8_t bytes[32];
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	if (len > (size - 1) / 2)
		len = (size - 1) / 2;
	text[0] = '\0';
	if (!len)
		return text;
	if (peek(data, bytes, len) < 0)
		return "(unreadable)";
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}
