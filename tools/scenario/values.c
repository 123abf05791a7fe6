/* SPDX-License-Identifier: MIT
 *
 * See values.h. The table of handles has a lock.
 */
#include "values.h"

#include <mswsock.h>
#include <windows.h>

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW(x)                \
	{                     \
#x, (long)(x) \
	}

struct named {
	const char *name;
	long value;
};

static const struct named constants[] = {
	ROW(AF_INET),
	ROW(AF_INET6),
	ROW(AF_UNSPEC),
	ROW(SOCK_STREAM),
	ROW(SOCK_DGRAM),
	ROW(SOCK_RAW),
	ROW(IPPROTO_TCP),
	ROW(IPPROTO_UDP),
	ROW(SOL_SOCKET),
	ROW(SO_REUSEADDR),
	ROW(SO_EXCLUSIVEADDRUSE),
	ROW(SO_KEEPALIVE),
	ROW(SO_DEBUG),
	ROW(SO_LINGER),
	ROW(SO_DONTLINGER),
	ROW(SO_SNDBUF),
	ROW(SO_RCVBUF),
	ROW(SO_ACCEPTCONN),
	ROW(SO_TYPE),
	ROW(SO_ERROR),
	ROW(SO_MAX_MSG_SIZE),
	ROW(SO_SNDTIMEO),
	ROW(SO_RCVTIMEO),
	ROW(SO_OOBINLINE),
	ROW(SO_BROADCAST),
	ROW(SO_DONTROUTE),
	ROW(SO_GROUP_PRIORITY),
	ROW(SO_CONDITIONAL_ACCEPT),
	ROW(TCP_NODELAY),
	ROW(SO_UPDATE_ACCEPT_CONTEXT),
	ROW(SO_UPDATE_CONNECT_CONTEXT),
	ROW(MSG_OOB),
	ROW(MSG_PEEK),
	ROW(SD_SEND),
	ROW(SD_RECEIVE),
	ROW(SD_BOTH),
	ROW(FIONBIO),
	ROW(FIONREAD),
	ROW(SIOCATMARK),
	ROW(FD_READ),
	ROW(FD_WRITE),
	ROW(FD_OOB),
	ROW(FD_ACCEPT),
	ROW(FD_CONNECT),
	ROW(FD_CLOSE),
	ROW(POLLIN),
	ROW(POLLOUT),
	ROW(POLLRDNORM),
	ROW(POLLWRNORM),
	ROW(POLLRDBAND),
	ROW(CF_ACCEPT),
	ROW(CF_REJECT),
	ROW(CF_DEFER),
	ROW(SOMAXCONN),
	ROW(WSA_FLAG_OVERLAPPED),
};

static const struct named events[] = {
	{"FD_READ", FD_READ},     {"FD_WRITE", FD_WRITE},     {"FD_OOB", FD_OOB},
	{"FD_ACCEPT", FD_ACCEPT}, {"FD_CONNECT", FD_CONNECT}, {"FD_CLOSE", FD_CLOSE},
};

static const struct named poll_events[] = {
	ROW(POLLRDNORM), ROW(POLLWRNORM), ROW(POLLRDBAND),
	ROW(POLLERR),    ROW(POLLHUP),    ROW(POLLNVAL),
};

static const struct named codes[] = {
	ROW(WSAEINTR),
	ROW(WSAEBADF),
	ROW(WSAEACCES),
	ROW(WSAEFAULT),
	ROW(WSAEINVAL),
	ROW(WSAEMFILE),
	ROW(WSAEWOULDBLOCK),
	ROW(WSAEINPROGRESS),
	ROW(WSAEALREADY),
	ROW(WSAENOTSOCK),
	ROW(WSAEDESTADDRREQ),
	ROW(WSAEMSGSIZE),
	ROW(WSAEPROTOTYPE),
	ROW(WSAENOPROTOOPT),
	ROW(WSAEPROTONOSUPPORT),
	ROW(WSAESOCKTNOSUPPORT),
	ROW(WSAEOPNOTSUPP),
	ROW(WSAEPFNOSUPPORT),
	ROW(WSAEAFNOSUPPORT),
	ROW(WSAEADDRINUSE),
	ROW(WSAEADDRNOTAVAIL),
	ROW(WSAENETDOWN),
	ROW(WSAENETUNREACH),
	ROW(WSAENETRESET),
	ROW(WSAECONNABORTED),
	ROW(WSAECONNRESET),
	ROW(WSAENOBUFS),
	ROW(WSAEISCONN),
	ROW(WSAENOTCONN),
	ROW(WSAESHUTDOWN),
	ROW(WSAETIMEDOUT),
	ROW(WSAECONNREFUSED),
	ROW(WSAEHOSTDOWN),
	ROW(WSAEHOSTUNREACH),
	ROW(WSASYSNOTREADY),
	ROW(WSAVERNOTSUPPORTED),
	ROW(WSATRY_AGAIN),
	ROW(WSANOTINITIALISED),
	ROW(WSAEDISCON),
	ROW(WSA_IO_PENDING),
	ROW(WSA_IO_INCOMPLETE),
	ROW(WSA_INVALID_HANDLE),
	ROW(WSA_OPERATION_ABORTED),
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool single_number(const char *text, long *ret)
{
	char *end;
	for (size_t i = 0; i < COUNT(constants); i++)
		if (!strcmp(constants[i].name, text)) {
			*ret = constants[i].value;
			return true;
		}
	if (!*text)
		return false;
	errno = 0;
	long long number = strtoll(text, &end, 0); /* Windows's long has 32 bits */
	if (errno || number < INT_MIN || number > (long long)UINT32_MAX)
		return false;
	*ret = (long)number;
	if (!strcmp(end, "KiB"))
		*ret *= 1024;
	else if (!strcmp(end, "MiB"))
		*ret *= 1024L * 1024;
	else
		return !*end;
	return true;
}

bool value_number(const char *text, long *ret)
{
	char copy[128], *at = copy;
	if (strlen(text) >= sizeof(copy))
		return false;
	memcpy(copy, text, strlen(text) + 1);
	*ret = 0;
	while (at) {
		char *bar = strchr(at, '|');
		long one;
		if (bar)
			*bar++ = '\0';
		if (!single_number(at, &one))
			return false;
		*ret |= one;
		at = bar;
	}
	return true;
}

bool value_address(const char *text, struct sockaddr_in *ret)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	long port = strtol(colon + 1, &end, 10);
	memset(ret, 0, sizeof(*ret));
	ret->sin_family = AF_INET;
	ret->sin_port = htons((unsigned short)port);
	return end != colon + 1 && !*end && port >= 0 && port < 65536 &&
	       inet_pton(AF_INET, host, &ret->sin_addr) == 1;
}

void value_address_text(const struct sockaddr_in *in, char *text, size_t size)
{
	char host[64] = "?";
	if (in->sin_family != AF_INET) {
		snprintf(text, size, "family-%d", in->sin_family);
		return;
	}
	inet_ntop(AF_INET, (void *)&in->sin_addr, host, sizeof(host));
	snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
}

void value_code_text(int code, char *text, size_t size)
{
	for (size_t i = 0; i < COUNT(codes); i++)
		if (codes[i].value == code) {
			snprintf(text, size, "%s", codes[i].name);
			return;
		}
	snprintf(text, size, "error-%d", code);
}

static void mask_text(const struct named *bits, size_t n, long mask, char *text, size_t size)
{
	size_t len = 0;
	snprintf(text, size, "none");
	for (size_t i = 0; i < n; i++)
		if (mask & bits[i].value && len < size)
			len += (size_t)snprintf(text + len, size - len, "%s%s", len ? "|" : "",
						bits[i].name);
}

void value_events_text(long mask, char *text, size_t size)
{
	mask_text(events, COUNT(events), mask, text, size);
}

void value_poll_text(long mask, char *text, size_t size)
{
	mask_text(poll_events, COUNT(poll_events), mask, text, size);
}

/* ---- handles ---- */

enum { HANDLES = 4096, NAME_MAX_LEN = 32 };

static struct {
	char name[NAME_MAX_LEN];
	SOCKET handle;
} handles[HANDLES];
static size_t n_handles;
static atomic_flag handles_lock = ATOMIC_FLAG_INIT;

/* Held for a look at the table: no call is made meanwhile. */
static void lock(void)
{
	while (atomic_flag_test_and_set(&handles_lock))
		Sleep(0);
}

static void unlock(void)
{
	atomic_flag_clear(&handles_lock);
}

bool value_handle(const char *name, SOCKET *ret)
{
	bool found = false;
	lock();
	for (size_t i = 0; i < n_handles && !found; i++)
		if (!strcmp(handles[i].name, name)) {
			*ret = handles[i].handle;
			found = true;
		}
	unlock();
	if (!found && !strcmp(name, "INVALID_SOCKET")) {
		*ret = INVALID_SOCKET;
		found = true;
	}
	return found;
}

bool value_keep_handle(const char *name, SOCKET s)
{
	size_t i = 0;
	if (strlen(name) >= NAME_MAX_LEN)
		return false;
	lock();
	while (i < n_handles && strcmp(handles[i].name, name) != 0)
		i++;
	bool fits = i < HANDLES;
	if (fits) {
		memcpy(handles[i].name, name, strlen(name) + 1);
		handles[i].handle = s;
		if (i == n_handles)
			n_handles++;
	}
	unlock();
	return fits;
}
