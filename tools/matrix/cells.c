/* SPDX-License-Identifier: MIT
 *
 * See cells.h. No state.
 */
#include "cells.h"

#include <string.h>
#include <winsock2.h>

int cells_start(void)
{
	WSADATA data;
	return WSAStartup(MAKEWORD(2, 2), &data);
}

void cells_stop(void)
{
	WSACleanup();
}

void cell_close(unsigned long long s)
{
	closesocket((SOCKET)s);
}

static int set_option(SOCKET s, int kind)
{
	static const int options[] = {0, SO_REUSEADDR, SO_EXCLUSIVEADDRUSE};
	int option = options[KIND_OPTION(kind)];
	BOOL on = TRUE;
	return option ? setsockopt(s, SOL_SOCKET, option, (const char *)&on, sizeof(on)) : 0;
}

int cell_bind(int kind, const char *address, unsigned short *port, unsigned long long *ret)
{
	struct sockaddr_in name;
	int len = sizeof(name);
	SOCKET s = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (s == INVALID_SOCKET)
		return WSAGetLastError();
	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_port = htons(*port);
	name.sin_addr.s_addr = KIND_SPECIFIC(kind) ? inet_addr(address) : htonl(INADDR_ANY);
	if (set_option(s, kind) || bind(s, (struct sockaddr *)&name, sizeof(name)) ||
	    getsockname(s, (struct sockaddr *)&name, &len)) {
		int code = WSAGetLastError();
		closesocket(s);
		return code;
	}
	*port = ntohs(name.sin_port);
	*ret = s;
	return 0;
}
