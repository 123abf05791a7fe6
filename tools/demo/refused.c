/* SPDX-License-Identifier: MIT
 *
 * A Winsock program that asks for names it cannot have: one refusal of each kind, by its natural
 * cause. It prints what it asked and what it got, and fails if an answer is not the documented one.
 */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SOCKET stream_socket(void)
{
	SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (s == INVALID_SOCKET) {
		printf("socket failed: %d\n", WSAGetLastError());
		exit(1);
	}
	return s;
}

static struct sockaddr_in ipv4(const char *address, unsigned short port)
{
	struct sockaddr_in name;
	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_addr.s_addr = inet_addr(address);
	name.sin_port = htons(port);
	return name;
}

static void must(int result, const char *what)
{
	if (result != SOCKET_ERROR)
		return;
	printf("%s failed: %d\n", what, WSAGetLastError());
	exit(1);
}

static int expect(const char *what, int result, int code, const char *name)
{
	int seen = result == SOCKET_ERROR ? WSAGetLastError() : 0;
	printf("%-62s -> %d%s%s\n", what, seen, seen == code ? " " : ", expected ", name);
	return seen != code;
}

static int usage(FILE *to)
{
	fputs("usage: demo-refused [ADDRESS [PORT]]\n"
	      "Asks for names at ADDRESS (127.0.0.1), PORT (5160) and the next port that it cannot "
	      "have.\n",
	      to);
	return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (argc > 3 || (argc > 1 && inet_addr(argv[1]) == INADDR_NONE))
		return usage(stderr);
	const char *address = argc > 1 ? argv[1] : "127.0.0.1";
	unsigned short port = (unsigned short)(argc > 2 ? atoi(argv[2]) : 5160);
	struct sockaddr_in name = ipv4(address, port), other = ipv4(address, port), far;
	BOOL yes = TRUE;
	WSADATA data;
	int wrong = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (WSAStartup(MAKEWORD(2, 2), &data) != 0)
		return 1;
	SOCKET plain = stream_socket(), exclusive = stream_socket(), asker = stream_socket(),
	       reuser = stream_socket();
	other.sin_port = htons((unsigned short)(port + 1));
	far = ipv4("192.0.2.1", port);

	must(bind(plain, (struct sockaddr *)&name, sizeof(name)), "bind");
	wrong += expect("bind: the name is held by a socket without options",
			bind(asker, (struct sockaddr *)&name, sizeof(name)), WSAEADDRINUSE,
			"WSAEADDRINUSE");

	must(setsockopt(exclusive, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (char *)&yes, sizeof(yes)),
	     "setsockopt");
	must(bind(exclusive, (struct sockaddr *)&other, sizeof(other)), "bind");
	must(setsockopt(reuser, SOL_SOCKET, SO_REUSEADDR, (char *)&yes, sizeof(yes)), "setsockopt");
	wrong += expect("bind with SO_REUSEADDR: the name is held exclusively",
			bind(reuser, (struct sockaddr *)&other, sizeof(other)), WSAEACCES,
			"WSAEACCES");

	wrong += expect("bind: 192.0.2.1 is not an address of this host",
			bind(asker, (struct sockaddr *)&far, sizeof(far)), WSAEADDRNOTAVAIL,
			"WSAEADDRNOTAVAIL");
	wrong += expect("bind: no name at all", bind(asker, NULL, sizeof(name)), WSAEFAULT,
			"WSAEFAULT");
	wrong += expect("bind: a name of 15 bytes", bind(asker, (struct sockaddr *)&name, 15),
			WSAEFAULT, "WSAEFAULT");
	wrong += expect("bind: the socket has a name already",
			bind(plain, (struct sockaddr *)&other, sizeof(other)), WSAEINVAL,
			"WSAEINVAL");

	closesocket(asker);
	closesocket(reuser);
	closesocket(exclusive);
	closesocket(plain);
	WSACleanup();
	return wrong ? 1 : 0;
}
