/* SPDX-License-Identifier: MIT
 *
 * See script_provider.h. One lock, around the rules; it is never held over a call.
 */
#include "script_provider.h"
#include "script_priv.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { RULES = 32, TEXT = 64 };

struct rule {
	char call[48];
	struct {
		char key[16], value[TEXT];
	} pairs[SCRIPT_PAIRS];
	size_t n_pairs;
	int code;
	unsigned after, times; /* times 0: always; else how many are left, plus one */
};

static struct {
	pthread_mutex_t lock;
	struct rule rules[RULES];
	size_t n_rules;
	void *module;
	WSPPROC_TABLE inner;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- rules ---- */

/* The value of @key in "key=value, key=value" is like @pattern. */
static bool argument_is(const char *args, const char *key, const char *pattern)
{
	size_t len = strlen(key);
	for (const char *at = args; at; at = strstr(at, ", ") ? strstr(at, ", ") + 2 : NULL) {
		char value[TEXT];
		if (strncmp(at, key, len) != 0 || at[len] != '=')
			continue;
		at += len + 1;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, ","), at);
		return fnmatch(pattern, value, 0) == 0;
	}
	return false;
}

static bool rule_fits(const struct rule *r, const char *call, const char *args)
{
	if (strcmp(r->call, call) != 0)
		return false;
	for (size_t i = 0; i < r->n_pairs; i++)
		if (!argument_is(args, r->pairs[i].key, r->pairs[i].value))
			return false;
	return true;
}

int script(const char *call, const char *format, ...)
{
	char args[256];
	va_list list;
	int code = 0;
	va_start(list, format);
	vsnprintf(args, sizeof(args), format, list);
	va_end(list);
	pthread_mutex_lock(&self.lock);
	for (size_t i = 0; i < self.n_rules && !code; i++) {
		struct rule *r = &self.rules[i];
		if (!rule_fits(r, call, args))
			continue;
		if (r->after)
			r->after--;
		else if (r->times != 1)
			code = r->code;
		if (code && r->times)
			r->times--;
	}
	pthread_mutex_unlock(&self.lock);
	return code;
}

static const char *const calls[] = {SCRIPT_CALLS};

static bool is_call(const char *call)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (!strcmp(calls[i], call))
			return true;
	return false;
}

static int add_rule(const char *call, const struct script_pair *pairs, size_t n_pairs, int code,
		    unsigned after, unsigned times)
{
	struct rule r = {
		.code = code, .after = after, .times = times ? times + 1 : 0, .n_pairs = n_pairs};
	int err = 0;
	if (!is_call(call) || n_pairs > SCRIPT_PAIRS)
		return -EINVAL;
	snprintf(r.call, sizeof(r.call), "%s", call);
	for (size_t i = 0; i < n_pairs; i++) {
		if (strlen(pairs[i].key) >= sizeof(r.pairs[i].key) ||
		    strlen(pairs[i].value) >= TEXT)
			return -EINVAL;
		snprintf(r.pairs[i].key, sizeof(r.pairs[i].key), "%s", pairs[i].key);
		snprintf(r.pairs[i].value, sizeof(r.pairs[i].value), "%s", pairs[i].value);
	}
	pthread_mutex_lock(&self.lock);
	if (self.n_rules == RULES)
		err = -ENOSPC;
	else
		self.rules[self.n_rules++] = r;
	pthread_mutex_unlock(&self.lock);
	return err;
}

static void heal(void)
{
	pthread_mutex_lock(&self.lock);
	self.n_rules = 0;
	pthread_mutex_unlock(&self.lock);
}

/* ---- the calls ---- */

static const char *name_text(const struct wsd_sockaddr *name, int len, char *text, size_t size)
{
	struct wsd_sockaddr_in in;
	char host[INET_ADDRSTRLEN];
	if (!name || len < (int)sizeof(in))
		return "none";
	memcpy(&in, name, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host));
	snprintf(text, size, "%s:%u", host, ntohs(in.sin_port));
	return text;
}
#define NAME_TEXT ((char[32]){0}), 32

static SOCKET WSPAPI do_socket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
			       DWORD flags, LPINT error)
{
	UNLESS_SCRIPTED(INVALID_SOCKET, "WSPSocket", "%s", "");
	return self.inner.lpWSPSocket(af, type, protocol, info, g, flags, error);
}

static int WSPAPI do_bind(SOCKET s, const struct wsd_sockaddr *name, int len, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPBind", "name=%s", name_text(name, len, NAME_TEXT));
	return self.inner.lpWSPBind(s, name, len, error);
}

static int WSPAPI do_listen(SOCKET s, int backlog, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPListen", "backlog=%d", backlog);
	return self.inner.lpWSPListen(s, backlog, error);
}

static SOCKET WSPAPI do_accept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
			       LPCONDITIONPROC condition, DWORD_PTR data, LPINT error)
{
	UNLESS_SCRIPTED(INVALID_SOCKET, "WSPAccept", "%s", "");
	return self.inner.lpWSPAccept(s, addr, addrlen, condition, data, error);
}

static int WSPAPI do_connect(SOCKET s, const struct wsd_sockaddr *name, int len, LPWSABUF caller,
			     LPWSABUF callee, LPQOS sqos, LPQOS gqos, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPConnect", "name=%s", name_text(name, len, NAME_TEXT));
	return self.inner.lpWSPConnect(s, name, len, caller, callee, sqos, gqos, error);
}

static int WSPAPI do_event_select(SOCKET s, WSAEVENT event, LONG events, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPEventSelect", "events=%s",
			events == FD_ACCEPT    ? "FD_ACCEPT"
			: events == FD_CONNECT ? "FD_CONNECT"
					       : "other");
	return self.inner.lpWSPEventSelect(s, event, events, error);
}

static int WSPAPI do_enum(SOCKET s, WSAEVENT event, LPWSANETWORKEVENTS ret, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPEnumNetworkEvents", "%s", "");
	return self.inner.lpWSPEnumNetworkEvents(s, event, ret, error);
}

static int WSPAPI do_send(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPSend", "%s", "");
	return self.inner.lpWSPSend(s, buffers, count, sent, flags, overlapped, routine, thread,
				    error);
}

static int WSPAPI do_recv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD got, LPDWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPRecv", "%s", "");
	return self.inner.lpWSPRecv(s, buffers, count, got, flags, overlapped, routine, thread,
				    error);
}

static int WSPAPI do_get_option(SOCKET s, int level, int option, char *value, LPINT len,
				LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPGetSockOpt", "option=0x%x", (unsigned)option);
	return self.inner.lpWSPGetSockOpt(s, level, option, value, len, error);
}

static int WSPAPI do_set_option(SOCKET s, int level, int option, const char *value, int len,
				LPINT error)
{
	UNLESS_SCRIPTED(SOCKET_ERROR, "WSPSetSockOpt", "option=0x%x", (unsigned)option);
	return self.inner.lpWSPSetSockOpt(s, level, option, value, len, error);
}

static int WSPAPI do_ioctl(SOCKET s, DWORD code, LPVOID in, DWORD in_size, LPVOID out,
			   DWORD out_size, LPDWORD bytes, LPWSAOVERLAPPED overlapped,
			   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			   LPINT error)
{
	if (code == SIO_ADDRESS_LIST_QUERY)
		UNLESS_SCRIPTED(SOCKET_ERROR, "SIO_ADDRESS_LIST_QUERY", "%s", "");
	const char *extension = NULL;
	if (code == SIO_GET_EXTENSION_FUNCTION_POINTER && in_size >= sizeof(GUID))
		extension = script_extension(in);
	if (extension)
		UNLESS_SCRIPTED(SOCKET_ERROR, "SIO_GET_EXTENSION_FUNCTION_POINTER", "function=%s",
				extension);
	int result = self.inner.lpWSPIoctl(s, code, in, in_size, out, out_size, bytes, overlapped,
					   routine, thread, error);
	if (!result && extension) {
		void *function;
		memcpy(&function, out, sizeof(function));
		function = script_extension_outer(extension, function);
		memcpy(out, &function, sizeof(function));
	}
	return result;
}

/* ---- start ---- */

static int open_beneath(void)
{
	char path[4096];
	Dl_info info;
	if (self.module)
		return 0;
	if (!dladdr(&self, &info) || strlen(info.dli_fname) > sizeof(path) - 16)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s", info.dli_fname);
	char *end = strrchr(path, '.');
	if (!end)
		return -ENOENT;
	snprintf(end, sizeof(path) - (size_t)(end - path), ".under.so");
	self.module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return self.module ? 0 : -ENOENT;
}

static struct loop_control *find_loop(void)
{
	return open_beneath() ? NULL : dlsym(self.module, "loop_control");
}

EXPORT extern struct script_control script_control;
struct script_control script_control = {.fail = add_rule, .heal = heal, .loop = find_loop};

EXPORT int WSPAPI WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			       LPWSPUPCALLTABLEEX upcalls, LPWSPPROC_TABLE table)
{
	typedef int(WSPAPI * startup)(WORD, LPWSPDATA, LPWSAPROTOCOL_INFOW, LPWSPUPCALLTABLEEX,
				      LPWSPPROC_TABLE);
	int code = script("WSPStartupEx", "%s", "");
	if (code)
		return code;
	if (open_beneath())
		return WSASYSNOTREADY;
	startup inner;
	void *symbol = dlsym(self.module, "WSPStartupEx");
	if (!symbol)
		return WSASYSNOTREADY;
	memcpy(&inner, &symbol, sizeof(inner));
	code = inner(version, data, info, upcalls, &self.inner);
	if (code)
		return code;
	*table = self.inner;
	table->lpWSPSocket = do_socket;
	table->lpWSPBind = do_bind;
	table->lpWSPListen = do_listen;
	table->lpWSPAccept = do_accept;
	table->lpWSPConnect = do_connect;
	table->lpWSPEventSelect = do_event_select;
	table->lpWSPEnumNetworkEvents = do_enum;
	table->lpWSPSend = do_send;
	table->lpWSPRecv = do_recv;
	table->lpWSPGetSockOpt = do_get_option;
	table->lpWSPSetSockOpt = do_set_option;
	table->lpWSPIoctl = do_ioctl;
	return 0;
}
