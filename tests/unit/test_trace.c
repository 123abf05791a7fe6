/* SPDX-License-Identifier: MIT
 *
 * The trace: text and JSON lines, nesting, the wrapping provider [docs/trace.md].
 */
#include "trace.h"
#include "check.h"
#include "conf.h"
#include "wsaname.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char text_path[64], json_path[64];

static void set_up(void)
{
	strcpy(text_path, "/tmp/wsd-trace-text-XXXXXX");
	strcpy(json_path, "/tmp/wsd-trace-json-XXXXXX");
	close(mkstemp(text_path));
	close(mkstemp(json_path));
}

static void tear_down(void)
{
	unlink(text_path);
	unlink(json_path);
}

static struct trace *open_both(void)
{
	struct conf *conf = NULL;
	struct trace *t = NULL;
	setenv("WSD_TRACE", text_path, 1);
	setenv("WSD_TRACE_JSON", json_path, 1);
	cr_assert_eq(conf_parse("", &conf), 0);
	cr_assert_eq(trace_open(conf, &t), 0);
	cr_assert_not_null(t);
	conf_free(conf);
	return t;
}

static char *contents(const char *path)
{
	static char all[1 << 20];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, all, sizeof(all) - 1);
	close(fd);
	all[n > 0 ? n : 0] = '\0';
	return all;
}

/* Line @number (0 is the header) of the text without time and process; durations as "[t]". */
static const char *text_line(unsigned number)
{
	static char line[2048];
	char *all = contents(text_path), *save = NULL, *l = strtok_r(all, "\n", &save);
	for (unsigned i = 0; l && i < number; i++)
		l = strtok_r(NULL, "\n", &save);
	if (!l)
		return "(no line)";
	double seconds;
	int pid, used = 0;
	long tid;
	cr_assert_eq(sscanf(l, "%lf %d/%ld%n", &seconds, &pid, &tid, &used), 3, "%s", l);
	cr_assert(pid == getpid() && tid > 0);
	snprintf(line, sizeof(line), "%s", l + used + 1);
	char *duration = strrchr(line, '[');
	if (duration && strstr(duration, " us]"))
		strcpy(duration, "[t]");
	return line;
}

Test(trace, DESIGN_6_off_unless_asked)
{
	WSD_TEST_BEGIN();
	struct conf *conf = NULL;
	struct trace *t = (struct trace *)&conf;
	struct trace_span span;
	unsetenv("WSD_TRACE");
	unsetenv("WSD_TRACE_JSON");
	cr_assert_eq(conf_parse("", &conf), 0);
	cr_assert_eq(trace_open(conf, &t), 0);
	cr_assert(t && !trace_wanted(t));
	trace_enter(t, &span, TRACE_APPLICATION, "", "bind", "s=%d", 1);
	trace_leave(&span, 0, 0, "%s", "");
	trace_close(t);
	conf_free(conf);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_a_file_that_cannot_be_opened)
{
	WSD_TEST_BEGIN();
	struct conf *conf = NULL;
	struct trace *t = (struct trace *)&conf;
	setenv("WSD_TRACE_JSON", "/nonexistent/trace", 1);
	cr_assert_eq(conf_parse("", &conf), 0);
	unsetenv("WSD_LOG");
	/* asked for by name, so it is said even where there is no log */
	int err = memfd_create("stderr", MFD_CLOEXEC), kept = fcntl(2, F_DUPFD_CLOEXEC, 3);
	cr_assert(err >= 0 && kept >= 0 && dup2(err, 2) == 2);
	int r = trace_open(conf, &t);
	dup2(kept, 2);
	char said[256] = "";
	cr_assert_gt(pread(err, said, sizeof(said) - 1, 0), 0);
	close(err);
	close(kept);
	cr_assert_eq(r, -ENOENT);
	cr_assert_str_eq(said,
			 "wsdirect: no trace: cannot open /nonexistent/trace: No such file or "
			 "directory\n");
	cr_assert_eq(t, (struct trace *)&conf);
	conf_free(conf);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_a_fifo_without_a_reader, .timeout = 10)
{
	WSD_TEST_BEGIN();
	struct conf *conf = NULL;
	struct trace *t = NULL;
	char path[64];
	snprintf(path, sizeof(path), "/tmp/wsd-fifo-%d", (int)getpid());
	cr_assert_eq(mkfifo(path, 0600), 0);
	setenv("WSD_TRACE", path, 1);
	cr_assert_eq(conf_parse("", &conf), 0);
	cr_assert_eq(trace_open(conf, &t), -ENXIO);
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cr_assert_eq(trace_open(conf, &t), 0);
	char said[64] = "";
	cr_assert_gt(read(reader, said, sizeof(said) - 1), 0);
	trace_close(t);
	close(reader);
	unlink(path);
	conf_free(conf);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_nested_calls_as_text, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	struct trace_span app, down, up;
	trace_enter(t, &app, TRACE_APPLICATION, "", "listen", "s=%s, backlog=%d",
		    trace_number(0x110004, TRACE_TEXT), 5);
	trace_enter(t, &down, TRACE_DOWNCALL, "TCP/IP", "WSPListen", "s=3");
	trace_leave(&down, 0, 0, "%s", "");
	trace_enter(t, &down, TRACE_DOWNCALL, "wsd-rdma", "WSPSocket", "af=AF_INET");
	trace_enter(t, &up, TRACE_UPCALL, "wsd-rdma", "WPUCreateSocketHandle", "context=7");
	trace_leave(&up, 0x80001, 0, "%s", "");
	trace_leave(&down, 0x10001, 0, "%s", "");
	trace_enter(t, &down, TRACE_DOWNCALL, "wsd-rdma", "WSPBind", "s=0x10001");
	trace_leave(&down, -1, WSAEADDRNOTAVAIL, "%s", "");
	trace_leave(&app, 0, 0, "%s", "");
	trace_enter(t, &app, TRACE_APPLICATION, "", "getsockname", "s=1");
	trace_leave(&app, 0, 0, "name=%s", "10.77.0.1:5150");
	cr_assert(strstr(contents(text_path), "# wsdirect trace of process") ==
		  contents(text_path));
	static const char *const expected[] = {
		"listen(s=0x110004, backlog=5)",
		"  TCP/IP   WSPListen(s=3) = 0  [t]",
		"  wsd-rdma WSPSocket(af=AF_INET)",
		"    wsd-rdma up WPUCreateSocketHandle(context=7) = 0x80001  [t]",
		"  wsd-rdma WSPSocket = 0x10001  [t]",
		"  wsd-rdma WSPBind(s=0x10001) = -1 WSAEADDRNOTAVAIL  [t]",
		"listen = 0  [t]",
		"getsockname(s=1) = 0 -> name=10.77.0.1:5150  [t]",
	};
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		cr_assert_str_eq(text_line(i + 1), expected[i]);
	trace_close(t);
	WSD_TEST_END();
}

static json_t *json_record(unsigned number)
{
	char *all = contents(json_path), *save = NULL, *l = strtok_r(all, "\n", &save);
	json_error_t error;
	for (unsigned i = 0; l && i < number; i++)
		l = strtok_r(NULL, "\n", &save);
	cr_assert_not_null(l);
	json_t *o = json_loads(l, 0, &error);
	cr_assert_not_null(o, "%s: %s", error.text, l);
	return o;
}

static const char *string_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

Test(trace, DESIGN_6_json_lines_rebuild_the_nesting, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	struct trace_span app, down;
	trace_enter(t, &app, TRACE_APPLICATION, "", "bind", "s=1, name=%s", "10.77.0.1:5150");
	trace_enter(t, &down, TRACE_DOWNCALL, "a \"quoted\" \\ name", "WSPBind", "s=3, just text");
	trace_leave(&down, -1, WSAEADDRINUSE, "%s", "");
	trace_leave(&app, -1, 12345, "errors=%d", 1);
	json_t *inner = json_record(0), *outer = json_record(1);
	cr_assert_eq(json_integer_value(json_object_get(inner, "parent")),
		     json_integer_value(json_object_get(outer, "seq")));
	cr_assert_eq(json_integer_value(json_object_get(outer, "parent")), 0);
	cr_assert_eq(json_integer_value(json_object_get(inner, "depth")), 1);
	cr_assert_eq(json_integer_value(json_object_get(inner, "pid")), getpid());
	cr_assert_eq(json_integer_value(json_object_get(inner, "result")), -1);
	cr_assert_str_eq(string_of(inner, "layer"), "downcall");
	cr_assert_str_eq(string_of(inner, "who"), "a \"quoted\" \\ name");
	cr_assert_str_eq(string_of(inner, "call"), "WSPBind");
	cr_assert_str_eq(string_of(inner, "error"), "WSAEADDRINUSE");
	cr_assert_str_eq(string_of(json_object_get(inner, "args"), "text"), "just text");
	cr_assert_str_eq(string_of(json_object_get(outer, "args"), "name"), "10.77.0.1:5150");
	cr_assert_str_eq(string_of(outer, "error"), "12345");
	cr_assert_str_eq(string_of(json_object_get(outer, "out"), "errors"), "1");
	cr_assert(json_is_number(json_object_get(outer, "us")));
	cr_assert(json_integer_value(json_object_get(outer, "t_us")) <=
		  json_integer_value(json_object_get(inner, "t_us")));
	json_decref(inner);
	json_decref(outer);
	trace_close(t);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_records_are_whole_whatever_is_in_them, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	struct trace_span span;
	char nasty[600];
	for (size_t i = 0; i < sizeof(nasty) - 1; i++)
		nasty[i] = (char)(i % 255 + 1);
	nasty[sizeof(nasty) - 1] = '\0';
	trace_enter(t, &span, TRACE_SWITCH, nasty, nasty, "a=%s", nasty);
	trace_leave(&span, -1, WSAEINVAL, "b=%s", nasty);
	trace_enter(t, &span, TRACE_SWITCH, "switch", "after", "%s", "");
	trace_leave(&span, 0, 0, "%s", "");
	unsigned lines = 0;
	for (const char *c = contents(json_path); *c; c++)
		lines += *c == '\n';
	cr_assert_eq(lines, 2);
	json_t *o = json_record(1);
	cr_assert_str_eq(string_of(o, "call"), "after");
	json_decref(o);
	trace_close(t);
	WSD_TEST_END();
}

/* A line that starts with what a killed process had written of its last record: the kernel looks
 * for signals where a write goes on into another page. */
static json_t *whole_part(const char *line)
{
	const char *at = strstr(line + 1, "{\"t_us\":");
	return at ? json_loads(at, 0, NULL) : NULL;
}

/* Several processes append to one file; some are killed while they write. */
Test(trace, DESIGN_6_killed_writers_spoil_no_other_records, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	struct stat st;
	pid_t child[3];
	for (int i = 0; i < 3; i++) {
		child[i] = fork();
		struct trace_span span;
		while (!child[i]) {
			trace_enter(t, &span, TRACE_DOWNCALL, "wsd-rdma", "WSPBind", "s=%d", i);
			trace_leave(&span, 0, 0, "%s", "");
		}
	}
	cr_assert(WSD_UNTIL(stat(json_path, &st) == 0 && st.st_size > 200000, 5000));
	for (int i = 0; i < 3; i++) {
		kill(child[i], SIGKILL);
		cr_assert_eq(waitpid(child[i], NULL, 0), child[i]);
	}
	char *save = NULL;
	json_error_t error;
	unsigned n = 0, torn = 0;
	char *all = contents(json_path);
	bool cut =
		strlen(all) == (1 << 20) - 1; /* more than the buffer: the last one is not whole */
	for (char *l = strtok_r(all, "\n", &save), *next; l; l = next, n++) {
		next = strtok_r(NULL, "\n", &save);
		json_t *o = json_loads(l, 0, &error);
		if (!o) {
			torn++;
			o = whole_part(l);
		}
		cr_assert(o || (cut && !next), "%s: %s", error.text, l);
		json_decref(o);
	}
	cr_assert_gt(n, 500);
	cr_assert_leq(torn, 3 + cut, "one of each killed process");
	trace_close(t);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_names_of_addresses)
{
	WSD_TEST_BEGIN();
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = 0x1e14};
	struct wsd_sockaddr_in6 in6 = {.sin6_family = WSD_AF_INET6, .sin6_port = 0x5000};
	struct wsd_sockaddr other = {.sa_family = 77};
	in.sin_addr.s_addr = 0x01004d0a;
	in6.sin6_addr.u.Byte[15] = 1;
	void *wall = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct {
		const void *name;
		int len;
		const char *text;
	} rows[] = {
		{&in, 16, "10.77.0.1:5150"},
		{&in6, 28, "[::1]:80"},
		{NULL, 16, "NULL"},
		{wall, 16, "(unreadable)"},
		{&other, 16, "family 77"},
		{&in, 4, "(short: 4 bytes)"},
		{&in, -1, "(short: -1 bytes)"},
		{&in6, 16, "(short: 16 bytes)"},
		{(const void *)8, 16, "(unreadable)"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_str_eq(trace_name(rows[i].name, rows[i].len, TRACE_TEXT), rows[i].text);
	munmap(wall, 4096);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_numbers_have_names)
{
	WSD_TEST_BEGIN();
	const GUID rdma_read = WSAID_RDMAREAD, other = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
	int32_t value = -3;
	cr_assert_str_eq(trace_number(3, TRACE_TEXT), "3");
	cr_assert_str_eq(trace_number(0x10000, TRACE_TEXT), "0x10000");
	cr_assert_str_eq(trace_number(UINT64_MAX, TRACE_TEXT), "INVALID");
	cr_assert_str_eq(trace_guid(&rdma_read, TRACE_TEXT), "WSPRdmaRead");
	cr_assert_str_eq(trace_guid(&other, TRACE_TEXT), "{00000001-0002-0003-0405-060708090A0B}");
	cr_assert_str_eq(trace_guid(NULL, TRACE_TEXT), "NULL");
	cr_assert_str_eq(trace_events(FD_ACCEPT | FD_CONNECT, TRACE_TEXT), "FD_ACCEPT|FD_CONNECT");
	cr_assert_str_eq(trace_events(0, TRACE_TEXT), "0");
	cr_assert_str_eq(trace_events(0x4000 | FD_READ, TRACE_TEXT), "FD_READ|0x4000");
	cr_assert_str_eq(trace_option(WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, TRACE_TEXT),
			 "SOL_SOCKET/SO_EXCLUSIVEADDRUSE");
	cr_assert_str_eq(trace_option(WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, TRACE_TEXT),
			 "IPPROTO_IPV6/IPV6_V6ONLY");
	cr_assert_str_eq(trace_option(77, 1, TRACE_TEXT), "0x4d/0x1");
	cr_assert_str_eq(trace_ioctl(SIO_ADDRESS_LIST_QUERY, TRACE_TEXT), "SIO_ADDRESS_LIST_QUERY");
	cr_assert_str_eq(trace_ioctl(0x12345678, TRACE_TEXT), "0x12345678");
	cr_assert_str_eq(trace_family(WSD_AF_INET6, TRACE_TEXT), "AF_INET6");
	cr_assert_str_eq(trace_family(77, TRACE_TEXT), "family 77");
	cr_assert_str_eq(trace_type(WSD_SOCK_STREAM, TRACE_TEXT), "SOCK_STREAM");
	cr_assert_str_eq(trace_protocol(WSD_IPPROTO_TCP, TRACE_TEXT), "IPPROTO_TCP");
	cr_assert_str_eq(trace_int(&value, sizeof(value), TRACE_TEXT), "-3");
	cr_assert_str_eq(trace_int(NULL, 4, TRACE_TEXT), "NULL");
	WSD_TEST_END();
}

/* Every code of winsock.md 1.1 has its name, in order, and no number has two. */
Test(trace, WS_ERR_01_every_code_has_a_name)
{
	WSD_TEST_BEGIN();
	cr_assert_null(wsaname(0));
	cr_assert_null(wsaname(10000));
	cr_assert_str_eq(wsaname(10048), "WSAEADDRINUSE");
	cr_assert_str_eq(wsaname(6), "WSA_INVALID_HANDLE");
	cr_assert_str_eq(wsaname(11031), "WSA_QOS_RESERVED_PETYPE");
	cr_assert_geq(wsaname_count(), 90);
	for (size_t i = 0; i < wsaname_count(); i++) {
		const struct wsaname *row = wsaname_at(i);
		cr_assert_eq(wsaname_find(row->code), row);
		cr_assert(*row->meaning);
		cr_assert(i == 0 || wsaname_at(i - 1)->code < row->code);
	}
	cr_assert_null(wsaname_at(wsaname_count()));
	WSD_TEST_END();
}

/* ---- the wrapping provider ---- */

static int bound_to;

static int inner_bind(SOCKET s, const struct wsd_sockaddr *name, int namelen, LPINT error)
{
	bound_to = (int)s;
	*error = WSAENETDOWN;
	return s == 1 ? 0 : SOCKET_ERROR;
}

static BOOL inner_set_event(WSAEVENT event, LPINT error)
{
	*error = WSA_INVALID_HANDLE;
	return event != NULL;
}

Test(trace, DESIGN_6_a_wrapped_provider_is_recorded_and_does_not_know, .init = set_up,
     .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	const WSPPROC_TABLE inner = {.lpWSPBind = inner_bind};
	const WSPUPCALLTABLEEX inner_up = {.lpWPUSetEvent = inner_set_event}, *up = NULL;
	WSPPROC_TABLE outer;
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET};
	int error = 0;
	const struct trace_point at = {.kept = t, .wanted = t};
	int set = trace_wrap_begin(&at, "one", &inner_up, &up);
	cr_assert_eq(set, 0);
	trace_wrap_table(set, &inner, &outer);
	cr_assert_null(outer.lpWSPListen, "an empty slot stays empty");
	cr_assert_eq(outer.lpWSPBind(1, (struct wsd_sockaddr *)&in, sizeof(in), &error), 0);
	cr_assert_eq(bound_to, 1);
	cr_assert_eq(outer.lpWSPBind(2, NULL, 0, &error), SOCKET_ERROR);
	cr_assert_eq(error, WSAENETDOWN);
	cr_assert_eq(up->lpWPUSetEvent((WSAEVENT)7, &error), TRUE);
	cr_assert_eq(up->lpWPUSetEvent(NULL, &error), FALSE);
	cr_assert_str_eq(text_line(1),
			 "one      WSPBind(s=1, name=0.0.0.0:0, namelen=16) = 0  [t]");
	cr_assert_str_eq(text_line(2),
			 "one      WSPBind(s=2, name=NULL, namelen=0) = -1 WSAENETDOWN  [t]");
	cr_assert_str_eq(text_line(3), "one      up WPUSetEvent(event=7) = 1  [t]");
	cr_assert_str_eq(text_line(4),
			 "one      up WPUSetEvent(event=0) = 0 WSA_INVALID_HANDLE  [t]");
	trace_unwrap(set);
	trace_close(t);
	WSD_TEST_END();
}

Test(trace, DESIGN_6_more_providers_than_sets_work_unrecorded, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct trace *t = open_both();
	const WSPPROC_TABLE inner = {.lpWSPBind = inner_bind};
	const WSPUPCALLTABLEEX inner_up = {.lpWPUSetEvent = inner_set_event}, *up = NULL;
	WSPPROC_TABLE outer[TRACE_WRAPPED_MAX + 1];
	const struct trace_point at = {.kept = t, .wanted = t};
	for (int i = 0; i < TRACE_WRAPPED_MAX; i++) {
		char who[16];
		snprintf(who, sizeof(who), "p%d", i);
		cr_assert_eq(trace_wrap(&at, who, &inner, &outer[i], &inner_up, &up), 0);
		cr_assert_neq(outer[i].lpWSPBind, inner_bind);
		for (int k = 0; k < i; k++)
			cr_assert_neq(outer[i].lpWSPBind, outer[k].lpWSPBind);
	}
	cr_assert_eq(trace_wrap(&at, "more", &inner, &outer[TRACE_WRAPPED_MAX], &inner_up, &up),
		     -ENOSPC);
	cr_assert_eq(outer[TRACE_WRAPPED_MAX].lpWSPBind, inner_bind);
	cr_assert_eq(up, &inner_up);
	trace_unwrap(3);
	cr_assert_eq(trace_wrap_begin(&at, "again", &inner_up, &up), 3);
	for (int i = 0; i < TRACE_WRAPPED_MAX; i++)
		trace_unwrap(i);
	trace_unwrap(-1);
	trace_close(t);
	WSD_TEST_END();
}
