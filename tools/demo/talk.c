/* SPDX-License-Identifier: MIT
 *
 * A plain Winsock client and server, as any program's source: it knows nothing of SANs. The client
 * says with its first byte what it wants: e(cho), b(ulk), u(rgent), h(alf close).
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 20, MESSAGE = 64 };

static char chunk[CHUNK];

static void usage(FILE *to)
{
	fputs("usage: demo-talk -l ADDRESS PORT COUNT [FILE]   a server for COUNT connections; "
	      "what\n"
	      "                                               comes by bulk goes into FILE\n"
	      "       demo-talk [-w] ADDRESS PORT knock | echo N | bulk FILE | urgent | half\n"
	      "-w: waits for a line on standard input, or its end, before it closes.\n",
	      to);
}

static int failed(const char *call)
{
	printf("%s failed: %d\n", call, WSAGetLastError());
	return 1;
}

static struct sockaddr_in name_of(const char *address, const char *port)
{
	struct sockaddr_in name;
	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_addr.s_addr = inet_addr(address);
	name.sin_port = htons((unsigned short)atoi(port));
	return name;
}

static int send_all(SOCKET s, const char *data, int n)
{
	while (n > 0) {
		int sent = send(s, data, n, 0);
		if (sent == SOCKET_ERROR)
			return failed("send");
		data += sent;
		n -= sent;
	}
	return 0;
}

static int recv_all(SOCKET s, char *data, int n)
{
	int got = recv(s, data, n, MSG_WAITALL);
	if (got == SOCKET_ERROR)
		return failed("recv");
	if (got != n) {
		printf("recv: %d bytes, expected %d\n", got, n);
		return 1;
	}
	return 0;
}

/* ---- the server's sides ---- */

static int serve_echo(SOCKET s, const char *file)
{
	long messages = 0;
	int n;
	while ((n = recv(s, chunk, sizeof(chunk), 0)) > 0) {
		if (send_all(s, chunk, n))
			return 1;
		messages++;
	}
	if (n < 0)
		return failed("recv");
	printf("echoed what came in %ld receives\n", messages);
	return 0;
}

static int serve_bulk(SOCKET s, const char *file)
{
	long long bytes = 0;
	int n;
	FILE *f = file ? fopen(file, "wb") : NULL;
	if (file && !f) {
		printf("cannot write %s\n", file);
		return 1;
	}
	while ((n = recv(s, chunk, sizeof(chunk), 0)) > 0) {
		bytes += n;
		if (f && fwrite(chunk, 1, (size_t)n, f) != (size_t)n) {
			printf("cannot write %s\n", file);
			fclose(f);
			return 1;
		}
	}
	if (f && fclose(f))
		return 1;
	if (n < 0)
		return failed("recv");
	printf("received %lld bytes\n", bytes);
	return send_all(s, "thanks", 6);
}

/* Waits in select for the urgent byte: it is seen although the rest has not been read. */
static int serve_urgent(SOCKET s, const char *file)
{
	fd_set except;
	char urgent = 0;
	u_long waiting = 0;
	FD_ZERO(&except);
	FD_SET(s, &except);
	if (select(0, NULL, NULL, &except, NULL) != 1)
		return failed("select");
	if (recv(s, &urgent, 1, MSG_OOB) != 1)
		return failed("recv(MSG_OOB)");
	ioctlsocket(s, FIONREAD, &waiting);
	printf("urgent byte '%c' is here, with ordinary bytes still unread: %s\n", urgent,
	       waiting ? "yes" : "no");
	int n = recv(s, chunk, sizeof(chunk), 0);
	if (n < 0)
		return failed("recv");
	printf("then the ordinary %d bytes: %.*s\n", n, n, chunk);
	return send_all(s, "seen", 4);
}

static int serve_half(SOCKET s, const char *file)
{
	int bytes = 0, n;
	char answer[64];
	while ((n = recv(s, chunk, sizeof(chunk), 0)) > 0)
		bytes += n;
	if (n < 0)
		return failed("recv");
	snprintf(answer, sizeof(answer), "you have said %d bytes", bytes);
	printf("the client has said all it had to say; answering over the other half\n");
	return send_all(s, answer, (int)strlen(answer));
}

static int serve_one(SOCKET s, const char *file)
{
	static const struct {
		char letter;
		int (*serve)(SOCKET s, const char *file);
	} sides[] = {{'e', serve_echo}, {'b', serve_bulk}, {'u', serve_urgent}, {'h', serve_half}};
	char letter = 0;
	if (recv_all(s, &letter, 1))
		return 1;
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		if (sides[i].letter == letter)
			return sides[i].serve(s, file);
	printf("the client wants '%c', which is nothing\n", letter);
	return 1;
}

static int serve(const char *address, const char *port, int count, const char *file)
{
	struct sockaddr_in name = name_of(address, port), peer;
	int result = 0;
	SOCKET listener = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (listener == INVALID_SOCKET)
		return failed("socket");
	if (bind(listener, (struct sockaddr *)&name, sizeof(name)) == SOCKET_ERROR)
		return failed("bind");
	if (listen(listener, 5) == SOCKET_ERROR)
		return failed("listen");
	printf("listening on %s:%s\n", address, port);
	while (count-- > 0 && !result) {
		int length = sizeof(peer);
		char text[INET_ADDRSTRLEN];
		SOCKET s = accept(listener, (struct sockaddr *)&peer, &length);
		if (s == INVALID_SOCKET)
			return failed("accept");
		inet_ntop(AF_INET, &peer.sin_addr, text, sizeof(text));
		printf("a connection from %s\n", text);
		result = serve_one(s, file);
		closesocket(s);
	}
	closesocket(listener);
	return result;
}

/* ---- the client's sides ---- */

static int ask_echo(SOCKET s, const char *argument)
{
	long count = strtol(argument ? argument : "3", NULL, 10);
	char message[MESSAGE], back[MESSAGE];
	if (send_all(s, "e", 1))
		return 1;
	/* the first byte is not echoed alone */
	for (long i = 0; i < count; i++) {
		memset(message, 0, sizeof(message));
		snprintf(message, sizeof(message), "message %ld", i);
		if (send_all(s, message, sizeof(message)) || recv_all(s, back, sizeof(back)))
			return 1;
		if (memcmp(message, back, sizeof(message)) != 0) {
			printf("message %ld came back changed\n", i);
			return 1;
		}
	}
	printf("%ld messages of %d bytes came back unchanged\n", count, MESSAGE);
	return 0;
}

static int ask_bulk(SOCKET s, const char *file)
{
	long long bytes = 0;
	FILE *f = file ? fopen(file, "rb") : NULL;
	if (!f) {
		printf("cannot read %s\n", file ? file : "a file that is not named");
		return 1;
	}
	int result = send_all(s, "b", 1);
	size_t n;
	while (!result && (n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
		result = send_all(s, chunk, (int)n);
		bytes += (long long)n;
	}
	fclose(f);
	if (result)
		return 1;
	if (shutdown(s, SD_SEND) == SOCKET_ERROR)
		return failed("shutdown");
	printf("sent %lld bytes\n", bytes);
	return recv_all(s, chunk, 6);
}

static int ask_urgent(SOCKET s, const char *argument)
{
	if (send_all(s, "u", 1) || send_all(s, "ordinary words", 14))
		return 1;
	if (send(s, "!", 1, MSG_OOB) != 1)
		return failed("send(MSG_OOB)");
	printf("sent ordinary words, and '!' as urgent data\n");
	return recv_all(s, chunk, 4);
}

static int ask_nothing(SOCKET s, const char *argument)
{
	return 0;
}

static int ask_half(SOCKET s, const char *argument)
{
	if (send_all(s, "h", 1) || send_all(s, "all I had to say", 16))
		return 1;
	if (shutdown(s, SD_SEND) == SOCKET_ERROR)
		return failed("shutdown");
	printf("shutdown(SD_SEND); the other half stays open\n");
	int n, got = 0;
	while ((n = recv(s, chunk + got, (int)sizeof(chunk) - got, 0)) > 0)
		got += n;
	if (n < 0)
		return failed("recv");
	printf("the server answers: %.*s\n", got, chunk);
	return got ? 0 : 1;
}

static int ask(const char *address, const char *port, const char *what, const char *argument,
	       int wait)
{
	static const struct {
		const char *name;
		int (*ask)(SOCKET s, const char *argument);
	} sides[] = {{"knock", ask_nothing},
		     {"echo", ask_echo},
		     {"bulk", ask_bulk},
		     {"urgent", ask_urgent},
		     {"half", ask_half}};
	struct sockaddr_in name = name_of(address, port);
	SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (s == INVALID_SOCKET)
		return failed("socket");
	if (connect(s, (struct sockaddr *)&name, sizeof(name)) == SOCKET_ERROR)
		return failed("connect");
	printf("connected to %s:%s\n", address, port);
	int result = 2;
	for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
		if (!strcmp(sides[i].name, what))
			result = sides[i].ask(s, argument);
	if (wait) {
		printf("done; waiting\n");
		getchar();
	}
	closesocket(s);
	return result;
}

int main(int argc, char **argv)
{
	WSADATA data;
	int result;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	int server = argc > 1 && !strcmp(argv[1], "-l"), wait = argc > 1 && !strcmp(argv[1], "-w");
	if (wait) {
		argc--;
		argv++;
	}
	if (server ? argc < 5 || argc > 6 : argc < 4 || argc > 5) {
		usage(stderr);
		return 2;
	}
	if (WSAStartup(MAKEWORD(2, 2), &data)) {
		printf("WSAStartup failed\n");
		return 1;
	}
	if (server)
		result = serve(argv[2], argv[3], atoi(argv[4]), argc > 5 ? argv[5] : NULL);
	else
		result = ask(argv[1], argv[2], argv[3], argc > 4 ? argv[4] : NULL, wait);
	WSACleanup();
	return result;
}
