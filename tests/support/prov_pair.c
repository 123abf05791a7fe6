/* SPDX-License-Identifier: MIT
 *
 * Connected sockets for tests. The upcall finds the operation by its WSAOVERLAPPED.
 */
#include "prov_pair.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

struct pp_extensions pp_ext;
atomic_int pp_told;

static int WSPAPI up_complete(SOCKET s, LPWSAOVERLAPPED ov, DWORD code, DWORD bytes, LPINT err)
{
	struct pp_op *op = (struct pp_op *)ov;
	if (ov->Internal == WSS_OPERATION_IN_PROGRESS || ov->InternalHigh != bytes ||
	    (uintptr_t)ov->hEvent & 1)
		atomic_fetch_add(&ph.wrong, 1); /* the result is stored first [PROV-OVL-2] */
	op->code = code;
	op->bytes = bytes;
	op->thread = pthread_self();
	op->order = atomic_fetch_add(&pp_told, 1);
	void (*hook)(struct pp_op *) = op->hook;
	atomic_fetch_add(&op->told, 1);
	if (hook)
		hook(op);
	return 0;
}

static void *extension(GUID guid, int expect)
{
	void *f = NULL;
	DWORD got = 0;
	int code = -1;
	ph.proc.lpWSPIoctl(INVALID_SOCKET, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof(guid),
			   &f, sizeof(f), &got, NULL, NULL, NULL, &code);
	cr_assert(code == 0 || code == expect, "extension: %d", code);
	return f;
}

static void take_extensions(bool cache)
{
#define TAKE(member, guid, may_fail) *(void **)&pp_ext.member = extension((GUID)guid, may_fail)
	TAKE(reg, WSAID_REGISTERMEMORY, 0);
	TAKE(dereg, WSAID_DEREGISTERMEMORY, 0);
	TAKE(reg_rdma, WSAID_REGISTERRDMAMEMORY, 0);
	TAKE(dereg_rdma, WSAID_DEREGISTERRDMAMEMORY, 0);
	TAKE(write, WSAID_RDMAWRITE, 0);
	TAKE(read, WSAID_RDMAREAD, WSAEOPNOTSUPP);
	TAKE(attend, WSAID_WSDATTEND, 0);
	pp_ext.forget = NULL;
	if (cache)
		TAKE(forget, WSAID_MEMORYREGISTRATIONCACHECALLBACK, 0);
#undef TAKE
}

/* Endpoints and devices keep descriptors: those of one connection are there before a test counts.
 */
static void start(bool cache)
{
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); /* a busy machine is no peer that is away */
	/* A connection that follows another may find its endpoints not back yet; what the pool
	 * keeps must not depend on that. */
	setenv("WSD_RDMA_ENDPOINTS", "2", 0);
	setenv("WSD_RDMA_REST_MS", "0", 0); /* what rests holds a descriptor */
	ph.up.lpWPUCompleteOverlappedRequest = up_complete;
	atomic_store(&pp_told, 0);
	cr_assert_eq(ph_startup(), 0, "the provider does not start");
	take_extensions(cache);
	struct pp_pair p = pp_pair();
	pp_close(&p);
	ph.creates = ph.closes = 0;
}

void pp_up(bool cache)
{
	ph_load();
	start(cache);
}

void pp_use(LPWSPSTARTUPEX startup, bool cache)
{
	ph_use(startup);
	start(cache);
}

void pp_down(void)
{
	ph_down();
}

static int CALLBACK accept_all(LPWSABUF caller, LPWSABUF data, LPQOS sqos, LPQOS gqos,
			       LPWSABUF callee, LPWSABUF callee_data, GROUP *g, DWORD_PTR context)
{
	return CF_ACCEPT;
}

SOCKET pp_accept(SOCKET listener)
{
	SOCKET s = INVALID_SOCKET;
	int code = -1;
	struct wsd_sockaddr_in from;
	long long end = wsd_check_now_ms() + PP_SOON_MS;
	do {
		int len = sizeof(from);
		s = ph.proc.lpWSPAccept(listener, (struct wsd_sockaddr *)&from, &len, accept_all, 0,
					&code);
		if (s == INVALID_SOCKET)
			usleep(1000);
	} while (s == INVALID_SOCKET && code == WSAEWOULDBLOCK && wsd_check_now_ms() < end);
	cr_assert_neq(s, INVALID_SOCKET, "accept: %d", code);
	return s;
}

struct pp_pair pp_pair(void)
{
	struct pp_pair p;
	unsigned short port = ph_port();
	struct ph_event e = {0};
	SOCKET listener = ph_listener(PH_SAN0, port, 5);
	p.a = ph_socket();
	cr_assert_eq(ph_bind(p.a, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_select(p.a, &e, FD_CONNECT), 0);
	struct wsd_sockaddr_in to = ph_addr(PH_SAN0, port);
	int code = 0;
	ph.proc.lpWSPConnect(p.a, (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL, NULL, NULL,
			     &code);
	cr_assert(code == 0 || code == WSAEWOULDBLOCK, "connect: %d", code);
	p.b = pp_accept(listener);
	if (code) {
		cr_assert(WSD_UNTIL(atomic_load(&e.set), PP_SOON_MS), "no FD_CONNECT");
		WSANETWORKEVENTS n = {0};
		cr_assert_eq(ph_enum(p.a, &e, &n), 0);
		cr_assert(n.lNetworkEvents & FD_CONNECT);
		cr_assert_eq(n.iErrorCode[FD_CONNECT_BIT], 0, "connect: %d",
			     n.iErrorCode[FD_CONNECT_BIT]);
	}
	cr_assert_eq(ph_select(p.a, NULL, 0), 0);
	cr_assert_eq(ph_close(listener), 0);
	return p;
}

void pp_close(struct pp_pair *p)
{
	cr_assert_eq(ph_close(p->a), 0);
	cr_assert_eq(ph_close(p->b), 0);
}

static void begin(struct pp_op *op, bool silent)
{
	op->ov.hEvent = (HANDLE)(uintptr_t)(silent ? 1 : 0);
	atomic_store(&op->told, 0);
}

int pp_send(SOCKET s, struct pp_op *op, void *buf, ULONG len, bool silent)
{
	WSABUF b = {.len = len, .buf = buf};
	DWORD sent = 0;
	int code = -1;
	begin(op, silent);
	int r = ph.proc.lpWSPSend(s, &b, 1, &sent, 0, &op->ov, NULL, NULL, &code);
	memset(&b, 0xee, sizeof(b)); /* [PROV-DATA-12] */
	cr_assert((r == 0) == (code == 0), "result %d with code %d", r, code);
	return code;
}

int pp_recv(SOCKET s, struct pp_op *op, void *buf, ULONG len, bool silent)
{
	WSABUF b = {.len = len, .buf = buf};
	DWORD got = 0, flags = 0;
	int code = -1;
	begin(op, silent);
	int r = ph.proc.lpWSPRecv(s, &b, 1, &got, &flags, &op->ov, NULL, NULL, &code);
	memset(&b, 0xee, sizeof(b));
	cr_assert((r == 0) == (code == 0), "result %d with code %d", r, code);
	return code;
}

int pp_rdma(SOCKET s, bool read, struct pp_op *op, const WSABUFEX *v, DWORD n, void *desc,
	    DWORD offset, bool silent)
{
	WSABUFEX copy[64];
	DWORD done = 0;
	int code = -1;
	begin(op, silent);
	memcpy(copy, v, n * sizeof(*v));
	if (read)
		pp_ext.read(s, copy, n, desc, 32, offset, &done, 0, &op->ov, NULL, NULL, &code);
	else
		pp_ext.write(s, copy, n, desc, 32, offset, &done, 0, &op->ov, NULL, NULL, &code);
	memset(copy, 0xee, sizeof(copy));
	return code;
}

int pp_poll(SOCKET s, struct pp_op *op)
{
	DWORD bytes = 12345, flags = 12345;
	int code = -1;
	BOOL ok = ph.proc.lpWSPGetOverlappedResult(s, &op->ov, &bytes, FALSE, &flags, &code);
	cr_assert(ok == (code == 0) && (ok == TRUE || ok == FALSE), "%d with code %d", ok, code);
	if (code != WSA_IO_INCOMPLETE && (uintptr_t)op->ov.hEvent & 1) {
		op->bytes = bytes;
		op->code = (DWORD)code;
	}
	return code;
}

int pp_wait(SOCKET s, struct pp_op *op)
{
	int code = -1;
	cr_assert(WSD_UNTIL((code = pp_poll(s, op)) != WSA_IO_INCOMPLETE, PP_SOON_MS),
		  "an operation does not complete");
	return code;
}

int pp_told_code(struct pp_op *op)
{
	cr_assert(WSD_UNTIL(atomic_load(&op->told), PP_SOON_MS), "no upcall");
	cr_assert_eq(atomic_load(&op->told), 1, "told %d times", atomic_load(&op->told));
	return (int)op->code;
}

bool pp_told_n(struct pp_op *ops, int n, int ms)
{
	for (int i = 0; i < n; i++)
		if (!WSD_UNTIL(atomic_load(&ops[i].told), ms))
			return false;
	return true;
}

void *pp_mem(size_t size)
{
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(mem, MAP_FAILED);
	memset(mem, 0, size);
	return mem;
}

void pp_unmap(void *mem, size_t size)
{
	munmap(mem, size);
}

HANDLE pp_reg(SOCKET s, void *buf, size_t len, DWORD flags)
{
	int code = -1;
	HANDLE h = pp_ext.reg(s, buf, (DWORD)len, flags, &code);
	cr_assert_not_null(h, "register: %d", code);
	cr_assert_eq(code, 0);
	return h;
}

int pp_dereg(SOCKET s, HANDLE h)
{
	int code = -1;
	int r = pp_ext.dereg(s, h, &code);
	cr_assert((r == 0) == (code == 0));
	return code;
}

void pp_first_messages(const struct pp_pair *p)
{
	char *mem = pp_mem(4096);
	HANDLE a = pp_reg(p->a, mem, 4096, MEM_READWRITE),
	       b = pp_reg(p->b, mem, 4096, MEM_READWRITE);
	struct pp_op ops[4] = {0};
	cr_assert_eq(pp_recv(p->a, &ops[0], mem, 8, true), WSA_IO_PENDING);
	cr_assert_eq(pp_recv(p->b, &ops[1], mem + 8, 8, true), WSA_IO_PENDING);
	cr_assert_eq(pp_send(p->a, &ops[2], mem + 16, 8, true), WSA_IO_PENDING);
	cr_assert_eq(pp_send(p->b, &ops[3], mem + 24, 8, true), WSA_IO_PENDING);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pp_wait(i % 2 ? p->b : p->a, &ops[i]), 0);
	cr_assert_eq(pp_dereg(p->a, a), 0);
	cr_assert_eq(pp_dereg(p->b, b), 0);
	pp_unmap(mem, 4096);
}

/* ---- a raw program ---- */

static void raw_event(struct pp_raw *r, enum rdma_cm_event_type want)
{
	struct rdma_cm_event *e;
	struct pollfd fd = {.fd = r->channel->fd, .events = POLLIN};
	cr_assert_gt(poll(&fd, 1, PP_SOON_MS), 0, "no %s", rdma_event_str(want));
	cr_assert_eq(rdma_get_cm_event(r->channel, &e), 0);
	cr_assert_eq(e->event, want, "%s", rdma_event_str(e->event));
	rdma_ack_cm_event(e);
}

SOCKET pp_raw_connect(struct pp_raw *r, SOCKET listener, const char *ip, unsigned short port)
{
	memset(r, 0, sizeof(*r));
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	to.sin_addr.s_addr = inet_addr(ip);
	r->channel = rdma_create_event_channel();
	cr_assert_eq(rdma_create_id(r->channel, &r->id, NULL, RDMA_PS_TCP), 0);
	cr_assert_eq(rdma_resolve_addr(r->id, NULL, (struct sockaddr *)&to, PP_SOON_MS), 0);
	raw_event(r, RDMA_CM_EVENT_ADDR_RESOLVED);
	cr_assert_eq(rdma_resolve_route(r->id, PP_SOON_MS), 0);
	raw_event(r, RDMA_CM_EVENT_ROUTE_RESOLVED);
	r->pd = ibv_alloc_pd(r->id->verbs);
	r->cq = ibv_create_cq(r->id->verbs, 64, NULL, NULL, 0);
	struct ibv_qp_init_attr attr = {
		.send_cq = r->cq,
		.recv_cq = r->cq,
		.cap = {31, 31, 1, 1, 0},
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};
	cr_assert_eq(rdma_create_qp(r->id, r->pd, &attr), 0);
	r->buf = calloc(1, PP_RAW_SIZE);
	r->mr = ibv_reg_mr(r->pd, r->buf, PP_RAW_SIZE, IBV_ACCESS_LOCAL_WRITE);
	cr_assert_not_null(r->mr);
	struct rdma_conn_param param = {
		.responder_resources = 4,
		.initiator_depth = 4,
		.retry_count = 2,
		.rnr_retry_count = 7,
	};
	cr_assert_eq(rdma_connect(r->id, &param), 0);
	SOCKET s = pp_accept(listener);
	raw_event(r, RDMA_CM_EVENT_ESTABLISHED);
	return s;
}

int pp_raw_wait(struct pp_raw *r, struct ibv_wc *wc, int ms)
{
	struct ibv_wc own;
	if (!wc)
		wc = &own;
	return WSD_UNTIL(ibv_poll_cq(r->cq, 1, wc) == 1, ms) ? (int)wc->status : -1;
}

static int raw_post(struct pp_raw *r, struct ibv_send_wr *wr, uint32_t len)
{
	struct ibv_sge sge = {(uintptr_t)r->buf, len, r->mr->lkey};
	struct ibv_send_wr *bad;
	wr->sg_list = &sge;
	wr->num_sge = 1;
	cr_assert_eq(ibv_post_send(r->id->qp, wr, &bad), 0);
	return pp_raw_wait(r, NULL, PP_SOON_MS);
}

int pp_raw_rdma(struct pp_raw *r, bool read, uint64_t addr, uint32_t rkey, uint32_t len)
{
	struct ibv_send_wr wr = {
		.opcode = read ? IBV_WR_RDMA_READ : IBV_WR_RDMA_WRITE,
		.wr.rdma = {.remote_addr = addr, .rkey = rkey},
	};
	return raw_post(r, &wr, len);
}

int pp_raw_send(struct pp_raw *r, uint32_t len)
{
	struct ibv_send_wr wr = {.opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SOLICITED};
	return raw_post(r, &wr, len);
}

void pp_raw_recv(struct pp_raw *r, uint32_t len)
{
	struct ibv_sge sge = {(uintptr_t)r->buf, len, r->mr->lkey};
	struct ibv_recv_wr *bad, wr = {.sg_list = &sge, .num_sge = 1};
	cr_assert_eq(ibv_post_recv(r->id->qp, &wr, &bad), 0);
}

void pp_raw_close(struct pp_raw *r)
{
	rdma_disconnect(r->id);
	rdma_destroy_qp(r->id);
	ibv_dereg_mr(r->mr);
	ibv_destroy_cq(r->cq);
	ibv_dealloc_pd(r->pd);
	rdma_destroy_id(r->id);
	rdma_destroy_event_channel(r->channel);
	free(r->buf);
}

uint64_t pp_desc_address(const void *desc)
{
	uint64_t be;
	memcpy(&be, (const char *)desc + 8, sizeof(be));
	return be64toh(be);
}

uint32_t pp_desc_rkey(const void *desc)
{
	uint32_t be;
	memcpy(&be, (const char *)desc + 24, sizeof(be));
	return be32toh(be);
}

long long pp_counter(const char *name)
{
	char path[128], text[32] = "";
	snprintf(path, sizeof(path), "/sys/class/infiniband/rxe0/ports/1/hw_counters/%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? atoll(text) : -1;
}

struct pp_bed pp_bed_up(size_t size, bool past_first)
{
	struct pp_bed b = {.p = pp_pair(), .mem = pp_mem(size), .size = size};
	if (past_first)
		pp_first_messages(&b.p);
	pp_reg(b.p.a, b.mem, (DWORD)size, MEM_READWRITE);
	pp_reg(b.p.b, b.mem, (DWORD)size, MEM_READWRITE);
	return b;
}

void pp_bed_down(struct pp_bed *b)
{
	pp_close(&b->p);
	pp_unmap(b->mem, b->size);
}
