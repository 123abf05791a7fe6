/* SPDX-License-Identifier: MIT */
/*
 * names_helper.c: a process that holds names for a test: one command a line on stdin, one answer a
 * line on stdout, events as lines that begin with '!'. `step NAME kill|stop` ends or stops it at a
 * step of names_step.h. Exits at end of input.
 */
#include "forks.h"
#include "names_priv.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COOKIES = 1 << 17 };

static struct names *names;
static uint64_t id_of[COOKIES];
static _Atomic int armed = -1;
static int armed_signal;
static _Atomic int armed_skip;

static const char *const step_name[] = {
#define STEP_NAME(name) #name,
	NAMES_STEPS(STEP_NAME)
#undef STEP_NAME
};

void names_test_step(enum names_step step)
{
	if ((int)step != armed || armed_skip-- > 0)
		return;
	armed = -1;
	raise(armed_signal);
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	char line[4096];
	va_list args;

	va_start(args, format);
	int len = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (len >= (int)sizeof(line) - 1)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	pthread_mutex_lock(&one);
	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(2);
	pthread_mutex_unlock(&one);
}

static void takeover(void *ctx, uint64_t id, uint64_t cookie)
{
	say("! takeover %llu", (unsigned long long)cookie);
}

static void shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4], size_t count)
{
	char text[2048] = "";

	for (size_t i = 0; i < count && i < 64; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %u.%u.%u.%u",
			 addr[i][0], addr[i][1], addr[i][2], addr[i][3]);
	say("! shadow %llu%s", (unsigned long long)cookie, text);
}

static void retry(void *ctx, uint64_t id, uint64_t cookie)
{
	say("! retry %llu", (unsigned long long)cookie);
}

static const struct names_ops ops = {takeover, shadow, retry};

static int index_in(const char *word, const char *const *list, int count)
{
	for (int i = 0; word && i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return i;
	say("what? %s", word ? word : "(nothing)");
	exit(3);
}

static const char *const protos[] = {"tcp4", "tcp6", "udp4", "udp6"};
static const char *const modes[] = {"def", "reuse", "excl"};

/* COOKIE PROTO MODE ADDR|* PORT [dual] [scal] */
static struct names_request read_request(char **rest)
{
	struct names_request req = {0};

	req.proto = (enum names_proto)index_in(strtok_r(NULL, " ", rest), protos, 4);
	req.mode = (enum names_mode)index_in(strtok_r(NULL, " ", rest), modes, 3);
	const char *addr = strtok_r(NULL, " ", rest), *port = strtok_r(NULL, " ", rest), *flag;
	if (addr && strcmp(addr, "*") != 0)
		inet_pton(req.proto % 2 ? AF_INET6 : AF_INET, addr, req.addr);
	req.port = (uint16_t)atoi(port ? port : "0");
	while ((flag = strtok_r(NULL, " ", rest))) {
		req.dual = req.dual || strcmp(flag, "dual") == 0;
		req.scalability = req.scalability || strcmp(flag, "scal") == 0;
	}
	return req;
}

static void do_bind(long cookie, char **rest)
{
	struct names_request req = read_request(rest);
	uint16_t port = 0;
	int64_t start = wire_now_ms();
	int r = names_bind(names, &req, (uint64_t)cookie, &id_of[cookie], &port);

	say("bind %d %u %d", r, port, (int)(wire_now_ms() - start));
}

static void do_listen(long cookie, char **rest)
{
	struct names_shadow list = {0};
	bool head = false;
	char text[2048] = "";
	int r = names_listen(names, id_of[cookie], &head, &list);

	for (size_t i = 0; i < list.count && i < 64; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " %u.%u.%u.%u",
			 list.addr[i][0], list.addr[i][1], list.addr[i][2], list.addr[i][3]);
	free(list.addr);
	say("listen %d %d%s", r, head, text);
}

static void do_release(long cookie, char **rest)
{
	names_release(names, id_of[cookie]);
	say("done");
}

static void do_defer(long cookie, char **rest)
{
	names_defer(names, id_of[cookie]);
	say("done");
}

static void do_note(long cookie, char **rest)
{
	const char *count = strtok_r(NULL, " ", rest);

	names_note(names, id_of[cookie], (unsigned)atoi(count ? count : "0"));
	say("done");
}

/* The id of COOKIE as another process would guess it. */
static void do_steal(long cookie, char **rest)
{
	const char *id = strtok_r(NULL, " ", rest);

	names_release(names, strtoull(id ? id : "0", NULL, 10));
	say("done");
}

static void do_id(long cookie, char **rest)
{
	say("id %llu", (unsigned long long)id_of[cookie]);
}

static void do_serve(long cookie, char **rest)
{
	say("serve %d", names_serve(names));
}

static void do_step(long skip, char **rest)
{
	const char *name = strtok_r(NULL, " ", rest), *how = strtok_r(NULL, " ", rest);

	armed_signal = how && strcmp(how, "kill") == 0 ? SIGKILL : SIGSTOP;
	armed_skip = (int)skip;
	armed = index_in(name, step_name, NAMES_STEP_COUNT);
	say("done");
}

/* FIRST COUNT: names on four addresses, ports from FIRST on; cookies from 1000 on */
static void do_flood(long first, char **rest)
{
	const char *text = strtok_r(NULL, " ", rest);
	int count = atoi(text ? text : "0"), failed = 0;
	int64_t start = wire_now_ms();

	for (int i = 0; i < count; i++) {
		struct names_request req = {.proto = NAMES_TCP4};
		uint16_t port;
		memcpy(req.addr, (uint8_t[]){10, 77, (uint8_t)(i % 4), 1}, 4);
		req.port = (uint16_t)(first + i / 4);
		failed += names_bind(names, &req, 1000 + (uint64_t)i, &id_of[1000 + i], &port) != 0;
	}
	say("flood %d %d", failed, (int)(wire_now_ms() - start));
}

static void print_entry(void *arg, const struct names_entry *e)
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(e->proto % 2 ? AF_INET6 : AF_INET, e->addr, addr, sizeof(addr));
	snprintf((char *)arg + strlen(arg), 4000 - strlen(arg),
		 "%s %s:%u %s pid=%d uid=%u rank=%u n=%u;", protos[e->proto], addr, e->port,
		 modes[e->mode], e->pid, e->uid, e->rank, e->companions);
}

static void count_entry(void *arg, const struct names_entry *e)
{
	++*(int *)arg;
}

static void do_list(long unused, char **rest)
{
	char text[4000] = "";
	int count = 0, r = names_list(names, count_entry, &count);

	if (r == 0 && count < 32)
		r = names_list(names, print_entry, text);
	say("list %d %d %s", r, count, text);
}

/* PROTO START COUNT */
static void do_ports(long unused, char **rest)
{
	struct names_range r[NAMES_PROTO_COUNT], range = {0};
	const char *proto = strtok_r(NULL, " ", rest), *start = strtok_r(NULL, " ", rest);
	const char *count = strtok_r(NULL, " ", rest);

	if (start && count) {
		range = (struct names_range){(uint32_t)atoi(start), (uint32_t)atoi(count)};
		say("ports %d",
		    names_ports_set(names, (enum names_proto)index_in(proto, protos, 4), range));
		return;
	}
	int error = names_ports_get(names, r);
	int p = index_in(proto, protos, 4);
	if (error)
		say("ports %d", error);
	else
		say("ports 0 %u,%u", r[p].start, r[p].count);
}

/* A child that joins on its own, and what it can bind: COOKIE PROTO MODE ADDR PORT */
static void do_fork(long cookie, char **rest)
{
	struct names_request req = read_request(rest);
	int status;

	names_fork_prepare(names);
	pid_t child = wsd_fork();
	if (child == 0) {
		uint64_t id;
		uint16_t port;
		names_fork_child(names);
		int r = names_bind(names, &req, 1, &id, &port);
		names_close(names);
		_exit(r == 0 ? 0 : r - 10000);
	}
	names_fork_parent(names);
	waitpid(child, &status, 0);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	say("fork %d", status > 0 ? status + 10000 : status);
}

/* Leave COUNT descriptors free. */
static void do_starve(long count, char **rest)
{
	int top = dup(0);
	struct rlimit limit = {(rlim_t)(top + count), (rlim_t)(top + count)};

	close(top);
	setrlimit(RLIMIT_NOFILE, &limit);
	for (long i = 0; i < count; i++)
		if (dup(0) < 0)
			break;
	say("done");
}

/* A child that drops what it inherited and then does nothing for two seconds. */
static void do_orphan(long unused, char **rest)
{
	names_fork_prepare(names);
	pid_t child = wsd_fork();
	if (child == 0) {
		names_fork_child(names);
		close(STDOUT_FILENO);
		usleep(2000000);
		_exit(0);
	}
	names_fork_parent(names);
	say("done");
}

static const struct command {
	const char *name;
	void (*run)(long number, char **rest);
} commands[] = {
	{"bind", do_bind}, {"listen", do_listen}, {"release", do_release}, {"defer", do_defer},
	{"note", do_note}, {"steal", do_steal},   {"id", do_id},           {"serve", do_serve},
	{"step", do_step}, {"flood", do_flood},   {"list", do_list},       {"ports", do_ports},
	{"fork", do_fork}, {"orphan", do_orphan}, {"starve", do_starve},
};

/* Be the first process of a pid namespace; the outer one waits. */
static int enter_pid_namespace(void)
{
	int status;

	if (unshare(CLONE_NEWPID) < 0)
		return 5;
	pid_t inner = fork();
	if (inner == 0)
		return 0;
	waitpid(inner, &status, 0);
	_exit(0);
}

/* A user namespace of one's own; @mapped: as its user 0, otherwise as nobody it knows. */
static int enter_user_namespace(bool mapped)
{
	char map[32];
	int len = snprintf(map, sizeof(map), "0 %u 1", geteuid());

	if (unshare(CLONE_NEWUSER) < 0)
		return -1;
	if (!mapped)
		return 0;
	int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, map, (size_t)len) == len;
	if (fd >= 0)
		close(fd);
	return written ? 0 : -1;
}

/* names_helper BOOK [legacy] [guest] [user=UID] [pidns] [netns] [userns] [userroot] */
int main(int argc, char **argv)
{
	struct names_config cfg = {.broker_name = argc > 1 ? argv[1] : NULL};
	char line[512];

	for (int i = 2; i < argc; i++) {
		cfg.legacy_reuse = cfg.legacy_reuse || strcmp(argv[i], "legacy") == 0;
		cfg.guest = cfg.guest || strcmp(argv[i], "guest") == 0;
		if (strcmp(argv[i], "netns") == 0 && unshare(CLONE_NEWNET) < 0)
			return 6;
		unsigned uid;
		if (strcmp(argv[i], "pidns") == 0 && enter_pid_namespace() != 0)
			return 5;
		if (sscanf(argv[i], "user=%u", &uid) == 1 && setresuid(uid, uid, uid) < 0)
			return 4;
		prctl(PR_SET_DUMPABLE, 1); /* as if that user had started it */
		bool mapped = strcmp(argv[i], "userroot") == 0;
		if ((mapped || strcmp(argv[i], "userns") == 0) && enter_user_namespace(mapped) < 0)
			return 7;
	}
	if (names_open(&cfg, &ops, NULL, &names) != 0)
		return 1;
	say("ready");
	while (fgets(line, sizeof(line), stdin)) {
		char *rest;
		line[strcspn(line, "\n")] = '\0';
		const char *verb = strtok_r(line, " ", &rest), *number = strtok_r(NULL, " ", &rest);
		size_t i = 0;
		while (verb && i < sizeof(commands) / sizeof(commands[0]) &&
		       strcmp(verb, commands[i].name) != 0)
			i++;
		if (!verb || i == sizeof(commands) / sizeof(commands[0]))
			say("what? %s", verb);
		else
			commands[i].run(atol(number ? number : "0"), &rest);
	}
	names_close(names);
	return 0;
}
