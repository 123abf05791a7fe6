/* SPDX-License-Identifier: MIT
 *
 * Diagrams of traces, as structure: order, nesting, lanes, runs, outcomes; what is damaged; that
 * nothing of a trace becomes a part of the picture or the page.
 */
#include "check.h"

#include "draw.h"
#include "story.h"

#include <jansson.h>
#include <stdint.h>

/* One record. @parent 0: none. */
#define R(t, tid, seq, parent, layer, who, call, args, result, error, us)                   \
	"{\"t_us\":" #t ",\"pid\":70,\"tid\":" #tid ",\"seq\":" #seq ",\"parent\":" #parent \
	",\"depth\":0,\"layer\":\"" layer "\",\"who\":\"" who "\",\"call\":\"" call         \
	"\",\"args\":" args ",\"result\":" #result ",\"error\":" error ",\"us\":" #us "}\n"

/* Records as they are written: when calls end. */
static const char listen_trace[] = R(1010, 70, 3, 2, "upcall", "san", "WPUCreateSocketHandle", "{}",
				     65537, "null", 0.5)
	R(1009, 70, 2, 1, "downcall", "san", "WSPSocket", "{\"af\":\"AF_INET\"}", 65538, "null",
	  3) R(1013, 70, 4, 1, "downcall", "san", "WSPBind", "{\"name\":\"10.0.0.1:5\"}", -1,
	       "\"WSAENETDOWN\"", 2) R(1005, 70, 1, 0, "application", "", "listen",
				       "{\"s\":\"7\",\"backlog\":\"5\"}", 0, "null", 30)
		R(1040, 70, 5, 0, "application", "", "recv", "{}", -1, "\"WSAEWOULDBLOCK\"", 1);

static struct story told(const char *text, const struct actor_name *names, bool all,
			 long *ret_wrong, long *ret_first)
{
	struct story s = {0};
	FILE *f = fmemopen((char *)(uintptr_t)text, strlen(text), "r");
	*ret_first = 0;
	*ret_wrong = story_read(&s, f, ret_first);
	fclose(f);
	cr_assert_eq(story_tell(&s, names, all), 0);
	return s;
}

static struct story good(const char *text)
{
	long wrong, first;
	struct story s = told(text, NULL, false, &wrong, &first);
	cr_assert_eq(wrong, 0, "line %ld", first);
	return s;
}

static char *drawn(void (*draw)(FILE *, const struct story *, const char *), const struct story *s,
		   const char *title)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	draw(f, s, title);
	fclose(f);
	return text;
}

static int count(const char *text, const char *words)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, words)); p++)
		n++;
	return n;
}

static void expect_row(const struct story *s, size_t i, enum row_part part, const char *call)
{
	cr_assert_lt(i, s->row_count);
	const struct row *r = &s->rows[i];
	cr_assert_eq(r->part, part, "row %zu", i);
	cr_assert_str_eq(s->acts[r->act].call, call, "row %zu", i);
}

Test(diagram, rows_are_in_the_order_in_which_it_happened)
{
	WSD_TEST_BEGIN();
	struct story s = good(listen_trace);
	expect_row(&s, 0, ROW_BEGIN, "listen");
	expect_row(&s, 1, ROW_BEGIN, "WSPSocket");
	expect_row(&s, 2, ROW_WHOLE, "WPUCreateSocketHandle");
	expect_row(&s, 3, ROW_END, "WSPSocket");
	expect_row(&s, 4, ROW_WHOLE, "WSPBind");
	expect_row(&s, 5, ROW_END, "listen");
	expect_row(&s, 6, ROW_WHOLE, "recv");
	cr_assert_eq(s.row_count, 7);
	story_free(&s);
	WSD_TEST_END();
}

Test(diagram, lanes_are_threads_the_switch_tcp_ip_and_the_providers)
{
	static const char trace[] = R(1, 71, 1, 0, "downcall", "b", "WSPClose", "{}", 0, "null", 1)
		R(2, 70, 2, 0, "application", "", "bind", "{}", 0, "null", 1)
			R(3, 72, 3, 0, "application", "", "bind", "{}", 0, "null", 1)
				R(4, 72, 4, 0, "downcall", "TCP/IP", "WSPBind", "{}", 0, "null", 1);
	static const struct {
		enum lane_kind kind;
		const char *title, *below;
	} lanes[] = {{LANE_THREAD, "server", ""},
		     {LANE_THREAD, "server", "thread 72"},
		     {LANE_SWITCH, "switch", "of each process"},
		     {LANE_PROVIDER, "TCP/IP", "provider"},
		     {LANE_PROVIDER, "b", "SAN provider"}};
	static const struct actor_name names[] = {{69, "other"}, {70, "server"}, {0, NULL}};
	WSD_TEST_BEGIN();
	long wrong, first;
	struct story s = told(trace, names, false, &wrong, &first);
	cr_assert_eq(wrong, 0);
	cr_assert_eq(s.lane_count, 5, "a service thread has none");
	for (int i = 0; i < s.lane_count; i++) {
		cr_assert_eq(s.lanes[i].kind, lanes[i].kind, "lane %d", i);
		cr_assert_str_eq(s.lanes[i].title, lanes[i].title);
		cr_assert_str_eq(s.lanes[i].below, lanes[i].below);
	}
	story_free(&s);
	WSD_TEST_END();
}

/* What names is asked, and what it tells; what goes over the network, and what has come. */
Test(diagram, lanes_of_names_and_of_the_peer)
{
	static const char trace[] = R(1, 70, 1, 0, "names", "names", "bind", "{}", 0, "null", 1) R(
		2, 70, 2, 0, "switch", "", "takeover", "{}", 0, "null",
		1) R(3, 70, 3, 0, "switch", "", "hotplug", "{}", 0, "null", 1)
		R(4, 70, 4, 0, "downcall", "names", "WSPConnect", "{}", -1, "\"WSAEWOULDBLOCK\"",
		  1) R(5, 70, 5, 0, "downcall", "a", "WSPRecv", "{}", -1, "\"WSA_IO_PENDING\"",
		       1) R(6, 70, 6, 0, "downcall", "a", "WSPAccept", "{}", 7, "null", 1)
			R(7, 70, 7, 0, "downcall", "a", "WSPSend", "{}", -1, "\"WSAENOBUFS\"", 1);
	static const enum wire wires[] = {WIRE_NONE, WIRE_NONE, WIRE_NONE, WIRE_OUT,
					  WIRE_NONE, WIRE_IN,   WIRE_NONE};
	static const enum lane_kind kinds[] = {LANE_SWITCH, LANE_NAMES, LANE_PROVIDER,
					       LANE_PROVIDER, LANE_PEER};
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	cr_assert_eq(s.lane_count, 5);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(s.lanes[i].kind, kinds[i], "lane %d", i);
	cr_assert_eq(s.peer_lane, 4);
	for (size_t i = 0; i < 7; i++)
		cr_expect_eq(s.acts[i].wire, wires[i], "act %zu", i);
	cr_assert_eq(s.acts[0].lane, 1);
	cr_assert_eq(s.acts[1].lane, 1);
	cr_assert(s.acts[1].told && !s.acts[2].told);
	cr_assert_eq(s.acts[3].lane, 2, "a provider may have that name");
	char *text = drawn(draw_svg, &s, "x");
	cr_assert_eq(count(text, "class=\"wire\""), 2);
	cr_assert_eq(count(text, "class=\"own\""), 1, "of what nobody has told it");
	free(text);
	story_free(&s);
	WSD_TEST_END();
}

/* What a pending receive gets comes when the provider tells that it is done, and only then. */
Test(diagram, what_a_pending_receive_gets)
{
#define PENDING(t, seq, call, at)                                                  \
	R(t, 70, seq, 0, "downcall", "a", call, "{\"overlapped\":\"" at "\"}", -1, \
	  "\"WSA_IO_PENDING\"", 0.5)
#define DONE(t, seq, who, at, error)                                    \
	R(t, 70, seq, 0, "upcall", who, "WPUCompleteOverlappedRequest", \
	  "{\"overlapped\":\"" at "\",\"error\":\"" error "\"}", 0, "null", 0.5)
	static const char trace[] = PENDING(1, 1, "WSPRecv", "0x1") PENDING(2, 2, "WSPRecv", "0x2")
		PENDING(3, 3, "WSPSend", "0x3") DONE(4, 4, "a", "0x3", "0")
			DONE(5, 5, "b", "0x1", "0") DONE(6, 6, "a", "0x1", "0")
				DONE(7, 7, "a", "0x1", "0") DONE(8, 8, "a", "0x2", "10054");
	static const enum wire wires[] = {WIRE_NONE, WIRE_NONE, WIRE_OUT,  WIRE_NONE,
					  WIRE_NONE, WIRE_IN,   WIRE_NONE, WIRE_NONE};
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	for (size_t i = 0; i < 8; i++)
		cr_expect_eq(s.acts[i].wire, wires[i], "act %zu", i);
	char *text = drawn(draw_svg, &s, "x");
	cr_expect_eq(count(text, "class=\"wire\""), 2);
	free(text);
	story_free(&s);
	WSD_TEST_END();
}

/* Which message it is says more than its first bytes; those stay where they are no message. */
Test(diagram, sends_tell_their_message)
{
	static const char trace[] =
		R(1, 70, 1, 0, "downcall", "a", "WSPSend",
		  "{\"s\":\"9\",\"data\":"
		  "\"575310100002000100000001000000000000000400000000\",\"flags\":\"0x0\"}",
		  0, "null", 1) R(2, 70, 2, 0, "downcall", "a", "WSPSend",
				  "{\"data\":\"70696e67\"}", 0, "null", 1);
	char text[200];
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	story_arguments(&s.acts[0], "args", text, sizeof(text));
	cr_expect_str_eq(text, "s=9, message=DATA, flags=0x0");
	const json_t *args = json_object_get(s.acts[0].record, "args");
	const char *message = json_string_value(json_object_get(args, "message"));
	cr_assert_not_null(message);
	cr_expect_not_null(strstr(message, "DATA seq=1 credits=1"), "%s", message);
	story_arguments(&s.acts[1], "args", text, sizeof(text));
	cr_expect_str_eq(text, "data=70696e67");
	story_free(&s);
	WSD_TEST_END();
}

/* As much as a busy server writes in a while: no step may take a time that is its square. */
Test(diagram, a_hundred_thousand_records)
{
	enum { MANY = 100000 };
	char *trace = NULL;
	size_t size;
	WSD_TEST_BEGIN();
	FILE *f = open_memstream(&trace, &size);
	for (int i = 1; i <= MANY; i++)
		fprintf(f,
			"{\"t_us\":%d,\"pid\":%d,\"tid\":%d,\"seq\":%d,\"parent\":%d,\"depth\":%d,"
			"\"layer\":\"%s\",\"who\":\"%s\",\"call\":\"%s%d\",\"args\":{},"
			"\"result\":0,\"error\":null,\"us\":1}\n",
			i, 70 + i % 3, 70 + i % 3, i, i % 2 ? 0 : i - 3, i % 2 == 0,
			i % 2 ? "application" : "downcall", i % 2 ? "" : "a",
			i % 2 ? "recv" : "WSPRecv", i % 7);
	fclose(f);
	struct story s = good(trace);
	cr_assert_eq(s.n, MANY);
	char *once = drawn(draw_html, &s, "x");
	char *again = drawn(draw_html, &s, "x");
	cr_assert(strcmp(once, again) == 0, "the same trace, another picture");
	free(once);
	free(again);
	story_free(&s);
	free(trace);
	WSD_TEST_END();
}

/* Who finds no room of his own is with the others; nobody takes the switch's, or a provider's. */
Test(diagram, more_threads_and_providers_than_lanes)
{
	enum { MANY = 300 };
	char *trace = NULL;
	size_t size;
	WSD_TEST_BEGIN();
	FILE *f = open_memstream(&trace, &size);
	for (int i = 1; i <= MANY; i++)
		fprintf(f,
			"{\"t_us\":%d,\"pid\":%d,\"tid\":%d,\"seq\":1,\"parent\":0,\"layer\":"
			"\"application\",\"who\":\"\",\"call\":\"recv\",\"result\":0,\"us\":1}\n"
			"{\"t_us\":%d,\"pid\":%d,\"tid\":%d,\"seq\":2,\"parent\":0,\"layer\":"
			"\"downcall\",\"who\":\"p%d\",\"call\":\"WSPSend\",\"result\":0,\"us\":1}"
			"\n",
			2 * i, i, i, 2 * i + 1, i, i, i);
	fclose(f);
	struct story s = good(trace);
	cr_assert_eq(s.lane_count, LANES_MAX);
	cr_assert_eq(s.switch_lane, LANES_OF_THREADS);
	cr_assert_str_eq(s.lanes[LANES_OF_THREADS - 1].title, "others");
	cr_assert_str_eq(s.lanes[LANES_MAX - 2].title, "others");
	cr_assert_eq(s.peer_lane, LANES_MAX - 1);
	free(drawn(draw_svg, &s, "x"));
	story_free(&s);
	free(trace);
	WSD_TEST_END();
}

/* How long descriptors are is asked with too little room [SW-FLOW-7]. */
Test(diagram, a_question_for_a_length_is_no_failure)
{
	static const char trace[] =
		"{\"t_us\":1,\"pid\":70,\"tid\":70,\"seq\":1,\"parent\":0,\"layer\":\"downcall\","
		"\"who\":"
		"\"a\",\"call\":\"WSPRegisterRdmaMemory\",\"out\":{\"descriptor\":\"40\"},"
		"\"result\":-1,"
		"\"error\":\"WSAEFAULT\",\"us\":1}\n" R(2, 70, 2, 0, "downcall", "a",
							"WSPRegisterRdmaMemory", "{}", -1,
							"\"WSAEFAULT\"", 1);
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	cr_assert_eq(story_outcome(&s.acts[0]), OUTCOME_NOT_YET);
	cr_assert_eq(story_outcome(&s.acts[1]), OUTCOME_FAILED);
	story_free(&s);
	WSD_TEST_END();
}

Test(diagram, a_time_that_is_none_is_no_record)
{
	static const char trace[] = R(1, 70, 1, 0, "application", "", "bind", "{}", 0, "null", 1)
		R(-9223372036854775807, 70, 7, 0, "application", "", "bind", "{}", 0, "null", 1);
	long wrong, first;
	WSD_TEST_BEGIN();
	struct story s = told(trace, NULL, false, &wrong, &first);
	cr_assert_eq(wrong, 1);
	cr_assert_eq(first, 2);
	story_free(&s);
	WSD_TEST_END();
}

Test(diagram, refusals_are_marked_and_what_is_not_yet_done_is_none)
{
	WSD_TEST_BEGIN();
	struct story s = good(listen_trace);
	cr_assert_eq(story_outcome(&s.acts[3]), OUTCOME_FAILED);
	cr_assert_eq(story_outcome(&s.acts[4]), OUTCOME_NOT_YET);
	cr_assert_eq(story_outcome(&s.acts[0]), OUTCOME_FINE);
	char *svg = drawn(draw_svg, &s, "a title");
	cr_assert_null(strstr(svg, "var("), "of which only browsers know");
	cr_assert_eq(count(svg, "<g class=\"failed "), 1);
	cr_assert_eq(count(svg, "<g class=\"notyet "), 1);
	cr_assert_eq(count(svg, "<g class=\"fine "), 5);
	cr_assert_not_null(strstr(svg, "WSPBind(name=10.0.0.1:5) = WSAENETDOWN"), "%s", svg);
	cr_assert_not_null(strstr(svg, "listen(s=7, backlog=5)"));
	cr_assert_not_null(strstr(svg, "listen = 0"));
	cr_assert_not_null(strstr(svg, "WSPSocket = 0x10002"));
	free(svg);
	story_free(&s);
	WSD_TEST_END();
}

/* @n calls of one kind, with another one behind them. */
static char *run_of(int n)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	for (int i = 0; i < n; i++)
		fprintf(f,
			"{\"t_us\":%d,\"pid\":70,\"tid\":70,\"seq\":%d,\"parent\":0,\"layer\":"
			"\"application\",\"who\":\"\",\"call\":\"send\",\"args\":{\"s\":\"%d\"},"
			"\"result\":1,\"error\":null,\"us\":1}\n",
			10 * i, i + 1, i);
	fprintf(f, R(900000, 70, 90000, 0, "application", "", "recv", "{}", 0, "null", 1));
	fclose(f);
	return text;
}

Test(diagram, runs_of_like_calls_are_one_row)
{
	WSD_TEST_BEGIN();
	char *three = run_of(3), *forty = run_of(40);
	struct story s = good(three);
	cr_assert_eq(s.row_count, 4, "three are not many");
	for (size_t i = 0; i < 3; i++)
		cr_assert(s.rows[i].count == 1 && s.rows[i].act == i);
	story_free(&s);
	s = good(forty);
	cr_assert_eq(s.row_count, 2);
	cr_assert_eq(s.rows[0].count, 40);
	char *svg = drawn(draw_svg, &s, ""), *html = drawn(draw_html, &s, "");
	cr_assert_not_null(strstr(svg, "send(\342\200\246) = 1  \303\227 40"), "%s", svg);
	cr_assert_eq(count(html, "\"call\":\"send\""), 40, "the page tells all of them");
	free(svg);
	free(html);
	story_free(&s);
	free(three);
	free(forty);
	WSD_TEST_END();
}

Test(diagram, what_wsastartup_does_is_one_row_unless_asked)
{
	static const char trace[] =
		R(2, 70, 2, 1, "downcall", "a", "WSPStartupEx", "{}", 0, "null", 1)
			R(4, 70, 4, 3, "upcall", "a", "WPUCreateSocketHandle", "{}", 9, "null", 1)
				R(3, 70, 3, 1, "downcall", "a", "WSPSocket", "{}", 0, "null", 5)
					R(1, 70, 1, 0, "application", "", "WSAStartup", "{}", 0,
					  "null", 50);
	long wrong, first;
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	cr_assert_eq(s.row_count, 1);
	expect_row(&s, 0, ROW_WHOLE, "WSAStartup");
	char *html = drawn(draw_html, &s, "");
	cr_assert_not_null(strstr(html, "WSAStartup() = 0   (3 calls inside)"));
	cr_assert_eq(count(html, "\"call\":\"WPUCreateSocketHandle\""), 1);
	free(html);
	story_free(&s);
	s = told(trace, NULL, true, &wrong, &first);
	cr_assert_eq(s.row_count, 6);
	story_free(&s);
	WSD_TEST_END();
}

Test(diagram, lines_that_are_no_records_are_counted)
{
	long wrong, first;
	WSD_TEST_BEGIN();
	struct story s =
		told("\n{\"lost\":12}\nnonsense\n{\"t_us\":1}\n[]\n", NULL, false, &wrong, &first);
	cr_assert_eq(wrong, 3);
	cr_assert_eq(first, 3);
	cr_assert_eq(s.lost, 12);
	cr_assert_eq(s.row_count, 0);
	char *svg = drawn(draw_svg, &s, "");
	cr_assert_not_null(strstr(svg, "12 records are missing"));
	free(svg);
	story_free(&s);
	/* cut when its process was killed */
	s = told("{\"t_us\":5,\"pid\":69,\"ti" R(9, 70, 1, 0, "application", "", "bind", "{}", 0,
						 "null", 1),
		 NULL, false, &wrong, &first);
	cr_assert_eq(wrong, 0);
	expect_row(&s, 0, ROW_WHOLE, "bind");
	story_free(&s);
	WSD_TEST_END();
}

Test(diagram, nothing_of_a_trace_becomes_markup_or_script)
{
	static const char trace[] = R(1, 70, 1, 0, "application", "", "<b>&\\\"",
				      "{\"</script>\":\"<script>x</script>\"}", 0, "null", 1)
		R(2, 70, 2, 0, "downcall", "<i>\\u0007", "x", "{}", 0, "\"]]></svg>\"", 1);
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	char *html = drawn(draw_html, &s, "</title><script>");
	cr_assert_eq(count(html, "<script"), 2, "the page's own");
	cr_assert_eq(count(html, "</script>"), 2);
	cr_assert_eq(count(html, "</svg>"), 1);
	cr_assert_null(strstr(html, "<b>"));
	cr_assert_null(strstr(html, "<i>"));
	cr_assert_null(strchr(html, '\a'));
	free(html);
	story_free(&s);
	WSD_TEST_END();
}

/* Times are in whole microseconds, so an end may seem to be before what is inside. */
Test(diagram, rounded_times_do_not_break_the_nesting)
{
	static const char trace[] = R(10, 70, 3, 2, "upcall", "a", "inner", "{}", 0, "null", 0.1)
		R(10, 70, 2, 1, "downcall", "a", "middle", "{}", 0, "null", 0.2)
			R(10, 70, 1, 0, "application", "", "outer", "{}", 0, "null", 0.3)
				R(10, 70, 4, 0, "application", "", "next", "{}", 0, "null", 0.1);
	WSD_TEST_BEGIN();
	struct story s = good(trace);
	static const char *const calls[] = {"outer", "middle", "inner", "middle", "outer"};
	static const enum row_part parts[] = {ROW_BEGIN, ROW_BEGIN, ROW_WHOLE, ROW_END, ROW_END};
	size_t at = 0;
	for (size_t i = 0; i < s.row_count; i++)
		if (strcmp(s.acts[s.rows[i].act].call, "next") != 0) {
			expect_row(&s, i, parts[at], calls[at]);
			at++;
		}
	cr_assert_eq(at, 5);
	story_free(&s);
	WSD_TEST_END();
}
