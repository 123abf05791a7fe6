/* SPDX-License-Identifier: MIT
 *
 * A Winsock client of echo-server: sends megabytes, checks what comes back.
 *
 *     echo-client HOST [PORT [MEGABYTES]]      7000 and 1 unless given
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 1 << 16, MEGABYTE = 1 << 20 };

static int die(const char *what)
{
	fprintf(stderr, "%s failed: %d\n", what, WSAGetLastError());
	return 1;
}

static int echo(SOCKET s, long pieces)
{
	static char out[PIECE], in[PIECE];
	for (long n = 0; n < pieces; n++) {
		for (int i = 0; i < PIECE; i++)
			out[i] = (char)(i * 31 + n);
		if (send(s, out, PIECE, 0) != PIECE)
			return die("send");
		for (int got = 0, more; got < PIECE; got += more) {
			more = recv(s, in + got, PIECE - got, 0);
			if (more <= 0)
				return die("recv");
		}
		if (memcmp(in, out, PIECE) != 0) {
			fprintf(stderr, "piece %ld came back changed\n", n);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	WSADATA data;
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	long megabytes = argc > 3 ? atol(argv[3]) : 1;
	if (argc < 2 || WSAStartup(MAKEWORD(2, 2), &data))
		return 2;
	int error = getaddrinfo(argv[1], argc > 2 ? argv[2] : "7000", &hints, &list);
	if (error) {
		fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(error));
		return 1;
	}
	SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (connect(s, list->ai_addr, (int)list->ai_addrlen) == SOCKET_ERROR)
		return die("connect");
	freeaddrinfo(list);
	int failed = echo(s, megabytes * (MEGABYTE / PIECE));
	if (!failed)
		printf("%ld MiB there and back\n", megabytes);
	closesocket(s);
	WSACleanup();
	return failed;
}
