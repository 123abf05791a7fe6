/* SPDX-License-Identifier: MIT
 *
 * Loading and starting a SAN provider [SW-INIT-1.4 to 1.7, -2, -3, -4, -6]. No lock; see
 * provider.h.
 */
#include "provider.h"

#include "log.h"
#include "module.h"
#include "san.h"
#include "trace.h"
#include "upcalls.h"
#include "wsaname.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <wsd/abi.h>
#include <wsd/attend.h>
#include <wsd/serve.h>

enum {
	SPI_VERSION = 0x0202,
	QUERY_TRIES = 4, /* the list may grow between two questions */
};

typedef void (*procedure)(void);

static const struct {
	const char *name;
	GUID id;
	bool optional; /* WSAEOPNOTSUPP is an answer [SW-INIT-4] */
} extensions[SAN_EXTENSION_COUNT] = {
	[SAN_REGISTER_MEMORY] = {"WSPRegisterMemory", WSAID_REGISTERMEMORY, false},
	[SAN_DEREGISTER_MEMORY] = {"WSPDeregisterMemory", WSAID_DEREGISTERMEMORY, false},
	[SAN_REGISTER_RDMA_MEMORY] = {"WSPRegisterRdmaMemory", WSAID_REGISTERRDMAMEMORY, false},
	[SAN_DEREGISTER_RDMA_MEMORY] = {"WSPDeregisterRdmaMemory", WSAID_DEREGISTERRDMAMEMORY,
					false},
	[SAN_RDMA_WRITE] = {"WSPRdmaWrite", WSAID_RDMAWRITE, false},
	[SAN_RDMA_READ] = {"WSPRdmaRead", WSAID_RDMAREAD, true},
	[SAN_CACHE_CALLBACK] = {"WSPMemoryRegistrationCacheCallback",
				WSAID_MEMORYREGISTRATIONCACHECALLBACK, true},
};

/* The slots that a provider has to fill [SW-INIT-5]. */
#define SLOT(name)                                       \
	{                                                \
#name, offsetof(WSPPROC_TABLE, lp##name) \
	}
static const struct {
	const char *name;
	size_t offset;
} required[] = {
	SLOT(WSPAccept),
	SLOT(WSPBind),
	SLOT(WSPCleanup),
	SLOT(WSPCloseSocket),
	SLOT(WSPConnect),
	SLOT(WSPDuplicateSocket),
	SLOT(WSPEnumNetworkEvents),
	SLOT(WSPEventSelect),
	SLOT(WSPGetOverlappedResult),
	SLOT(WSPGetQOSByName),
	SLOT(WSPGetSockOpt),
	SLOT(WSPIoctl),
	SLOT(WSPListen),
	SLOT(WSPRecv),
	SLOT(WSPSend),
	SLOT(WSPSetSockOpt),
	SLOT(WSPSocket),
};

/* Say why a provider is not used, and hand the code on. */
static int refuse(const struct san_provider *p, const char *step, int code, const char *detail)
{
	const struct wsaname *row = wsaname_find(code);
	/* a machine without RDMA is no mistake */
	wsd_log(code == WSASYSNOTREADY ? WSD_LOG_INFO : WSD_LOG_ERROR,
		"provider %s is not used: %s: %s (%d): %s", p->label, step,
		row ? row->name : "error", code,
		*detail ? detail
		: row   ? row->meaning
			: "no Windows Sockets code");
	return code;
}

static int load(struct san_provider *p, const char *path, LPWSPSTARTUPEX *ret_startup)
{
	char wrong[96];
	if (!module_check(path, wrong, sizeof(wrong))) {
		char detail[PATH_MAX + sizeof(wrong)];
		snprintf(detail, sizeof(detail), "%s: %s", path, wrong);
		return refuse(p, "the module cannot be loaded", WSAEPROVIDERFAILEDINIT, detail);
	}
	dlerror();
	p->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!p->module) {
		const char *why = dlerror();
		return refuse(p, "the module cannot be loaded", WSAEPROVIDERFAILEDINIT,
			      why ? why : path);
	}
	void *symbol = dlsym(p->module, "WSPStartupEx");
	if (!symbol) {
		dlclose(p->module);
		p->module = NULL;
		return refuse(p, "no provider module", WSAEINVALIDPROVIDER,
			      "it has no WSPStartupEx");
	}
	*(void **)ret_startup = symbol;
	return 0;
}

static const char *missing_slot(const WSPPROC_TABLE *table)
{
	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		procedure slot;
		memcpy(&slot, (const char *)table + required[i].offset, sizeof(slot));
		if (!slot)
			return required[i].name;
	}
	return NULL;
}

/* Step 4. The module stays loaded once its startup has run: it may have left things behind. */
static int startup(struct san_provider *p, const struct trace_point *trace,
		   const WSAPROTOCOL_INFOW *tcpip, LPWSPSTARTUPEX entry)
{
	WSPPROC_TABLE raw;
	WSPDATA data;
	WSAPROTOCOL_INFOW info = *tcpip;
	const WSPUPCALLTABLEEX *upcalls;
	struct trace_span span;
	memset(&raw, 0, sizeof(raw));
	memset(&data, 0, sizeof(data));
	p->trace_set = trace_wrap_begin(trace, p->label, san_upcalls(), &upcalls);
	trace_enter(trace_now(trace), &span, TRACE_DOWNCALL, p->label, "WSPStartupEx",
		    "version=2.2, protocol=%d/%d", info.iSocketType, info.iProtocol);
	int code = entry(SPI_VERSION, &data, &info, (LPWSPUPCALLTABLEEX)upcalls, &raw);
	char gave[24] = "";
	if (!code)
		snprintf(gave, sizeof(gave), "version=%u.%u", data.wVersion & 0xff,
			 data.wVersion >> 8);
	trace_leave(&span, code, code, "%s", gave);
	if (code)
		return refuse(p, "WSPStartupEx failed", code, "");
	const char *missing = missing_slot(&raw);
	char detail[80];
	int error = 0;
	if (data.wVersion != SPI_VERSION) {
		snprintf(detail, sizeof(detail), "it speaks SPI version %u.%u, the switch 2.2",
			 data.wVersion & 0xff, data.wVersion >> 8);
		code = refuse(p, "wrong version", WSAVERNOTSUPPORTED, detail);
	} else if (missing) {
		snprintf(detail, sizeof(detail), "the slot of %s is empty", missing);
		code = refuse(p, "bad procedure table", WSAEINVALIDPROCTABLE, detail);
	}
	san_provider_trap(&raw);
	if (raw.lpWSPCleanup)
		trace_wrap_table(p->trace_set, &raw, &p->table);
	if (code && raw.lpWSPCleanup)
		p->table.lpWSPCleanup(&error);
	return code;
}

/* Step 7 [SW-INIT-3, -4]. */
static int get_extensions(struct san_provider *p)
{
	for (int i = 0; i < SAN_EXTENSION_COUNT; i++) {
		GUID id = extensions[i].id;
		procedure function = NULL;
		DWORD bytes = 0;
		int error = 0;
		if (p->table.lpWSPIoctl(p->utility, SIO_GET_EXTENSION_FUNCTION_POINTER, &id,
					sizeof(id), &function, sizeof(function), &bytes, NULL, NULL,
					NULL, &error) == 0 &&
		    function) {
			p->extensions[i] = trace_wrap_extension(p->trace_set, i, function);
			continue;
		}
		if (!error)
			error = WSAEINVALIDPROVIDER;
		if (error != WSAEOPNOTSUPP || !extensions[i].optional)
			return refuse(p, extensions[i].name, error,
				      "the extension is required [SW-INIT-4]");
	}
	return 0;
}

/* An extension of this project, asked for last: whatever the answer, the provider serves. */
static procedure get_own(struct san_provider *p, GUID id)
{
	procedure function = NULL;
	DWORD bytes = 0;
	int error = 0;
	if (p->table.lpWSPIoctl(p->utility, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
				&function, sizeof(function), &bytes, NULL, NULL, NULL, &error) != 0)
		return NULL;
	return function;
}

int san_provider_start(const struct trace_point *trace, const WSAPROTOCOL_INFOW *info,
		       const struct catalog_entry *entry, struct san_provider **ret)
{
	struct san_provider *p = calloc(1, sizeof(*p));
	if (!p)
		return WSA_NOT_ENOUGH_MEMORY;
	memcpy(p->label, entry->label, sizeof(p->label));
	p->info = entry->info;
	p->changed = entry->changed;
	p->qos = (entry->info.dwServiceFlags1 & XP1_QOS_SUPPORTED) != 0;
	p->trace_set = -1;
	p->utility = INVALID_SOCKET;
	LPWSPSTARTUPEX startup_ex = NULL;
	int code = load(p, entry->module, &startup_ex);
	if (!code)
		code = startup(p, trace, info, startup_ex);
	if (code) {
		trace_unwrap(p->trace_set);
		free(p);
		return code;
	}
	code = upcalls_socket(&p->table, &p->info, NULL, &p->utility, &p->utility_handle);
	if (code)
		refuse(p, "WSPSocket of the utility socket", code, "");
	if (!code) {
		code = san_provider_query(p);
		if (code)
			refuse(p, "SIO_ADDRESS_LIST_QUERY", code, "");
	}
	if (!code)
		code = get_extensions(p);
	if (code) {
		san_provider_stop(p);
		return code;
	}
	p->attend = get_own(p, (GUID)WSAID_WSDATTEND);
	p->serve = get_own(p, (GUID)WSAID_WSDSERVE);
	*ret = p;
	return 0;
}

void san_provider_stop(struct san_provider *p)
{
	if (!p)
		return;
	int error = 0;
	san_provider_unserve(p);
	if (p->utility != INVALID_SOCKET)
		p->table.lpWSPCloseSocket(p->utility, &error);
	if (p->table.lpWSPCleanup(&error) == SOCKET_ERROR)
		wsd_log(WSD_LOG_WARNING, "provider %s: WSPCleanup: %s", p->label,
			wsaname(error) ? wsaname(error) : "failed");
	trace_unwrap(p->trace_set);
	slab_drop(&p->slab);
	free(p->addrs_be);
	free(p);
}

/* ---- its events, on the service thread [wsd/serve.h] ---- */

static void on_events(struct reactor_watch *w, uint32_t events)
{
	const struct san_provider *p =
		(struct san_provider *)(void *)((char *)w - offsetof(struct san_provider, events));
	int error = 0;
	((LPFN_WSDSERVE)p->serve)(WSD_SERVE_RUN, NULL, &error);
}

void san_provider_serve(struct san_provider *p, struct reactor *r)
{
	int fd = -1, error = 0;
	if (!p->serve || p->reactor ||
	    ((LPFN_WSDSERVE)p->serve)(WSD_SERVE_TAKE, &fd, &error) == SOCKET_ERROR)
		return;
	p->reactor = r;
	p->events = (struct reactor_watch){.ready = on_events, .fd = fd};
	int err = reactor_arm_level(r, &p->events, EPOLLIN);
	if (!err)
		return;
	wsd_log(WSD_LOG_WARNING, "provider %s: its own thread serves its events: %s", p->label,
		strerror(-err));
	san_provider_unserve(p);
}

void san_provider_unserve(struct san_provider *p)
{
	int error = 0;
	if (!p->reactor)
		return;
	reactor_unwatch(p->reactor, &p->events);
	p->reactor = NULL;
	((LPFN_WSDSERVE)p->serve)(WSD_SERVE_GIVE, NULL, &error);
}

/* The IPv4 addresses out of a list that the provider wrote; what does not fit it is not believed.
 */
static int take_list(struct san_provider *p, const SOCKET_ADDRESS_LIST *list, DWORD bytes)
{
	if (bytes < offsetof(SOCKET_ADDRESS_LIST, Address) || list->iAddressCount < 0 ||
	    (size_t)list->iAddressCount >
		    (bytes - offsetof(SOCKET_ADDRESS_LIST, Address)) / sizeof(SOCKET_ADDRESS))
		return WSAEINVALIDPROVIDER; /* the list does not fit its length */
	uint32_t *addrs = calloc((size_t)list->iAddressCount + 1, sizeof(*addrs));
	size_t n = 0;
	if (!addrs)
		return WSA_NOT_ENOUGH_MEMORY;
	for (int i = 0; i < list->iAddressCount; i++) {
		const SOCKET_ADDRESS *a = &list->Address[i];
		struct wsd_sockaddr_in in;
		if (!a->lpSockaddr || a->iSockaddrLength < (int)sizeof(in) ||
		    a->lpSockaddr->sa_family != WSD_AF_INET)
			continue;
		memcpy(&in, a->lpSockaddr, sizeof(in));
		addrs[n++] = in.sin_addr.s_addr;
	}
	free(p->addrs_be);
	p->addrs_be = addrs;
	p->n_addrs = n;
	return 0;
}

int san_provider_query(struct san_provider *p)
{
	DWORD size = 2048, bytes = 0;
	int error = WSAEFAULT;
	for (int i = 0; i < QUERY_TRIES && error == WSAEFAULT; i++) {
		SOCKET_ADDRESS_LIST *list = calloc(1, size);
		if (!list)
			return WSA_NOT_ENOUGH_MEMORY;
		error = 0;
		bytes = 0;
		int result = p->table.lpWSPIoctl(p->utility, SIO_ADDRESS_LIST_QUERY, NULL, 0, list,
						 size, &bytes, NULL, NULL, NULL, &error);
		if (result == 0) {
			int code = take_list(p, list, bytes < size ? bytes : size);
			free(list);
			return code;
		}
		free(list);
		error = error ? error : WSASYSCALLFAILURE;
		if (error == WSAEFAULT && bytes <= size)
			break; /* it is not the room that is missing */
		size = bytes;
	}
	return error;
}
