/* SPDX-License-Identifier: MIT
 *
 * What the programs of tests/wire share. Include <winsock2.h> first.
 */
#ifndef WSD_TESTS_WIRE_ENDS_H
#define WSD_TESTS_WIRE_ENDS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline int failed(const char *call)
{
	printf("%s failed: %d\n", call, WSAGetLastError());
	return 1;
}

static inline struct sockaddr_in name_of(const char *address, const char *port)
{
	struct sockaddr_in name;
	memset(&name, 0, sizeof(name));
	name.sin_family = AF_INET;
	name.sin_addr.s_addr = inet_addr(address);
	name.sin_port = htons((unsigned short)atoi(port));
	return name;
}

#endif
