/* SPDX-License-Identifier: MIT
 *
 * The scripted provider's module: see scripted_provider.h. One lock, never held over an upcall or
 * the hook.
 */
#include "scripted_provider.h"
#include "wsaname.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsd/attend.h>
#include <wsd/serve.h>

#define EXPORT __attribute__((visibility("default")))

static void signal_socket(struct scripted *p, SOCKET desc, long events);
static void add_request(struct scripted *p, SOCKET desc, const char *peer, unsigned short port);
static void end_connect(struct scripted *p, SOCKET desc, int code);

EXPORT extern struct scripted scripted_control;
struct scripted scripted_control = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.name = "?",
	.signal = signal_socket,
	.request = add_request,
	.connected = end_connect,
};

#define self scripted_control

/* One call: the text of its arguments, then its end. */
struct call {
	const char *name; /* for rules */
	char text[SCRIPTED_TEXT];
};

__attribute__((format(printf, 3, 4))) static void begin(struct call *c, const char *name,
							const char *format, ...)
{
	va_list args;
	c->name = name;
	va_start(args, format);
	vsnprintf(c->text, sizeof(c->text), format, args);
	va_end(args);
	if (self.hook)
		self.hook(&self, name, self.hook_arg);
}

static void write_line(const char *text, const char *result)
{
	struct scripted_log *log = self.log;
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	if (log->count < SCRIPTED_LINES && !(log->ignore && strstr(text, log->ignore)))
		snprintf(log->lines[log->count++], SCRIPTED_TEXT, "%.7s %.80s = %.24s", self.name,
			 text, result);
	pthread_mutex_unlock(&log->lock);
}

static void end(const struct call *c, int error, const char *result)
{
	const char *name = wsaname(error);
	write_line(c->text, error ? name ? name : "error" : result);
}

/* The code that the script has for this call. */
static int scripted_error(const struct call *c)
{
	int error = 0;
	pthread_mutex_lock(&self.lock);
	for (int i = 0; i < SCRIPTED_RULES && !error; i++) {
		struct scripted_rule *r = &self.rules[i];
		if (!r->error || strcmp(r->call, c->name) != 0 || !strstr(c->text, r->match))
			continue;
		if (r->after)
			r->after--;
		else
			error = r->error;
	}
	pthread_mutex_unlock(&self.lock);
	return error;
}

static struct scripted_socket *find(SOCKET s)
{
	if (s && s < SCRIPTED_SOCKETS && self.sockets[s].live)
		return &self.sockets[s];
	self.stale++;
	return NULL;
}

static int finish(const struct call *c, int error, int *ret_error)
{
	end(c, error, "0");
	if (ret_error)
		*ret_error = error;
	return error ? SOCKET_ERROR : 0;
}

/* The usual beginning: the script first, then the descriptor. */
static int check(const struct call *c, SOCKET s)
{
	int error = scripted_error(c);
	pthread_mutex_lock(&self.lock);
	if (!find(s) && !error)
		error = WSAENOTSOCK;
	pthread_mutex_unlock(&self.lock);
	return error;
}

/* A descriptor and the switch's handle for it. */
static SOCKET make_socket(int *ret_error)
{
	int error = 0;
	pthread_mutex_lock(&self.lock);
	/* a number comes again only after all others have been used */
	unsigned desc = 0, tries = 0;
	do {
		desc = (self.n_sockets + tries) % (SCRIPTED_SOCKETS - 1) + 1;
	} while (self.sockets[desc].live && ++tries < SCRIPTED_SOCKETS);
	if (!self.startups || self.sockets[desc].live)
		error = WSAEMFILE;
	if (!error)
		self.n_sockets += tries + 1;
	pthread_mutex_unlock(&self.lock);
	SOCKET handle = INVALID_SOCKET;
	if (!error && !self.no_handle)
		handle = self.upcalls.lpWPUCreateSocketHandle(self.info.dwCatalogEntryId,
							      1000 + desc, &error);
	pthread_mutex_lock(&self.lock);
	if (!error)
		self.sockets[desc] = (struct scripted_socket){.live = true, .handle = handle};
	if (handle != INVALID_SOCKET)
		self.handles_made++;
	pthread_mutex_unlock(&self.lock);
	*ret_error = error;
	return error ? INVALID_SOCKET : desc;
}

static SOCKET end_socket(const struct call *c, SOCKET desc, int error, int *ret_error)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", (int)desc);
	end(c, error, number);
	*ret_error = error;
	return error ? INVALID_SOCKET : desc;
}

static SOCKET WSPAPI do_socket(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g,
			       DWORD flags, LPINT ret_error)
{
	struct call c;
	bool usual = af == WSD_AF_INET && type == WSD_SOCK_STREAM && protocol == WSD_IPPROTO_TCP &&
		     flags == WSA_FLAG_OVERLAPPED && g == 0 && (!info || !info->dwProviderReserved);
	begin(&c, "WSPSocket", "WSPSocket(%s)", usual ? "" : "unusual");
	int error = scripted_error(&c);
	SOCKET desc = error ? INVALID_SOCKET : make_socket(&error);
	return end_socket(&c, desc, error, ret_error);
}

/* One request, by the switch's condition. */
static SOCKET WSPAPI do_accept(SOCKET s, struct wsd_sockaddr *addr, LPINT addrlen,
			       LPCONDITIONPROC condition, DWORD_PTR data, LPINT ret_error)
{
	struct call c;
	struct wsd_sockaddr_in peer, local;
	WSABUF caller = {sizeof(peer), (char *)&peer}, callee = {sizeof(local), (char *)&local};
	SOCKET desc = INVALID_SOCKET;
	begin(&c, "WSPAccept", "WSPAccept(%d)", (int)s);
	int error = check(&c, s);
	pthread_mutex_lock(&self.lock);
	struct scripted_socket *l = &self.sockets[s % SCRIPTED_SOCKETS];
	if (!error && !l->n_peers)
		error = WSAEWOULDBLOCK;
	if (!error) {
		peer = l->peers[0];
		local = l->name;
		memmove(l->peers, l->peers + 1, --l->n_peers * sizeof(peer));
	}
	pthread_mutex_unlock(&self.lock);
	if (!error && condition(&caller, NULL, NULL, NULL, &callee, NULL, NULL, data) != CF_ACCEPT)
		error = WSAECONNREFUSED;
	if (!error)
		desc = make_socket(&error);
	if (!error) {
		memcpy(addr, &peer, sizeof(peer));
		*addrlen = sizeof(peer);
	}
	return end_socket(&c, desc, error, ret_error);
}

static int WSPAPI do_connect(SOCKET s, const struct wsd_sockaddr *name, int namelen,
			     LPWSABUF caller, LPWSABUF callee, LPQOS sqos, LPQOS gqos,
			     LPINT ret_error)
{
	struct call c;
	struct wsd_sockaddr_in in;
	char dotted[INET_ADDRSTRLEN];
	bool usual = !caller && !callee && !sqos && !gqos;
	memcpy(&in, name, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr.s_addr, dotted, sizeof(dotted));
	begin(&c, "WSPConnect", "WSPConnect(%d, %s:%u%s)", (int)s, dotted, ntohs(in.sin_port),
	      usual ? "" : ", unusual");
	int error = check(&c, s);
	pthread_mutex_lock(&self.lock);
	if (!error && self.connect_at_once) {
		pthread_mutex_unlock(&self.lock);
		if (self.connect_tells)
			signal_socket(&self, s, FD_CONNECT);
		return finish(&c, 0, ret_error);
	}
	if (!error) {
		error = self.sockets[s].connecting ? WSAEALREADY : WSAEWOULDBLOCK;
		self.sockets[s].connecting = true;
	}
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static int WSPAPI do_bind(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT ret_error)
{
	struct call c;
	struct wsd_sockaddr_in in;
	char dotted[INET_ADDRSTRLEN];
	memset(&in, 0, sizeof(in));
	if (name && namelen >= (int)sizeof(in))
		memcpy(&in, name, sizeof(in));
	inet_ntop(AF_INET, &in.sin_addr.s_addr, dotted, sizeof(dotted));
	begin(&c, "WSPBind", "WSPBind(%d, %s:%u)", (int)s, dotted, ntohs(in.sin_port));
	int error = check(&c, s);
	if (!error && in.sin_family != WSD_AF_INET)
		error = WSAEFAULT;
	pthread_mutex_lock(&self.lock);
	if (!error) {
		if (self.sockets[s].bound)
			error = WSAEINVAL;
		else if (!in.sin_port)
			error = WSAEADDRNOTAVAIL;
	}
	if (!error) {
		self.sockets[s].bound = true;
		self.sockets[s].name = in;
	}
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static int WSPAPI do_listen(SOCKET s, int backlog, LPINT ret_error)
{
	struct call c;
	begin(&c, "WSPListen", "WSPListen(%d, %d)", (int)s, backlog);
	int error = check(&c, s);
	pthread_mutex_lock(&self.lock);
	if (!error && !self.sockets[s].bound)
		error = WSAEINVAL;
	if (!error) {
		self.sockets[s].listening = true;
		self.sockets[s].backlog = backlog;
	}
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static int WSPAPI do_event_select(SOCKET s, WSAEVENT event, LONG events, LPINT ret_error)
{
	struct call c;
	begin(&c, "WSPEventSelect", "WSPEventSelect(%d, %s)", (int)s,
	      events == FD_ACCEPT    ? "FD_ACCEPT"
	      : events == FD_CONNECT ? "FD_CONNECT"
				     : "?");
	int error = check(&c, s);
	pthread_mutex_lock(&self.lock);
	if (!error) {
		self.sockets[s].event = event;
		self.sockets[s].selected = events;
	}
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static int WSPAPI do_enum(SOCKET s, WSAEVENT event, LPWSANETWORKEVENTS ret, LPINT ret_error)
{
	struct call c;
	long events = 0;
	begin(&c, "WSPEnumNetworkEvents", "WSPEnumNetworkEvents(%d)", (int)s);
	int error = check(&c, s);
	pthread_mutex_lock(&self.lock);
	if (!error) {
		events = self.sockets[s].recorded;
		self.sockets[s].recorded = 0;
		memset(ret, 0, sizeof(*ret));
		ret->lNetworkEvents = (LONG)events;
		ret->iErrorCode[FD_CONNECT_BIT] = self.sockets[s].connect_code;
	}
	bool sticky = self.sticky_event;
	pthread_mutex_unlock(&self.lock);
	if (!error && event && !sticky) {
		int ignored;
		self.upcalls.lpWPUResetEvent(event, &ignored);
	}
	end(&c, error,
	    events & FD_ACCEPT    ? "FD_ACCEPT"
	    : events & FD_CONNECT ? "FD_CONNECT"
				  : "nothing");
	*ret_error = error;
	return error ? SOCKET_ERROR : 0;
}

static int WSPAPI do_close(SOCKET s, LPINT ret_error)
{
	struct call c;
	begin(&c, "WSPCloseSocket", "WSPCloseSocket(%d)", (int)s);
	int error = check(&c, s), ignored;
	SOCKET handle = INVALID_SOCKET;
	pthread_mutex_lock(&self.lock);
	if (s && s < SCRIPTED_SOCKETS && self.sockets[s].live) { /* a scripted failure closes too */
		handle = self.sockets[s].handle;
		self.sockets[s].live = false;
	}
	pthread_mutex_unlock(&self.lock);
	bool returned = handle != INVALID_SOCKET &&
			self.upcalls.lpWPUCloseSocketHandle(handle, &ignored) == 0;
	pthread_mutex_lock(&self.lock);
	self.handles_returned += returned;
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static int WSPAPI do_set_sock_opt(SOCKET s, int level, int option, const char *value, int len,
				  LPINT ret_error)
{
	struct call c;
	int32_t number = 0;
	if (value && len >= (int)sizeof(number))
		memcpy(&number, value, sizeof(number));
	begin(&c, "WSPSetSockOpt", "WSPSetSockOpt(%d, %s, %d)", (int)s,
	      option == WSD_SO_DEBUG        ? "SO_DEBUG"
	      : option == SO_GROUP_PRIORITY ? "SO_GROUP_PRIORITY"
					    : "?",
	      number);
	return finish(&c, check(&c, s), ret_error);
}

static int WSPAPI do_get_sock_opt(SOCKET s, int level, int option, char *value, LPINT len,
				  LPINT ret_error)
{
	struct call c;
	int32_t number = 4242;
	begin(&c, "WSPGetSockOpt", "WSPGetSockOpt(%d, 0x%x)", (int)s, (unsigned)option);
	int error = check(&c, s);
	if (!error && *len < (int)sizeof(number))
		error = WSAEFAULT;
	if (!error) {
		memcpy(value, &number, sizeof(number));
		*len = sizeof(number);
	}
	return finish(&c, error, ret_error);
}

static int address_list(struct call *c, void *out, DWORD size, DWORD *bytes, int *ret_error)
{
	char count[16];
	int error = scripted_error(c);
	pthread_mutex_lock(&self.lock);
	unsigned n = self.n_addrs;
	size_t head = offsetof(SOCKET_ADDRESS_LIST, Address) + n * sizeof(SOCKET_ADDRESS);
	size_t needed = head + n * sizeof(struct wsd_sockaddr_in);
	if (needed < sizeof(SOCKET_ADDRESS_LIST))
		needed = sizeof(SOCKET_ADDRESS_LIST);
	if (!error && (!out || size < needed)) {
		error = WSAEFAULT;
		*bytes = (DWORD)needed;
	}
	if (!error) {
		SOCKET_ADDRESS_LIST *list = out;
		struct wsd_sockaddr_in *in = (void *)((char *)out + head);
		list->iAddressCount = (INT)n;
		for (unsigned i = 0; i < n; i++) {
			memset(&in[i], 0, sizeof(in[i]));
			in[i].sin_family = WSD_AF_INET;
			in[i].sin_addr.s_addr = self.addrs_be[i];
			list->Address[i] = (SOCKET_ADDRESS){(LPSOCKADDR)&in[i], (INT)sizeof(in[i])};
		}
		*bytes = (DWORD)needed;
	}
	pthread_mutex_unlock(&self.lock);
	snprintf(count, sizeof(count), "%u", n);
	end(c, error, count);
	*ret_error = error;
	return error ? SOCKET_ERROR : 0;
}

static void extension(void)
{
	abort(); /* nothing of issue A calls one */
}

static const struct {
	const char *name;
	GUID id;
} extensions[] = {
	{"WSPRegisterMemory", WSAID_REGISTERMEMORY},
	{"WSPDeregisterMemory", WSAID_DEREGISTERMEMORY},
	{"WSPRegisterRdmaMemory", WSAID_REGISTERRDMAMEMORY},
	{"WSPDeregisterRdmaMemory", WSAID_DEREGISTERRDMAMEMORY},
	{"WSPRdmaWrite", WSAID_RDMAWRITE},
	{"WSPRdmaRead", WSAID_RDMAREAD},
	{"WSPMemoryRegistrationCacheCallback", WSAID_MEMORYREGISTRATIONCACHECALLBACK},
	{"WSDAttend", WSAID_WSDATTEND},
	{"WSDServe", WSAID_WSDSERVE},
};

static int WSPAPI do_ioctl(SOCKET s, DWORD code, LPVOID in, DWORD in_size, LPVOID out,
			   DWORD out_size, LPDWORD bytes, LPWSAOVERLAPPED overlapped,
			   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			   LPINT ret_error)
{
	struct call c;
	if (code == SIO_ADDRESS_LIST_QUERY) {
		begin(&c, "SIO_ADDRESS_LIST_QUERY", "WSPIoctl(%d, SIO_ADDRESS_LIST_QUERY)", (int)s);
		return address_list(&c, out, out_size, bytes, ret_error);
	}
	const char *name = "?";
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (code == SIO_GET_EXTENSION_FUNCTION_POINTER && in_size >= sizeof(GUID) &&
		    !memcmp(&extensions[i].id, in, sizeof(GUID)))
			name = extensions[i].name;
	begin(&c, name, "WSPIoctl(%d, %s)", (int)s, name);
	bool offered = *name != '?' && strncmp(name, "WSD", 3) != 0;
	int error = offered ? check(&c, s) : WSAEOPNOTSUPP;
	if (!error && out_size >= sizeof(void *)) {
		void (*function)(void) = extension;
		memcpy(out, &function, sizeof(function));
		*bytes = sizeof(function);
	}
	return finish(&c, error, ret_error);
}

static int WSPAPI do_cleanup(LPINT ret_error)
{
	struct call c;
	begin(&c, "WSPCleanup", "WSPCleanup()");
	int error = scripted_error(&c);
	pthread_mutex_lock(&self.lock);
	if (!self.startups)
		error = WSANOTINITIALISED;
	if (!error && ++self.cleanups == self.startups) {
		self.startups = self.cleanups = 0;
		self.n_sockets = 0;
	}
	pthread_mutex_unlock(&self.lock);
	return finish(&c, error, ret_error);
}

static void signal_socket(struct scripted *p, SOCKET desc, long events)
{
	WSAEVENT event = NULL;
	int ignored;
	pthread_mutex_lock(&p->lock);
	if (desc < SCRIPTED_SOCKETS && p->sockets[desc].live) {
		p->sockets[desc].recorded |= events;
		if (p->sockets[desc].selected & events)
			event = p->sockets[desc].event;
	}
	pthread_mutex_unlock(&p->lock);
	if (event)
		p->upcalls.lpWPUSetEvent(event, &ignored);
}

static void add_request(struct scripted *p, SOCKET desc, const char *peer, unsigned short port)
{
	struct wsd_sockaddr_in in;
	memset(&in, 0, sizeof(in));
	in.sin_family = WSD_AF_INET;
	in.sin_port = htons(port);
	inet_pton(AF_INET, peer, &in.sin_addr.s_addr);
	pthread_mutex_lock(&p->lock);
	struct scripted_socket *l = &p->sockets[desc];
	if (l->n_peers < SCRIPTED_REQUESTS)
		l->peers[l->n_peers++] = in;
	pthread_mutex_unlock(&p->lock);
	signal_socket(p, desc, FD_ACCEPT);
}

static void end_connect(struct scripted *p, SOCKET desc, int code)
{
	pthread_mutex_lock(&p->lock);
	p->sockets[desc].connect_code = code;
	p->sockets[desc].connecting = false;
	pthread_mutex_unlock(&p->lock);
	signal_socket(p, desc, FD_CONNECT);
}

/* The other required slots: never called in issue A. */
static void never(void)
{
	abort();
}

static const struct slot {
	const char *name;
	size_t offset;
	void (*function)(void);
} slots[] = {
#define SLOT(name, function)                                                         \
	{                                                                            \
#name, offsetof(WSPPROC_TABLE, lp##name), (void (*)(void))(function) \
	}
	SLOT(WSPAccept, do_accept),
	SLOT(WSPBind, do_bind),
	SLOT(WSPCleanup, do_cleanup),
	SLOT(WSPCloseSocket, do_close),
	SLOT(WSPConnect, do_connect),
	SLOT(WSPDuplicateSocket, never),
	SLOT(WSPEnumNetworkEvents, do_enum),
	SLOT(WSPEventSelect, do_event_select),
	SLOT(WSPGetOverlappedResult, never),
	SLOT(WSPGetQOSByName, never),
	SLOT(WSPGetSockOpt, do_get_sock_opt),
	SLOT(WSPIoctl, do_ioctl),
	SLOT(WSPListen, do_listen),
	SLOT(WSPRecv, never),
	SLOT(WSPSend, never),
	SLOT(WSPSetSockOpt, do_set_sock_opt),
	SLOT(WSPSocket, do_socket),
};

EXPORT int WSPAPI WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			       LPWSPUPCALLTABLEEX upcalls, LPWSPPROC_TABLE table)
{
	struct call c;
	bool tcpip = info && info->iSocketType == WSD_SOCK_STREAM &&
		     info->iProtocol == WSD_IPPROTO_TCP && !(info->dwProviderFlags & PFL_HIDDEN);
	begin(&c, "WSPStartupEx", "WSPStartupEx(%u.%u, %s)", version & 0xff, version >> 8,
	      tcpip ? "TCP/IP" : "?");
	int error = scripted_error(&c);
	if (!error) {
		pthread_mutex_lock(&self.lock);
		self.startups++;
		self.upcalls = *upcalls;
		self.info = *info;
		pthread_mutex_unlock(&self.lock);
		memset(table, 0, sizeof(*table));
		for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++)
			if (strcmp(slots[i].name, self.empty_slot) != 0)
				memcpy((char *)table + slots[i].offset, &slots[i].function,
				       sizeof(slots[i].function));
		data->wVersion = self.version ? self.version : 0x0202;
		data->wHighVersion = 0x0202;
		memcpy(data->szDescription, u"scripted", sizeof(u"scripted"));
	}
	end(&c, error, "0");
	return error;
}
