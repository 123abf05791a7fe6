/* SPDX-License-Identifier: MIT
 *
 * Calls of the provider that fail because something below fails: the provider is linked in, with
 * RDMA and system calls wrapped (-Wl,--wrap). A failed call changes nothing. PROV-INIT-7,
 * PROV-SOCKET-5, PROV-BIND-24, PROV-LISTEN-6.
 */
#include <errno.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "check.h"
#include "cmdata.h"
#include "prov.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, QUIET_MS = 300, NO_SUCH_PORT = 8 };

enum wrapped {
	W_CREATE_CHANNEL,
	W_CREATE_ID,
	W_BIND_ADDR,
	W_LISTEN,
	W_MALLOC,
	W_CALLOC,
	W_THREAD,
	W_EPOLL,
	W_EVENTFD,
	W_TIMERFD,
	W_EPOLL_CTL,
	W_COUNT
};

/* The call numbered by skip from now on fails with err; err 0: none does. */
static struct {
	atomic_int skip, err;
	atomic_bool here;   /* only in the thread that armed it */
	atomic_size_t size; /* only an allocation of so much; 0: any */
} faults[W_COUNT];

static _Thread_local bool arming;

static int fault(enum wrapped w, size_t size)
{
	int err = atomic_load(&faults[w].err);
	size_t only = atomic_load(&faults[w].size);
	if (!err || (only && only != size) || (atomic_load(&faults[w].here) && !arming) ||
	    atomic_fetch_sub(&faults[w].skip, 1) != 0)
		return 0;
	atomic_store(&faults[w].err, 0);
	return err;
}

static void arm(enum wrapped w, int skip, int err)
{
	atomic_store(&faults[w].here, false);
	atomic_store(&faults[w].size, 0);
	atomic_store(&faults[w].skip, skip);
	atomic_store(&faults[w].err, err);
}

/* Memory is asked for by the service threads, too: the fault is for this one. */
static void arm_here(enum wrapped w, int skip, int err)
{
	arming = true;
	atomic_store(&faults[w].size, 0);
	atomic_store(&faults[w].skip, skip);
	atomic_store(&faults[w].here, true);
	atomic_store(&faults[w].err, err);
}

/* The next allocation of so much, in whatever thread. */
static void arm_size(enum wrapped w, size_t size)
{
	arm(w, 0, 0);
	atomic_store(&faults[w].size, size);
	atomic_store(&faults[w].err, ENOMEM);
}

/* Whether the armed fault has happened; disarms it. */
static bool hit(enum wrapped w)
{
	return atomic_exchange(&faults[w].err, 0) == 0;
}

#define WRAP(w, type, failed, name, params, args) WRAP_SIZED(w, 0, type, failed, name, params, args)
#define WRAP_SIZED(w, size_, type, failed, name, params, args) \
	type __real_##name params;                             \
	type __wrap_##name params;                             \
	type __wrap_##name params                              \
	{                                                      \
		int err = fault(w, size_);                     \
		if (!err)                                      \
			return __real_##name args;             \
		errno = err;                                   \
		return failed;                                 \
	}

WRAP(W_CREATE_CHANNEL, struct rdma_event_channel *, NULL, rdma_create_event_channel, (void), ())
WRAP(W_CREATE_ID, int, -1, rdma_create_id,
     (struct rdma_event_channel * c, struct rdma_cm_id **id, void *ctx, enum rdma_port_space ps),
     (c, id, ctx, ps))
WRAP(W_BIND_ADDR, int, -1, rdma_bind_addr, (struct rdma_cm_id * id, struct sockaddr *a), (id, a))
WRAP(W_LISTEN, int, -1, rdma_listen, (struct rdma_cm_id * id, int backlog), (id, backlog))
WRAP_SIZED(W_MALLOC, size, void *, NULL, malloc, (size_t size), (size))
WRAP_SIZED(W_CALLOC, n *size, void *, NULL, calloc, (size_t n, size_t size), (n, size))
WRAP(W_THREAD, int, err, pthread_create,
     (pthread_t * t, const pthread_attr_t *a, void *(*f)(void *), void *arg), (t, a, f, arg))
WRAP(W_EPOLL, int, -1, epoll_create1, (int flags), (flags))
WRAP(W_EVENTFD, int, -1, eventfd, (unsigned v, int flags), (v, flags))
WRAP(W_TIMERFD, int, -1, timerfd_create, (int clock, int flags), (clock, flags))
WRAP(W_EPOLL_CTL, int, -1, epoll_ctl, (int e, int op, int fd, struct epoll_event *ev),
     (e, op, fd, ev))

/* As ph_up(), with the provider that is linked in. */
static void up(void)
{
	ph_use(WSPStartupEx);
	cr_assert_eq(ph_startup(), 0);
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2};
	for (size_t i = 0; i < 3; i++) {
		SOCKET s = ph_listener(all[i], ph_port(), 0);
		cr_assert_eq(ph_close(s), 0);
	}
	ph.creates = ph.closes = 0;
}

#define BEGIN() \
	up();   \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

/* What a raw program is told: -EADDRINUSE if someone has the name. */
static int raw_bind(const char *ip, unsigned short port)
{
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	in.sin_addr.s_addr = inet_addr(ip);
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	int err = rdma_bind_addr(id, (struct sockaddr *)&in) ? -errno : 0;
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
	return err;
}

/* How a request to this name ends: queued (RDMA_PEER_NOTHING) or rejected, which is waited for if
 * it is to be. */
static int request_ends_in(const char *ip, unsigned short port, int ms, int *ret_status)
{
	struct rdma_peer c;
	cr_assert_eq(rdma_peer_connect(&c, ip, ip, port, NULL, 0), 0);
	int event = rdma_peer_wait(&c, ms);
	*ret_status = c.status;
	rdma_peer_close(&c);
	return event;
}

static int request_ends(const char *ip, unsigned short port, int *ret_status)
{
	return request_ends_in(ip, port, QUIET_MS, ret_status);
}

Test(wrap, PROV_INIT_07_every_step_of_a_startup_may_fail)
{
	up();
	ph_down();
	ph_use(WSPStartupEx);
	WSD_TEST_BEGIN();
	static const struct {
		enum wrapped w;
		int err;
	} steps[] = {
		{W_CREATE_CHANNEL, ENOMEM}, {W_CREATE_CHANNEL, EMFILE}, {W_CALLOC, ENOMEM},
		{W_MALLOC, ENOMEM},         {W_THREAD, EAGAIN},         {W_EPOLL, EMFILE},
		{W_EVENTFD, ENFILE},        {W_TIMERFD, ENOMEM},        {W_EPOLL_CTL, ENOSPC},
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		bool more = true;
		for (int skip = 0; more && skip < 200; skip++) {
			arm(steps[i].w, skip, steps[i].err);
			int code = ph_startup();
			more = hit(steps[i].w);
			cr_assert(code == 0 || (more && code == WSASYSNOTREADY),
				  "step %zu, call %d: %d", i, skip, code);
			if (skip == 0)
				cr_assert(more, "step %zu is never taken", i);
			if (!code)
				cr_assert_eq(ph_cleanup(), 0);
		}
	}
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_cleanup(), 0);
	WSD_TEST_END();
	ph_unload();
}

Test(wrap, PROV_SOCKET_05_no_memory)
{
	ph_use(WSPStartupEx);
	cr_assert_eq(ph_startup(), 0);
	WSD_TEST_BEGIN();
	/* Nothing is spare yet: the socket, then the first chunk of the handle table. */
	static const enum wrapped allocations[] = {W_MALLOC, W_CALLOC};
	for (size_t i = 0; i < 2; i++) {
		int code = -1;
		arm_here(allocations[i], 0, ENOMEM);
		cr_assert_eq(ph.proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP,
						 NULL, 0, WSA_FLAG_OVERLAPPED, &code),
			     INVALID_SOCKET);
		cr_assert(hit(allocations[i]));
		cr_assert_eq(code, WSAENOBUFS);
	}
	cr_assert_eq(ph.creates, 0);
	SOCKET s = ph_socket();
	cr_assert_eq(ph_close(s), 0);
	WSD_TEST_END();
	ph_down();
}

static const struct {
	enum wrapped w;
	int skip, err, code;
} bind_rows[] = {
	{W_CREATE_ID, 0, ENOMEM, WSAENOBUFS},       {W_CREATE_ID, 0, EMFILE, WSAENOBUFS},
	{W_CREATE_ID, 0, ENODEV, WSAENETDOWN},      {W_CREATE_ID, 0, EIO, WSAENETDOWN},
	{W_BIND_ADDR, 0, ENODEV, WSAENETDOWN},      {W_BIND_ADDR, 0, ENOMEM, WSAENOBUFS},
	{W_BIND_ADDR, 0, ENOSPC, WSAENOBUFS},       {W_BIND_ADDR, 0, EACCES, WSAEADDRNOTAVAIL},
	{W_BIND_ADDR, 0, EINVAL, WSAEADDRNOTAVAIL}, {W_BIND_ADDR, 0, EPROTO, WSAENETDOWN},
};

Test(wrap, PROV_BIND_24_every_code_by_its_cause_and_nothing_changed)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_socket();
	for (size_t i = 0; i < sizeof(bind_rows) / sizeof(bind_rows[0]); i++) {
		arm(bind_rows[i].w, bind_rows[i].skip, bind_rows[i].err);
		int code = ph_bind(s, PH_SAN0, port);
		cr_assert(hit(bind_rows[i].w));
		cr_assert_eq(code, bind_rows[i].code, "row %zu: %d", i, code);
		cr_assert_eq(raw_bind(PH_SAN0, port), 0, "row %zu left the name bound", i);
		cr_assert_eq(ph_listen(s, 5), WSAEINVAL, "row %zu moved the state", i);
	}
	cr_assert_eq(ph_bind(s, PH_SAN0, port), 0);
	/* The name is in use now, and a second socket of it asks rdma_cm nothing. */
	SOCKET t = ph_socket();
	arm(W_CREATE_ID, 0, ENOMEM);
	cr_assert_eq(ph_bind(t, PH_SAN0, port), 0);
	cr_assert_not(hit(W_CREATE_ID));
	cr_assert_eq(ph_close(s) + ph_close(t), 0);
	END();
}

/* Taken by another program; the look at the device fails as well. */
Test(wrap, PROV_BIND_24_a_dormant_name_whose_device_cannot_be_found)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_socket();
	static const struct {
		int err, code;
	} rows[] = {{ENOMEM, WSAENOBUFS}, {ENODEV, WSAENETDOWN}, {EADDRNOTAVAIL, WSAEADDRNOTAVAIL}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rdma_event_channel *channel = rdma_create_event_channel();
		struct rdma_cm_id *id;
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
		in.sin_addr.s_addr = inet_addr(PH_SAN0);
		cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
		cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&in), 0);
		arm(W_BIND_ADDR, 1, rows[i].err);
		cr_assert_eq(ph_bind(s, PH_SAN0, port), rows[i].code);
		cr_assert(hit(W_BIND_ADDR));
		rdma_destroy_id(id);
		rdma_destroy_event_channel(channel);
	}
	cr_assert_eq(ph_bind(s, PH_SAN0, port), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

/* rdma_cm without descriptors, at the first bind of a device. */
Test(wrap, PROV_BIND_24_the_first_bind_on_a_device_works_without_an_anchor)
{
	ph_use(WSPStartupEx);
	cr_assert_eq(ph_startup(), 0);
	unsigned short port = ph_port();
	arm(W_CREATE_ID, 1, ENOMEM);
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert(hit(W_CREATE_ID), "no anchor was asked for");
	int status;
	cr_assert_eq(request_ends(PH_SAN0, port, &status), RDMA_PEER_NOTHING);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

Test(wrap, PROV_LISTEN_06_every_code_by_its_cause_and_nothing_changed)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 0);
	static const struct {
		int err, code;
	} rows[] = {{ENOMEM, WSAENOBUFS}, {EAGAIN, WSAENOBUFS},  {EMFILE, WSAEMFILE},
		    {ENFILE, WSAEMFILE},  {ENODEV, WSAENETDOWN}, {EIO, WSAENETDOWN}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status;
		arm(W_LISTEN, 0, rows[i].err);
		cr_assert_eq(ph_listen(s, 5), rows[i].code, "row %zu", i);
		cr_assert(hit(W_LISTEN));
		cr_assert_eq(raw_bind(PH_SAN0, port), -EADDRINUSE, "row %zu lost the name", i);
		cr_assert_eq(request_ends_in(PH_SAN0, port, SOON_MS, &status),
			     RDMA_CM_EVENT_REJECTED);
		cr_assert_eq(status, NO_SUCH_PORT);
	}
	/* Another id beside ours: the name waits, and the listen succeeds. */
	arm(W_LISTEN, 0, EADDRINUSE);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert(hit(W_LISTEN));
	int status;
	cr_assert(WSD_UNTIL(request_ends(PH_SAN0, port, &status) == RDMA_PEER_NOTHING, SOON_MS));
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(wrap, PROV_BIND_24_a_wildcard_that_fails_half_way_leaves_nothing)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	unsigned short port = ph_port();
	SOCKET s = ph_socket();
	for (int skip = 0; skip < 4; skip++) {
		arm(W_CREATE_ID, skip, ENOMEM);
		cr_assert_eq(ph_bind(s, "0.0.0.0", port), WSAENOBUFS);
		cr_assert(hit(W_CREATE_ID));
		for (size_t i = 0; i < 4; i++)
			cr_assert_eq(raw_bind(all[i], port), 0, "%s is still bound", all[i]);
	}
	/* Memory of our own: the uses after the first, and names. */
	for (int skip = 0; skip < 3; skip++) {
		arm_here(W_CALLOC, skip, ENOMEM);
		cr_assert_eq(ph_bind(s, "0.0.0.0", port), WSAENOBUFS);
		cr_assert(hit(W_CALLOC));
	}
	/* One NIC that is just going away does not keep the others from it. */
	arm(W_BIND_ADDR, 1, ENODEV);
	cr_assert_eq(ph_bind(s, "0.0.0.0", port), 0);
	cr_assert(hit(W_BIND_ADDR));
	for (int skip = 0; skip < 3; skip++) {
		arm(W_LISTEN, skip, ENOMEM);
		cr_assert_eq(ph_listen(s, 5), WSAENOBUFS, "listen %d", skip);
		cr_assert(hit(W_LISTEN));
		for (size_t i = 0; i < 4; i++) {
			int status;
			cr_assert_eq(request_ends_in(all[i], port, SOON_MS, &status),
				     RDMA_CM_EVENT_REJECTED);
			cr_assert_eq(status, NO_SUCH_PORT, "%s still listens", all[i]);
		}
	}
	cr_assert_eq(ph_listen(s, 50), 0);
	for (size_t i = 0; i < 4; i++) {
		int status;
		cr_assert_eq(request_ends(all[i], port, &status), RDMA_PEER_NOTHING, "%s", all[i]);
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(wrap, PROV_LISTEN_03_a_request_without_memory_is_not_refused_for_good)
{
	BEGIN();
	struct ph_event e = {0};
	struct rdma_peer c;
	enum cmdata_reason reason;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	arm_size(W_CALLOC, sizeof(struct request));
	cr_assert_eq(rdma_peer_connect(&c, PH_SAN0, PH_SAN0, port, NULL, 0), 0);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert(hit(W_CALLOC));
	cr_assert_eq(cmdata_get_reject(c.data, c.data_len, &reason), CMDATA_FOREIGN);
	cr_assert_eq(atomic_load(&e.sets), 0);
	rdma_peer_close(&c);
	int status;
	cr_assert_eq(request_ends(PH_SAN0, port, &status), RDMA_PEER_NOTHING);
	cr_assert_eq(ph_close(s), 0);
	END();
}

/* After a takeover failed for lack of memory it is tried again. */
Test(wrap, PROV_BIND_23_a_retry_that_fails_is_repeated)
{
	BEGIN();
	unsigned short port = ph_port();
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	in.sin_addr.s_addr = inet_addr(PH_SAN0);
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&in), 0);
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	arm(W_CREATE_ID, 1, ENOMEM);
	cr_assert(WSD_UNTIL(atomic_load(&faults[W_CREATE_ID].err) == 0, SOON_MS),
		  "the name is not tried again");
	arm(W_BIND_ADDR, 0, EIO);
	cr_assert(WSD_UNTIL(atomic_load(&faults[W_BIND_ADDR].err) == 0, SOON_MS));
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
	int status;
	cr_assert(WSD_UNTIL(request_ends(PH_SAN0, port, &status) == RDMA_PEER_NOTHING, SOON_MS));
	cr_assert_eq(ph_close(s), 0);
	END();
}
