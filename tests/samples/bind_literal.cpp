// SPDX-License-Identifier: MIT
// A Winsock program as people write it: bind a TCP socket to a literal address. Nothing in it knows
// of this project. Exit status 0 when bound.
#ifndef UNICODE
#define UNICODE
#endif
#define WIN32_LEAN_AND_MEAN

#include <winsock2.h>
#include <Ws2tcpip.h>
#include <stdio.h>

#pragma comment(lib, "Ws2_32.lib")

int main()
{
	WSADATA wsaData;
	SOCKET server = INVALID_SOCKET;
	sockaddr_in local;
	int rc;

	rc = WSAStartup(MAKEWORD(2, 2), &wsaData);
	if (rc != NO_ERROR) {
		wprintf(L"WSAStartup says %d\n", rc);
		return 1;
	}

	server = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (server == INVALID_SOCKET) {
		wprintf(L"no socket: %u\n", WSAGetLastError());
		WSACleanup();
		return 1;
	}

	local.sin_family = AF_INET;
	local.sin_addr.s_addr = inet_addr("127.0.0.1");
	local.sin_port = htons(27015);

	rc = bind(server, (SOCKADDR *)&local, sizeof(local));
	if (rc == SOCKET_ERROR) {
		wprintf(L"not bound: %u\n", WSAGetLastError());
		closesocket(server);
		WSACleanup();
		return 1;
	}
	wprintf(L"bound\n");

	// The socket is left to WSACleanup, as many programs do.
	WSACleanup();
	return 0;
}
