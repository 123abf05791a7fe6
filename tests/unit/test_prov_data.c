/* SPDX-License-Identifier: MIT
 *
 * The data side over a NIC in memory: hostile peers, a NIC that is slow, and steps of two threads
 * in the order that hurts. PROV-DATA, PROV-OVL, PROV-MEM, PROV-CLOSE.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"
#include "fake_nic.h"

#include "../../provider/transfer.h"
#include "../../provider/wsp.h"

enum { SIZE = 8192 };

static char mem[SIZE];

#define BEGIN(up)         \
	WSD_TEST_BEGIN(); \
	fake_up(up)
#define END()        \
	fake_down(); \
	WSD_TEST_END()

static int attend(int *fd)
{
	int code = -1, result = prov_WSPAttend(fake.desc, TRUE, fd, &code);
	cr_assert_eq(code, 0);
	return result;
}

/* Past the early message. */
static void first_message(void)
{
	struct fake_op r;
	cr_assert_eq(fake_recv(&r, mem, 100, true), WSA_IO_PENDING);
	fake_early("hello", 5);
	cr_assert_eq(fake_poll(&r), 0);
	cr_assert_eq(r.bytes, 5);
}

/* Both are taken from the completion queue in one batch. */
Test(prov_data, PROV_DATA_10_a_long_early_message_with_more_behind_it)
{
	BEGIN(true);
	struct fake_op r[3];
	fake_reg(mem, SIZE, MEM_READWRITE);
	cr_assert_eq(fake_recv(&r[0], mem, 10, false), WSA_IO_PENDING);
	cr_assert_eq(fake_recv(&r[1], mem + 100, 100, false), WSA_IO_PENDING);
	cr_assert_eq(fake_recv(&r[2], mem + 200, 100, false), WSA_IO_PENDING);
	fake_early("longer than ten bytes", 22);
	fake_received(5);
	transfer_on_channel(fake.c);
	cr_assert_eq(queue_used(&fake.c->transfer->rq), 0, "one has ended that was not posted");
	cr_assert_eq(fake.told, 3);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(r[i].told, 1, "receive %d is told %d times", i, r[i].told);
	cr_assert_eq(r[0].code, WSAEMSGSIZE);
	cr_assert_eq(r[2].code, WSAECONNABORTED);
	cr_assert_eq(fake.s->state, SS_BROKEN);
	struct fake_op more;
	cr_assert_eq(fake_recv(&more, mem, 10, true), WSAECONNABORTED);
	END();
}

/* It takes a receive, and its length is that of the memory that it wrote. */
Test(prov_data, PROV_DATA_05_a_write_with_immediate_data_is_no_message)
{
	WSD_TEST_BEGIN();
	for (int early = 0; early < 2; early++) {
		fake_up(true);
		struct fake_op r[2];
		fake_reg(mem, SIZE, MEM_READWRITE);
		if (!early)
			first_message();
		cr_assert_eq(fake_recv(&r[0], mem, SIZE, true), WSA_IO_PENDING);
		cr_assert_eq(fake_recv(&r[1], mem, 10, true), WSA_IO_PENDING);
		fake_receive(IBV_WC_SUCCESS, IBV_WC_RECV_RDMA_WITH_IMM, 5000);
		for (int i = 0; i < 2; i++) {
			cr_assert_eq(fake_poll(&r[i]), WSAECONNABORTED);
			cr_assert_eq(r[i].bytes, 0);
		}
		cr_assert_eq(fake.s->state, SS_BROKEN);
		fake_down();
	}
	WSD_TEST_END();
}

/* What is posted does not come back in time: the queue pair is reset, and tells nothing any more.
 */
Test(prov_data, PROV_OVL_01_who_sleeps_hears_of_the_end_of_a_slow_nic)
{
	BEGIN(true);
	struct fake_op r[2];
	int fd = -1;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(fake_recv(&r[0], mem, 10, true), WSA_IO_PENDING);
	while (attend(&fd))
		;
	cr_assert_not(fake_readable());
	fake.flushes = false;
	conn_lost(fake.c, WSAECONNABORTED);
	cr_assert_eq(fake_poll(&r[0]), WSAECONNABORTED);
	cr_assert_eq(fake.resets, 1);
	cr_assert(fake_readable(), "who sleeps on the descriptor sleeps on");
	END();
}

/* Of the endpoint's last connection, say: nobody sleeps as long as it is there. */
Test(prov_data, PROV_OVL_01_an_event_of_nothing_wakes_once)
{
	BEGIN(true);
	int fd = -1;
	struct fake_op before, r;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(fake_recv(&before, mem, 10, true), WSA_IO_PENDING);
	cr_assert_eq(fake_recv(&r, mem, 10, true), WSA_IO_PENDING);
	while (attend(&fd))
		;
	fake_received(1);
	while (attend(&fd))
		;
	cr_assert_not(fake_readable());
	fake.events++;
	eventfd_write(fd, 1);
	int looks = 0;
	for (; fake_readable() && looks < 10; looks++)
		cr_assert_eq(attend(&fd), 0);
	cr_assert_leq(looks, 2, "it spins");
	fake_received(3);
	cr_assert(fake_readable(), "the queue is armed");
	cr_assert_eq(fake_poll(&r), 0);
	END();
}

/* A thread that spins takes completions before the queue is armed: no event is asked for. */
Test(prov_data, PROV_OVL_04_who_spins_asks_for_no_event)
{
	BEGIN(true);
	int fd = -1;
	struct fake_op r[2];
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	for (int i = 0; i < 2; i++)
		cr_assert_eq(fake_recv(&r[i], mem, 10, true), WSA_IO_PENDING);
	fake_received(3);
	cr_assert_eq(fake_poll(&r[0]), 0);
	cr_assert_eq(attend(&fd), 0);
	cr_assert_eq(fake.reads, 0);
	fake_received(3);
	cr_assert(fake_readable());
	cr_assert_eq(attend(&fd), 1);
	cr_assert_eq(attend(&fd), 0);
	cr_assert_eq(fake.reads, 1);
	cr_assert_not(fake_readable());
	END();
}

/* The event thread has seen the channel, and comes late: the one who sleeps is not robbed. */
Test(prov_data, PROV_OVL_01_attended_by_the_switch_alone)
{
	BEGIN(true);
	int fd = -1;
	struct fake_op r;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(fake_recv(&r, mem, 10, true), WSA_IO_PENDING);
	while (attend(&fd))
		;
	fake_received(3);
	transfer_on_channel(fake.c);
	cr_assert(fake_readable());
	cr_assert_eq(attend(&fd), 1);
	cr_assert_eq(fake_poll(&r), 0);
	END();
}

/* Flushed between the two halves of WSPCloseSocket. */
Test(prov_data, PROV_CLOSE_01_pending_is_aborted_whoever_finds_it)
{
	BEGIN(true);
	struct fake_op r[40], w[40];
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(fake_recv(&r[i], mem, 10, i % 2), WSA_IO_PENDING);
		cr_assert_eq(fake_send(&w[i], mem, 10, i % 2), WSA_IO_PENDING);
	}
	wsd_lock(&fake.s->call);
	lost_close_begin(fake.c);
	wsd_unlock(&fake.s->call);
	struct fake_op late;
	cr_assert_eq(fake_recv(&late, mem, 10, true), WSAENOTSOCK);
	transfer_on_channel(fake.c);
	int code;
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(r[i].ov.Internal, WSA_OPERATION_ABORTED);
		cr_assert_eq(w[i].ov.Internal, WSA_OPERATION_ABORTED);
		cr_assert_eq(r[i].told, !(i % 2));
		cr_assert_eq(w[i].told, !(i % 2));
	}
	END();
}

/* The device goes between the two halves of WSPCloseSocket; whose number its channel had is another
 * file's by the time of the second half. */
Test(prov_data, PROV_CLOSE_04_a_removed_devices_descriptor_is_closed_once)
{
	BEGIN(true);
	struct sock *s = fake.s;
	struct conn *c = fake.c;
	int fd = fake.ep->channel->fd;
	struct fake_op r;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(fake_recv(&r, mem, 10, true), WSA_IO_PENDING);
	wsd_lock(&s->call);
	lost_close_begin(c);
	sock_move(s, SC_CLOSE);
	struct conn_news news = {.c = c, .event = RDMA_CM_EVENT_DEVICE_REMOVAL};
	lost_event(c, &news);
	cr_assert_eq(r.ov.Internal, WSA_OPERATION_ABORTED);
	/* If it is closed already its number is given to the next file. */
	int other = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int code;
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	cr_assert_neq(fcntl(other, F_GETFD), -1, "a stranger's descriptor is closed");
	close(other);
	cr_assert_eq(fcntl(fd, F_GETFD), -1, "it is left open");
	END();
}

/* A poll while the peer is asked does not end what is not there yet. */
Test(prov_data, PROV_CONNECT_09_nothing_is_harvested_before_the_connection_is_up)
{
	BEGIN(false);
	struct fake_op r = {0};
	r.ov.Internal = WSS_OPERATION_IN_PROGRESS;
	fake_receive(IBV_WC_LOC_LEN_ERR, IBV_WC_RECV, 0);
	cr_assert_eq(fake_poll(&r), WSA_IO_INCOMPLETE);
	conn_up(fake.c);
	sock_turn(fake.s, SN_ACCEPTED);
	fake_reg(mem, SIZE, MEM_READWRITE);
	cr_assert_eq(fake_recv(&r, mem, 10, true), WSA_IO_PENDING);
	cr_assert_eq(fake_poll(&r), WSAECONNABORTED, "it fails after that, and not for ever");
	END();
}

/* A step of the queue pair costs as much as a connection's other steps together. */
Test(prov_data, PROV_MEM_08_reset_once_in_a_life)
{
	BEGIN(true);
	int code;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	cr_assert_eq(fake.resets, 1);
	cr_assert_eq(fake.dev.pool_count, 1, "it is kept");
	END();
}

/* One without hardware resets what other threads still handle: all is back first. What it remembers
 * of RDMA that was cut off no reset takes away. */
Test(prov_data, PROV_MEM_08_a_soft_nic_is_quiet_before_it_is_reset)
{
	enum { QUIET, EXPOSED, STALLED, WAYS };
	static const struct {
		unsigned resets, made;
		const char *what;
	} want[WAYS] = {{1, 0, "quiet"}, {1, 1, "memory is exposed"}, {0, 1, "nothing comes back"}};
	WSD_TEST_BEGIN();
	for (int way = 0; way < WAYS; way++) {
		fake_up(true);
		struct fake_op r, w;
		char out[64];
		DWORD len = sizeof(out);
		int code = -1;
		fake.dev.soft = fake.c->transfer->soft = true;
		fake_reg(mem, SIZE, MEM_READWRITE);
		first_message();
		cr_assert_eq(fake_recv(&r, mem, 10, false), WSA_IO_PENDING);
		cr_assert_eq(fake_send(&w, mem, 10, true), WSA_IO_PENDING);
		if (way == EXPOSED)
			prov_WSPRegisterRdmaMemory(fake.desc, mem, SIZE, MEM_READ, out, &len,
						   &code);
		fake.flushes = way != STALLED;
		cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
		cr_assert_eq(r.told, 1);
		cr_assert_eq(r.code, WSA_OPERATION_ABORTED);
		cr_assert_eq(fake.resets, want[way].resets, "%s", want[way].what);
		cr_assert_eq(fake.made, want[way].made, "%s", want[way].what);
		cr_assert_eq(fake.at_reset, 0, "%s: something is at the NIC still", want[way].what);
		cr_assert_eq(fake.dev.pool_count, 1, "%s: it is kept", want[way].what);
		stall_look(&fake.p); /* which has a reference to the socket */
		fake_down();
	}
	WSD_TEST_END();
}

/* A NIC without hardware: destroying a queue pair that was cut off waits in the kernel for its
 * packets, so nobody does who waits for anything. */
Test(prov_data, PROV_CLOSE_05_a_queue_pair_that_was_cut_off_is_destroyed_later)
{
	BEGIN(true);
	int code;
	fake.dev.soft = true;
	fake.p.rest_ms = 100;
	fake.p.devs = &fake.dev;
	fake.ep->torn = true;
	unsigned made = fake.made;
	int64_t began = wsd_check_now_ms();
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	cr_assert_eq(fake.state, IBV_QPS_RESET, "nothing that was posted is touched any more");
	endpoint_timer(&fake.p);
	if (wsd_check_now_ms() - began < 100) { /* a busy machine */
		cr_assert_eq(fake.dev.rest_count, 1);
		cr_assert_eq(fake.dev.pool_count, 0, "the next connection gets what is left in it");
		cr_assert_eq(fake.made, made);
	}
	cr_assert_gt(fake.p.timer_at_ms, 0, "nobody looks again");
	while (wsd_check_now_ms() - began <= 100)
		usleep(1000);
	endpoint_timer(&fake.p);
	cr_assert_eq(fake.dev.rest_count, 0);
	cr_assert_eq(fake.dev.pool_count, 1);
	cr_assert_eq(fake.made, made + 1, "the same queue pair again");
	END();
}

/* It came before anybody asked for it, and the peer takes nothing from us: it is told all the same,
 * and not from inside WSPRecv. */
Test(prov_data, PROV_DATA_08_an_early_message_needs_no_working_queue)
{
	BEGIN(true);
	struct fake_op w, r;
	fake_reg(mem, SIZE, MEM_READWRITE);
	cr_assert_eq(fake_send(&w, mem, 10, true), WSA_IO_PENDING);
	fake_early("hello", 5);
	cr_assert_eq(fake_recv(&r, mem, 100, false), WSA_IO_PENDING);
	cr_assert_eq(fake.told, 0);
	cr_assert_eq(fake.send_count, 1, "something is sent for it");
	cm_run_kicks(&fake.p);
	cr_assert_eq(r.told, 1);
	cr_assert_eq(r.bytes, 5);
	END();
}

/* The state comes before the arguments [provider.md part 5]. Clauses: PROV-MEM-2, PROV-MEM-5 */
Test(prov_data, PROV_MEM_01_nothing_is_registered_on_a_broken_connection)
{
	BEGIN(true);
	char out[64];
	DWORD len = 0;
	int code = 0;
	fake_reg(mem, 100, MEM_READ);
	conn_lost(fake.c, WSAECONNRESET);
	cr_assert_null(prov_WSPRegisterMemory(fake.desc, mem, 0, 77, &code));
	cr_assert_eq(code, WSAENOTCONN);
	prov_WSPRegisterRdmaMemory(fake.desc, mem, SIZE, MEM_READ, out, &len, &code);
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_eq(len, 0);
	END();
}

/* The NIC does not take it back: the connection ends, and the endpoint is nobody else's. */
Test(prov_data, PROV_MEM_09_memory_that_stays_registered_is_out_of_reach)
{
	BEGIN(true);
	char out[64];
	DWORD len = sizeof(out);
	int code = -1;
	prov_WSPRegisterRdmaMemory(fake.desc, mem, SIZE, MEM_READ, out, &len, &code);
	cr_assert_eq(code, 0);
	fake.mr_err = EBUSY;
	prov_WSPDeregisterRdmaMemory(fake.desc, out, len, &code);
	cr_assert_eq(code, 0);
	cr_assert_eq(fake.state, IBV_QPS_ERR, "the peer still reaches it");
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	cr_assert_eq(fake.dev.pool_count, 0, "the next peer may reach it");
	END();
}

/* Nobody could be told: nothing is started. */
Test(prov_data, PROV_DATA_02_started_only_if_it_can_be_told)
{
	BEGIN(true);
	struct fake_op op, silent;
	int fd = fake.p.epoll_fd;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	fake.p.epoll_fd = -1;
	cr_assert_eq(fake_recv(&op, mem, 10, false), WSAENOBUFS);
	cr_assert_eq(fake_send(&op, mem, 10, false), WSAENOBUFS);
	cr_assert_eq(fake_recv(&silent, mem, 10, true), WSA_IO_PENDING);
	fake.p.epoll_fd = fd;
	cr_assert_eq(fake.recv_count, 1);
	cr_assert_eq(fake.send_count, 0);
	fake_received(3);
	cr_assert_eq(fake_poll(&silent), 0);
	END();
}

static void close_inside(struct fake_op *op)
{
	int code;
	fake.hook = NULL;
	cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
	cr_assert_eq(fake.told, 4, "not everything was complete when close returned");
}

Test(prov_data, PROV_CLOSE_07_close_inside_the_upcall_of_a_completion)
{
	BEGIN(true);
	struct fake_op r[4];
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	for (int i = 0; i < 4; i++)
		cr_assert_eq(fake_recv(&r[i], mem, 10, false), WSA_IO_PENDING);
	fake.hook = close_inside;
	fake_received(3);
	sock_ref(fake.s);
	transfer_on_channel(fake.c);
	cr_assert_eq(fake.closed, 1);
	sock_unref(fake.s);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(r[i].told, 1);
		cr_assert_eq(r[i].code, i ? WSA_OPERATION_ABORTED : 0);
	}
	END();
}

/* Another thread closes while the last cleanup runs: nobody would look at its time. */
Test(prov_data, PROV_INIT_10_nothing_parts_once_the_last_cleanup_has_begun)
{
	WSD_TEST_BEGIN();
	for (int closing = 0; closing < 2; closing++) {
		int code;
		fake_up(true);
		fake_id();
		atomic_store(&fake.p.closing, closing);
		cr_assert_eq(prov_WSPCloseSocket(fake.desc, &code), 0);
		cr_assert_eq(fake.told_peer, 1);
		cr_assert_eq(fake.destroyed, closing);
		cr_assert_eq(!fake.p.parting, closing);
		conn_part_all(&fake.p);
		cr_assert_eq(fake.destroyed, 1);
		fake_down();
	}
	WSD_TEST_END();
}

static void *close_it(void *arg)
{
	int code;
	prov_WSPCloseSocket(fake.desc, &code);
	return NULL;
}

static void *remove_it(void *arg)
{
	fake_remove();
	return NULL;
}

static bool endpoint_is_taken(void)
{
	pthread_mutex_lock(&fake.c->lock);
	bool taken = !fake.c->ep;
	pthread_mutex_unlock(&fake.c->lock);
	return taken;
}

/* A registration runs, the socket is closed, and its device goes. */
Test(prov_data, PROV_CLOSE_01_the_endpoint_stays_as_long_as_a_registration_uses_it)
{
	BEGIN(true);
	pthread_t threads[2];
	struct transfer *t = fake.c->transfer;
	sock_ref(fake.s); /* of the event */
	t->busy++;
	pthread_create(&threads[0], NULL, close_it, NULL);
	cr_assert(WSD_UNTIL(({
				    pthread_mutex_lock(&fake.c->lock);
				    bool closed = t->closed;
				    pthread_mutex_unlock(&fake.c->lock);
				    closed;
			    }),
			    2000));
	pthread_create(&threads[1], NULL, remove_it, NULL);
	cr_assert_not(WSD_WITHIN(endpoint_is_taken(), 50));
	pthread_mutex_lock(&fake.c->lock);
	t->busy--;
	pthread_cond_broadcast(&t->cond);
	pthread_mutex_unlock(&fake.c->lock);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	END();
}

enum { OLD_EVENT = 0x10, BAD_EVENT = 0x20 };

static int old_events;

/* While the switch says that it does not know the one event, a request arrives. */
static BOOL WSPAPI set_event(WSAEVENT event, LPINT code)
{
	if ((uintptr_t)event == OLD_EVENT) {
		old_events++;
		return TRUE;
	}
	wsd_lock(&fake.p.lock);
	fake.s->queued++;
	wsd_unlock(&fake.p.lock);
	*code = WSA_INVALID_HANDLE;
	return FALSE;
}

Test(prov_data, PROV_EVENT_05_a_wrong_event_loses_nothing)
{
	BEGIN(true);
	int code;
	fake.p.up.lpWPUSetEvent = set_event;
	old_events = 0;
	cr_assert_eq(prov_WSPEventSelect(fake.desc, (WSAEVENT)OLD_EVENT, FD_ACCEPT, &code), 0);
	fake.s->queued = 1; /* so that the next one is set at once; told already */
	prov_WSPEventSelect(fake.desc, (WSAEVENT)BAD_EVENT, FD_ACCEPT, &code);
	cr_assert_eq(code, WSAEINVAL);
	fake.s->queued = 0; /* there are none */
	cr_assert_eq(old_events, 1);
	WSANETWORKEVENTS n;
	cr_assert_eq(prov_WSPEnumNetworkEvents(fake.desc, NULL, &n, &code), 0);
	cr_assert_eq(n.lNetworkEvents, FD_ACCEPT);
	END();
}

/* Late ones of the endpoint's last connection. */
Test(prov_data, PROV_MEM_08_completions_of_nothing_end_nothing)
{
	BEGIN(true);
	struct fake_op r, w;
	fake_reg(mem, SIZE, MEM_READWRITE);
	first_message();
	cr_assert_eq(fake_recv(&r, mem, 10, false), WSA_IO_PENDING);
	cr_assert_eq(fake_send(&w, mem, 10, false), WSA_IO_PENDING);
	static const uint64_t strays[] = {0, WR_RECV | 7, WR_RECV | UINT32_MAX, WR_SEND | 9};
	for (size_t i = 0; i < sizeof(strays) / sizeof(strays[0]); i++) {
		fake_stray(strays[i], i % 2 ? IBV_WC_SUCCESS : IBV_WC_WR_FLUSH_ERR);
		fake_poll(&r);
	}
	cr_assert_eq(fake.told, 0);
	cr_assert_eq(fake.s->state, SS_CONNECTED);
	fake_work(1, 3);
	transfer_on_channel(fake.c);
	cr_assert_eq(r.told, 1);
	cr_assert_eq(r.bytes, 3);
	cr_assert_eq(w.told, 1);
	END();
}
