/* SPDX-License-Identifier: MIT
 *
 * A plain Winsock server that binds and listens, as any program does: it knows nothing of SANs.
 * Commands on standard input: close, reopen, quit. It prints what the application sees.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct plan {
	const char *address;
	unsigned short port;
	int backlog;
	int reuse;
	int exclusive;
};

static void usage(FILE *to)
{
	fputs("usage: demo-server [-r] [-x] [-q BACKLOG] ADDRESS PORT\n"
	      "Binds ADDRESS (0.0.0.0: all) and PORT (0: chosen) and listens. -r: SO_REUSEADDR, "
	      "-x: "
	      "SO_EXCLUSIVEADDRUSE.\n"
	      "Reads commands from standard input: close, reopen, quit (so is its end).\n",
	      to);
}

static SOCKET fail(SOCKET s, const char *call)
{
	int code = WSAGetLastError(); /* before closesocket can change it */
	printf("%s failed: %d\n", call, code);
	if (s != INVALID_SOCKET)
		closesocket(s);
	return INVALID_SOCKET;
}

static SOCKET open_listener(const struct plan *plan)
{
	struct sockaddr_in name;
	int length = sizeof(name);
	BOOL yes = TRUE;
	char text[INET_ADDRSTRLEN];

	SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (s == INVALID_SOCKET)
		return fail(s, "socket");
	if (plan->reuse && setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (const char *)&yes,
				      sizeof(yes)) == SOCKET_ERROR)
		return fail(s, "setsockopt(SO_REUSEADDR)");
	if (plan->exclusive && setsockopt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&yes,
					  sizeof(yes)) == SOCKET_ERROR)
		return fail(s, "setsockopt(SO_EXCLUSIVEADDRUSE)");

	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_addr.s_addr = inet_addr(plan->address);
	name.sin_port = htons(plan->port);
	if (bind(s, (const struct sockaddr *)&name, sizeof(name)) == SOCKET_ERROR)
		return fail(s, "bind");
	if (listen(s, plan->backlog) == SOCKET_ERROR)
		return fail(s, "listen");
	if (getsockname(s, (struct sockaddr *)&name, &length) == SOCKET_ERROR)
		return fail(s, "getsockname");
	inet_ntop(AF_INET, &name.sin_addr, text, sizeof(text));
	printf("listening on %s:%u\n", text, ntohs(name.sin_port));
	return s;
}

static int serve(const struct plan *plan)
{
	char line[64];
	SOCKET s = open_listener(plan);
	if (s == INVALID_SOCKET)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!strcmp(line, "close") && s != INVALID_SOCKET) {
			closesocket(s);
			s = INVALID_SOCKET;
			printf("closed\n");
		} else if (!strcmp(line, "reopen") && s == INVALID_SOCKET) {
			s = open_listener(plan);
		} else if (!strcmp(line, "quit")) {
			break;
		}
	}
	if (s != INVALID_SOCKET)
		closesocket(s);
	return 0;
}

int main(int argc, char **argv)
{
	struct plan plan = {.backlog = 5};
	WSADATA data;
	int i = 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (!strcmp(argv[i], "-r"))
			plan.reuse = 1;
		else if (!strcmp(argv[i], "-x"))
			plan.exclusive = 1;
		else if (!strcmp(argv[i], "-q") && i + 1 < argc)
			plan.backlog = atoi(argv[++i]);
		else {
			usage(!strcmp(argv[i], "--help") ? stdout : stderr);
			return !strcmp(argv[i], "--help") ? 0 : 2;
		}
	}
	if (argc - i != 2 || inet_addr(argv[i]) == INADDR_NONE) {
		usage(stderr);
		return 2;
	}
	plan.address = argv[i];
	plan.port = (unsigned short)atoi(argv[i + 1]);

	i = WSAStartup(MAKEWORD(2, 2), &data);
	if (i != 0) {
		printf("WSAStartup failed: %d\n", i);
		return 1;
	}
	i = serve(&plan);
	WSACleanup();
	return i;
}
