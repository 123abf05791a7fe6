/* SPDX-License-Identifier: MIT
 *
 * A Winsock echo server: serves any number of clients in one thread until it is interrupted.
 *
 *     echo-server [ADDRESS [PORT]]      0.0.0.0 and 7000 unless given
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <stdlib.h>

struct client {
	SOCKET s;
	int have, sent; /* of buffer */
	BOOL ended;
	char buffer[65536];
};

static struct client *clients[FD_SETSIZE - 1];
static int count;

static int die(const char *what)
{
	fprintf(stderr, "%s failed: %d\n", what, WSAGetLastError());
	return 1;
}

static void accept_one(SOCKET listener)
{
	struct sockaddr_in from;
	int length = sizeof(from);
	ULONG on = 1;
	SOCKET s = accept(listener, (struct sockaddr *)&from, &length);
	struct client *c = s == INVALID_SOCKET ? NULL : calloc(1, sizeof(*c));
	if (!c || count == FD_SETSIZE - 1) {
		if (s != INVALID_SOCKET)
			closesocket(s);
		free(c);
		return;
	}
	ioctlsocket(s, FIONBIO, &on);
	c->s = s;
	clients[count++] = c;
	printf("%s:%u connects\n", inet_ntoa(from.sin_addr), ntohs(from.sin_port));
	fflush(stdout);
}

/* FALSE: it is done. */
static BOOL serve(struct client *c, BOOL readable, BOOL writable)
{
	int n;
	if (readable) {
		n = recv(c->s, c->buffer, sizeof(c->buffer), 0);
		if (n == SOCKET_ERROR)
			return WSAGetLastError() == WSAEWOULDBLOCK;
		c->have = n;
		c->sent = 0;
		c->ended = n == 0;
	} else if (writable) {
		n = send(c->s, c->buffer + c->sent, c->have - c->sent, 0);
		if (n == SOCKET_ERROR)
			return WSAGetLastError() == WSAEWOULDBLOCK;
		c->sent += n;
	}
	return !c->ended;
}

static int run(SOCKET listener)
{
	for (;;) {
		fd_set readable, writable;
		FD_ZERO(&readable);
		FD_ZERO(&writable);
		FD_SET(listener, &readable);
		for (int i = 0; i < count; i++) {
			if (clients[i]->sent < clients[i]->have)
				FD_SET(clients[i]->s, &writable);
			else
				FD_SET(clients[i]->s, &readable);
		}
		if (select(0, &readable, &writable, NULL, NULL) == SOCKET_ERROR)
			return die("select");
		for (int i = count - 1; i >= 0; i--) {
			struct client *c = clients[i];
			if (serve(c, FD_ISSET(c->s, &readable), FD_ISSET(c->s, &writable)))
				continue;
			closesocket(c->s);
			free(c);
			clients[i] = clients[--count];
		}
		if (FD_ISSET(listener, &readable))
			accept_one(listener);
	}
}

int main(int argc, char **argv)
{
	WSADATA data;
	struct sockaddr_in name = {.sin_family = AF_INET};
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return 1;
	name.sin_addr.s_addr = inet_addr(argc > 1 ? argv[1] : "0.0.0.0");
	name.sin_port = htons((u_short)(argc > 2 ? atoi(argv[2]) : 7000));
	SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (listener == INVALID_SOCKET)
		return die("socket");
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) == SOCKET_ERROR)
		return die("bind");
	if (listen(listener, SOMAXCONN) == SOCKET_ERROR)
		return die("listen");
	printf("listening on %s:%u\n", inet_ntoa(name.sin_addr), ntohs(name.sin_port));
	fflush(stdout);
	return run(listener);
}
