/* SPDX-License-Identifier: MIT
 *
 * The figures of docs/performance.md about connections: round trips, connecting, memory; beside
 * bare librdmacm, rsockets and kernel TCP, interleaved in one run. A plain program, not a test.
 */
#include "conn_counts.h"
#include "conn_large.h"
#include "conn_tools.h"
#include "conn_ways.h"
#include "samples.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { OPEN_MAX = 4096, FLIGHT_MAX = 256, MESSAGE_MAX = 1 << 16, SETTLE_MS = 100 };

static void die(const char *what, const char *who)
{
	fprintf(stderr, "conn_figures: %s: %s failed: %s\n", who, what, strerror(errno));
	exit(1);
}

/* The library's connections are those that are meant. */
static void on_san(void)
{
	uint64_t ignored[COUNTS];
	if (counts_read(ignored) <= 0)
		die("the SAN", "wsdirect");
}

/* What one contender leaves to be done later is not the next one's to pay. */
static void settle(void)
{
	usleep(SETTLE_MS * 1000);
}

/* ---- round trips ---- */

struct echo {
	const struct way *way;
	struct end *server;
	size_t size;
	pthread_t thread;
};

static void *echo(void *arg)
{
	struct echo *e = arg;
	char *data = calloc(1, e->size);
	while (data && !e->way->recv(e->server, data, e->size) &&
	       !e->way->send(e->server, data, e->size))
		;
	free(data);
	return NULL;
}

/* ib_send_lat and rstream: processes of their own, so they tell summaries. */
static void tool_rows(struct samples *rows, const char *address, size_t size, int count)
{
	struct tool_result r;
	if (!tool_send_lat(address, size, count, &r)) {
		samples_add(&rows[0], r.typical);
		rows[0].worst = rows[0].worst > r.worst ? rows[0].worst : r.worst;
	}
	if (!tool_rstream_lat(address, size, count, &r))
		samples_add(&rows[1], r.typical);
}

static void round_trips(const struct sockaddr_in *at, const char *address, size_t size, int rounds,
			int batch)
{
	static const int who[] = {WAY_RAW, WAY_SWITCH, WAY_RSOCKETS, WAY_TCP};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct samples rows[2 + N] = {{.name = "ib_send_lat -e"}, {.name = "rstream -T b"}};
	struct samples *s = rows + 2;
	struct echo e[N];
	struct end *client[N];
	static char data[MESSAGE_MAX];
	char title[128];
	for (int i = 0; i < N; i++) {
		s[i].name = ways[who[i]].name;
		e[i] = (struct echo){.way = &ways[who[i]], .size = size};
		if (e[i].way->start(at) || e[i].way->open(size, &client[i], &e[i].server))
			die("a connection", e[i].way->name);
		pthread_create(&e[i].thread, NULL, echo, &e[i]);
	}
	on_san();
	for (int round = -1; round < rounds; round++) { /* round -1 warms up */
		for (int i = 0; i < N; i++)
			for (int k = 0; k < batch; k++) {
				double start = now_us();
				if (e[i].way->send(client[i], data, size) ||
				    e[i].way->recv(client[i], data, size))
					die("a round trip", e[i].way->name);
				if (round >= 0)
					samples_add(&s[i], now_us() - start);
			}
		if (round >= 0)
			tool_rows(rows, address, size, batch);
	}
	snprintf(title, sizeof(title), "round trip of %zu bytes, %d rounds of %d", size, rounds,
		 batch);
	samples_print(title, "us", rows, 2 + N);
	/* the echoing threads sleep in their receives: the process's end is theirs */
	_exit(0);
}

/* The library alone, for profiles. */
static void trips_alone(const struct sockaddr_in *at, size_t size, int count)
{
	struct echo e = {.way = &ways[WAY_SWITCH], .size = size};
	struct end *client;
	static char data[MESSAGE_MAX];
	if (e.way->start(at) || e.way->open(size, &client, &e.server))
		die("a connection", e.way->name);
	on_san();
	pthread_create(&e.thread, NULL, echo, &e);
	for (int k = 0; k < count; k++)
		if (e.way->send(client, data, size) || e.way->recv(client, data, size))
			die("a round trip", e.way->name);
	exit(0);
}

/* ---- connecting ---- */

static void cycle(const struct way *w, struct samples *up, struct samples *whole, bool look)
{
	struct end *client, *server;
	double start = now_us();
	if (w->open(0, &client, &server))
		die("connect and accept", w->name);
	double connected = now_us();
	if (look && w == &ways[WAY_SWITCH])
		on_san();
	w->close(client, server);
	if (!up)
		return;
	samples_add(up, connected - start);
	samples_add(whole, now_us() - start);
}

static void cycles(const struct sockaddr_in *at, int rounds, int batch, int held)
{
	static const int who[] = {WAY_RAW, WAY_RAW_CM, WAY_SWITCH, WAY_RSOCKETS, WAY_TCP};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct samples up[N] = {{0}}, whole[N] = {{0}};
	static struct end *open_client[OPEN_MAX], *open_server[OPEN_MAX];
	char title[128];
	for (int i = 0; i < N; i++) {
		up[i].name = whole[i].name = ways[who[i]].name;
		if (ways[who[i]].start(at))
			die("listening", ways[who[i]].name);
	}
	for (int i = 0; i < held; i++)
		if (ways[WAY_SWITCH].open(64, &open_client[i], &open_server[i]))
			die("a connection that stays open", "wsdirect");
	for (int round = -1; round < rounds; round++)
		for (int i = 0; i < N; i++) {
			/* rsockets takes tens of milliseconds; a few tell enough */
			int n = who[i] == WAY_RSOCKETS ? 1 : batch;
			settle();
			for (int k = 0; k < n; k++)
				cycle(&ways[who[i]], round < 0 ? NULL : &up[i], &whole[i],
				      round < 0);
		}
	snprintf(title, sizeof(title), "connect and accept, %d of ours open beside", held);
	samples_print(title, "us", up, N);
	snprintf(title, sizeof(title), "connect, accept, close, %d of ours open beside", held);
	samples_print(title, "us", whole, N);
	for (int i = 0; i < held; i++)
		ways[WAY_SWITCH].close(open_client[i], open_server[i]);
}

/* The library alone, for profiles. */
static void cycles_alone(const struct sockaddr_in *at, int count)
{
	if (ways[WAY_SWITCH].start(at))
		die("listening", "wsdirect");
	for (int i = 0; i < count; i++)
		cycle(&ways[WAY_SWITCH], NULL, NULL, !i);
}

static void flights(const struct sockaddr_in *at, int rounds, int n)
{
	static const int who[] = {WAY_RAW, WAY_SWITCH, WAY_TCP};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct samples up[N] = {{0}}, whole[N] = {{0}};
	struct end *client[FLIGHT_MAX], *server[FLIGHT_MAX];
	char title[128];
	for (int i = 0; i < N; i++) {
		up[i].name = whole[i].name = ways[who[i]].name;
		if (ways[who[i]].start(at))
			die("listening", ways[who[i]].name);
	}
	for (int round = -1; round < rounds; round++)
		for (int i = 0; i < N; i++) {
			const struct way *w = &ways[who[i]];
			settle();
			double start = now_us();
			if (w->flight(n, client, server))
				die("connect and accept", w->name);
			double connected = now_us();
			if (round < 0 && who[i] == WAY_SWITCH)
				on_san();
			for (int k = 0; k < n; k++)
				w->close(client[k], server[k]);
			if (round < 0)
				continue;
			samples_add(&up[i], (connected - start) / n);
			samples_add(&whole[i], (now_us() - start) / n);
		}
	snprintf(title, sizeof(title), "connect and accept, each of %d at once", n);
	samples_print(title, "us", up, N);
	snprintf(title, sizeof(title), "connect, accept, close, each of %d at once", n);
	samples_print(title, "us", whole, N);
}

/* ---- memory ---- */

/* kB of a line of /proc/self/status or /proc/meminfo. */
static long kilobytes(const char *file, const char *key)
{
	char line[256];
	long value = -1;
	FILE *f = fopen(file, "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key) + 1, NULL, 10);
	if (f)
		fclose(f);
	return value;
}

struct usage {
	long pinned, resident, available;
};

static struct usage usage(void)
{
	return (struct usage){kilobytes("/proc/self/status", "VmPin"),
			      kilobytes("/proc/self/status", "VmRSS"),
			      kilobytes("/proc/meminfo", "MemAvailable")};
}

/* A second connection of rsockets stalls in one process as long as the first is idle (rdma-core 44:
 * its thread waits for an event of the first), so the first has to do, with all that comes with it;
 * of one the host's memory says nothing. */
static void memory(const struct sockaddr_in *at, int count)
{
	static const int who[] = {WAY_SWITCH, WAY_RAW, WAY_TCP, WAY_RSOCKETS};
	static struct end *client[OPEN_MAX], *server[OPEN_MAX];
	printf("memory of an idle connection (both ends), bytes\n  %-20s %12s %12s %12s %12s\n", "",
	       "connections", "pinned", "resident", "all (host)");
	for (size_t i = 0; i < sizeof(who) / sizeof(who[0]); i++) {
		const struct way *w = &ways[who[i]];
		bool first = who[i] == WAY_RSOCKETS;
		int n = first ? 1 : count;
		if (w->start(at) || (!first && w->open(64, &client[0], &server[0])))
			die("a connection", w->name);
		struct usage before = usage();
		for (int k = 1; k <= n; k++)
			if (w->open(64, &client[k], &server[k]))
				die("a connection", w->name);
		struct usage after = usage();
		printf("  %-20s %12d %12.0f %12.0f", w->name, n,
		       (double)(after.pinned - before.pinned) * 1024 / n,
		       (double)(after.resident - before.resident) * 1024 / n);
		if (first)
			printf("\n");
		else
			printf(" %12.0f\n",
			       (double)(before.available - after.available) * 1024 / n);
		fflush(stdout);
	}
	on_san();
	_exit(0);
}

static const char help[] =
	"usage: conn_figures lat [BYTES [ROUNDS [BATCH]]]       round trips\n"
	"       conn_figures connect [OPEN [ROUNDS [BATCH]]]    one after the other\n"
	"       conn_figures flight [COUNT [ROUNDS]]            all at once\n"
	"       conn_figures memory [COUNT]                     of idle connections\n"
	"       conn_figures large [BYTES [ROUNDS [BATCH]]]     above the threshold\n"
	"       conn_figures trips|large-alone BYTES COUNT, cycles COUNT: the library alone\n"
	"WSD_FIGURES_ADDRESS: a SAN address of this host (10.77.0.1)\n";

static int number(int argc, char **argv, int i, int otherwise)
{
	return argc > i ? atoi(argv[i]) : otherwise;
}

static int run(int argc, char **argv, const char *address, const struct sockaddr_in *at)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (!strcmp(what, "lat"))
		round_trips(at, address, (size_t)number(argc, argv, 2, 64),
			    number(argc, argv, 3, 20), number(argc, argv, 4, 50));
	else if (!strcmp(what, "trips"))
		trips_alone(at, (size_t)number(argc, argv, 2, 64), number(argc, argv, 3, 100));
	else if (!strcmp(what, "connect"))
		cycles(at, number(argc, argv, 3, 10), number(argc, argv, 4, 10),
		       number(argc, argv, 2, 0));
	else if (!strcmp(what, "cycles"))
		cycles_alone(at, number(argc, argv, 2, 100));
	else if (!strcmp(what, "flight"))
		flights(at, number(argc, argv, 3, 10), number(argc, argv, 2, 32));
	else if (!strcmp(what, "memory"))
		memory(at, number(argc, argv, 2, 100));
	else if (!strcmp(what, "large"))
		large_transfers(at, address, (size_t)number(argc, argv, 2, 1 << 20),
				number(argc, argv, 3, 10), number(argc, argv, 4, 8));
	else if (!strcmp(what, "large-alone"))
		large_alone(at, (size_t)number(argc, argv, 2, 1 << 20), number(argc, argv, 3, 8));
	else
		return 2;
	return 0;
}

int main(int argc, char **argv)
{
	const char *address = getenv("WSD_FIGURES_ADDRESS");
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7471)};
	struct rlimit files;
	/* Under -icount time leaps while a page of this program is read from the host. */
	setenv("WSD_CONNECT_SAN_MS", "60000", 0);
	address = address ? address : "10.77.0.1";
	inet_pton(AF_INET, address, &at.sin_addr);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc > 1 && !strcmp(argv[1], "--help")) {
		fputs(help, stdout);
		return 0;
	}
	int status = run(argc, argv, address, &at);
	if (status)
		fputs(help, stderr);
	return status;
}
