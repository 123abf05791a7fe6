/* SPDX-License-Identifier: MIT
 *
 * The bed; see bed.h. Used by one thread; the log of calls has its own lock.
 */
#include "bed.h"
#include "check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const modules[BED_PROVIDERS] = {SCRIPTED_A, SCRIPTED_B};
static const char *const names[BED_PROVIDERS] = {"a", "b"};

enum { DEADLINE_MS = 3000 };

static void guid_of(unsigned i, char text[64])
{
	snprintf(text, 64, "{5c21000%u-77aa-4bd1-9c1e-0123456789a%u}", i, i);
}

/* ---- files ---- */

static void write_file(const char *path, const char *text, size_t size)
{
	char fresh[160];
	snprintf(fresh, sizeof(fresh), "%s~", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0, "cannot write %s: %s", fresh, strerror(errno));
	cr_assert_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
	cr_assert_eq(rename(fresh, path), 0);
}

static char *read_file(const char *path)
{
	size_t size = 0, room = 1 << 20;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	for (ssize_t n = 1; fd >= 0 && n > 0; size += n > 0 ? (size_t)n : 0)
		n = read(fd, text + size, room - size - 1);
	if (fd >= 0)
		close(fd);
	text[size] = '\0';
	return text;
}

void bed_file(struct bed *b, const char *name, const char *text)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/%s", b->catalog, name);
	if (text)
		write_file(path, text, strlen(text));
	else
		unlink(path);
}

void bed_install(struct bed *b, unsigned i, const char *module, const char *more)
{
	char name[32], text[1024], id[64];
	guid_of(i, id);
	snprintf(name, sizeof(name), "%s.provider", names[i]);
	snprintf(text, sizeof(text),
		 "# made by a test\nid = %s\nname = scripted %s\nmodule = %s\nflags = PFL_HIDDEN\n"
		 "services = XP1_GUARANTEED_DELIVERY XP1_GUARANTEED_ORDER XP1_MESSAGE_ORIENTED\n%s",
		 id, names[i], module ? module : modules[i], more);
	bed_file(b, name, text);
}

/* The list, written here by the format's description and not by the product's code. */
static size_t read_list(struct bed *b, unsigned char list[32 * 16])
{
	char path[160];
	snprintf(path, sizeof(path), "%s/tcp-on-san", b->catalog);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, list, 31 * 16);
	if (fd >= 0)
		close(fd);
	return n > 0 ? (size_t)n : 0;
}

static void write_list(struct bed *b, const unsigned char *list, size_t size)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/tcp-on-san", b->catalog);
	write_file(path, (const char *)list, size);
}

static void binary_id(unsigned i, unsigned char id[16])
{
	const unsigned char bytes[16] = {(unsigned char)i,
					 0x00,
					 0x21,
					 0x5c,
					 0xaa,
					 0x77,
					 0xd1,
					 0x4b,
					 0x9c,
					 0x1e,
					 0x01,
					 0x23,
					 0x45,
					 0x67,
					 0x89,
					 (unsigned char)(0xa0 + i)};
	memcpy(id, bytes, 16);
}

void bed_register(struct bed *b, unsigned i)
{
	unsigned char list[32 * 16];
	size_t size = read_list(b, list);
	binary_id(i, list + size);
	write_list(b, list, size + 16);
}

void bed_unregister(struct bed *b, unsigned i)
{
	unsigned char list[32 * 16], kept[32 * 16], id[16];
	size_t size = read_list(b, list), n = 0;
	binary_id(i, id);
	for (size_t at = 0; at + 16 <= size; at += 16)
		if (memcmp(list + at, id, 16) != 0) {
			memcpy(kept + n, list + at, 16);
			n += 16;
		}
	write_list(b, kept, n);
}

/* ---- making and freeing ---- */

static bool make_net(void)
{
	static const struct {
		const char *link, *addr;
	} rows[] = {{"san0", "10.77.0.1"},
		    {"san1", "10.77.1.1"},
		    {"san2", "10.77.2.1"},
		    {"san2", "10.77.2.101"},
		    {"lan0", "10.78.0.1"}};
	if (!netbed_enter())
		return false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((i != 3 && netbed_add_link(rows[i].link)) ||
		    netbed_add_addr(rows[i].link, rows[i].addr, 24))
			return false;
	}
	return true;
}

static void open_provider(struct bed *b, unsigned i)
{
	void *module = dlopen(modules[i], RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	b->p[i] = dlsym(module, SCRIPTED_CONTROL);
	cr_assert_not_null(b->p[i]);
	snprintf(b->p[i]->name, sizeof(b->p[i]->name), "%s", names[i]);
	b->p[i]->log = &b->calls;
}

bool bed_make(struct bed *b, unsigned n)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->calls.lock, NULL);
	if (!make_net())
		return false;
	/* what a failed test leaves is found by whoever set this, scripts/test */
	const char *tmp = getenv("WSD_TEST_TMP");
	int len = snprintf(b->dir, sizeof(b->dir), "%s/wsd-bed-XXXXXX", tmp ? tmp : "/tmp");
	cr_assert(len < (int)sizeof(b->dir) && mkdtemp(b->dir), "%s: %s", b->dir, strerror(errno));
	char test[96];
	snprintf(test, sizeof(test), "%s/test", b->dir);
	write_file(test, criterion_current_test->name, strlen(criterion_current_test->name));
	snprintf(b->catalog, sizeof(b->catalog), "%s/catalog", b->dir);
	snprintf(b->log, sizeof(b->log), "%s/log", b->dir);
	snprintf(b->trace, sizeof(b->trace), "%s/trace", b->dir);
	cr_assert_eq(mkdir(b->catalog, 0700), 0);
	setenv("WSD_CATALOG", b->catalog, 1);
	setenv("WSD_CONFIG", "/dev/null", 1);
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); /* a busy machine is no reason for TCP/IP */
	setenv("WSD_LOG", b->log, 1);
	setenv("WSD_LOG_LEVEL", "debug", 1);
	if (tmp) {
		snprintf(test, sizeof(test), "%s/calls", b->dir);
		setenv("WSD_TRACE", test, 1);
	}
	bed_file(b, "warm-up.provider", "this makes the library write a line\n");
	bed_start(b);
	bed_stop(b);
	bed_file(b, "warm-up.provider", NULL);
	for (unsigned i = 0; i < BED_PROVIDERS; i++) {
		open_provider(b, i);
		bed_install(b, i, NULL, "");
		if (i < n)
			bed_register(b, i);
	}
	return true;
}

void bed_free(struct bed *b)
{
	const char *const dirs[] = {b->catalog, b->dir};
	for (int i = 0; i < 2; i++) {
		char path[512];
		DIR *d = opendir(dirs[i]);
		for (struct dirent *e; d && (e = readdir(d));) {
			snprintf(path, sizeof(path), "%s/%s", dirs[i], e->d_name);
			if (e->d_name[0] != '.')
				unlink(path);
		}
		if (d)
			closedir(d);
		rmdir(dirs[i]);
	}
}

/* ---- the script ---- */

void bed_addrs(struct bed *b, unsigned i, ...)
{
	struct scripted *p = b->p[i];
	va_list args;
	va_start(args, i);
	pthread_mutex_lock(&p->lock);
	p->n_addrs = 0;
	for (const char *a; (a = va_arg(args, const char *));)
		cr_assert_eq(inet_pton(AF_INET, a, &p->addrs_be[p->n_addrs++]), 1);
	pthread_mutex_unlock(&p->lock);
	va_end(args);
}

void bed_fail(struct bed *b, unsigned i, const char *call, const char *match, int error)
{
	struct scripted *p = b->p[i];
	pthread_mutex_lock(&p->lock);
	int at = 0;
	while (at < SCRIPTED_RULES - 1 && p->rules[at].error)
		at++;
	struct scripted_rule *r = &p->rules[at];
	snprintf(r->call, sizeof(r->call), "%s", call);
	snprintf(r->match, sizeof(r->match), "%s", match);
	r->error = error;
	r->after = 0;
	pthread_mutex_unlock(&p->lock);
}

void bed_heal(struct bed *b, unsigned i)
{
	pthread_mutex_lock(&b->p[i]->lock);
	memset(b->p[i]->rules, 0, sizeof(b->p[i]->rules));
	pthread_mutex_unlock(&b->p[i]->lock);
}

/* ---- what was called ---- */

static unsigned calls(struct bed *b)
{
	pthread_mutex_lock(&b->calls.lock);
	unsigned n = b->calls.count;
	pthread_mutex_unlock(&b->calls.lock);
	return n;
}

void bed_clear(struct bed *b)
{
	pthread_mutex_lock(&b->calls.lock);
	b->calls.count = 0;
	pthread_mutex_unlock(&b->calls.lock);
}

unsigned bed_count(struct bed *b, const char *text)
{
	unsigned found = 0;
	pthread_mutex_lock(&b->calls.lock);
	for (unsigned i = 0; i < b->calls.count; i++)
		found += strstr(b->calls.lines[i], text) != NULL;
	pthread_mutex_unlock(&b->calls.lock);
	return found;
}

static void differ(const char *file, int line, const char *const *expected, unsigned n,
		   char (*got)[SCRIPTED_TEXT], unsigned n_got)
{
	char text[8192];
	size_t len = 0;
	for (unsigned i = 0; i < n || i < n_got; i++) {
		const char *e = i < n ? expected[i] : "(nothing)";
		const char *g = i < n_got ? got[i] : "(nothing)";
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %-52s %s\n",
						strcmp(e, g) ? "!" : " ", e, g);
	}
	cr_assert_fail("%s:%d: expected and got:\n%s", file, line, text);
}

static unsigned take(va_list args, const char **expected)
{
	unsigned n = 0;
	while (n < SCRIPTED_LINES && (expected[n] = va_arg(args, const char *)))
		n++;
	return n;
}

void bed_expect_at(struct bed *b, const char *file, int line, ...)
{
	static const char *expected[SCRIPTED_LINES];
	va_list args;
	va_start(args, line);
	unsigned n = take(args, expected);
	va_end(args);
	bool enough = WSD_UNTIL(calls(b) >= n, DEADLINE_MS);
	pthread_mutex_lock(&b->calls.lock);
	bool same = enough && b->calls.count == n;
	for (unsigned i = 0; i < n && same; i++)
		same = !strcmp(expected[i], b->calls.lines[i]);
	pthread_mutex_unlock(&b->calls.lock);
	if (!same)
		differ(file, line, expected, n, b->calls.lines, calls(b));
	bed_clear(b);
}

void bed_expect_quiet_at(struct bed *b, const char *file, int line, int ms)
{
	const char *none[] = {NULL};
	if (WSD_WITHIN(calls(b) > 0, ms))
		differ(file, line, none, 0, b->calls.lines, calls(b));
}

static bool holds(const char *path, const char *text)
{
	char *all = read_file(path);
	bool found = strstr(all, text) != NULL;
	free(all);
	return found;
}

bool bed_logged(struct bed *b, const char *text)
{
	return WSD_UNTIL(holds(b->log, text), 1000);
}

/* ---- the trace ---- */

void bed_trace_on(struct bed *b)
{
	setenv("WSD_TRACE_JSON", b->trace, 1);
}

struct record {
	long long seq;
	char text[SCRIPTED_TEXT];
};

static int by_seq(const void *a, const void *b)
{
	const struct record *x = a, *y = b;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

size_t bed_trace_lines(struct bed *b, char (*lines)[SCRIPTED_TEXT], size_t max)
{
	static struct record records[BED_TRACE];
	char *all = read_file(b->trace), *save = NULL;
	size_t n = 0;
	for (char *l = strtok_r(all, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		json_error_t error;
		json_t *o = json_loads(l, 0, &error);
		cr_assert_not_null(o, "not JSON: %s", l);
		const char *layer = json_string_value(json_object_get(o, "layer"));
		if (!strcmp(layer, "downcall") && n < BED_TRACE) {
			records[n].seq = json_integer_value(json_object_get(o, "seq"));
			snprintf(records[n++].text, SCRIPTED_TEXT, "%s %s",
				 json_string_value(json_object_get(o, "who")),
				 json_string_value(json_object_get(o, "call")));
		}
		json_decref(o);
	}
	free(all);
	qsort(records, n, sizeof(records[0]), by_seq);
	for (size_t i = 0; i < n && i < max; i++)
		memcpy(lines[i], records[i].text, SCRIPTED_TEXT);
	return n < max ? n : max;
}

void bed_traced_at(struct bed *b, const char *file, int line, size_t from, ...)
{
	static const char *expected[SCRIPTED_LINES];
	static char lines[BED_TRACE][SCRIPTED_TEXT];
	va_list args;
	va_start(args, from);
	unsigned n = take(args, expected);
	va_end(args);
	size_t all = bed_trace_lines(b, lines, BED_TRACE), got = all > from ? all - from : 0;
	bool same = got == n;
	for (unsigned i = 0; i < n && same; i++)
		same = !strcmp(expected[i], lines[from + i]);
	if (!same)
		differ(file, line, expected, n, lines + from, (unsigned)got);
}

/* ---- the application ---- */

void bed_start(struct bed *b)
{
	WSADATA data;
	cr_assert_eq(wsd_WSAStartup(0x0202, &data), 0);
}

void bed_stop(struct bed *b)
{
	cr_assert_eq(wsd_WSACleanup(), 0);
}

SOCKET bed_socket(void)
{
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	cr_assert_neq(s, INVALID_SOCKET, "socket: %d", wsd_WSAGetLastError());
	return s;
}

SOCKET bed_bound(const char *addr, unsigned short port)
{
	struct wsd_sockaddr_in in;
	SOCKET s = bed_socket();
	memset(&in, 0, sizeof(in));
	in.sin_family = WSD_AF_INET;
	in.sin_port = htons(port);
	cr_assert_eq(inet_pton(AF_INET, addr, &in.sin_addr), 1);
	cr_assert_eq(wsd_bind(s, (struct wsd_sockaddr *)&in, sizeof(in)), 0, "bind %s: %d", addr,
		     wsd_WSAGetLastError());
	return s;
}

SOCKET bed_listener(const char *addr, unsigned short port)
{
	SOCKET s = bed_bound(addr, port);
	cr_assert_eq(wsd_listen(s, 5), 0, "listen %s: %d", addr, wsd_WSAGetLastError());
	return s;
}

void bed_close(SOCKET s)
{
	cr_assert_eq(wsd_closesocket(s), 0, "closesocket: %d", wsd_WSAGetLastError());
}

void bed_check_clean(struct bed *b)
{
	for (unsigned i = 0; i < BED_PROVIDERS; i++) {
		cr_assert_eq(b->p[i]->stale, 0, "%u stale calls on %s", b->p[i]->stale, names[i]);
		cr_assert_eq(b->p[i]->handles_made, b->p[i]->handles_returned);
		cr_assert_eq(b->p[i]->startups, 0);
	}
}
