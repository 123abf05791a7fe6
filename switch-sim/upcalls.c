/* SPDX-License-Identifier: MIT
 *
 * Handles and events of SAN sockets, and the 16 upcalls [provider.md part 14; SW-BIND-4.1;
 * SW-CLOSE-3]. One lock (table.lock) over the table; leaf but for the trace and the reactor.
 */
#include "upcalls.h"
#include "utf16.h"

#include "catalog.h"
#include "event.h"
#include "lock.h"
#include "log.h"
#include "reactor.h"
#include "san.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wsd/abi.h>

/*
 * A handle is generation << INDEX_BITS | index. The generation grows each time a slot is given
 * back, so that a stale handle is known as such; an event is its handle with a mark at the top,
 * which no event of event.h carries.
 */
enum { INDEX_BITS = 20, GROW = 64 };
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define EVENT_MARK (UINT64_C(0x5a) << 56)
#define MARK_MASK  (UINT64_C(0xff) << 56)

struct slot {
	uint32_t generation;
	uint32_t next; /* in the free list or in the ready queue: index + 1 */
	bool live, set, queued;
	DWORD_PTR context;
	struct sw_socket *owner;
	const struct upcall_sink *sink;
	void *sink_ctx;
};

/* An upcall has no context to reach the process object by. */
static struct {
	struct wsd_lock lock;
	struct slot *slots;
	uint32_t count, room;
	uint32_t free;                    /* index + 1 */
	uint32_t ready_first, ready_last; /* index + 1 */
	unsigned live;
	struct reactor *reactor;
	struct reactor_job *wake;
	const struct catalog *catalog;
} table = {.lock = WSD_LOCK_INITIALIZER};

/* The WSPSocket call around WPUCreateSocketHandle: whose socket it is, and where the handle goes.
 */
struct birth {
	struct sw_socket *owner;
	SOCKET handle;
};
static _Thread_local struct birth *birth;

static int fail(int *error, int code, int value)
{
	if (error)
		*error = code;
	return value;
}

static int succeed(int *error, int value)
{
	return fail(error, 0, value);
}

/* The slot of a live handle or NULL. Caller holds the lock. */
static struct slot *find(uint64_t handle)
{
	uint64_t index = handle & INDEX_MASK;
	if (index >= table.count || !table.slots[index].live ||
	    handle >> INDEX_BITS != table.slots[index].generation)
		return NULL;
	return &table.slots[index];
}

static struct slot *find_event(WSAEVENT e)
{
	uint64_t value = (uintptr_t)e;
	return (value & MARK_MASK) == EVENT_MARK ? find(value & ~MARK_MASK) : NULL;
}

static bool is_ours(WSAEVENT e)
{
	return ((uintptr_t)e & MARK_MASK) == EVENT_MARK;
}

static bool grow(void)
{
	uint32_t room = table.room ? table.room * 2 : GROW;
	if (room > INDEX_MASK)
		return false;
	struct slot *slots = realloc(table.slots, room * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + table.room, 0, (room - table.room) * sizeof(*slots));
	table.slots = slots;
	table.room = room;
	return true;
}

/* Caller holds the lock. */
static void give_back(struct slot *s)
{
	uint32_t index = (uint32_t)(s - table.slots);
	s->live = false;
	s->owner = NULL;
	s->sink = NULL;
	s->generation++;
	table.live--;
	/* a queued slot goes to the free list when the service thread comes to it */
	if (s->queued)
		return;
	s->next = table.free;
	table.free = index + 1;
}

/* ---- what the switch itself calls ---- */

/* What a call that makes a socket has brought. */
static int born(const WSPPROC_TABLE *provider, const struct birth *own, SOCKET desc, int error,
		SOCKET *ret_desc, SOCKET *ret_handle)
{
	if (desc == INVALID_SOCKET) {
		if (own->handle != INVALID_SOCKET) /* it should have been given back */
			upcalls_detach(own->handle);
		return error ? error : WSASYSCALLFAILURE;
	}
	if (own->handle == INVALID_SOCKET) {
		provider->lpWSPCloseSocket(desc, &error);
		return WSAEINVALIDPROVIDER;
	}
	*ret_desc = desc;
	*ret_handle = own->handle;
	return 0;
}

int upcalls_socket(const WSPPROC_TABLE *provider, WSAPROTOCOL_INFOW *info, struct sw_socket *owner,
		   SOCKET *ret_desc, SOCKET *ret_handle)
{
	struct birth own = {owner, INVALID_SOCKET}, *outer = birth;
	int error = 0;
	birth = &own;
	SOCKET desc = provider->lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, info, 0,
					    WSA_FLAG_OVERLAPPED, &error);
	birth = outer;
	return born(provider, &own, desc, error, ret_desc, ret_handle);
}

int upcalls_accept(const WSPPROC_TABLE *provider, SOCKET listener, struct wsd_sockaddr *peer,
		   int *peer_len, LPCONDITIONPROC condition, DWORD_PTR data, SOCKET *ret_desc,
		   SOCKET *ret_handle)
{
	struct birth own = {NULL, INVALID_SOCKET}, *outer = birth;
	int error = 0;
	birth = &own;
	SOCKET desc = provider->lpWSPAccept(listener, peer, peer_len, condition, data, &error);
	birth = outer;
	return born(provider, &own, desc, error, ret_desc, ret_handle);
}

WSAEVENT upcalls_event(SOCKET handle)
{
	return (WSAEVENT)(uintptr_t)(handle | EVENT_MARK);
}

/* Caller holds the lock. */
static void queue(struct slot *s)
{
	if (!s->set || !s->owner || s->queued)
		return;
	uint32_t number = (uint32_t)(s - table.slots) + 1;
	s->queued = true;
	s->next = 0;
	if (table.ready_last)
		table.slots[table.ready_last - 1].next = number;
	else
		table.ready_first = number;
	table.ready_last = number;
	/* under the lock: who says that nobody listens takes the job back then */
	if (table.wake)
		reactor_post(table.reactor, table.wake);
}

void upcalls_detach(SOCKET handle)
{
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	if (s)
		s->owner = NULL;
	wsd_unlock(&table.lock);
}

bool upcalls_set_sink(SOCKET handle, const struct upcall_sink *sink, void *ctx)
{
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	if (s) {
		s->sink = sink;
		s->sink_ctx = ctx;
	}
	wsd_unlock(&table.lock);
	return s != NULL;
}

bool upcalls_take_ready(struct sw_socket **ret_owner, SOCKET *ret_handle)
{
	bool found = false;
	wsd_lock(&table.lock);
	while (table.ready_first && !found) {
		uint32_t index = table.ready_first - 1;
		struct slot *s = &table.slots[index];
		table.ready_first = s->next;
		if (!table.ready_first)
			table.ready_last = 0;
		s->queued = false;
		if (!s->live) { /* closed while it waited here */
			s->next = table.free;
			table.free = index + 1;
		} else if (s->owner) {
			*ret_owner = sw_socket_ref(s->owner);
			*ret_handle = (SOCKET)s->generation << INDEX_BITS | index;
			found = true;
		}
	}
	wsd_unlock(&table.lock);
	return found;
}

void upcalls_reset(SOCKET handle)
{
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	if (s)
		s->set = false;
	wsd_unlock(&table.lock);
}

void upcalls_again(SOCKET handle)
{
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	if (s) {
		s->set = true;
		queue(s);
	}
	wsd_unlock(&table.lock);
}

void upcalls_wake(struct reactor *r, struct reactor_job *j)
{
	wsd_lock(&table.lock);
	table.reactor = r;
	table.wake = j;
	wsd_unlock(&table.lock);
}

void upcalls_sweep(void)
{
	wsd_lock(&table.lock);
	unsigned left = table.live;
	for (uint32_t i = 0; i < table.count; i++)
		if (table.slots[i].live)
			give_back(&table.slots[i]);
	wsd_unlock(&table.lock);
	if (left)
		wsd_log(WSD_LOG_WARNING, "%u socket handles were never given back by providers",
			left);
}

void upcalls_catalog(const struct catalog *c)
{
	wsd_lock(&table.lock);
	table.catalog = c;
	wsd_unlock(&table.lock);
}

void upcalls_after_fork(void)
{
	/* another thread of the parent may have held the lock */
	wsd_lock_init(&table.lock);
	for (uint32_t i = 0; i < table.count; i++) {
		struct slot *s = &table.slots[i];
		uint32_t generation = s->generation + 1;
		*s = (struct slot){.generation = generation, .next = i};
	}
	table.free = table.count;
	table.ready_first = table.ready_last = 0;
	table.live = 0;
	table.reactor = NULL;
	table.wake = NULL;
	table.catalog = NULL;
	birth = NULL;
}

/* ---- the upcalls ---- */

static SOCKET up_create_socket_handle(DWORD catalog_entry_id, DWORD_PTR context, LPINT error)
{
	SOCKET handle = INVALID_SOCKET;
	wsd_lock(&table.lock);
	uint32_t index = table.free - 1;
	bool room = true;
	if (table.free) {
		table.free = table.slots[index].next;
	} else {
		room = table.count < table.room || grow();
		index = room ? table.count++ : 0;
	}
	if (room) {
		struct slot *s = &table.slots[index];
		uint32_t generation = s->generation ? s->generation : 1;
		*s = (struct slot){.generation = generation,
				   .live = true,
				   .context = context,
				   .owner = birth ? birth->owner : NULL};
		handle = (SOCKET)generation << INDEX_BITS | index;
		table.live++;
	}
	wsd_unlock(&table.lock);
	if (handle == INVALID_SOCKET) {
		fail(error, WSAENOBUFS, 0);
		return INVALID_SOCKET;
	}
	if (birth)
		birth->handle = handle;
	succeed(error, 0);
	return handle;
}

static int up_close_socket_handle(SOCKET handle, LPINT error)
{
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	const struct upcall_sink *sink = s ? s->sink : NULL;
	void *ctx = s ? s->sink_ctx : NULL;
	if (s)
		give_back(s);
	wsd_unlock(&table.lock);
	if (sink)
		sink->closed(ctx);
	return s ? succeed(error, 0) : fail(error, WSAENOTSOCK, SOCKET_ERROR);
}

static int up_query_socket_handle_context(SOCKET handle, PDWORD_PTR context, LPINT error)
{
	if (!context)
		return fail(error, WSAEFAULT, SOCKET_ERROR);
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	if (s)
		*context = s->context;
	wsd_unlock(&table.lock);
	return s ? succeed(error, 0) : fail(error, WSAENOTSOCK, SOCKET_ERROR);
}

static BOOL up_set_event(WSAEVENT event, LPINT error)
{
	if (!is_ours(event)) {
		int code = event_set(event);
		return fail(error, code, code ? FALSE : TRUE);
	}
	wsd_lock(&table.lock);
	struct slot *s = find_event(event);
	if (s && !s->set) {
		s->set = true;
		queue(s);
	}
	wsd_unlock(&table.lock);
	return s ? succeed(error, TRUE) : fail(error, WSA_INVALID_HANDLE, FALSE);
}

static BOOL up_reset_event(WSAEVENT event, LPINT error)
{
	if (!is_ours(event)) {
		int code = event_reset(event);
		return fail(error, code, code ? FALSE : TRUE);
	}
	wsd_lock(&table.lock);
	struct slot *s = find_event(event);
	if (s)
		s->set = false;
	wsd_unlock(&table.lock);
	return s ? succeed(error, TRUE) : fail(error, WSA_INVALID_HANDLE, FALSE);
}

static WSAEVENT up_create_event(LPINT error)
{
	WSAEVENT event = NULL;
	int code = event_create(&event);
	fail(error, code, 0);
	return code ? NULL : event;
}

static BOOL up_close_event(WSAEVENT event, LPINT error)
{
	/* the event of a SAN socket lives and dies with its handle */
	int code = is_ours(event) ? WSA_INVALID_HANDLE : event_close(event);
	return fail(error, code, code ? FALSE : TRUE);
}

static int up_complete_overlapped_request(SOCKET handle, LPWSAOVERLAPPED overlapped, DWORD code,
					  DWORD transferred, LPINT error)
{
	if (!overlapped)
		return fail(error, WSAEINVAL, SOCKET_ERROR);
	wsd_lock(&table.lock);
	struct slot *s = find(handle);
	const struct upcall_sink *sink = s ? s->sink : NULL;
	void *ctx = s ? s->sink_ctx : NULL;
	wsd_unlock(&table.lock);
	if (!s)
		return fail(error, WSAENOTSOCK, SOCKET_ERROR);
	if (sink) {
		/* the provider waits for this upcall before it gives the handle back
		 * [PROV-CLOSE-1], so the session is there */
		sink->complete(ctx, overlapped, (int)code, transferred);
		return succeed(error, 0);
	}
	overlapped->InternalHigh = transferred;
	overlapped->OffsetHigh = code;
	/* results first, then the word that says they are there [PROV-OVL-2] */
	__atomic_store_n(&overlapped->Internal, code, __ATOMIC_RELEASE);
	WSAEVENT event = overlapped->hEvent;
	if (event && !((uintptr_t)event & 1))
		up_set_event(event, NULL);
	return succeed(error, 0);
}

static int up_fd_is_set(SOCKET handle, struct wsd_fd_set *set)
{
	for (UINT i = 0; set && i < set->fd_count; i++)
		if (set->fd_array[i] == handle)
			return 1;
	return 0;
}

static int up_get_provider_path(GUID *id, WCHAR *path, LPINT length, LPINT error)
{
	if (!id || !length)
		return fail(error, WSAEFAULT, SOCKET_ERROR);
	int code = WSAEINVALIDPROVIDER;
	wsd_lock(&table.lock);
	const struct catalog_entry *e = table.catalog ? catalog_find(table.catalog, id) : NULL;
	if (e) {
		int needed = (int)utf8_to_utf16(e->module, NULL, 0);
		code = path && *length >= needed ? 0 : WSAEFAULT;
		if (!code)
			utf8_to_utf16(e->module, path, (size_t)needed);
		*length = needed;
	}
	wsd_unlock(&table.lock);
	return fail(error, code, code ? SOCKET_ERROR : 0);
}

/* What SAN providers have no use for [provider.md part 14]. */
static SOCKET up_modify_ifs_handle(DWORD catalog_entry_id, SOCKET proposed, LPINT error)
{
	fail(error, WSAEOPNOTSUPP, 0);
	return INVALID_SOCKET;
}

static BOOL up_post_message(HWND window, UINT message, WPARAM wide, LPARAM large)
{
	return FALSE;
}

static int up_query_blocking_callback(DWORD catalog_entry_id, LPBLOCKINGCALLBACK *callback,
				      PDWORD_PTR context, LPINT error)
{
	return fail(error, WSAEOPNOTSUPP, SOCKET_ERROR);
}

static int up_queue_apc(LPWSATHREADID thread, LPWSAUSERAPC apc, DWORD_PTR context, LPINT error)
{
	return fail(error, WSAEOPNOTSUPP, SOCKET_ERROR);
}

static int up_current_thread(LPWSATHREADID thread, LPINT error)
{
	return fail(error, WSAEOPNOTSUPP, SOCKET_ERROR);
}

const WSPUPCALLTABLEEX *san_upcalls(void)
{
	static const WSPUPCALLTABLEEX upcalls = {
		.lpWPUCloseEvent = up_close_event,
		.lpWPUCloseSocketHandle = up_close_socket_handle,
		.lpWPUCreateEvent = up_create_event,
		.lpWPUCreateSocketHandle = up_create_socket_handle,
		.lpWPUFDIsSet = up_fd_is_set,
		.lpWPUGetProviderPath = up_get_provider_path,
		.lpWPUModifyIFSHandle = up_modify_ifs_handle,
		.lpWPUPostMessage = up_post_message,
		.lpWPUQueryBlockingCallback = up_query_blocking_callback,
		.lpWPUQuerySocketHandleContext = up_query_socket_handle_context,
		.lpWPUQueueApc = up_queue_apc,
		.lpWPUResetEvent = up_reset_event,
		.lpWPUSetEvent = up_set_event,
		.lpWPUOpenCurrentThread = up_current_thread,
		.lpWPUCloseThread = up_current_thread,
		.lpWPUCompleteOverlappedRequest = up_complete_overlapped_request,
	};
	return &upcalls;
}
