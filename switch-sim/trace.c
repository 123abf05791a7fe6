/* SPDX-License-Identifier: MIT
 *
 * The trace's sinks and records: text lines and JSON lines. No lock: a record is one write(2) to a
 * file opened for appending. Per thread: the innermost open span.
 */
#include "trace.h"
#include "probes.h"
#include "wsaname.h"

#include "conf.h"
#include "log.h"
#include "quiet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	LINE_BYTES = 1400, /* one record; longer arguments are cut */
	INDENT_MAX = 16,   /* deeper nesting is drawn at this depth */
};

struct trace {
	int text_fd, json_fd;        /* -1: not asked for */
	bool text_quiet, json_quiet; /* a write there may raise a signal, and must not */
	/* Of who looks on (trace_tap). The descriptor's number stays until the end: a record that
	 * is being written meanwhile must not meet another file. */
	int tap_fd; /* -1: nobody has so far */
	_Atomic enum tap { TAP_OFF, TAP_TEXT, TAP_JSON } tap;
	atomic_uint lost;    /* records that did not fit since the last one that did */
	int64_t realtime_ns; /* what to add to CLOCK_MONOTONIC to get the time of day */
	uint64_t start_ns;
	atomic_uint_fast64_t seq;
};

struct line {
	char text[LINE_BYTES];
	size_t len;
};

#ifdef HAVE_SDT
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments" /* sdt.h's */
#endif
#define PROBE_CALL_BEGIN(layer, who, call, args, seq) \
	STAP_PROBE5(wsdirect, call_begin, layer, who, call, args, seq)
#define PROBE_CALL_END(layer, who, call, result, error, ns, gave) \
	STAP_PROBE7(wsdirect, call_end, layer, who, call, result, error, ns, gave)
#define SEMAPHORE __attribute__((section(".probes"), visibility("hidden")))
SEMAPHORE volatile unsigned short wsdirect_call_begin_semaphore, wsdirect_call_end_semaphore;
#else
#define PROBE_CALL_BEGIN(layer, who, call, args, seq)
#define PROBE_CALL_END(layer, who, call, result, error, ns, gave)
#endif

static const char *const layer_names[] = {"application", "switch", "downcall", "upcall", "names"};
_Static_assert(sizeof(layer_names) / sizeof(layer_names[0]) == TRACE_LAYER_COUNT, "name all");

/* Not as an operand that indexes the table: bpftrace cannot read those. */
static inline const char *layer_name(enum trace_layer layer)
{
	const char *name = layer_names[layer];
	__asm__("" : "+r"(name));
	return name;
}

static _Thread_local struct trace_span *innermost;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, format, args);
	va_end(args);
	if (n > 0)
		l->len += (size_t)n;
	if (l->len > sizeof(l->text) - 3) /* room for what closes a cut line */
		l->len = sizeof(l->text) - 3;
}

enum { TAP_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

/* False: for that there is no room, either. */
static bool tell_losses(struct trace *t, enum tap form)
{
	unsigned lost = atomic_exchange(&t->lost, 0);
	char text[64];
	int n = snprintf(text, sizeof(text),
			 form == TAP_JSON ? "{\"lost\":%u}\n" : "# %u records lost\n", lost);
	if (!lost || send(t->tap_fd, text, (size_t)n, TAP_FLAGS) >= 0)
		return true;
	atomic_fetch_add(&t->lost, lost);
	return false;
}

/* Who looks on and does not read loses records, and holds nobody up. */
static void flush_tap(struct trace *t, const struct line *l, enum tap form)
{
	if (!tell_losses(t, form) || send(t->tap_fd, l->text, l->len, TAP_FLAGS) < 0)
		atomic_fetch_add(&t->lost, 1);
}

static void flush_line(struct trace *t, struct line *l, int fd, enum tap form)
{
	l->text[l->len++] = '\n';
	if (atomic_load(&t->tap) == form)
		flush_tap(t, l, form);
	/* a full disk or a reader that is gone loses records; it must not fail the traced call */
	bool quiet = form == TAP_JSON ? t->json_quiet : t->text_quiet;
	if (fd >= 0 && (quiet ? quiet_write(fd, l->text, l->len) : write(fd, l->text, l->len)) < 0)
		return;
}

static bool wants_text(const struct trace *t)
{
	return t->text_fd >= 0 || atomic_load(&t->tap) == TAP_TEXT;
}

static bool wants_json(const struct trace *t)
{
	return t->json_fd >= 0 || atomic_load(&t->tap) == TAP_JSON;
}

/* ---- text ---- */

static void put_head(struct line *l, const struct trace_span *s)
{
	uint64_t us = (s->start_ns - s->trace->start_ns) / 1000;
	put(l, "%4llu.%06llu %d/%ld %*s", (unsigned long long)(us / 1000000),
	    (unsigned long long)(us % 1000000), (int)getpid(), (long)syscall(SYS_gettid),
	    2 * (int)(s->depth < INDENT_MAX ? s->depth : INDENT_MAX), "");
	switch (s->layer) {
	case TRACE_DOWNCALL:
	case TRACE_NAMES:
		put(l, "%-8s %s", s->who, s->call);
		break;
	case TRACE_UPCALL:
		put(l, "%-8s up %s", s->who, s->call);
		break;
	case TRACE_SWITCH:
		put(l, "switch: %s", s->call);
		break;
	case TRACE_APPLICATION:
	case TRACE_LAYER_COUNT:
		put(l, "%s", s->call);
		break;
	}
}

/* The opening line of a call that turns out to have others inside it. */
static void open_outer(struct trace_span *s)
{
	if (!s || s->opened || !wants_text(s->trace))
		return;
	open_outer(s->outer);
	struct line l = {.len = 0};
	put_head(&l, s);
	put(&l, "(%s)", s->args);
	flush_line(s->trace, &l, s->trace->text_fd, TAP_TEXT);
	s->opened = true;
}

static void put_result(struct line *l, long long result, int error)
{
	const char *name = error ? wsaname(error) : NULL;
	if (result < 0x10000)
		put(l, " = %lld", result);
	else
		put(l, " = 0x%llx", (unsigned long long)result);
	if (name)
		put(l, " %s", name);
	else if (error)
		put(l, " error %d", error);
}

static void write_text(const struct trace_span *s, long long result, int error, const char *gave,
		       double us)
{
	struct line l = {.len = 0};
	put_head(&l, s);
	if (!s->opened)
		put(&l, "(%s)", s->args);
	put_result(&l, result, error);
	if (*gave)
		put(&l, " -> %s", gave);
	put(&l, us < 10 ? "  [%.1f us]" : "  [%.0f us]", us);
	flush_line(s->trace, &l, s->trace->text_fd, TAP_TEXT);
}

/* ---- JSON ---- */

/* What is left of a line is for what closes it, as in put(). */
static void put_plain(struct line *l, const char *s, size_t n)
{
	size_t room = sizeof(l->text) - 3 - l->len;
	n = n < room ? n : room;
	memcpy(l->text + l->len, s, n);
	l->len += n;
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Runs of plain characters at once: a printf for each is most of what a record costs. */
static void put_json_string(struct line *l, const char *s, size_t n)
{
	put_plain(l, "\"", 1);
	for (size_t i = 0, run; i < n; i += run) {
		for (run = 0; i + run < n && is_plain((unsigned char)s[i + run]); run++)
			continue;
		put_plain(l, s + i, run);
		if (i + run == n)
			break;
		unsigned char c = (unsigned char)s[i + run++];
		put(l, c == '"' || c == '\\' ? "\\%c" : "\\u%04x", c);
	}
	put_plain(l, "\"", 1);
}

static bool is_key(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(s[i] == '_' || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
		      (s[i] >= '0' && s[i] <= '9')))
			return false;
	return n > 0;
}

/* "s=0x110004, backlog=5" as {"s":"0x110004","backlog":"5"} */
static void put_json_pairs(struct line *l, const char *text)
{
	bool first = true;
	put(l, "{");
	while (*text) {
		const char *end = strstr(text, ", ");
		size_t n = end ? (size_t)(end - text) : strlen(text);
		const char *eq = memchr(text, '=', n);
		if (!first)
			put(l, ",");
		first = false;
		if (eq && is_key(text, (size_t)(eq - text))) {
			put_json_string(l, text, (size_t)(eq - text));
			put(l, ":");
			put_json_string(l, eq + 1, n - (size_t)(eq + 1 - text));
		} else {
			put(l, "\"text\":");
			put_json_string(l, text, n);
		}
		text = end ? end + 2 : text + n;
	}
	put(l, "}");
}

static void write_json(const struct trace_span *s, long long result, int error, const char *gave,
		       double us)
{
	struct line l = {.len = 0};
	put(&l, "{\"t_us\":%lld,\"pid\":%d,\"tid\":%ld,\"seq\":%llu,\"parent\":%llu,\"depth\":%u,",
	    (long long)((int64_t)s->start_ns + s->trace->realtime_ns) / 1000, (int)getpid(),
	    (long)syscall(SYS_gettid), (unsigned long long)s->seq,
	    (unsigned long long)(s->outer ? s->outer->seq : 0), s->depth);
	put(&l, "\"layer\":\"%s\",\"who\":", layer_name(s->layer));
	put_json_string(&l, s->who, strlen(s->who));
	put(&l, ",\"call\":");
	put_json_string(&l, s->call, strlen(s->call));
	put(&l, ",\"args\":");
	put_json_pairs(&l, s->args);
	put(&l, ",\"result\":%lld,\"error\":", result);
	const char *name = error ? wsaname(error) : NULL;
	if (name)
		put(&l, "\"%s\"", name);
	else if (error)
		put(&l, "\"%d\"", error);
	else
		put(&l, "null");
	if (*gave) {
		put(&l, ",\"out\":");
		put_json_pairs(&l, gave);
	}
	put(&l, ",\"us\":%.1f}", us);
	flush_line(s->trace, &l, s->trace->json_fd, TAP_JSON);
}

/* ---- spans ---- */

void trace_enter(struct trace *t, struct trace_span *span, enum trace_layer layer, const char *who,
		 const char *call, const char *format, ...)
{
	span->trace = t;
	if (!t)
		return;
	int saved = errno;
	span->outer = innermost;
	/* a span of a trace that was closed meanwhile cannot be outside one of a new trace */
	span->depth = span->outer ? span->outer->depth + 1 : 0;
	span->layer = layer;
	span->opened = false;
	span->who = who;
	span->call = call;
	span->seq = atomic_fetch_add(&t->seq, 1) + 1;
	va_list args;
	va_start(args, format);
	vsnprintf(span->args, sizeof(span->args), format, args);
	va_end(args);
	if (wants_text(t))
		open_outer(span->outer);
	innermost = span;
	PROBE_CALL_BEGIN(layer_name(layer), who, call, span->args, span->seq);
	errno = saved;
	span->start_ns = clock_ns(CLOCK_MONOTONIC);
}

void trace_leave(struct trace_span *span, long long result, int error, const char *format, ...)
{
	struct trace *t = span->trace;
	if (!t)
		return;
	uint64_t ns = clock_ns(CLOCK_MONOTONIC) - span->start_ns;
	double us = (double)ns / 1000;
	int saved = errno;
	innermost = span->outer;
	char gave[256];
	va_list args;
	va_start(args, format);
	vsnprintf(gave, sizeof(gave), format, args);
	va_end(args);
	PROBE_CALL_END(layer_name(span->layer), span->who, span->call, result, error, ns, gave);
	if (wants_text(t))
		write_text(span, result, error, gave, us);
	if (wants_json(t))
		write_json(span, result, error, gave, us);
	span->trace = NULL;
	errno = saved;
}

/* Was asked for by name and cannot be had: said aloud, since without WSD_LOG nobody would hear. */
static void complain(const char *key, const char *where, int err)
{
	wsd_log(WSD_LOG_ERROR, "%s: cannot open %s: %s", key, where, strerror(-err));
	const char *log = secure_getenv("WSD_LOG");
	if (!log || !*log)
		dprintf(STDERR_FILENO, "wsdirect: no trace: cannot open %s: %s\n", where,
			strerror(-err));
}

/* A FIFO that nobody reads is ENXIO: it must not hold up WSAStartup. From then on a slow reader
 * may. */
static int open_file(const char *where)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
	if (flags >= 0)
		fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
	return fd;
}

static int open_sink(const char *key, const char *where)
{
	if (!where || !*where)
		return -1;
	int fd = !strcmp(where, "stderr") ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
					  : open_file(where);
	if (fd < 0) {
		int err = -errno;
		complain(key, where, err);
		return err == -1 ? -EPERM : err; /* -1 stands for "not asked for" */
	}
	return fd;
}

static void write_header(struct trace *t)
{
	struct line l = {.len = 0};
	put(&l,
	    "# wsdirect trace of process %d: seconds process/thread call(arguments) = result "
	    "[time]; a call with others inside is closed by a line without arguments; WSP... "
	    "goes down to the provider named before it, \"up WPU...\" comes back from it",
	    (int)getpid());
	flush_line(t, &l, t->text_fd, TAP_TEXT);
}

static struct trace *trace_new(void)
{
	struct trace *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->text_fd = t->json_fd = t->tap_fd = -1;
	t->start_ns = clock_ns(CLOCK_MONOTONIC);
	t->realtime_ns = (int64_t)clock_ns(CLOCK_REALTIME) - (int64_t)t->start_ns;
	return t;
}

int trace_open(const struct conf *conf, struct trace **ret_trace)
{
	const char *text = conf_get(conf, "trace"), *json = conf_get(conf, "trace.json");
	struct trace *t = trace_new();
	if (!t)
		return -ENOMEM;
	t->text_fd = open_sink("trace", text);
	t->json_fd = open_sink("trace.json", json);
	if (t->text_fd < -1 || t->json_fd < -1) {
		int err = t->text_fd < -1 ? t->text_fd : t->json_fd;
		trace_close(t);
		return err == -EPERM ? -EACCES : err;
	}
	t->text_quiet = quiet_needed(t->text_fd);
	t->json_quiet = quiet_needed(t->json_fd);
	if (t->text_fd >= 0)
		write_header(t);
	*ret_trace = t;
	return 0;
}

bool trace_wanted(const struct trace *t)
{
	return t && (wants_text(t) || wants_json(t));
}

int trace_tap(struct trace *t, int fd, bool json, const char *greeting)
{
	if (!t || atomic_load(&t->tap) != TAP_OFF)
		return t ? -EBUSY : -ENOMEM;
	/* one call, so that a record that is late for an earlier one meets either of them */
	int r = t->tap_fd < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : dup3(fd, t->tap_fd, O_CLOEXEC);
	if (r < 0)
		return -errno;
	if (t->tap_fd < 0)
		t->tap_fd = r; /* the same for ever */
	if (send(r, greeting, strlen(greeting), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	atomic_store(&t->lost, 0);
	atomic_store(&t->tap, json ? TAP_JSON : TAP_TEXT);
	return 0;
}

void trace_tap_losses(struct trace *t)
{
	enum tap form = atomic_load(&t->tap);
	if (form != TAP_OFF)
		tell_losses(t, form);
}

/* The socket may be full: more room, for the last word only, is more than it had. */
void trace_untap(struct trace *t)
{
	int room = 0;
	socklen_t len = sizeof(room);
	enum tap form = atomic_exchange(&t->tap, TAP_OFF);
	if (atomic_load(&t->lost) && !getsockopt(t->tap_fd, SOL_SOCKET, SO_SNDBUF, &room, &len) &&
	    !setsockopt(t->tap_fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)))
		tell_losses(t, form);
	shutdown(t->tap_fd, SHUT_RDWR);
}

void trace_close(struct trace *t)
{
	if (!t)
		return;
	if (t->text_fd >= 0)
		close(t->text_fd);
	if (t->json_fd >= 0)
		close(t->json_fd);
	if (t->tap_fd >= 0)
		close(t->tap_fd);
	free(t);
}
