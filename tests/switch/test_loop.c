/* SPDX-License-Identifier: MIT
 *
 * The loop provider itself, by the SPI: the reference that the switch is tested against must do
 * what provider.md says.
 */
#include "check.h"
#include "loop_provider.h"
#include "prov_harness.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 5000, EVENTS = 64, DESCRIPTOR = 40 };

static struct loop_control *control;
static void *module;
static LPFN_WSPREGISTERMEMORY enroll;
static LPFN_WSPDEREGISTERMEMORY withdraw;
static LPFN_WSPREGISTERRDMAMEMORY enroll_rdma;
static LPFN_WSPDEREGISTERRDMAMEMORY withdraw_rdma;
static LPFN_WSPRDMAWRITE rdma_write;
static LPFN_WSPRDMAREAD rdma_read;

/* Completions, in the order they came. */
static struct {
	LPWSAOVERLAPPED o;
	DWORD code, bytes;
} ends[EVENTS];
static atomic_uint n_ends;

static int WSPAPI up_complete(SOCKET s, LPWSAOVERLAPPED o, DWORD code, DWORD bytes, LPINT error)
{
	unsigned at = atomic_load(&n_ends);
	ends[at % EVENTS].o = o;
	ends[at % EVENTS].code = code;
	ends[at % EVENTS].bytes = bytes;
	atomic_store(&n_ends, at + 1);
	return 0;
}

static void extension(SOCKET s, GUID id, void *ret)
{
	DWORD bytes;
	int error = 0;
	cr_assert_eq(ph.proc.lpWSPIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), ret,
					sizeof(void *), &bytes, NULL, NULL, NULL, &error),
		     0, "%d", error);
}

static void up(void)
{
	void *start;
	module = dlopen(LOOP_MODULE, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	control = dlsym(module, LOOP_CONTROL);
	start = dlsym(module, "WSPStartupEx");
	setenv("LOOP_ADDRS", "10.77.0.1,10.77.0.2", 1);
	setenv("LOOP_CONNECT_MS", "200", 1);
	char net[32]; /* tests run beside each other */
	snprintf(net, sizeof(net), "%d", (int)getppid());
	if (!getenv("LOOP_NET"))
		setenv("LOOP_NET", net, 1);
	ph_use((LPWSPSTARTUPEX)(uintptr_t)start);
	ph.up.lpWPUCompleteOverlappedRequest = up_complete;
	cr_assert_eq(ph_startup(), 0);
	extension(0, (GUID)WSAID_REGISTERMEMORY, &enroll);
	extension(0, (GUID)WSAID_DEREGISTERMEMORY, &withdraw);
	extension(0, (GUID)WSAID_REGISTERRDMAMEMORY, &enroll_rdma);
	extension(0, (GUID)WSAID_DEREGISTERRDMAMEMORY, &withdraw_rdma);
	extension(0, (GUID)WSAID_RDMAWRITE, &rdma_write);
	extension(0, (GUID)WSAID_RDMAREAD, &rdma_read);
	atomic_store(&n_ends, 0);
}

static void down(void)
{
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_open_handles(), 0);
	cr_assert_eq(atomic_load(&ph.wrong), 0);
	cr_assert_eq(atomic_load(&control->sockets), 0);
}

/* WSPConnect and its report. */
static int reach(SOCKET s, struct ph_event *e, const char *ip, unsigned short port)
{
	struct wsd_sockaddr_in to = ph_addr(ip, port);
	WSANETWORKEVENTS events;
	int error = 0;
	cr_assert_eq(ph_select(s, e, FD_CONNECT), 0);
	int result = ph.proc.lpWSPConnect(s, (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL,
					  NULL, NULL, &error);
	if (result == 0 || error != WSAEWOULDBLOCK)
		return error;
	cr_assert_eq(ph.proc.lpWSPConnect(s, (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL,
					  NULL, NULL, &error),
		     SOCKET_ERROR);
	cr_assert(WSD_UNTIL(atomic_load(&e->set), DEADLINE_MS), "no FD_CONNECT");
	cr_assert_eq(ph_enum(s, e, &events), 0);
	cr_assert_eq(events.lNetworkEvents, FD_CONNECT);
	return events.iErrorCode[FD_CONNECT_BIT];
}

static int answer = CF_ACCEPT;
static int CALLBACK condition(LPWSABUF caller, LPWSABUF a, LPQOS b, LPQOS c, LPWSABUF callee,
			      LPWSABUF d, GROUP *g, DWORD_PTR data)
{
	cr_assert_eq(data, 4242);
	cr_assert_eq(caller->len, sizeof(struct wsd_sockaddr_in));
	cr_assert_neq(((struct wsd_sockaddr_in *)callee->buf)->sin_addr.s_addr, 0);
	return answer;
}

static SOCKET take(SOCKET listener, int *ret_code)
{
	struct wsd_sockaddr_in peer;
	int len = sizeof(peer), error = 0;
	SOCKET s = INVALID_SOCKET;
	cr_assert(WSD_UNTIL((s = ph.proc.lpWSPAccept(listener, (struct wsd_sockaddr *)&peer, &len,
						     condition, 4242, &error)) != INVALID_SOCKET ||
				    error != WSAEWOULDBLOCK,
			    DEADLINE_MS));
	if (ret_code)
		*ret_code = error;
	return s;
}

struct pair {
	SOCKET listener, client, server;
	struct ph_event e, l;
};

static void start_connect(struct pair *p, unsigned short port)
{
	int error;
	struct wsd_sockaddr_in to = ph_addr("10.77.0.2", port);
	memset(p, 0, sizeof(*p));
	p->listener = ph_listener("10.77.0.2", port, 3);
	p->client = ph_socket();
	cr_assert_eq(ph_bind(p->client, "10.77.0.1", ph_port()), 0);
	cr_assert_eq(ph_select(p->client, &p->e, FD_CONNECT), 0);
	ph.proc.lpWSPConnect(p->client, (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL, NULL,
			     NULL, &error);
	cr_assert_eq(error, WSAEWOULDBLOCK);
}

static void make_pair(struct pair *p)
{
	WSANETWORKEVENTS events;
	start_connect(p, ph_port());
	p->server = take(p->listener, NULL);
	cr_assert_neq(p->server, INVALID_SOCKET);
	cr_assert(WSD_UNTIL(atomic_load(&p->e.set), DEADLINE_MS));
	cr_assert_eq(ph_enum(p->client, &p->e, &events), 0);
	cr_assert_eq(events.iErrorCode[FD_CONNECT_BIT], 0);
}

static void free_pair(struct pair *p)
{
	cr_assert_eq(ph_close(p->client), 0);
	cr_assert_eq(ph_close(p->server), 0);
	cr_assert_eq(ph_close(p->listener), 0);
}

static int send_code(SOCKET s, void *data, uint32_t len, LPWSAOVERLAPPED o)
{
	WSABUF b = {len, data};
	int error = 0;
	ph.proc.lpWSPSend(s, &b, 1, NULL, 0, o, NULL, NULL, &error);
	return error;
}

static int recv_code(SOCKET s, void *data, uint32_t len, LPWSAOVERLAPPED o)
{
	WSABUF b = {len, data};
	DWORD flags = 0;
	int error = 0;
	ph.proc.lpWSPRecv(s, &b, 1, NULL, &flags, o, NULL, NULL, &error);
	return error;
}

static bool ended(LPWSAOVERLAPPED o, unsigned from, DWORD *ret_code, DWORD *ret_bytes)
{
	for (unsigned i = from; i < atomic_load(&n_ends); i++)
		if (ends[i].o == o) {
			*ret_code = ends[i].code;
			*ret_bytes = ends[i].bytes;
			return true;
		}
	return false;
}

Test(loop, messages_keep_order_and_bounds_and_may_come_early)
{
	WSD_TEST_BEGIN();
	struct pair p;
	char out[64], in[64];
	WSAOVERLAPPED so[3], ro[3];
	DWORD code, bytes;
	up();
	make_pair(&p);
	memset(so, 0, sizeof(so));
	memset(ro, 0, sizeof(ro));
	snprintf(out, sizeof(out), "0123456789abcdef");
	/* no registration: nothing is posted [PROV-DATA-4] */
	cr_assert_eq(send_code(p.client, out, 4, &so[0]), WSAEFAULT);
	int error = 0;
	HANDLE h = enroll(p.client, out, sizeof(out), MEM_READ, &error);
	cr_assert_not_null(h);
	cr_assert_not_null(enroll(p.server, in, sizeof(in), MEM_READWRITE, &error));
	cr_assert_eq(recv_code(p.client, out, 4, &so[0]), WSAEFAULT, "read-only memory");
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(send_code(p.client, out + 4 * i, 4 - i, &so[i]), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(atomic_load(&control->early) == 3, DEADLINE_MS));
	cr_assert_eq(atomic_load(&n_ends), 0, "sent, but nobody has received");
	cr_assert_eq(withdraw(p.client, h, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAEINVAL, "in use");
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(recv_code(p.server, in + 8 * i, 8, &ro[i]), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(atomic_load(&n_ends) == 6, DEADLINE_MS));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(ended(&ro[i], 0, &code, &bytes) && !code);
		cr_assert_eq(bytes, 4 - i);
		cr_assert_eq(memcmp(in + 8 * i, out + 4 * i, bytes), 0);
		cr_assert(ended(&so[i], 0, &code, &bytes) && !code);
	}
	cr_assert_eq(withdraw(p.client, h, &error), 0);
	free_pair(&p);
	down();
	WSD_TEST_END();
}

Test(loop, polled_operations_have_no_upcall)
{
	WSD_TEST_BEGIN();
	struct pair p;
	char out[8] = "silent", in[8] = "";
	WSAOVERLAPPED so = {.hEvent = (HANDLE)1}, ro = {.hEvent = (HANDLE)1};
	DWORD bytes = 0, flags;
	int error = 0;
	up();
	make_pair(&p);
	enroll(p.client, out, sizeof(out), MEM_READ, &error);
	enroll(p.server, in, sizeof(in), MEM_WRITE, &error);
	cr_assert_eq(recv_code(p.server, in, sizeof(in), &ro), WSA_IO_PENDING);
	cr_assert_not(
		ph.proc.lpWSPGetOverlappedResult(p.server, &ro, &bytes, FALSE, &flags, &error));
	cr_assert_eq(error, WSA_IO_INCOMPLETE);
	cr_assert_eq(send_code(p.client, out, 6, &so), WSA_IO_PENDING);
	cr_assert(ph.proc.lpWSPGetOverlappedResult(p.server, &ro, &bytes, TRUE, &flags, &error));
	cr_assert_eq(bytes, 6);
	cr_assert_str_eq(in, "silent");
	cr_assert(ph.proc.lpWSPGetOverlappedResult(p.client, &so, &bytes, TRUE, &flags, &error));
	cr_assert_eq(atomic_load(&n_ends), 0);
	free_pair(&p);
	down();
	WSD_TEST_END();
}

static int transfer(bool write, SOCKET s, void *data, uint32_t len, HANDLE h, void *descriptor,
		    DWORD offset, LPWSAOVERLAPPED o)
{
	WSABUFEX b = {len, data, h};
	int error = 0;
	DWORD bytes;
	memset(o, 0, sizeof(*o));
	if (write)
		rdma_write(s, &b, 1, descriptor, DESCRIPTOR, offset, &bytes, 0, o, NULL, NULL,
			   &error);
	else
		rdma_read(s, &b, 1, descriptor, DESCRIPTOR, offset, &bytes, 0, o, NULL, NULL,
			  &error);
	return error;
}

Test(loop, rdma_moves_bytes_within_exact_rights)
{
	WSD_TEST_BEGIN();
	struct pair p, q;
	static char local[4096], target[4096];
	unsigned char w[DESCRIPTOR], r[DESCRIPTOR];
	DWORD len = 4, code, bytes;
	WSAOVERLAPPED o;
	int error = 0;
	up();
	make_pair(&p);
	make_pair(&q);
	cr_assert_eq(enroll_rdma(p.server, target, 4096, MEM_WRITE, w, &len, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAEFAULT);
	cr_assert_eq(len, sizeof(w), "the length that it needs [PROV-MEM-5]");
	cr_assert_eq(enroll_rdma(p.server, target, 2048, MEM_WRITE, w, &len, &error), 0);
	cr_assert_eq(enroll_rdma(p.server, target + 2048, 2048, MEM_READ, r, &len, &error), 0);
	HANDLE h = enroll(p.client, local, sizeof(local), MEM_READWRITE, &error);
	memset(local, 'x', sizeof(local));
	cr_assert_eq(transfer(true, p.client, local, 100, h, w, 7, &o), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(ended(&o, 0, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, 0);
	cr_assert_eq(bytes, 100);
	cr_assert(target[6] == 0 && target[7] == 'x' && target[106] == 'x' && target[107] == 0);
	memset(target + 2048, 'y', 2048);
	unsigned before = atomic_load(&n_ends);
	cr_assert_eq(transfer(false, p.client, local + 1, 2, h, r, 2046, &o), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(ended(&o, before, &code, &bytes), DEADLINE_MS));
	cr_assert(code == 0 && local[0] == 'x' && local[1] == 'y' && local[2] == 'y' &&
		  local[3] == 'x');
	/* [PROV-RDMA-2]: refused here, and the connection lives */
	cr_assert_eq(transfer(false, p.client, local, 3, h, r, 2046, &o), WSAEINVAL);
	cr_assert_eq(transfer(true, p.client, local, 3, NULL, w, 0, &o), WSAEFAULT);
	w[30]++;
	cr_assert_eq(transfer(true, p.client, local, 3, h, w, 0, &o), WSAEINVAL);
	w[30]--;
	/* somebody else's connection [PROV-MEM-8] */
	HANDLE g = enroll(q.client, local, sizeof(local), MEM_READWRITE, &error);
	before = atomic_load(&n_ends);
	cr_assert_eq(transfer(true, q.client, local, 3, g, w, 0, &o), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(ended(&o, before, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, WSAECONNABORTED);
	/* read-only is not writable [PROV-MEM-7] */
	before = atomic_load(&n_ends);
	cr_assert_eq(transfer(true, p.client, local, 3, h, r, 0, &o), WSA_IO_PENDING);
	cr_assert(WSD_UNTIL(ended(&o, before, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, WSAECONNABORTED);
	cr_assert_eq(target[2048], 'y');
	cr_assert_eq(withdraw_rdma(p.server, w, sizeof(w), &error), 0);
	free_pair(&p);
	free_pair(&q);
	down();
	WSD_TEST_END();
}

Test(loop, who_is_refused_learns_how_final_it_is)
{
	WSD_TEST_BEGIN();
	struct pair p;
	struct ph_event e = {0};
	int code = 0;
	up();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, "10.77.0.9", 5000), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_bind(s, "0.0.0.0", 5000), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_bind(s, "10.77.0.1", ph_port()), 0);
	cr_assert_eq(reach(s, &e, "10.77.0.2", 1), WSAETIMEDOUT, "nobody is no final answer");
	control->options.n_lost = 1;
	inet_pton(AF_INET, "10.77.0.99", &control->options.lost_be[0]);
	long long before = wsd_check_now_ms();
	cr_assert_eq(reach(s, &e, "10.77.0.99", 1), WSAETIMEDOUT);
	cr_assert_geq(wsd_check_now_ms() - before, 150);
	cr_assert_eq(ph_close(s), 0);

	answer = CF_DEFER;
	start_connect(&p, ph_port());
	cr_assert_eq(take(p.listener, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSATRY_AGAIN);
	answer = CF_REJECT;
	cr_assert_eq(take(p.listener, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAECONNREFUSED);
	WSANETWORKEVENTS events;
	cr_assert(WSD_UNTIL(atomic_load(&p.e.set), DEADLINE_MS));
	ph_enum(p.client, &p.e, &events);
	cr_assert_eq(events.iErrorCode[FD_CONNECT_BIT], WSAECONNREFUSED);
	cr_assert_eq(ph_close(p.client), 0);
	cr_assert_eq(ph_close(p.listener), 0);
	answer = CF_ACCEPT;

	/* a full backlog refuses, a listener that closes does not [PROV-LISTEN-3] */
	unsigned short port = ph_port();
	SOCKET l = ph_listener("10.77.0.2", port, 1), c[2];
	struct ph_event es[2] = {{0}, {0}};
	struct wsd_sockaddr_in to = ph_addr("10.77.0.2", port);
	for (int i = 0; i < 2; i++) {
		c[i] = ph_socket();
		cr_assert_eq(ph_bind(c[i], "10.77.0.1", ph_port()), 0);
		cr_assert_eq(ph_select(c[i], &es[i], FD_CONNECT), 0);
		ph.proc.lpWSPConnect(c[i], (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL, NULL,
				     NULL, &code);
		usleep(20000);
	}
	cr_assert(WSD_UNTIL(atomic_load(&es[1].set), DEADLINE_MS));
	ph_enum(c[1], &es[1], &events);
	cr_assert_eq(events.iErrorCode[FD_CONNECT_BIT], WSAECONNREFUSED);
	cr_assert_eq(ph_close(l), 0);
	cr_assert(WSD_UNTIL(atomic_load(&es[0].set), DEADLINE_MS));
	ph_enum(c[0], &es[0], &events);
	cr_assert_eq(events.iErrorCode[FD_CONNECT_BIT], WSAETIMEDOUT);
	cr_assert_eq(ph_close(c[0]), 0);
	cr_assert_eq(ph_close(c[1]), 0);
	down();
	WSD_TEST_END();
}

Test(loop, a_close_ends_everything_on_both_sides)
{
	WSD_TEST_BEGIN();
	struct pair p;
	char data[64] = "";
	WSAOVERLAPPED o[4];
	DWORD code, bytes;
	int error = 0;
	up();
	make_pair(&p);
	memset(o, 0, sizeof(o));
	enroll(p.client, data, sizeof(data), MEM_READWRITE, &error);
	enroll(p.server, data, sizeof(data), MEM_READWRITE, &error);
	cr_assert_eq(recv_code(p.client, data, 8, &o[0]), WSA_IO_PENDING);
	cr_assert_eq(recv_code(p.server, data, 8, &o[1]), WSA_IO_PENDING);
	cr_assert_eq(ph_close(p.client), 0);
	cr_assert(ended(&o[0], 0, &code, &bytes), "before WSPCloseSocket returns");
	cr_assert_eq(code, WSA_OPERATION_ABORTED);
	cr_assert(WSD_UNTIL(ended(&o[1], 0, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, WSAECONNRESET);
	cr_assert_eq(send_code(p.server, data, 8, &o[2]), WSAECONNRESET, "the stored reason");
	cr_assert_eq(send_code(p.client, data, 8, &o[2]), WSAENOTSOCK);
	cr_assert_eq(ph_close(p.client), WSAENOTSOCK);
	cr_assert_eq(ph_close(p.server), 0);
	cr_assert_eq(ph_close(p.listener), 0);
	/* lost, and a message that is too long for its receive */
	make_pair(&p);
	enroll(p.client, data, sizeof(data), MEM_READWRITE, &error);
	enroll(p.server, data, sizeof(data), MEM_READWRITE, &error);
	unsigned before = atomic_load(&n_ends);
	recv_code(p.client, data, 8, &o[0]);
	recv_code(p.server, data, 8, &o[1]);
	send_code(p.client, data, 9, &o[2]);
	cr_assert(WSD_UNTIL(ended(&o[1], before, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, WSAEMSGSIZE);
	cr_assert(WSD_UNTIL(ended(&o[0], before, &code, &bytes), DEADLINE_MS));
	cr_assert_eq(code, WSAECONNRESET);
	free_pair(&p);
	down();
	WSD_TEST_END();
}

/* Another process: echoes one message, after having written a word into the peer's memory. */
static void serve_one(unsigned short port)
{
	char in[64], local[16] = "written";
	WSAOVERLAPPED o[3];
	int error = 0;
	DWORD code, bytes;
	memset(o, 0, sizeof(o));
	up();
	SOCKET l = ph_listener("10.77.0.2", port, 3);
	SOCKET s = take(l, NULL);
	enroll(s, in, sizeof(in), MEM_READWRITE, &error);
	HANDLE h = enroll(s, local, sizeof(local), MEM_READWRITE, &error);
	recv_code(s, in, sizeof(in), &o[0]);
	while (!ended(&o[0], 0, &code, &bytes))
		usleep(1000);
	transfer(true, s, local, 8, h, in, 4, &o[1]);
	transfer(false, s, local + 8, 4, h, in, 0, &o[2]);
	while (!ended(&o[2], 0, &code, &bytes))
		usleep(1000);
	memcpy(in, local + 8, 4);
	send_code(s, in, 4, &o[0]);
	while (!ended(&o[0], 1, &code, &bytes))
		usleep(1000);
	ph_close(s);
	ph_close(l);
	_exit(ph_cleanup());
}

Test(loop, two_processes_reach_each_others_memory)
{
	WSD_TEST_BEGIN();
	unsigned short port = ph_port();
	static char target[64], out[64], in[64];
	struct ph_event e = {0};
	WSAOVERLAPPED so, ro;
	DWORD len = DESCRIPTOR, code, bytes;
	int error = 0, status = 0;
	char net[32];
	snprintf(net, sizeof(net), "two%d", (int)getpid());
	setenv("LOOP_NET", net, 1);
	fflush(NULL);
	pid_t child = fork();
	if (!child)
		serve_one(port);
	up();
	memset(&so, 0, sizeof(so));
	memset(&ro, 0, sizeof(ro));
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, "10.77.0.1", ph_port()), 0);
	cr_assert(WSD_UNTIL(reach(s, &e, "10.77.0.2", port) == 0, DEADLINE_MS));
	strcpy(target, "abcd");
	cr_assert_eq(enroll_rdma(s, target, sizeof(target), MEM_READWRITE, out, &len, &error), 0);
	enroll(s, out, sizeof(out), MEM_READ, &error);
	enroll(s, in, sizeof(in), MEM_WRITE, &error);
	recv_code(s, in, sizeof(in), &ro);
	send_code(s, out, len, &so);
	cr_assert(WSD_UNTIL(ended(&ro, 0, &code, &bytes), DEADLINE_MS));
	cr_assert(code == 0 && bytes == 4);
	cr_assert_eq(memcmp(in, "abcd", 4), 0);
	cr_assert_str_eq(target, "abcdwritten");
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(ph_close(s), 0);
	down();
	WSD_TEST_END();
}
