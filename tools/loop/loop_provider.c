/* SPDX-License-Identifier: MIT
 *
 * The loop provider's module: start and end, the table of objects, the thread, control codes; see
 * loop_provider.h. Lock: loop.h.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { EVENTS_AT_ONCE = 64 };

EXPORT struct loop_control loop_control = {.cut_all = loop_cut_all, .knock = loop_knock};

struct loop loop = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.cond = PTHREAD_COND_INITIALIZER,
	.epoll_fd = -1,
	.wake_fd = -1,
};

static struct {
	struct loop_object *object;
	uint32_t generation;
} objects[LOOP_OBJECTS];
static unsigned cursor;

uint64_t loop_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- objects ---- */

struct loop_object *loop_object_find(uint64_t id)
{
	struct loop_object *o = objects[id % LOOP_OBJECTS].object;
	return o && o->id == id ? o : NULL;
}

struct loop_object *loop_object_at(unsigned i)
{
	return objects[i].object;
}

bool loop_object_add(struct loop_object *o)
{
	for (unsigned tries = 0; tries < LOOP_OBJECTS; tries++) {
		unsigned i = cursor++ % LOOP_OBJECTS;
		if (objects[i].object)
			continue;
		objects[i].object = o;
		o->id = (uint64_t)++objects[i].generation * LOOP_OBJECTS + i;
		o->events = 0;
		return true;
	}
	return false;
}

void loop_object_remove(struct loop_object *o)
{
	if (o->fd >= 0) {
		loop_watch(o, 0);
		close(o->fd);
		o->fd = -1;
	}
	if (loop_object_find(o->id))
		objects[o->id % LOOP_OBJECTS].object = NULL;
}

void loop_watch(struct loop_object *o, unsigned events)
{
	struct epoll_event e = {.events = events, .data.u64 = o->id};
	if (o->events == events || o->fd < 0)
		return;
	epoll_ctl(loop.epoll_fd,
		  !o->events ? EPOLL_CTL_ADD
		  : events   ? EPOLL_CTL_MOD
			     : EPOLL_CTL_DEL,
		  o->fd, &e);
	o->events = events;
}

void loop_wake(void)
{
	uint64_t one = 1;
	ssize_t n = write(loop.wake_fd, &one, sizeof(one));
	(void)n; /* a full one is readable already */
}

/* ---- the thread ---- */

static void dispatch(uint64_t id, unsigned events)
{
	struct loop_object *o = loop_object_find(id);
	if (!o)
		return;
	if (o->kind == LOOP_NAME)
		loop_name_event((struct loop_name *)o);
	else if (o->kind == LOOP_REQUEST)
		loop_request_event((struct loop_request *)o);
	else if (((struct loop_socket *)o)->state == LS_CONNECTING)
		loop_connect_event((struct loop_socket *)o, events);
	else
		loop_data_event((struct loop_socket *)o, events);
}

static void deliver_kicked(void)
{
	while (loop.kicked) {
		struct loop_socket *s = loop.kicked;
		loop.kicked = s->next_kicked;
		s->kicked = false;
		loop_deliver(s);
		loop_unref(s);
	}
}

static void *serve(void *arg)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	pthread_setname_np(pthread_self(), "loop-provider");
	pthread_mutex_lock(&loop.lock);
	while (!loop.stopping) {
		int timeout = loop_timers();
		deliver_kicked();
		pthread_mutex_unlock(&loop.lock);
		int n = epoll_wait(loop.epoll_fd, events, EVENTS_AT_ONCE, timeout);
		pthread_mutex_lock(&loop.lock);
		for (int i = 0; i < n; i++) {
			uint64_t count;
			if (events[i].data.u64)
				dispatch(events[i].data.u64, events[i].events);
			else if (read(loop.wake_fd, &count, sizeof(count)) < 0)
				continue;
		}
	}
	pthread_mutex_unlock(&loop.lock);
	return NULL;
}

/* ---- start and end ---- */

static unsigned number(const char *name, unsigned standard)
{
	const char *value = getenv(name);
	return value && *value ? (unsigned)strtoul(value, NULL, 0) : standard;
}

static unsigned addresses(const char *name, uint32_t *ret_be)
{
	char text[2048], *save = NULL;
	unsigned n = 0;
	snprintf(text, sizeof(text), "%s", getenv(name) ? getenv(name) : "");
	for (char *a = strtok_r(text, ",", &save); a && n < LOOP_ADDRS_MAX;
	     a = strtok_r(NULL, ",", &save))
		if (inet_pton(AF_INET, a, &ret_be[n]) == 1)
			n++;
	return n;
}

static void read_environment(struct loop_options *o)
{
	*o = (struct loop_options){
		.no_read = number("LOOP_NO_READ", 0),
		.silent = number("LOOP_SILENT", 0),
		.wildcard = number("LOOP_WILDCARD", 0),
		.inline_completions = number("LOOP_INLINE", 0),
		.attend = number("LOOP_ATTEND", 0),
		.refuse = (int)number("LOOP_REFUSE", 0),
		.refuse_now = (int)number("LOOP_REFUSE_NOW", 0),
		.delay_ms = number("LOOP_DELAY_MS", 0),
		.connect_ms = number("LOOP_CONNECT_MS", 0),
		.garbage_at = number("LOOP_GARBAGE", 0),
		.cut_at = number("LOOP_CUT", 0),
		.max_msg = number("LOOP_MAX_MSG", 0),
		.max_rdma = number("LOOP_MAX_RDMA", 0),
		.threshold = number("LOOP_THRESHOLD", 0),
	};
	snprintf(o->net, sizeof(o->net), "%s", getenv("LOOP_NET") ? getenv("LOOP_NET") : "");
	o->n_addrs = addresses("LOOP_ADDRS", o->addrs_be);
	o->n_lost = addresses("LOOP_LOST", o->lost_be);
}

bool loop_serves(uint32_t addr_be)
{
	for (unsigned i = 0; i < loop_control.options.n_addrs; i++)
		if (loop_control.options.addrs_be[i] == addr_be)
			return true;
	return false;
}

static struct loop_object *abandoned[LOOP_OBJECTS];

/* A child of a fork has no sockets of its parent's [PROV-MEM-14]. */
static void in_child(void)
{
	if (!loop.startups)
		return;
	loop_names_abandon();
	for (unsigned i = 0; i < LOOP_OBJECTS; i++) {
		if (objects[i].object && objects[i].object->fd >= 0)
			close(objects[i].object->fd);
		if (objects[i].object) /* the fork came in the middle: never touched again */
			abandoned[i] = objects[i].object;
		objects[i].object = NULL;
	}
	free(loop.packet);
	close(loop.epoll_fd);
	close(loop.wake_fd);
	loop = (struct loop){.lock = PTHREAD_MUTEX_INITIALIZER,
			     .cond = PTHREAD_COND_INITIALIZER,
			     .epoll_fd = -1,
			     .wake_fd = -1};
	atomic_store(&loop_control.startups, 0);
	atomic_store(&loop_control.sockets, 0);
	atomic_store(&loop_control.registrations, 0);
}

static int start(void)
{
	static bool watched;
	struct epoll_event e = {.events = EPOLLIN};
	if (!watched && pthread_atfork(NULL, NULL, in_child) == 0)
		watched = true;
	loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop.packet = malloc(sizeof(struct loop_packet) + LOOP_MSG_LIMIT);
	loop.stopping = false;
	/* the peers' threads move our data */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	if (loop.epoll_fd >= 0 && loop.wake_fd >= 0 && loop.packet &&
	    epoll_ctl(loop.epoll_fd, EPOLL_CTL_ADD, loop.wake_fd, &e) == 0 &&
	    pthread_create(&loop.thread, NULL, serve, NULL) == 0)
		return 0;
	close(loop.epoll_fd);
	close(loop.wake_fd);
	free(loop.packet);
	return WSASYSNOTREADY;
}

static void stop(void)
{
	for (unsigned i = 0; i < LOOP_OBJECTS; i++) { /* [PROV-INIT-10] */
		struct loop_object *o = objects[i].object;
		if (o && o->kind == LOOP_SOCKET)
			loop_close((struct loop_socket *)o);
	}
	for (unsigned i = 0; i < LOOP_OBJECTS; i++) {
		struct loop_object *o = objects[i].object;
		if (o && o->kind == LOOP_REQUEST) {
			loop_object_remove(o);
			free(o);
		}
	}
	loop.stopping = true;
	loop_wake();
	pthread_mutex_unlock(&loop.lock);
	pthread_join(loop.thread, NULL);
	pthread_mutex_lock(&loop.lock);
	deliver_kicked();
	close(loop.epoll_fd);
	close(loop.wake_fd);
	loop.epoll_fd = loop.wake_fd = -1;
	free(loop.packet);
	loop.packet = NULL;
}

static int WSPAPI do_cleanup(LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	if (!loop.startups)
		return loop_done(error, WSANOTINITIALISED);
	if (loop.startups == 1)
		stop();
	loop.startups--;
	atomic_store(&loop_control.startups, loop.startups);
	return loop_done(error, 0);
}

/* ---- control codes ---- */

static int address_list(void *out, DWORD size, DWORD *bytes)
{
	const struct loop_options *o = &loop_control.options;
	unsigned n = o->n_addrs;
	size_t head = offsetof(SOCKET_ADDRESS_LIST, Address) + n * sizeof(SOCKET_ADDRESS);
	size_t needed = head + n * sizeof(struct wsd_sockaddr_in);
	if (needed < sizeof(SOCKET_ADDRESS_LIST))
		needed = sizeof(SOCKET_ADDRESS_LIST);
	*bytes = (DWORD)needed;
	if (!out || size < needed)
		return WSAEFAULT;
	SOCKET_ADDRESS_LIST *list = out;
	struct wsd_sockaddr_in *in = (void *)((char *)out + head);
	list->iAddressCount = (INT)n;
	for (unsigned i = 0; i < n; i++) {
		memset(&in[i], 0, sizeof(in[i]));
		in[i].sin_family = WSD_AF_INET;
		in[i].sin_addr.s_addr = o->addrs_be[i];
		list->Address[i] = (SOCKET_ADDRESS){(LPSOCKADDR)&in[i], (INT)sizeof(in[i])};
	}
	return 0;
}

static int WSPAPI do_ioctl(SOCKET s, DWORD code, LPVOID in, DWORD in_size, LPVOID out,
			   DWORD out_size, LPDWORD bytes, LPWSAOVERLAPPED overlapped,
			   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread,
			   LPINT error)
{
	int result = WSAEOPNOTSUPP;
	pthread_mutex_lock(&loop.lock);
	if (!bytes)
		return loop_done(error, WSAEFAULT);
	if (code == SIO_GET_EXTENSION_FUNCTION_POINTER) { /* [PROV-IOCTL-1] */
		void (*function)(void) = NULL;
		if (!in || in_size < sizeof(GUID) || !out || out_size < sizeof(function))
			return loop_done(error, WSAEFAULT);
		result = loop_extension(in, &function);
		if (!result) {
			memcpy(out, &function, sizeof(function));
			*bytes = sizeof(function);
		}
	} else if (code == SIO_ADDRESS_LIST_QUERY) {
		result = loop_find(s) ? address_list(out, out_size, bytes) : WSAENOTSOCK;
	} else if (!loop_find(s)) {
		result = WSAENOTSOCK;
	}
	return loop_done(error, result);
}

EXPORT int WSPAPI WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			       LPWSPUPCALLTABLEEX upcalls, LPWSPPROC_TABLE table)
{
	if ((version & 0xff) < 2 || ((version & 0xff) == 2 && version >> 8 < 2))
		return WSAVERNOTSUPPORTED;
	if (!data || !info || !upcalls || !table)
		return WSAEFAULT;
	pthread_mutex_lock(&loop.lock);
	int code = 0;
	if (!loop.startups) {
		if (!loop_control.fixed)
			read_environment(&loop_control.options);
		loop.up = *upcalls;
		loop.catalog_entry = info->dwCatalogEntryId;
		code = start();
	}
	if (!code) {
		loop.startups++;
		atomic_store(&loop_control.startups, loop.startups);
		memset(table, 0, sizeof(*table));
		table->lpWSPCleanup = do_cleanup;
		table->lpWSPIoctl = do_ioctl;
		loop_fill_sockets(table);
		loop_fill_cm(table);
		loop_fill_data(table);
		data->wVersion = data->wHighVersion = 0x0202;
		memcpy(data->szDescription, u"loop", sizeof(u"loop"));
	}
	pthread_mutex_unlock(&loop.lock);
	return code;
}
