/* SPDX-License-Identifier: MIT
 *
 * A process with listeners for test_sw_takeover.c: the library with the steps of sw_step.h in it,
 * over the scripted provider. One command a line on stdin, one answer a line on stdout; ends at end
 * of input.
 */
#include "scripted_provider.h"
#include "takeover.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsd/api.h>

enum { SOCKETS = 8, PASSED = 1024 };

static SOCKET socket_of[SOCKETS];
static void *control;

/* What this process has passed since `clear`, and where it is to end or to stop. */
static pthread_mutex_t step_lock = PTHREAD_MUTEX_INITIALIZER;
static char passed[PASSED], armed[40];
static int armed_signal;

static void pass(const char *step)
{
	pthread_mutex_lock(&step_lock);
	size_t used = strlen(passed);
	snprintf(passed + used, sizeof(passed) - used, " %s", step);
	int sig = strcmp(step, armed) == 0 ? armed_signal : 0;
	if (sig)
		armed[0] = '\0';
	pthread_mutex_unlock(&step_lock);
	if (sig)
		raise(sig);
}

void sw_test_step(enum sw_step step)
{
	pass(takeover_step_name[step]);
}

static void on_call(struct scripted *p, const char *call, void *arg)
{
	pass(call);
}

static void do_open(int i, const char *port, const char *unused)
{
	SOCKADDR_IN a = {.sin_family = WSD_AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	DWORD one = 1;
	SOCKET s = socket_of[i] = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	inet_pton(AF_INET, TAKEOVER_ADDR, &a.sin_addr);
	bool ok = s != INVALID_SOCKET &&
		  !wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&one, sizeof(one)) &&
		  !wsd_bind(s, (SOCKADDR *)&a, sizeof(a)) && !wsd_listen(s, 5);
	printf("open %d\n", ok ? 0 : wsd_WSAGetLastError());
}

static void do_close(int i, const char *unused, const char *unused2)
{
	printf("close %d\n", wsd_closesocket(socket_of[i]) ? wsd_WSAGetLastError() : 0);
}

static void do_step(int unused, const char *name, const char *how)
{
	pthread_mutex_lock(&step_lock);
	snprintf(armed, sizeof(armed), "%s", name);
	armed_signal = strcmp(how, "kill") == 0 ? SIGKILL : SIGSTOP;
	pthread_mutex_unlock(&step_lock);
	printf("done\n");
}

static void do_clear(int unused, const char *unused2, const char *unused3)
{
	pthread_mutex_lock(&step_lock);
	passed[0] = '\0';
	pthread_mutex_unlock(&step_lock);
	printf("done\n");
}

static void do_passed(int unused, const char *unused2, const char *unused3)
{
	pthread_mutex_lock(&step_lock);
	printf("passed%s\n", passed);
	pthread_mutex_unlock(&step_lock);
}

/* Where the test looks, also when this process is stopped. */
static void do_control(int unused, const char *unused2, const char *unused3)
{
	printf("control %p\n", control);
}

static const struct command {
	const char *name;
	void (*run)(int i, const char *arg1, const char *arg2);
} commands[] = {
	{"open", do_open},   {"close", do_close},   {"step", do_step},
	{"clear", do_clear}, {"passed", do_passed}, {"control", do_control},
};

static void run(const char *line)
{
	char verb[16] = "", arg1[40] = "", arg2[16] = "";
	int i = 0;
	sscanf(line, "%15s %d %39s %15s", verb, &i, arg1, arg2);
	for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++)
		if (strcmp(verb, commands[k].name) == 0 && i >= 0 && i < SOCKETS) {
			commands[k].run(i, arg1, arg2);
			return;
		}
	printf("what? %s\n", line);
}

/* takeover_helper BOOK MODULE */
int main(int argc, char **argv)
{
	WSADATA data;
	char line[256];
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 3 || setenv("WSD_BROKER_NAME", argv[1], 1))
		return 1;
	void *module = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL);
	struct scripted *p = module ? dlsym(module, SCRIPTED_CONTROL) : NULL;
	if (!p)
		return 2;
	snprintf(p->name, sizeof(p->name), "a");
	inet_pton(AF_INET, TAKEOVER_ADDR, &p->addrs_be[0]);
	p->n_addrs = 1;
	p->hook = on_call;
	control = p;
	if (wsd_WSAStartup(0x0202, &data))
		return 3;
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	wsd_WSACleanup();
	dlclose(module);
	return 0;
}
