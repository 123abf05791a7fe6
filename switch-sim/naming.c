/* SPDX-License-Identifier: MIT
 *
 * See naming.h. No state, no locks.
 */
#include "naming.h"
#include "trace.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const char who[] = "names";

static const char *name_text(const struct names_request *req, char *text, size_t size)
{
	static const char *const modes[NAMES_MODE_COUNT] = {"", ", mode=reuse", ", mode=exclusive"};
	static const struct {
		const char *protocol;
		int family;
	} protocols[NAMES_PROTO_COUNT] = {
		[NAMES_TCP4] = {"tcp", AF_INET},
		[NAMES_TCP6] = {"tcp", AF_INET6},
		[NAMES_UDP4] = {"udp", AF_INET},
		[NAMES_UDP6] = {"udp", AF_INET6},
	};
	char addr[INET6_ADDRSTRLEN] = "?";
	bool six = protocols[req->proto].family == AF_INET6;
	inet_ntop(protocols[req->proto].family, req->addr, addr, sizeof(addr));
	snprintf(text, size, "name=%s%s%s:%u, protocol=%s%s", six ? "[" : "", addr, six ? "]" : "",
		 req->port, protocols[req->proto].protocol, modes[req->mode]);
	return text;
}

int naming_bind(struct sw_process *p, const struct names_request *req, uint64_t cookie,
		uint64_t *ret_id, uint16_t *ret_port)
{
	struct trace_span span;
	struct trace *t = trace_now(&p->trace);
	span.trace = NULL; /* the rest is trace's */
	if (__builtin_expect(t != NULL, 0)) {
		char text[128];
		trace_enter(t, &span, TRACE_NAMES, who, "bind", "s=%s, %s",
			    trace_number(cookie, TRACE_TEXT), name_text(req, text, sizeof(text)));
	}
	int code = names_bind(p->names, req, cookie, ret_id, ret_port);
	if (!span.trace)
		return code;
	if (code)
		trace_leave(&span, -1, code, "%s", "");
	else
		trace_leave(&span, 0, 0, "id=%llu, port=%u", (unsigned long long)*ret_id,
			    *ret_port);
	return code;
}

int naming_listen(struct sw_process *p, uint64_t id, bool *ret_head,
		  struct names_shadow *ret_shadow)
{
	struct trace_span span;
	trace_enter(trace_now(&p->trace), &span, TRACE_NAMES, who, "listen", "id=%llu",
		    (unsigned long long)id);
	int code = names_listen(p->names, id, ret_head, ret_shadow);
	if (code)
		trace_leave(&span, -1, code, "%s", "");
	else
		trace_leave(&span, 0, 0, "head=%s", *ret_head ? "yes" : "no");
	return code;
}

/* Of one that gives no answer. */
static void enter_id(struct sw_process *p, struct trace_span *span, const char *call, uint64_t id)
{
	trace_enter(trace_now(&p->trace), span, TRACE_NAMES, who, call, "id=%llu",
		    (unsigned long long)id);
}

void naming_release(struct sw_process *p, uint64_t id)
{
	struct trace_span span;
	enter_id(p, &span, "release", id);
	names_release(p->names, id);
	trace_leave(&span, 0, 0, "%s", "");
}

void naming_unlisten(struct sw_process *p, uint64_t id)
{
	struct trace_span span;
	enter_id(p, &span, "unlisten", id);
	names_unlisten(p->names, id);
	trace_leave(&span, 0, 0, "%s", "");
}

void naming_defer(struct sw_process *p, uint64_t id)
{
	struct trace_span span;
	enter_id(p, &span, "defer", id);
	names_defer(p->names, id);
	trace_leave(&span, 0, 0, "%s", "");
}

void naming_again(struct sw_process *p, uint64_t id, uint64_t cookie)
{
	struct trace_span span;
	enter_id(p, &span, "again", id);
	names_again(p->names, id, cookie);
	trace_leave(&span, 0, 0, "%s", "");
}

void naming_note(struct sw_process *p, uint64_t id, unsigned companions)
{
	struct trace_span span;
	trace_enter(trace_now(&p->trace), &span, TRACE_NAMES, who, "note", "id=%llu, companions=%u",
		    (unsigned long long)id, companions);
	names_note(p->names, id, companions);
	trace_leave(&span, 0, 0, "%s", "");
}
