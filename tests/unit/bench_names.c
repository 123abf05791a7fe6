/* SPDX-License-Identifier: MIT */
/*
 * bench_names.c: what a name costs: beside a kernel bind that fails, with many held, from another
 * process, and until the next in rank is told. A plain program: `bench_names [ROUNDS]`. Ratios only
 * mean something within one run.
 */
#include "names_lab.h"
#include "names_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 512, MAX_ROUNDS = 201 };

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_size);
	return v[n / 2];
}

static void nothing(void *ctx, uint64_t id, uint64_t cookie)
{
}

static void no_shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4],
		      size_t count)
{
}

static const struct names_ops ops = {nothing, no_shadow, nothing};

static struct names *open_book(const char *name)
{
	struct names_config cfg = {.broker_name = name};
	struct names *n;

	if (names_open(&cfg, &ops, NULL, &n) != 0)
		exit(1);
	return n;
}

static struct names_request name(unsigned address, unsigned port, enum names_mode mode)
{
	struct names_request req = {.proto = NAMES_TCP4, .mode = mode, .port = (uint16_t)port};

	memcpy(req.addr, (uint8_t[]){10, 77, (uint8_t)address, 1}, 4);
	return req;
}

static uint64_t take(struct names *n, struct names_request req)
{
	uint64_t id;
	uint16_t port;
	int r = names_bind(n, &req, 0, &id, &port);

	if (r) {
		fprintf(stderr, "bench_names: bind %u: %d\n", req.port, r);
		exit(1);
	}
	return id;
}

/* Microseconds of one refusal by the book, and of one kernel bind that fails. */
static void refusal(struct names *n, int rounds)
{
	double ours[MAX_ROUNDS], kernels[MAX_ROUNDS];
	struct sockaddr_in taken = {.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(taken);
	int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int newcomer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct names_request req = name(0, 4000, NAMES_DEFAULT);
	uint64_t held = take(n, req), id;
	uint16_t port;

	if (bind(holder, (struct sockaddr *)&taken, len) < 0 ||
	    getsockname(holder, (struct sockaddr *)&taken, &len) < 0)
		exit(1);
	for (int r = 0; r < rounds; r++) {
		double start = now_us();
		for (int i = 0; i < BATCH; i++)
			if (names_bind(n, &req, 0, &id, &port) == 0)
				exit(1);
		double middle = now_us();
		for (int i = 0; i < BATCH; i++)
			if (bind(newcomer, (struct sockaddr *)&taken, len) == 0)
				exit(1);
		ours[r] = (middle - start) / BATCH;
		kernels[r] = (now_us() - middle) / BATCH;
	}
	double a = median(ours, rounds), b = median(kernels, rounds);
	printf("refusal in the broker's process: %.3f us; kernel bind that fails: %.3f us; ratio "
	       "%.2f\n",
	       a, b, a / b);
	names_release(n, held);
	close(holder);
	close(newcomer);
}

/* One more bind and release on each of BATCH free names. */
static double one_more(struct names *n, const struct names_request *req, int rounds)
{
	double cost[MAX_ROUNDS];
	static uint64_t id[BATCH];

	for (int r = 0; r < rounds; r++) {
		double start = now_us();
		for (int i = 0; i < BATCH; i++)
			id[i] = take(n, req[i]);
		cost[r] = (now_us() - start) / BATCH;
		for (int i = 0; i < BATCH; i++)
			names_release(n, id[i]);
	}
	return median(cost, rounds);
}

/* The same names are probed with each number held, interleaved, so that the machine's moods strike
 * all alike. */
static void held(int rounds)
{
	static const int counts[] = {100, 10000, 50000, 1000};
	enum { COUNTS = sizeof(counts) / sizeof(counts[0]), SHARED = COUNTS - 1 };
	struct names *n[COUNTS];
	struct names_request probe[BATCH], shared[BATCH];
	double cost[COUNTS][MAX_ROUNDS];
	char book[48];

	for (int i = 0; i < BATCH; i++) {
		probe[i] = name((unsigned)i % 4, 60000 + (unsigned)i / 4, NAMES_DEFAULT);
		shared[i] = name(0, 5000, NAMES_REUSE);
	}
	for (int c = 0; c < COUNTS; c++) {
		snprintf(book, sizeof(book), "wsd.bench.%d.%d", (int)getpid(), c);
		n[c] = open_book(book);
		for (int i = 0; i < counts[c]; i++)
			take(n[c], c == SHARED ? shared[0]
					       : name((unsigned)i % 4, 5000 + (unsigned)i / 4,
						      NAMES_DEFAULT));
	}
	for (int r = 0; r < rounds; r++)
		for (int c = 0; c < COUNTS; c++)
			cost[c][r] = one_more(n[c], c == SHARED ? shared : probe, 1);
	double base = median(cost[0], rounds);
	for (int c = 0; c < COUNTS; c++) {
		double us = c ? median(cost[c], rounds) : base;
		printf("one more bind with %d %s: %.3f us; ratio %.2f\n", counts[c],
		       c == SHARED ? "sharing its name" : "names held over four addresses", us,
		       us / base);
	}
	for (int c = 0; c < COUNTS; c++)
		names_close(n[c]);
}

/* What port 0 costs while the range fills, and when it is full. */
static void dynamic(int rounds)
{
	char book[48];
	snprintf(book, sizeof(book), "wsd.bench.%d.dynamic", (int)getpid());
	struct names *n = open_book(book);
	struct names_request req = name(0, 0, NAMES_DEFAULT);
	uint64_t id;
	uint16_t port;
	int total = 0;

	static const int steps[] = {1000, 8192, 16000, 16384};
	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		double start = now_us();
		int before = total;
		for (; total < steps[s]; total++)
			take(n, req);
		printf("port 0, number %d to %d of 16384: %.3f us each\n", before + 1, total,
		       (now_us() - start) / (total - before));
	}
	double start = now_us();
	for (int i = 0; i < rounds * 16; i++)
		if (names_bind(n, &req, 0, &id, &port) == 0)
			exit(1);
	printf("port 0, none left: %.3f us\n", (now_us() - start) / (rounds * 16));
	req.scalability = true;
	req.addr[2] = 1;
	start = now_us();
	for (int i = 0; i < 16384; i++)
		take(n, req);
	printf("port 0 with SO_PORT_SCALABILITY on a second address, 16384 of them: %.3f us each\n",
	       (now_us() - start) / 16384);
	names_close(n);
}

static void memory(void)
{
	char book[48];
	snprintf(book, sizeof(book), "wsd.bench.%d.memory", (int)getpid());
	struct names *n = open_book(book);

	take(n, name(0, 4000, NAMES_DEFAULT));
	size_t index = book_bytes(n->book);
	struct mallinfo2 before = mallinfo2();
	for (int i = 0; i < 50000; i++)
		take(n, name((unsigned)i % 4, 5000 + (unsigned)i / 4, NAMES_DEFAULT));
	struct mallinfo2 after = mallinfo2();
	double heap =
		(double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
	printf("bytes for each of 50000 names: %zu in the table, %.0f beside it (%.0f by malloc)\n",
	       sizeof(struct table_name), (double)(book_bytes(n->book) - index) / 50000,
	       heap / 50000);
	names_close(n);
}

static void remote(int rounds)
{
	double grant[MAX_ROUNDS], refuse[MAX_ROUNDS];
	struct lab lab;
	uint64_t id;
	uint16_t port;

	lab_open(&lab, "bench");
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 *", "bind 1 tcp4 def 10.77.0.1 4000");
	struct names *n = open_book(lab.book);
	struct names_request taken = name(0, 4000, NAMES_DEFAULT),
			     free = name(0, 4001, NAMES_DEFAULT);
	names_release(n, take(n, free));
	for (int r = 0; r < rounds; r++) {
		double start = now_us();
		for (int i = 0; i < 16; i++)
			names_release(n, take(n, free));
		double middle = now_us();
		for (int i = 0; i < 16; i++)
			if (names_bind(n, &taken, 0, &id, &port) == 0)
				exit(1);
		grant[r] = (middle - start) / 16;
		refuse[r] = (now_us() - middle) / 16;
	}
	printf("from another process: refusal %.1f us, bind and release %.1f us\n",
	       median(refuse, rounds), median(grant, rounds));
	names_close(n);
	lab_close(&lab);
}

/* From the end of the head until the next in rank has been called back. */
static void takeover(int rounds)
{
	static const struct {
		const char *what;
		int head, signal; /* head: 0 is the keeper; signal 0: release */
	} rows[] = {
		{"release by a client", 1, 0},
		{"release by the keeper", 0, 0},
		{"SIGKILL of a client", 1, SIGKILL},
		{"SIGKILL of the keeper", 0, SIGKILL},
	};
	for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
		double took[MAX_ROUNDS];
		for (int r = 0; r < rounds; r++) {
			struct lab lab;
			int head = rows[k].head;
			lab_open(&lab, "bench");
			for (int i = 0; i < 3; i++) {
				lab_start(&lab, i, NULL, NULL);
				lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 reuse 10.77.0.1 5000");
			}
			lab_check(&lab, head, "listen 0 1", "listen 1");
			lab_check(&lab, 2, "listen 0 0", "listen 1");
			double start = now_us();
			if (rows[k].signal)
				lab_signal(&lab, head, rows[k].signal);
			else
				lab_tell(&lab, head, "release 1");
			struct pollfd p = {.fd = lab.proc[2].out, .events = POLLIN};
			poll(&p, 1, 2000);
			took[r] = (now_us() - start) / 1000;
			lab_expect_event(&lab, 2, "takeover 1");
			lab_close(&lab);
			if (lab.failure[0]) {
				fprintf(stderr, "bench_names: %s\n", lab.failure);
				exit(1);
			}
		}
		double worst = 0;
		for (int r = 0; r < rounds; r++)
			worst = took[r] > worst ? took[r] : worst;
		printf("takeover after %s: median %.2f ms, worst %.2f ms\n", rows[k].what,
		       median(took, rounds), worst);
	}
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 51;
	char book[48];

	if (rounds < 1 || rounds > MAX_ROUNDS)
		rounds = 51;
	snprintf(book, sizeof(book), "wsd.bench.%d", (int)getpid());
	struct names *n = open_book(book);
	refusal(n, rounds);
	names_close(n);
	held(rounds);
	memory();
	dynamic(rounds);
	remote(rounds);
	takeover(rounds / 5 + 1);
	return 0;
}
