/* SPDX-License-Identifier: MIT
 *
 * The figures of docs/performance.md about connections: round trips, connecting, memory; beside
 * bare librdmacm, rsockets and kernel TCP, interleaved in one run. A plain program, not a test.
 */
#include "conn_ways.h"

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

enum { SAMPLES_MAX = 20000, OPEN_MAX = 4096, MESSAGE_MAX = 1 << 16 };

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what, const char *who)
{
	fprintf(stderr, "conn_figures: %s: %s failed: %s\n", who, what, strerror(errno));
	exit(1);
}

/* ---- samples ---- */

struct samples {
	double *us;
	int n;
};

static void add(struct samples *s, double us)
{
	if (!s->us)
		s->us = malloc(SAMPLES_MAX * sizeof(*s->us));
	if (s->us && s->n < SAMPLES_MAX)
		s->us[s->n++] = us;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double percentile(struct samples *s, double p)
{
	if (!s->n)
		return 0;
	qsort(s->us, (size_t)s->n, sizeof(*s->us), by_value);
	int i = (int)((s->n - 1) * p / 100 + 0.5);
	return s->us[i];
}

static void print_table(const char *title, struct samples *s, const int *who, int n)
{
	double anchor = percentile(&s[who[0]], 50);
	printf("%s\n  %-20s %12s %12s %10s %8s\n", title, "", "median us", "p99 us", "/ first",
	       "samples");
	for (int i = 0; i < n; i++) {
		struct samples *one = &s[who[i]];
		double median = percentile(one, 50);
		printf("  %-20s %12.1f %12.1f %10.3f %8d\n", ways[who[i]].name, median,
		       percentile(one, 99), median / anchor, one->n);
	}
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

static void round_trips(const struct sockaddr_in *at, size_t size, int rounds, int batch)
{
	static const int who[] = {WAY_RAW, WAY_SWITCH, WAY_RSOCKETS, WAY_TCP};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct samples s[WAY_COUNT] = {{0}};
	struct echo e[N];
	struct end *client[N];
	static char data[MESSAGE_MAX];
	char title[128];
	for (int i = 0; i < N; i++) {
		e[i] = (struct echo){.way = &ways[who[i]], .size = size};
		if (e[i].way->start(at) || e[i].way->open(size, &client[i], &e[i].server))
			die("a connection", e[i].way->name);
		pthread_create(&e[i].thread, NULL, echo, &e[i]);
	}
	for (int round = -1; round < rounds; round++) /* round -1 warms up */
		for (int i = 0; i < N; i++)
			for (int k = 0; k < batch; k++) {
				double start = now_us();
				if (e[i].way->send(client[i], data, size) ||
				    e[i].way->recv(client[i], data, size))
					die("a round trip", e[i].way->name);
				if (round >= 0)
					add(&s[who[i]], now_us() - start);
			}
	snprintf(title, sizeof(title), "round trip of %zu bytes, %d rounds of %d", size, rounds,
		 batch);
	print_table(title, s, who, N);
	/* the echoing threads sleep in their receives: the process's end is theirs */
	fflush(stdout);
	_exit(0);
}

/* ---- connecting ---- */

static void cycles(const struct sockaddr_in *at, int rounds, int batch, int held)
{
	static const int who[] = {WAY_RAW, WAY_RAW_CM, WAY_SWITCH, WAY_RSOCKETS, WAY_TCP};
	enum { N = sizeof(who) / sizeof(who[0]) };
	struct samples up[WAY_COUNT] = {{0}}, whole[WAY_COUNT] = {{0}};
	static struct end *open_client[OPEN_MAX], *open_server[OPEN_MAX];
	for (int i = 0; i < N; i++)
		if (ways[who[i]].start(at))
			die("listening", ways[who[i]].name);
	for (int i = 0; i < held; i++)
		if (ways[WAY_SWITCH].open(64, &open_client[i], &open_server[i]))
			die("a connection that stays open", "wsdirect");
	for (int round = -1; round < rounds; round++)
		for (int i = 0; i < N; i++)
			for (int k = 0; k < batch; k++) {
				struct end *client, *server;
				/* rsockets takes tens of milliseconds; a few tell enough */
				if (who[i] == WAY_RSOCKETS && k)
					break;
				double start = now_us();
				if (ways[who[i]].open(0, &client, &server))
					die("connect and accept", ways[who[i]].name);
				double connected = now_us();
				ways[who[i]].close(client, server);
				if (round < 0)
					continue;
				add(&up[who[i]], connected - start);
				add(&whole[who[i]], now_us() - start);
			}
	char title[128];
	snprintf(title, sizeof(title), "connect and accept, %d of ours open beside", held);
	print_table(title, up, who, N);
	snprintf(title, sizeof(title), "connect, accept, close, %d of ours open beside", held);
	print_table(title, whole, who, N);
	for (int i = 0; i < held; i++)
		ways[WAY_SWITCH].close(open_client[i], open_server[i]);
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

static void memory(const struct sockaddr_in *at, int count)
{
	static const int who[] = {WAY_SWITCH, WAY_RSOCKETS};
	static struct end *client[OPEN_MAX], *server[OPEN_MAX];
	printf("memory of an idle connection (both ends), bytes, over %d\n  %-20s %12s %12s %12s\n",
	       count, "", "pinned", "resident", "all (host)");
	for (int i = 0; i < 2; i++) {
		const struct way *w = &ways[who[i]];
		if (w->start(at) || w->open(64, &client[0], &server[0]))
			die("a connection", w->name);
		long pin = kilobytes("/proc/self/status", "VmPin"),
		     rss = kilobytes("/proc/self/status", "VmRSS"),
		     all = kilobytes("/proc/meminfo", "MemAvailable");
		for (int k = 1; k <= count; k++)
			if (w->open(64, &client[k], &server[k]))
				die("a connection", w->name);
		printf("  %-20s %12.0f %12.0f %12.0f\n", w->name,
		       (double)(kilobytes("/proc/self/status", "VmPin") - pin) * 1024 / count,
		       (double)(kilobytes("/proc/self/status", "VmRSS") - rss) * 1024 / count,
		       (double)(all - kilobytes("/proc/meminfo", "MemAvailable")) * 1024 / count);
		fflush(stdout);
	}
	_exit(0);
}

static void usage(FILE *to)
{
	fputs("usage: conn_figures lat [BYTES [ROUNDS [BATCH]]] | connect [OPEN [ROUNDS [BATCH]]] "
	      "|\n"
	      "       memory [COUNT]\n"
	      "WSD_FIGURES_ADDRESS: a SAN address of this host (10.77.0.1)\n",
	      to);
}

static int number(int argc, char **argv, int i, int otherwise)
{
	return argc > i ? atoi(argv[i]) : otherwise;
}

int main(int argc, char **argv)
{
	const char *address = getenv("WSD_FIGURES_ADDRESS");
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7471)};
	struct rlimit files;
	inet_pton(AF_INET, address ? address : "10.77.0.1", &at.sin_addr);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc > 1 && !strcmp(argv[1], "lat"))
		round_trips(&at, (size_t)number(argc, argv, 2, 64), number(argc, argv, 3, 20),
			    number(argc, argv, 4, 50));
	else if (argc > 1 && !strcmp(argv[1], "connect"))
		cycles(&at, number(argc, argv, 3, 10), number(argc, argv, 4, 10),
		       number(argc, argv, 2, 0));
	else if (argc > 1 && !strcmp(argv[1], "memory"))
		memory(&at, number(argc, argv, 2, 100));
	else {
		usage(argc > 1 && !strcmp(argv[1], "--help") ? stdout : stderr);
		return argc > 1 && !strcmp(argv[1], "--help") ? 0 : 2;
	}
	return 0;
}
