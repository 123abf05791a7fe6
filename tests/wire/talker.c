/* SPDX-License-Identifier: MIT
 *
 * One end of a conversation between two hosts, as an unchanged Winsock program: what it sends is
 * made from a seed, so that the other end knows every byte that must come. It prints one line for
 * each thing that happens; tests/wire reads them.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ends.h"

enum { BUFFER = 256 * 1024 };

static void usage(FILE *to)
{
	fputs("usage: talker -l ADDRESS PORT COUNT           serves COUNT connections, all at a "
	      "time\n"
	      "       talker ADDRESS PORT SEED BYTES [HOLD]  sends and receives BYTES at once, "
	      "then\n"
	      "                                              with HOLD waits until the peer ends\n"
	      "       talker -t ADDRESS PORT COUNT           connects COUNT times, prints the "
	      "time\n",
	      to);
}

/* ---- bytes from a seed, in any order of chunk sizes ---- */

static unsigned char byte_at(uint64_t seed, uint64_t offset)
{
	uint64_t x = (seed + 1) * 0x9e3779b97f4a7c15u + (offset >> 3);
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	x ^= x >> 31;
	return (unsigned char)(x >> (8 * (offset & 7)));
}

static void fill(char *to, uint64_t seed, uint64_t offset, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = (char)byte_at(seed, offset + (uint64_t)i);
}

/* The first byte that is not as it should be, or -1. */
static int differs(const char *data, uint64_t seed, uint64_t offset, int n)
{
	for (int i = 0; i < n; i++)
		if ((unsigned char)data[i] != byte_at(seed, offset + (uint64_t)i))
			return i;
	return -1;
}

/* Small and large, odd and even: each size that a message or a transfer could stumble over. */
static int chunk_size(unsigned *state, uint64_t left)
{
	static const int sizes[] = {1,     7,     64,    1000,   4096,  4097,
				    16384, 16385, 65536, 200000, BUFFER};
	int n = sizes[(unsigned)rand_r(state) % (sizeof(sizes) / sizeof(sizes[0]))];
	return left < (uint64_t)n ? (int)left : n;
}

/* ---- one direction each ---- */

struct half {
	SOCKET s;
	uint64_t seed, bytes, done;
	int code; /* 0, the code of a failure, or -1: the data is wrong or short */
};

static void *sender(void *arg)
{
	struct half *h = arg;
	unsigned state = (unsigned)h->seed;
	char *buffer = malloc(BUFFER);
	while (buffer && h->done < h->bytes) {
		int n = chunk_size(&state, h->bytes - h->done);
		fill(buffer, h->seed, h->done, n);
		int sent = send(h->s, buffer, n, 0);
		if (sent == SOCKET_ERROR) {
			h->code = WSAGetLastError();
			break;
		}
		h->done += (uint64_t)sent;
	}
	free(buffer);
	return NULL;
}

static void *receiver(void *arg)
{
	struct half *h = arg;
	unsigned state = (unsigned)h->seed * 31;
	char *buffer = malloc(BUFFER);
	while (buffer && h->done < h->bytes) {
		int n = recv(h->s, buffer, chunk_size(&state, h->bytes - h->done), 0);
		if (n <= 0) {
			h->code = n ? WSAGetLastError() : -1;
			break;
		}
		int bad = differs(buffer, h->seed, h->done, n);
		if (bad >= 0) {
			printf("wrong byte at %llu\n", (unsigned long long)h->done + (unsigned)bad);
			h->code = -1;
			break;
		}
		h->done += (uint64_t)n;
	}
	free(buffer);
	return NULL;
}

/* Both directions at once. The code of the first failure. */
static int converse(SOCKET s, uint64_t out_seed, uint64_t in_seed, uint64_t bytes)
{
	struct half out = {s, out_seed, bytes, 0, 0}, in = {s, in_seed, bytes, 0, 0};
	pthread_t t;
	double start = now();
	if (pthread_create(&t, NULL, sender, &out))
		return -1;
	receiver(&in);
	pthread_join(t, NULL);
	printf("sent %llu received %llu codes %d %d in %.3f s\n", (unsigned long long)out.done,
	       (unsigned long long)in.done, out.code, in.code, now() - start);
	return out.code ? out.code : in.code;
}

/* ---- the two roles ---- */

static int whole(SOCKET s, void *data, int n, int (*move)(SOCKET, char *, int))
{
	for (int done = 0; done < n;) {
		int r = move(s, (char *)data + done, n - done);
		if (r <= 0)
			return r ? WSAGetLastError() : -1;
		done += r;
	}
	return 0;
}

static int get(SOCKET s, char *data, int n)
{
	return recv(s, data, n, 0);
}

static int put(SOCKET s, char *data, int n)
{
	return send(s, data, n, 0);
}

static void *serve_one(void *arg)
{
	SOCKET s = (SOCKET)(uintptr_t)arg;
	uint64_t head[2]; /* seed, bytes */
	char more;
	int code = whole(s, head, sizeof(head), get);
	if (!code && head[1])
		code = converse(s, head[0] + 1, head[0], head[1]);
	/* until the client ends: a lost connection is heard of here */
	if (!code) {
		int n = recv(s, &more, 1, 0);
		code = n < 0 ? WSAGetLastError() : 0;
	}
	printf("connection ended: %d\n", code);
	closesocket(s);
	return NULL;
}

static int serve(const char *address, const char *port, int count)
{
	struct sockaddr_in name = name_of(address, port);
	pthread_t *t = calloc((size_t)count, sizeof(*t));
	SOCKET listener = socket(AF_INET, SOCK_STREAM, 0);
	if (!t || bind(listener, (struct sockaddr *)&name, sizeof(name)) || listen(listener, 100))
		return failed("listening");
	printf("listening\n");
	for (int i = 0; i < count; i++) {
		SOCKET s = accept(listener, NULL, NULL);
		if (s == INVALID_SOCKET)
			return failed("accept");
		printf("accepted\n");
		pthread_create(&t[i], NULL, serve_one, (void *)(uintptr_t)s);
	}
	closesocket(listener);
	for (int i = 0; i < count; i++)
		pthread_join(t[i], NULL);
	free(t);
	return 0;
}

static int talk(const char *address, const char *port, uint64_t seed, uint64_t bytes, int hold)
{
	struct sockaddr_in name = name_of(address, port);
	uint64_t head[2] = {seed, bytes};
	SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
	double start = now();
	if (connect(s, (struct sockaddr *)&name, sizeof(name)))
		return failed("connect");
	printf("connected in %.3f s\n", now() - start);
	int code = whole(s, head, sizeof(head), put);
	if (!code && bytes)
		code = converse(s, seed, seed + 1, bytes);
	if (!code && hold) {
		char more;
		printf("holding\n");
		start = now();
		int n = recv(s, &more, 1, 0);
		code = n < 0 ? WSAGetLastError() : 0;
		printf("held %.3f s\n", now() - start);
	}
	printf("ended: %d\n", code);
	closesocket(s);
	return code ? 1 : 0;
}

static int time_connects(const char *address, const char *port, int count)
{
	struct sockaddr_in name = name_of(address, port);
	for (int i = 0; i < count; i++) {
		SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
		double start = now();
		if (connect(s, (struct sockaddr *)&name, sizeof(name)))
			return failed("connect");
		printf("connected in %.6f s\n", now() - start);
		closesocket(s);
	}
	return 0;
}

int main(int argc, char **argv)
{
	WSADATA data;
	int result = 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return failed("WSAStartup");
	if (argc == 5 && !strcmp(argv[1], "-l"))
		result = serve(argv[2], argv[3], atoi(argv[4]));
	else if (argc == 5 && !strcmp(argv[1], "-t"))
		result = time_connects(argv[2], argv[3], atoi(argv[4]));
	else if (argc == 5 || argc == 6)
		result = talk(argv[1], argv[2], strtoull(argv[3], NULL, 10),
			      strtoull(argv[4], NULL, 10), argc == 6);
	else
		usage(stderr);
	WSACleanup();
	return result;
}
