/* SPDX-License-Identifier: MIT
 *
 * A process with connections over two wires, as an unchanged Winsock program: some are busy on the
 * one that is tormented, and what happens to them must not make the others wait. It prints one line
 * for each thing that happens; tests/wire reads them.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ends.h"

enum { BLOCK = 256 * 1024, BUSY_MAX = 16, PAUSE_MS = 20 };

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

static SOCKET connected(const struct sockaddr_in *to)
{
	SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
	if (s != INVALID_SOCKET && connect(s, (const struct sockaddr *)to, sizeof(*to))) {
		failed("connect");
		closesocket(s);
		return INVALID_SOCKET;
	}
	return s;
}

static int put(SOCKET s, const char *data, int n)
{
	for (int done = 0; done < n;) {
		int r = send(s, data + done, n - done, 0);
		if (r < 0)
			return WSAGetLastError();
		done += r;
	}
	return 0;
}

/* ---- the server: whatever comes goes back ---- */

static void *echo(void *arg)
{
	SOCKET s = (SOCKET)(uintptr_t)arg;
	char *buffer = malloc(BLOCK);
	int n;
	while (buffer && (n = recv(s, buffer, BLOCK, 0)) > 0 && !put(s, buffer, n))
		;
	free(buffer);
	closesocket(s);
	return NULL;
}

static int serve(const char *address, const char *port)
{
	struct sockaddr_in name = name_of(address, port);
	SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 100))
		return failed("listening");
	printf("listening\n");
	for (;;) {
		pthread_t t;
		SOCKET s = accept(listener, NULL, NULL);
		if (s == INVALID_SOCKET)
			return failed("accept");
		if (pthread_create(&t, NULL, echo, (void *)(uintptr_t)s))
			return failed("pthread_create");
		pthread_detach(t);
	}
}

/* ---- those that are busy on the wire that suffers ---- */

static struct busy {
	SOCKET s;
	pthread_t sender, receiver;
	atomic_bool closing; /* its descriptor may be another's in a moment */
} busy[BUSY_MAX];

static void *send_on(void *arg)
{
	struct busy *b = arg;
	static char block[BLOCK];
	while (!atomic_load(&b->closing) && !put(b->s, block, BLOCK))
		;
	return NULL;
}

static void *receive_on(void *arg)
{
	struct busy *b = arg;
	char *buffer = malloc(BLOCK);
	while (buffer && !atomic_load(&b->closing) && recv(b->s, buffer, BLOCK, 0) > 0)
		;
	free(buffer);
	return NULL;
}

/* ---- the others ---- */

static atomic_bool over, asked;        /* to go on, by SIGUSR1 */
static atomic_int echo_us, connect_us; /* the longest since they were told last */

static void longest(atomic_int *of, double since)
{
	int us = (int)((now() - since) * 1e6);
	if (us > atomic_load(of))
		atomic_store(of, us);
}

static void *converse(void *arg)
{
	char data[64] = "";
	SOCKET s = connected(arg);
	while (s != INVALID_SOCKET && !atomic_load(&over)) {
		double start = now();
		if (put(s, data, sizeof(data)))
			break;
		for (int n, got = 0; got < (int)sizeof(data); got += n)
			if ((n = recv(s, data, sizeof(data) - got, 0)) <= 0) {
				failed("echo");
				return NULL;
			}
		longest(&echo_us, start);
		pause_ms(PAUSE_MS);
	}
	closesocket(s);
	return NULL;
}

static void *connect_on(void *arg)
{
	while (!atomic_load(&over)) {
		double start = now();
		SOCKET s = connected(arg);
		longest(&connect_us, start);
		if (s == INVALID_SOCKET)
			return NULL;
		closesocket(s);
		pause_ms(PAUSE_MS);
	}
	return NULL;
}

static void *tell_on(void *arg)
{
	while (!atomic_load(&over)) {
		pause_ms(500);
		printf("others waited %.3f %.3f s\n", atomic_exchange(&echo_us, 0) / 1e6,
		       atomic_exchange(&connect_us, 0) / 1e6);
	}
	return arg;
}

static void on_usr1(int sig)
{
	atomic_store(&asked, true);
}

static void close_hard(struct busy *b)
{
	struct linger hard = {1, 0};
	setsockopt(b->s, SOL_SOCKET, SO_LINGER, (char *)&hard, sizeof(hard));
	atomic_store(&b->closing, true);
	double start = now();
	closesocket(b->s);
	printf("closed in %.3f s\n", now() - start);
}

static int stand_by(struct sockaddr_in *bad, int count, struct sockaddr_in *good)
{
	pthread_t t[3];
	if (pthread_create(&t[0], NULL, converse, good) ||
	    pthread_create(&t[1], NULL, connect_on, good) ||
	    pthread_create(&t[2], NULL, tell_on, NULL))
		return failed("pthread_create");
	for (int i = 0; i < count; i++) {
		struct busy *b = &busy[i];
		b->s = connected(bad);
		if (b->s == INVALID_SOCKET || pthread_create(&b->sender, NULL, send_on, b) ||
		    pthread_create(&b->receiver, NULL, receive_on, b))
			return failed("busy");
	}
	printf("busy\n");
	while (!atomic_load(&asked))
		pause_ms(PAUSE_MS);
	for (int i = 0; i < count; i++)
		close_hard(&busy[i]);
	for (int i = 0; i < count; i++) {
		pthread_join(busy[i].sender, NULL);
		pthread_join(busy[i].receiver, NULL);
	}
	printf("all closed\n");
	atomic_store(&asked, false);
	while (!atomic_load(&asked))
		pause_ms(PAUSE_MS);
	atomic_store(&over, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	printf("over\n");
	return 0;
}

int main(int argc, char **argv)
{
	WSADATA data;
	int result = 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return failed("WSAStartup");
	if (argc == 4 && !strcmp(argv[1], "-l")) {
		result = serve(argv[2], argv[3]);
	} else if (argc == 6 && atoi(argv[3]) > 0 && atoi(argv[3]) <= BUSY_MAX) {
		struct sockaddr_in bad = name_of(argv[1], argv[2]);
		struct sockaddr_in good = name_of(argv[4], argv[5]);
		signal(SIGUSR1, on_usr1);
		result = stand_by(&bad, atoi(argv[3]), &good);
	} else {
		fputs("usage: bystander -l ADDRESS PORT\n"
		      "       bystander ADDRESS PORT COUNT OTHER-ADDRESS PORT\n"
		      "The COUNT connections are busy until SIGUSR1, and then closed; a second one "
		      "ends the others.\n",
		      stderr);
	}
	double start = now();
	WSACleanup();
	printf("cleaned up in %.3f s\n", now() - start);
	return result;
}
