/* SPDX-License-Identifier: MIT
 *
 * The NIC in memory of fake_nic.h: struct ibv_context with functions of its own for what libibverbs
 * calls inline, and __wrap_ functions for the rest.
 */
#include "fake_nic.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "../../provider/memory.h"
#include "../../provider/transfer.h"
#include "../../provider/wsp.h"

struct fake_nic fake;

static struct ibv_context verbs;
static struct ibv_qp qp;
static struct ibv_cq cq;
static struct ibv_pd pd;
static struct ibv_comp_channel *channel;
static struct ibv_mr *lost[FAKE_POSTS]; /* never taken back */
static unsigned lost_count;

static pthread_mutex_t nic = PTHREAD_MUTEX_INITIALIZER; /* all of the NIC's side */

/* For programs with Criterion and without. */
#define CHECK(what)                                                                \
	do {                                                                       \
		if (what)                                                          \
			break;                                                     \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
		abort();                                                           \
	} while (0)

/* In the number of a send: its success is not told. */
#define UNSIGNALED ((uint64_t)1 << 61)

/* ---- the NIC ---- */

static void fire(bool solicited)
{
	if (!fake.armed || (fake.armed == 1 && !solicited))
		return;
	fake.armed = 0;
	fake.events++;
	eventfd_write(channel->fd, 1);
}

static void complete_wr(uint64_t wr_id, enum ibv_wc_status status, enum ibv_wc_opcode opcode,
			uint32_t bytes)
{
	if (status == IBV_WC_SUCCESS && wr_id & UNSIGNALED)
		return;
	CHECK(fake.wc_count < FAKE_POSTS * 2);
	fake.wcs[fake.wc_count++] = (struct ibv_wc){
		.wr_id = wr_id & ~UNSIGNALED,
		.status = status,
		.opcode = opcode,
		.byte_len = bytes,
	};
	fire(!(wr_id & WR_SEND) || status != IBV_WC_SUCCESS);
}

static uint64_t shift(uint64_t *ids, unsigned *count)
{
	uint64_t id = ids[0];
	CHECK(*count > 0);
	memmove(ids, ids + 1, --*count * sizeof(*ids));
	return id;
}

void fake_receive(enum ibv_wc_status status, enum ibv_wc_opcode opcode, uint32_t bytes)
{
	pthread_mutex_lock(&nic);
	complete_wr(shift(fake.recvs, &fake.recv_count), status, opcode, bytes);
	pthread_mutex_unlock(&nic);
}

void fake_stray(uint64_t wr_id, enum ibv_wc_status status)
{
	pthread_mutex_lock(&nic);
	complete_wr(wr_id, status, IBV_WC_RECV, 5);
	pthread_mutex_unlock(&nic);
}

void fake_received(uint32_t bytes)
{
	fake_receive(IBV_WC_SUCCESS, IBV_WC_RECV, bytes);
}

void fake_early(const void *data, uint32_t bytes)
{
	CHECK(!fake.recvs[0]);
	memcpy(fake.ep->early, data, bytes);
	fake_received(bytes);
}

bool fake_work(unsigned n, uint32_t bytes)
{
	pthread_mutex_lock(&nic);
	bool some = fake.state == IBV_QPS_RTS && (fake.send_count || fake.recv_count);
	for (unsigned i = 0; some && i < n && fake.send_count; i++)
		complete_wr(shift(fake.sends, &fake.send_count), IBV_WC_SUCCESS, IBV_WC_SEND, 0);
	for (unsigned i = 0; some && i < n && fake.recv_count; i++)
		complete_wr(shift(fake.recvs, &fake.recv_count), IBV_WC_SUCCESS, IBV_WC_RECV,
			    bytes);
	pthread_mutex_unlock(&nic);
	return some;
}

void fake_stall(void)
{
	pthread_mutex_lock(&nic);
	fake.flushes = false;
	pthread_mutex_unlock(&nic);
}

static void flush(uint64_t *ids, unsigned *count)
{
	while (*count)
		complete_wr(shift(ids, count), IBV_WC_WR_FLUSH_ERR, IBV_WC_SEND, 0);
}

static int poll_cq(struct ibv_cq *which, int n, struct ibv_wc *wc)
{
	pthread_mutex_lock(&nic);
	unsigned got = fake.wc_count < (unsigned)n ? fake.wc_count : (unsigned)n;
	memcpy(wc, fake.wcs, got * sizeof(*wc));
	fake.wc_count -= got;
	memmove(fake.wcs, fake.wcs + got, fake.wc_count * sizeof(*wc));
	pthread_mutex_unlock(&nic);
	return (int)got;
}

static int req_notify_cq(struct ibv_cq *which, int solicited_only)
{
	int want = solicited_only ? 1 : 2;
	pthread_mutex_lock(&nic);
	fake.armed = fake.armed > want ? fake.armed : want;
	pthread_mutex_unlock(&nic);
	return 0;
}

static int post_send(struct ibv_qp *which, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	int err = 0;
	pthread_mutex_lock(&nic);
	for (; wr && !err; wr = wr->next) {
		*bad = wr;
		CHECK(fake.send_count < EP_SEND_DEPTH);
		if (fake.state != IBV_QPS_RTS && fake.state != IBV_QPS_ERR)
			err = EINVAL;
		else if (fake.state == IBV_QPS_ERR)
			complete_wr(wr->wr_id, IBV_WC_WR_FLUSH_ERR, IBV_WC_SEND, 0);
		else
			fake.sends[fake.send_count++] =
				wr->wr_id | (wr->send_flags & IBV_SEND_SIGNALED ? 0 : UNSIGNALED);
	}
	pthread_mutex_unlock(&nic);
	return err;
}

static int post_recv(struct ibv_qp *which, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad)
{
	int err = 0;
	pthread_mutex_lock(&nic);
	for (; wr && !err; wr = wr->next) {
		*bad = wr;
		CHECK(fake.recv_count < EP_RECV_DEPTH);
		if (fake.state == IBV_QPS_RESET)
			err = EINVAL;
		else if (fake.state == IBV_QPS_ERR)
			complete_wr(wr->wr_id, IBV_WC_WR_FLUSH_ERR, IBV_WC_RECV, 0);
		else
			fake.recvs[fake.recv_count++] = wr->wr_id;
	}
	pthread_mutex_unlock(&nic);
	return err;
}

static int modify(enum ibv_qp_state to)
{
	if (fake.state == IBV_QPS_RESET && to == IBV_QPS_ERR)
		return EINVAL; /* the kernel's table knows no such step */
	fake.state = to;
	if (to == IBV_QPS_RESET) {
		fake.resets++;
		fake.at_reset = fake.send_count + fake.recv_count;
		fake.send_count = fake.recv_count = 0;
	} else if (to == IBV_QPS_ERR && fake.flushes) {
		flush(fake.recvs, &fake.recv_count);
		flush(fake.sends, &fake.send_count);
	}
	return 0;
}

int __wrap_ibv_modify_qp(struct ibv_qp *which, struct ibv_qp_attr *attr, int mask);
int __wrap_ibv_modify_qp(struct ibv_qp *which, struct ibv_qp_attr *attr, int mask)
{
	pthread_mutex_lock(&nic);
	int err = modify(attr->qp_state);
	pthread_mutex_unlock(&nic);
	return err;
}

int __wrap_ibv_get_cq_event(struct ibv_comp_channel *ch, struct ibv_cq **ret, void **context);
int __wrap_ibv_get_cq_event(struct ibv_comp_channel *ch, struct ibv_cq **ret, void **context)
{
	eventfd_t n;
	pthread_mutex_lock(&nic);
	bool some = fake.events > 0;
	fake.reads++;
	if (some) {
		fake.events--;
		CHECK(!eventfd_read(ch->fd, &n)); /* a semaphore */
	}
	pthread_mutex_unlock(&nic);
	*ret = &cq;
	errno = EAGAIN;
	return some ? 0 : -1;
}

void __wrap_ibv_ack_cq_events(struct ibv_cq *which, unsigned n);
void __wrap_ibv_ack_cq_events(struct ibv_cq *which, unsigned n)
{
}

static struct ibv_mr *make_mr(struct ibv_pd *of, void *addr, size_t len)
{
	struct ibv_mr *mr = calloc(1, sizeof(*mr));
	*mr = (struct ibv_mr){.pd = of, .addr = addr, .length = len};
	pthread_mutex_lock(&nic);
	mr->lkey = mr->rkey = (uint32_t)(++fake.mrs);
	pthread_mutex_unlock(&nic);
	return mr;
}

#undef ibv_reg_mr
#undef ibv_reg_mr_iova
struct ibv_mr *__wrap_ibv_reg_mr(struct ibv_pd *of, void *addr, size_t len, int access);
struct ibv_mr *__wrap_ibv_reg_mr(struct ibv_pd *of, void *addr, size_t len, int access)
{
	return make_mr(of, addr, len);
}

struct ibv_mr *__wrap_ibv_reg_mr_iova(struct ibv_pd *of, void *addr, size_t len, uint64_t iova,
				      int access);
struct ibv_mr *__wrap_ibv_reg_mr_iova(struct ibv_pd *of, void *addr, size_t len, uint64_t iova,
				      int access)
{
	return make_mr(of, addr, len);
}

struct ibv_mr *__wrap_ibv_reg_mr_iova2(struct ibv_pd *of, void *addr, size_t len, uint64_t iova,
				       unsigned access);
struct ibv_mr *__wrap_ibv_reg_mr_iova2(struct ibv_pd *of, void *addr, size_t len, uint64_t iova,
				       unsigned access)
{
	return make_mr(of, addr, len);
}

int __wrap_ibv_dereg_mr(struct ibv_mr *mr);
int __wrap_ibv_dereg_mr(struct ibv_mr *mr)
{
	pthread_mutex_lock(&nic);
	int err = fake.mr_err;
	if (err) {
		CHECK(lost_count < FAKE_POSTS);
		lost[lost_count++] = mr;
	} else {
		fake.mrs--;
	}
	pthread_mutex_unlock(&nic);
	if (!err)
		free(mr);
	return err;
}

#define NOTHING(name, type)                    \
	int __wrap_##name(struct type *which); \
	int __wrap_##name(struct type *which)  \
	{                                      \
		return 0;                      \
	}
NOTHING(ibv_destroy_qp, ibv_qp)
NOTHING(ibv_destroy_cq, ibv_cq)
NOTHING(ibv_dealloc_pd, ibv_pd)

struct ibv_qp *__wrap_ibv_create_qp(struct ibv_pd *of, struct ibv_qp_init_attr *attr);
struct ibv_qp *__wrap_ibv_create_qp(struct ibv_pd *of, struct ibv_qp_init_attr *attr)
{
	pthread_mutex_lock(&nic);
	fake.made++;
	fake.state = IBV_QPS_RESET;
	fake.send_count = fake.recv_count = 0;
	pthread_mutex_unlock(&nic);
	return &qp;
}

int __wrap_ibv_destroy_comp_channel(struct ibv_comp_channel *ch);
int __wrap_ibv_destroy_comp_channel(struct ibv_comp_channel *ch)
{
	close(ch->fd);
	free(ch);
	channel = NULL;
	return 0;
}

/* ---- the connection manager ---- */

int __wrap_rdma_disconnect(struct rdma_cm_id *id);
int __wrap_rdma_disconnect(struct rdma_cm_id *id)
{
	fake.told_peer++;
	return 0;
}

int __wrap_rdma_destroy_id(struct rdma_cm_id *id);
int __wrap_rdma_destroy_id(struct rdma_cm_id *id)
{
	fake.destroyed++;
	free(id);
	return 0;
}

void fake_id(void)
{
	struct rdma_cm_id *id = calloc(1, sizeof(*id));
	id->verbs = &verbs;
	fake.dev.ids++;
	conn_begin(fake.c, id, &fake.dev);
	fake.c->established = true;
}

/* ---- the switch ---- */

static int WSPAPI complete(SOCKET s, LPWSAOVERLAPPED ov, DWORD code, DWORD bytes, LPINT err)
{
	struct fake_op *op = (struct fake_op *)ov;
	fake.told++;
	op->told++;
	op->code = code;
	op->bytes = bytes;
	if (fake.hook)
		fake.hook(op);
	return 0;
}

static int WSPAPI close_handle(SOCKET s, LPINT err)
{
	fake.closed++;
	return 0;
}

/* ---- the connection ---- */

static void make_endpoint(void)
{
	struct endpoint *ep = calloc(1, sizeof(*ep));
	verbs = (struct ibv_context){.ops = {.poll_cq = poll_cq,
					     .req_notify_cq = req_notify_cq,
					     .post_send = post_send,
					     .post_recv = post_recv}};
	qp = (struct ibv_qp){.context = &verbs};
	cq = (struct ibv_cq){.context = &verbs};
	pd = (struct ibv_pd){.context = &verbs};
	channel = calloc(1, sizeof(*channel));
	channel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
	*ep = (struct endpoint){
		.p = &fake.p,
		.dev = &fake.dev,
		.verbs = &verbs,
		.pd = &pd,
		.channel = channel,
		.cq = &cq,
		.qp = &qp,
		.early = aligned_alloc(EP_EARLY_SIZE, EP_EARLY_SIZE),
		.max_sge = EP_SGE,
		.send_depth = EP_SEND_DEPTH,
		.recv_depth = EP_RECV_DEPTH,
	};
	ep->early_mr = make_mr(&pd, ep->early, EP_EARLY_SIZE);
	CHECK(!memory_create(ep));
	DL_APPEND2(fake.p.endpoints, ep, aprev, anext);
	fake.dev.ids++;
	fake.ep = ep;
}

static void make_provider(void)
{
	struct prov *p = &fake.p;
	atomic_init(&p->refs, 100);
	wsd_lock_init(&p->lock);
	pthread_mutex_init(&p->memory_lock, NULL);
	pthread_mutex_init(&p->dev_op, NULL);
	pthread_cond_init(&p->cond, NULL);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	p->max_endpoints = 4;
	p->up.lpWPUCompleteOverlappedRequest = complete;
	p->up.lpWPUCloseSocketHandle = close_handle;
	atomic_init(&p->memory_serial, 1);
	htable_open(&prov_process.handles, 16);
}

void fake_up(bool up)
{
	struct hslot *slot;
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1};
	memset(&fake, 0, sizeof(fake));
	fake.flushes = true;
	fake.dev.max_msg = 1 << 20;
	make_provider();
	make_endpoint();
	CHECK(!sock_create(&fake.p, NULL, &fake.s, &slot));
	CHECK(!conn_make(fake.s, &fake.c));
	fake.desc = fake.s->descriptor;
	fake.c->ep = fake.ep;
	CHECK(!conn_open(fake.c, &attr, IBV_QP_STATE));
	fake.state = IBV_QPS_RTS;
	if (up) {
		conn_up(fake.c);
		sock_turn(fake.s, SN_ACCEPTED);
	}
	CHECK(!sock_publish(fake.s, slot));
}

void fake_down(void)
{
	int code;
	if (!fake.closed)
		CHECK(!prov_WSPCloseSocket(fake.desc, &code));
	CHECK(fake.closed == 1);
	endpoint_pool_drain(&fake.p, &fake.dev);
	CHECK(!fake.dev.ids);                   /* an endpoint is left */
	CHECK(atomic_load(&fake.p.refs) == 99); /* a reference is left */
	CHECK(fake.mrs == (int)lost_count);     /* memory stays registered */
	while (lost_count)
		free(lost[--lost_count]);
	close(fake.p.timer_fd);
	close(fake.p.epoll_fd);
	close(fake.p.wake_fd);
	htable_close(&prov_process.handles);
	htable_trim(&prov_process.handles);
}

bool fake_readable(void)
{
	struct pollfd fd = {.fd = channel->fd, .events = POLLIN};
	return poll(&fd, 1, 0) == 1;
}

int fake_recv(struct fake_op *op, void *buf, ULONG len, bool silent)
{
	WSABUF b = {.len = len, .buf = buf};
	DWORD n, flags = 0;
	int code = -1;
	*op = (struct fake_op){.ov.hEvent = (HANDLE)(uintptr_t)silent};
	prov_WSPRecv(fake.desc, &b, 1, &n, &flags, &op->ov, NULL, NULL, &code);
	return code;
}

int fake_send(struct fake_op *op, void *buf, ULONG len, bool silent)
{
	WSABUF b = {.len = len, .buf = buf};
	DWORD n;
	int code = -1;
	*op = (struct fake_op){.ov.hEvent = (HANDLE)(uintptr_t)silent};
	prov_WSPSend(fake.desc, &b, 1, &n, 0, &op->ov, NULL, NULL, &code);
	return code;
}

int fake_poll(struct fake_op *op)
{
	DWORD flags;
	int code = -1;
	prov_WSPGetOverlappedResult(fake.desc, &op->ov, &op->bytes, FALSE, &flags, &code);
	return code;
}

HANDLE fake_reg(void *buf, DWORD len, DWORD flags)
{
	int code = -1;
	HANDLE h = prov_WSPRegisterMemory(fake.desc, buf, len, flags, &code);
	CHECK(!code);
	return h;
}

void fake_remove(void)
{
	struct conn_news news = {.c = fake.c, .event = RDMA_CM_EVENT_DEVICE_REMOVAL};
	wsd_lock(&fake.s->call);
	lost_event(fake.c, &news);
	sock_unref(fake.s);
}
