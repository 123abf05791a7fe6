/* SPDX-License-Identifier: MIT
 *
 * A program that loads libwsdirect, starts it, listens, and unloads it without WSACleanup, as a
 * host of plugins does: its threads must not lose their code, and the library works when it is
 * loaded again [WS-STARTUP-4]. A plain main: it is not linked with the library. Exits 0, or 1 after
 * saying what was wrong.
 */
#include <wsd/abi.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 3, REST_US = 300000 };

struct api {
	void *library;
	int (*startup)(WORD version, LPWSADATA data);
	int (*cleanup)(void);
	SOCKET (*socket)(int af, int type, int protocol);
	int (*bind)(SOCKET s, const struct wsd_sockaddr *name, int namelen);
	int (*listen)(SOCKET s, int backlog);
	int (*getsockname)(SOCKET s, struct wsd_sockaddr *name, int *namelen);
	int (*closesocket)(SOCKET s);
};

static bool load(struct api *a)
{
	const struct {
		const char *name;
		void *slot;
	} rows[] = {
		{"wsd_WSAStartup", &a->startup},      {"wsd_WSACleanup", &a->cleanup},
		{"wsd_socket", &a->socket},           {"wsd_bind", &a->bind},
		{"wsd_listen", &a->listen},           {"wsd_getsockname", &a->getsockname},
		{"wsd_closesocket", &a->closesocket},
	};
	a->library = dlopen(WSD_TEST_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; a->library && i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *symbol = dlsym(a->library, rows[i].name);
		memcpy(rows[i].slot, &symbol, sizeof(symbol));
		if (!symbol)
			return false;
	}
	if (!a->library)
		printf("%s\n", dlerror());
	return a->library;
}

/* Does the kernel let a client connect? */
static bool answers(uint16_t port_be)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = port_be};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return ok;
}

/* One round leaves a listener behind, and hands its port on. */
static bool round_of(struct api *a, uint16_t *ret_port_be)
{
	WSADATA data;
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET};
	int len = sizeof(in);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (!load(a) || a->startup(0x0202, &data))
		return false;
	SOCKET s = a->socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	bool ok = s != INVALID_SOCKET && !a->bind(s, (struct wsd_sockaddr *)&in, len) &&
		  !a->listen(s, 5) && !a->getsockname(s, (struct wsd_sockaddr *)&in, &len) &&
		  answers(in.sin_port);
	*ret_port_be = in.sin_port;
	dlclose(a->library);
	usleep(REST_US); /* what its threads do at rest must not be the end of the program */
	return ok && answers(in.sin_port);
}

int main(void)
{
	struct api a;
	uint16_t ports[ROUNDS];
	int status = 0;
	for (int i = 0; i < ROUNDS; i++) {
		if (!round_of(&a, &ports[i])) {
			printf("round %d: it does not listen\n", i);
			return 1;
		}
	}
	for (int i = 0; i < ROUNDS; i++) {
		if (!answers(ports[i])) {
			printf("the listener of round %d is gone\n", i);
			return 1;
		}
	}
	pid_t pid = fork(); /* its handlers are still there */
	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	for (int i = 0; load(&a) && i < ROUNDS; i++)
		status |= a.cleanup();
	bool wrong = status || !a.cleanup(); /* one more than there were startups fails */
	if (wrong)
		printf("the startups were not counted through\n");
	return wrong;
}
