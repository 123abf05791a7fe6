/* SPDX-License-Identifier: MIT
 *
 * The data side under ThreadSanitizer, over a NIC in memory: threads post, poll, register and
 * attend while the NIC completes; then the connection ends in one of four ways, and is closed.
 * Each operation ends once, and is told once or never as it asked. Usage: stress_prov_data [ROUNDS]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "fake_nic.h"

#include "../../provider/transfer.h"
#include "../../provider/wsp.h"

enum { OPS = 400, POSTERS = 2, SIZE = 4096 };

enum ending { CLOSE, LOSE, REMOVE, STALL, ENDINGS };

static char mem[SIZE];

struct poster {
	pthread_t thread;
	struct fake_op ops[OPS];
	bool started[OPS];
	unsigned seed;
};

static struct poster posters[POSTERS];
static atomic_bool stop;

static void *post(void *arg)
{
	struct poster *p = arg;
	for (int i = 0; i < OPS; i++) {
		bool silent = rand_r(&p->seed) & 1, recv = rand_r(&p->seed) & 1;
		struct fake_op *op = &p->ops[i];
		int code = recv ? fake_recv(op, mem, 512, silent) : fake_send(op, mem, 512, silent);
		p->started[i] = code == WSA_IO_PENDING;
		if (silent && p->started[i] && rand_r(&p->seed) % 4 == 0)
			fake_poll(op);
		if (code != WSA_IO_PENDING)
			break;
	}
	return NULL;
}

static void *work(void *arg)
{
	unsigned seed = 7;
	while (!atomic_load(&stop))
		if (!fake_work((unsigned)rand_r(&seed) % 4, 100))
			usleep(50);
	return NULL;
}

static void *registrations(void *arg)
{
	static char other[SIZE];
	while (!atomic_load(&stop)) {
		int code;
		char out[32];
		DWORD len = sizeof(out);
		HANDLE h = prov_WSPRegisterMemory(fake.desc, other, SIZE, MEM_READ, &code);
		if (h)
			prov_WSPDeregisterMemory(fake.desc, h, &code);
		prov_WSPRegisterRdmaMemory(fake.desc, other, SIZE, MEM_WRITE, out, &len, &code);
		if (!code)
			prov_WSPDeregisterRdmaMemory(fake.desc, out, len, &code);
	}
	return NULL;
}

static void *attend(void *arg)
{
	unsigned seed = 3;
	while (!atomic_load(&stop)) {
		int code, fd = -1;
		prov_WSPAttend(fake.desc, TRUE, &fd, &code);
		prov_WSPAttend(fake.desc, TRUE, &fd, &code);
		if (rand_r(&seed) % 4 == 0)
			prov_WSPAttend(fake.desc, FALSE, &fd, &code);
		usleep(20);
	}
	return NULL;
}

/* What the provider's event thread does. */
static void *events(void *arg)
{
	while (!atomic_load(&stop)) {
		struct epoll_event e;
		cm_run_kicks(&fake.p);
		stall_look(&fake.p);
		if (epoll_wait(fake.p.epoll_fd, &e, 1, 1) == 1)
			conn_readable(e.data.u64);
	}
	cm_run_kicks(&fake.p);
	return NULL;
}

static void *lose(void *arg)
{
	conn_lost(fake.c, WSAECONNABORTED);
	sock_unref(fake.s);
	return NULL;
}

static void *remove_it(void *arg)
{
	fake_remove();
	return NULL;
}

static int check(int round, unsigned *ops)
{
	int wrong = 0;
	for (int k = 0; k < POSTERS; k++)
		for (int i = 0; i < OPS; i++) {
			const struct fake_op *op = &posters[k].ops[i];
			if (!posters[k].started[i])
				continue;
			++*ops;
			int want = (uintptr_t)op->ov.hEvent & 1 ? 0 : 1;
			if (op->ov.Internal != WSS_OPERATION_IN_PROGRESS && op->told == want)
				continue;
			fprintf(stderr, "round %d: operation %d of %d: %#lx, told %d times\n",
				round, i, k, (unsigned long)op->ov.Internal, op->told);
			wrong++;
		}
	return wrong;
}

static int run(int round, unsigned *ops)
{
	enum ending ending = round % ENDINGS;
	static void *(*const others[])(void *) = {work, registrations, attend, events};
	enum { OTHERS = sizeof(others) / sizeof(others[0]) };
	pthread_t threads[OTHERS], end;
	int code;
	atomic_store(&stop, false);
	memset(posters, 0, sizeof(posters));
	fake_up(true);
	/* a NIC without hardware gets another queue pair when not everything comes back */
	bool soft = round / ENDINGS % 2;
	fake.dev.soft = fake.c->transfer->soft = soft;
	fake.c->transfer->sq.depth -= soft; /* as transfer_open() does */
	fake_reg(mem, SIZE, MEM_READWRITE);
	for (int i = 0; i < OTHERS; i++)
		pthread_create(&threads[i], NULL, others[i], NULL);
	for (int i = 0; i < POSTERS; i++) {
		posters[i].seed = (unsigned)(round * POSTERS + i + 1);
		pthread_create(&posters[i].thread, NULL, post, &posters[i]);
	}
	usleep((useconds_t)(500 + round % 7 * 700));
	if (ending == STALL)
		fake_stall();
	if (ending != CLOSE) {
		sock_ref(fake.s);
		pthread_create(&end, NULL, ending == REMOVE ? remove_it : lose, NULL);
		usleep((useconds_t)(round % 5 * 100));
	}
	prov_WSPCloseSocket(fake.desc, &code);
	if (ending != CLOSE)
		pthread_join(end, NULL);
	for (int i = 0; i < POSTERS; i++)
		pthread_join(posters[i].thread, NULL); /* it is told that the socket is closed */
	atomic_store(&stop, true);
	for (int i = 0; i < OTHERS; i++) /* the last kick may be a poster's */
		pthread_join(threads[i], NULL);
	int wrong = check(round, ops);
	stall_look(&fake.p); /* which may have a reference to the socket */
	fake_down();
	return wrong;
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 60, wrong = 0;
	unsigned ops = 0;
	for (int i = 0; i < rounds && !wrong; i++)
		wrong = run(i, &ops);
	printf("%d rounds, %u operations, %d wrong\n", rounds, ops, wrong);
	return wrong != 0;
}
