/* SPDX-License-Identifier: MIT
 *
 * The miniature switch of provider tests. The handle table is under its own lock; events are
 * atomic.
 */
#include "prov_harness.h"

#include "check.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct ph ph;

/* Handles of this switch: 1-based places in a table that only grows, so none comes twice. */
static struct {
	pthread_mutex_t lock;
	bool *open;
	size_t count, size;
	unsigned live;
} handles = {.lock = PTHREAD_MUTEX_INITIALIZER};

enum { HANDLE_BASE = 0x10000 };

static SOCKET WSPAPI up_create(DWORD entry, DWORD_PTR context, LPINT err)
{
	atomic_fetch_add(&ph.creates, 1);
	if (ph.create_hook)
		ph.create_hook(ph.hook_arg);
	if (ph.create_silent)
		return INVALID_SOCKET;
	int code = atomic_load(&ph.create_code);
	if (code) {
		*err = code;
		return INVALID_SOCKET;
	}
	pthread_mutex_lock(&handles.lock);
	if (handles.count == handles.size) {
		handles.size = handles.size ? handles.size * 2 : 64;
		handles.open = realloc(handles.open, handles.size * sizeof(bool));
	}
	handles.open[handles.count] = true;
	handles.live++;
	SOCKET s = HANDLE_BASE + handles.count++;
	ph.last_entry = entry;
	ph.last_context = context;
	ph.last_handle = s;
	pthread_mutex_unlock(&handles.lock);
	return s;
}

static int WSPAPI up_close(SOCKET s, LPINT err)
{
	atomic_fetch_add(&ph.closes, 1);
	bool ok = false;
	pthread_mutex_lock(&handles.lock);
	size_t i = s - HANDLE_BASE;
	if (i < handles.count && handles.open[i]) {
		handles.open[i] = false;
		handles.live--;
		ok = true;
	}
	pthread_mutex_unlock(&handles.lock);
	if (!ok)
		atomic_fetch_add(&ph.wrong, 1);
	if (ok && ph.close_hook)
		ph.close_hook(ph.hook_arg, s);
	if (!ok)
		*err = WSAENOTSOCK;
	return ok ? 0 : SOCKET_ERROR;
}

static BOOL WSPAPI up_set(WSAEVENT event, LPINT err)
{
	struct ph_event *e = event;
	atomic_fetch_add(&ph.sets, 1);
	if (e->bad) {
		*err = WSA_INVALID_HANDLE;
		return FALSE;
	}
	atomic_fetch_add(&e->sets, 1);
	atomic_store(&e->set, 1);
	if (e->hook)
		e->hook(e);
	return TRUE;
}

static BOOL WSPAPI up_reset(WSAEVENT event, LPINT err)
{
	struct ph_event *e = event;
	atomic_fetch_add(&ph.resets, 1);
	if (e->bad) {
		*err = WSA_INVALID_HANDLE;
		return FALSE;
	}
	atomic_fetch_add(&e->resets, 1);
	atomic_store(&e->set, 0);
	return TRUE;
}

static int WSPAPI up_complete(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD code, DWORD bytes,
			      LPINT err)
{
	atomic_fetch_add(&ph.wrong, 1); /* nothing is overlapped yet */
	return SOCKET_ERROR;
}

static int WSPAPI up_context(SOCKET s, PDWORD_PTR context, LPINT err)
{
	*err = WSAENOTSOCK;
	return SOCKET_ERROR;
}

unsigned ph_open_handles(void)
{
	pthread_mutex_lock(&handles.lock);
	unsigned n = handles.live;
	pthread_mutex_unlock(&handles.lock);
	return n;
}

void ph_use(LPWSPSTARTUPEX startup)
{
	memset(&ph, 0, sizeof(ph));
	ph.startup = startup;
	ph.up = (WSPUPCALLTABLEEX){
		.lpWPUCreateSocketHandle = up_create,
		.lpWPUCloseSocketHandle = up_close,
		.lpWPUSetEvent = up_set,
		.lpWPUResetEvent = up_reset,
		.lpWPUQuerySocketHandleContext = up_context,
		.lpWPUCompleteOverlappedRequest = up_complete,
	};
	ph.tcp = (WSAPROTOCOL_INFOW){
		.dwCatalogEntryId = PH_CATALOG_ENTRY,
		.iAddressFamily = WSD_AF_INET,
		.iSocketType = WSD_SOCK_STREAM,
		.iProtocol = WSD_IPPROTO_TCP,
	};
}

void ph_load(void)
{
	const char *path = getenv("WSD_TEST_PROVIDER");
	void *module = dlopen(path ? path : WSD_TEST_PROVIDER_PATH, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	LPWSPSTARTUPEX startup = NULL;
	*(void **)&startup = dlsym(module, "WSPStartupEx");
	cr_assert_not_null(startup, "no WSPStartupEx");
	ph_use(startup);
	ph.module = module;
}

void ph_unload(void)
{
	if (ph.module)
		dlclose(ph.module);
	ph.module = NULL;
	pthread_mutex_lock(&handles.lock);
	free(handles.open);
	handles.open = NULL;
	handles.count = handles.size = 0;
	pthread_mutex_unlock(&handles.lock);
}

int ph_startup(void)
{
	return ph.startup(0x0202, &ph.data, &ph.tcp, &ph.up, &ph.proc);
}

int ph_cleanup(void)
{
	int code = -1;
	return ph.proc.lpWSPCleanup(&code) ? code : 0;
}

static void start_all(void)
{
	cr_assert_eq(ph_startup(), 0, "the provider does not start");
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2};
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		SOCKET s = ph_socket();
		cr_assert_eq(ph_bind(s, all[i], ph_port()), 0, "%s", all[i]);
		cr_assert_eq(ph_close(s), 0);
	}
	ph.creates = ph.closes = 0;
}

void ph_up(void)
{
	ph_load();
	start_all();
}

void ph_down(void)
{
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_open_handles(), 0, "%u handles of the switch are left", ph_open_handles());
	cr_assert_eq(atomic_load(&ph.wrong), 0, "upcalls with wrong handles");
	ph_unload();
}

SOCKET ph_socket(void)
{
	int code = -1;
	SOCKET s = ph.proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
				       WSA_FLAG_OVERLAPPED, &code);
	cr_assert_neq(s, INVALID_SOCKET, "WSPSocket: %d", code);
	cr_assert_eq(code, 0);
	return s;
}

struct wsd_sockaddr_in ph_addr(const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = htons(port)};
	in.sin_addr.s_addr = inet_addr(ip);
	return in;
}

/* The code of a call: success must store 0, failure something else [provider.md part 0]. */
static int outcome(int result, int code)
{
	cr_assert((result == 0) == (code == 0), "result %d with code %d", result, code);
	cr_assert(result == 0 || result == SOCKET_ERROR, "result %d", result);
	return code;
}

int ph_bind(SOCKET s, const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in in = ph_addr(ip, port);
	int code = -1;
	int result = ph.proc.lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in), &code);
	return outcome(result, code);
}

int ph_listen(SOCKET s, int backlog)
{
	int code = -1;
	int result = ph.proc.lpWSPListen(s, backlog, &code);
	return outcome(result, code);
}

int ph_close(SOCKET s)
{
	int code = -1;
	int result = ph.proc.lpWSPCloseSocket(s, &code);
	return outcome(result, code);
}

int ph_select(SOCKET s, struct ph_event *e, LONG mask)
{
	int code = -1;
	int result = ph.proc.lpWSPEventSelect(s, e, mask, &code);
	return outcome(result, code);
}

int ph_enum(SOCKET s, struct ph_event *e, WSANETWORKEVENTS *out)
{
	int code = -1;
	int result = ph.proc.lpWSPEnumNetworkEvents(s, e, out, &code);
	return outcome(result, code);
}

int ph_connect(SOCKET s, const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in in = ph_addr(ip, port);
	int code = -1;
	int r = ph.proc.lpWSPConnect(s, (struct wsd_sockaddr *)&in, sizeof(in), NULL, NULL, NULL,
				     NULL, &code);
	cr_assert_eq(r, code ? SOCKET_ERROR : 0);
	return code;
}

SOCKET ph_accept(SOCKET l, int *ret_code)
{
	*ret_code = -1;
	return ph.proc.lpWSPAccept(l, NULL, NULL, NULL, 0, ret_code);
}

enum { CONNECT_WAIT_MS = 20000, WARM_SETTLE_US = 200000 };

int ph_connected(SOCKET s, struct ph_event *e)
{
	WSANETWORKEVENTS events = {0};
	cr_assert(WSD_UNTIL(atomic_load(&e->set), CONNECT_WAIT_MS), "no result of connect");
	cr_assert_eq(ph_enum(s, e, &events), 0);
	cr_assert(events.lNetworkEvents & FD_CONNECT);
	return events.iErrorCode[FD_CONNECT_BIT];
}

SOCKET ph_accepted(SOCKET l)
{
	SOCKET s;
	int code;
	cr_assert(WSD_UNTIL((s = ph_accept(l, &code)) != INVALID_SOCKET || code != WSAEWOULDBLOCK,
			    CONNECT_WAIT_MS),
		  "no request");
	cr_assert_neq(s, INVALID_SOCKET, "accept: %d", code);
	return s;
}

void ph_pair(struct ph_pair *v, const char *ip)
{
	memset(v, 0, sizeof(*v));
	v->port = ph_port();
	v->client_port = ph_port();
	v->listener = ph_listener(ip, v->port, 5);
	v->client = ph_listener(ip, v->client_port, 0);
	cr_assert_eq(ph_select(v->client, &v->event, FD_CONNECT), 0);
	cr_assert_eq(ph_connect(v->client, ip, v->port), WSAEWOULDBLOCK);
	v->server = ph_accepted(v->listener);
	int code = ph_connected(v->client, &v->event);
	cr_assert_eq(code, 0, "connect: %d", code);
}

void ph_unpair(struct ph_pair *v)
{
	cr_assert_eq(ph_close(v->client), 0);
	cr_assert_eq(ph_close(v->server), 0);
	cr_assert_eq(ph_close(v->listener), 0);
}

static void warm(const char *ip)
{
	struct ph_pair v[2];
	for (int i = 0; i < 2; i++)
		ph_pair(&v[i], ip);
	for (int i = 0; i < 2; i++)
		ph_unpair(&v[i]);
	usleep(WARM_SETTLE_US); /* the peers of those that were closed first have answered */
	ph.creates = ph.closes = 0;
}

void ph_up_warm(const char *ip)
{
	setenv("WSD_RDMA_ENDPOINTS", "4", 0);
	setenv("WSD_RDMA_REST_MS", "0", 0); /* what rests holds a descriptor */
	setenv("WSD_CONNECT_SAN_MS", "20000", 0);
	ph_up();
	warm(ip);
}

void ph_up_linked(LPWSPSTARTUPEX startup, const char *ip)
{
	setenv("WSD_RDMA_ENDPOINTS", "4", 0);
	setenv("WSD_RDMA_REST_MS", "0", 0); /* what rests holds a descriptor */
	setenv("WSD_CONNECT_SAN_MS", "20000", 0);
	ph_use(startup);
	start_all();
	warm(ip);
}

SOCKET ph_listener(const char *ip, unsigned short port, int backlog)
{
	SOCKET s = ph_socket();
	int code = ph_bind(s, ip, port);
	cr_assert_eq(code, 0, "bind %s:%u: %d", ip, port, code);
	if (backlog > 0) {
		code = ph_listen(s, backlog);
		cr_assert_eq(code, 0, "listen: %d", code);
	}
	return s;
}

/* By process, since each test is one; below the pool of source ports and Linux's ephemeral ones. */
unsigned short ph_port(void)
{
	static unsigned next;
	if (!next)
		next = (unsigned)getpid() * 61;
	return (unsigned short)(5000 + next++ % 23000);
}

int ph_run(const char *const argv[], int timeout_ms)
{
	pid_t pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		for (int fd = 3; fd < 4096; fd++)
			close(fd);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	int status = 0;
	for (int i = 0; i < timeout_ms / 5; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		usleep(5000);
	}
	return -1; /* it hangs, perhaps in the kernel: leave it */
}
