/* SPDX-License-Identifier: MIT
 *
 * Large transfers: one thread sends messages of one size, another receives them whole and answers
 * with one byte.
 */
#include "conn_large.h"

#include "conn_counts.h"
#include "conn_tools.h"
#include "conn_ways.h"
#include "samples.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOOL_COUNT = 16 };

static const int who[] = {WAY_SWITCH, WAY_RSOCKETS, WAY_TCP};
enum { N = sizeof(who) / sizeof(who[0]), ROW_WRITE_BW = 0, ROW_RSTREAM = 1 + N, ROWS };

static void fail(const char *what, const char *name)
{
	fprintf(stderr, "conn_figures: %s: %s failed\n", name, what);
	exit(1);
}

/* ---- the transfers ---- */

struct stream {
	const struct way *way;
	struct end *client, *server;
	size_t size;
	int count;
	pthread_t thread;
	char *from, *to;
};

/* Whole messages; one byte back after each batch. */
static void *receive(void *arg)
{
	struct stream *t = arg;
	for (;;) {
		for (int i = 0; i < t->count; i++)
			if (t->way->recv(t->server, t->to, t->size))
				return NULL;
		if (t->way->send(t->server, "", 1))
			return NULL;
	}
}

static void begin(struct stream *t, int way, const struct sockaddr_in *at, size_t size, int count)
{
	*t = (struct stream){.way = &ways[way], .size = size, .count = count};
	t->from = malloc(size);
	t->to = malloc(size);
	if (!t->from || !t->to)
		fail("memory", t->way->name);
	memset(t->from, 'x', size);
	memset(t->to, 0, size);
	if (t->way->start(at) || t->way->open(size, &t->client, &t->server) ||
	    pthread_create(&t->thread, NULL, receive, t))
		fail("a connection", t->way->name);
}

static void batch(struct stream *t)
{
	char byte;
	for (int i = 0; i < t->count; i++)
		if (t->way->send(t->client, t->from, t->size))
			fail("a send", t->way->name);
	if (t->way->recv(t->client, &byte, 1))
		fail("the answer", t->way->name);
}

static void print_counters(const uint64_t *before, const uint64_t *after, double mib, int batches)
{
	printf("counted by the library over %.0f MiB in %d batches, both ends\n", mib, batches);
	for (int i = 0; i < COUNTS; i++)
		printf("  %-20s %12" PRIu64 " %12.2f a MiB\n", counts_names[i],
		       after[i] - before[i], (double)(after[i] - before[i]) / mib);
	fflush(stdout);
}

static void tools(struct samples *rows, const char *address, size_t size)
{
	struct tool_result r;
	if (!tool_write_bw(address, size, TOOL_COUNT, &r))
		samples_add(&rows[ROW_WRITE_BW], r.typical);
	if (!tool_rstream_bw(address, size, TOOL_COUNT, &r))
		samples_add(&rows[ROW_RSTREAM], r.typical);
}

void large_transfers(const struct sockaddr_in *at, const char *address, size_t size, int rounds,
		     int count)
{
	struct samples rows[ROWS] = {
		[ROW_WRITE_BW] = {.name = "ib_write_bw"}, [ROW_RSTREAM] = {.name = "rstream -T b"}};
	struct stream t[N];
	uint64_t before[COUNTS], after[COUNTS];
	char title[128];
	double mib = (double)size * count / (1 << 20);
	for (int i = 0; i < N; i++) {
		begin(&t[i], who[i], at, size, count);
		rows[1 + i].name = t[i].way->name;
		batch(&t[i]);
	}
	if (counts_read(before) != 2)
		fail("the SAN", "wsdirect");
	/* in a row: in the pauses of the other contenders its buffers would shrink and grow */
	for (int round = 0; round < rounds; round++)
		batch(&t[0]);
	if (counts_read(after) != 2)
		fail("the SAN", "wsdirect");
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < N; i++) {
			double start = now_us();
			batch(&t[i]);
			samples_add(&rows[1 + i], mib / ((now_us() - start) / 1e6));
		}
		tools(rows, address, size);
	}
	snprintf(title, sizeof(title), "messages of %zu bytes, %d rounds of %d", size, rounds,
		 count);
	samples_print(title, "MiB/s", rows, ROWS);
	print_counters(before, after, mib * rounds, rounds);
	/* but the one byte that answers each batch, at both ends */
	uint64_t copied = after[COPIED] - before[COPIED];
	bool sound = size <= 16384 || copied <= 2 * (uint64_t)rounds;
	printf("bytes copied by user space for each byte delivered: %.6f%s\n",
	       ((double)copied - 2.0 * rounds) / (mib * rounds * (1 << 20)),
	       sound ? "" : ": WRONG");
	fflush(stdout);
	_exit(sound ? 0 : 1);
}

void large_alone(const struct sockaddr_in *at, size_t size, int count)
{
	struct stream t;
	begin(&t, WAY_SWITCH, at, size, 1);
	for (int i = 0; i < count; i++)
		batch(&t);
	printf("%d messages of %zu bytes\n", count, size);
	fflush(stdout);
	exit(0);
}
