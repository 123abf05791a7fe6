/* SPDX-License-Identifier: MIT
 *
 * Reading scenarios: what each kind of statement becomes, and what is said of files that make no
 * sense, with the place.
 */
#include "check.h"
#include "scenario.h"

#include <errno.h>
#include <string.h>

static struct scenario *parse(const char *text)
{
	struct scenario *sc = NULL;
	struct scenario_error e = {0};
	cr_assert_eq(scenario_parse("x.wsd", text, &sc, &e), 0, "%u:%u %s", e.place.line,
		     e.place.column, e.text);
	return sc;
}

Test(scenario, empty_files_and_comments_are_no_statements)
{
	WSD_TEST_BEGIN();
	static const char *const texts[] = {"", "\n\n", "# nothing", "  \t\n# a\n\n#b\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct scenario *sc = parse(texts[i]);
		cr_assert_null(sc->statements);
		scenario_free(sc);
	}
	WSD_TEST_END();
}

Test(scenario, a_statement_of_each_kind)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *text;
		enum statement_kind kind;
		enum verb verb;
	} rows[] = {
		{"clause SW-WILD-2 SW-LISTEN-3", ST_CLAUSE, VERB_NONE},
		{"needs root", ST_NEEDS, VERB_NONE},
		{"timeout 300ms", ST_TIMEOUT, VERB_NONE},
		{"set wildcard = legacy", ST_SET, VERB_NONE},
		{"host north", ST_HOST, VERB_NONE},
		{"nic san0", ST_NIC, VERB_HAS},
		{"nic san0 on north 10.77.0.1/24", ST_NIC, VERB_HAS},
		{"process p on north user 1 bare", ST_PROCESS, VERB_NONE},
		{"nic san0 10.77.0.1/24 10.77.0.7/24", ST_NIC, VERB_HAS},
		{"nic san0 gains 10.77.0.1/24", ST_NIC, VERB_GAINS},
		{"nic san0 loses 10.77.0.1/24", ST_NIC, VERB_LOSES},
		{"nic san0 down", ST_NIC, VERB_DOWN},
		{"nic san0 up", ST_NIC, VERB_UP},
		{"nic san0 vanishes", ST_NIC, VERB_VANISHES},
		{"provider a serves san0 10.77.1.1", ST_PROVIDER, VERB_SERVES},
		{"provider a fails WSPBind(name=10.77.0.1:5150) with WSAENETDOWN after 2",
		 ST_PROVIDER, VERB_FAILS},
		{"provider a fails WSPListen with WSAENOBUFS after 1 times 2", ST_PROVIDER,
		 VERB_FAILS},
		{"provider a works", ST_PROVIDER, VERB_WORKS},
		{"provider a refuses WSAETIMEDOUT now", ST_PROVIDER, VERB_REFUSES},
		{"provider a silent", ST_PROVIDER, VERB_SILENT},
		{"provider a loses 10.77.0.9", ST_PROVIDER, VERB_LOST},
		{"provider a in client cuts", ST_PROVIDER, VERB_CUTS},
		{"provider a in server request 10.77.0.9:4000 10.77.0.1:5150", ST_PROVIDER,
		 VERB_REQUEST},
		{"provider a wildcard", ST_PROVIDER, VERB_WILDCARD},
		{"provider a no-read", ST_PROVIDER, VERB_NO_READ},
		{"provider a installed", ST_PROVIDER, VERB_INSTALLED},
		{"provider a removed", ST_PROVIDER, VERB_REMOVED},
		{"process server user 1001 bare", ST_PROCESS, VERB_NONE},
		{"server exits", ST_LIFE, VERB_EXITS},
		{"server killed", ST_LIFE, VERB_KILLED},
		{"server stops", ST_LIFE, VERB_STOPS},
		{"server continues", ST_LIFE, VERB_CONTINUES},
		{"server s = socket() = ok", ST_CALL, VERB_NONE},
		{"server.t1 begins c = accept(s)", ST_CALL, VERB_BEGINS},
		{"server eventually bind(s, 10.77.0.1:5150) = 0", ST_CALL, VERB_EVENTUALLY},
		{"server.t1 ends = ok", ST_ENDS, VERB_NONE},
		{"server calls exactly {\n}", ST_CALLS, VERB_EXACTLY},
		{"server calls of a, TCP/IP in order { a WSPSocket = $a\n}", ST_CALLS, VERB_ORDER},
		{"server calls not {\n a up WPUSetEvent\n}", ST_CALLS, VERB_NOT},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scenario *sc = parse(rows[i].text);
		cr_assert_not_null(sc->statements, "%s", rows[i].text);
		cr_expect_eq(sc->statements->kind, rows[i].kind, "%s", rows[i].text);
		cr_expect_eq(sc->statements->verb, rows[i].verb, "%s", rows[i].text);
		cr_expect_null(sc->statements->next, "%s", rows[i].text);
		scenario_free(sc);
	}
	WSD_TEST_END();
}

Test(scenario, what_a_call_is_made_of)
{
	WSD_TEST_BEGIN();
	struct scenario *sc = parse("\nserver.t1 c = send(s, \"a \\\"b\\\" # \\x41\", MSG_OOB) "
				    "= \"x\" # why\n");
	const struct statement *s = sc->statements;
	cr_assert_str_eq(s->name, "server");
	cr_assert_str_eq(s->thread, "t1");
	cr_assert_str_eq(s->variable, "c");
	cr_assert_str_eq(s->call, "send");
	cr_assert_eq(s->words.count, 3);
	cr_assert_str_eq(s->words.at[0], "s");
	cr_assert_str_eq(s->words.at[1], "\"a \"b\" # A");
	cr_assert_str_eq(s->result, "\"x");
	cr_assert_eq(s->place.line, 2);
	cr_assert_eq(s->result_place.line, 2);
	scenario_free(sc);
	WSD_TEST_END();
}

Test(scenario, what_a_pattern_is_made_of)
{
	WSD_TEST_BEGIN();
	struct scenario *sc = parse("server calls of a exactly {\n"
				    "\ta WSPBind(s=$s, name=\"10.77.0.1:*\") = WSAENETDOWN\n"
				    "\ta up WPUCloseSocketHandle\n}\n");
	const struct statement *s = sc->statements;
	cr_assert_eq(s->n_patterns, 2);
	cr_assert_eq(s->open.line, 1);
	cr_assert_eq(s->open.column, 27);
	cr_assert_eq(s->close.line, 4);
	cr_assert_eq(s->close.column, 1);
	const struct pattern *p = s->patterns;
	cr_assert_str_eq(p[0].who, "a");
	cr_assert_str_eq(p[0].call, "WSPBind");
	cr_assert_eq(p[0].n_args, 2);
	cr_assert_str_eq(p[0].args[1].key, "name");
	cr_assert_str_eq(p[0].args[1].value, "10.77.0.1:*");
	cr_assert_str_eq(p[0].result, "WSAENETDOWN");
	cr_assert(p[1].upcall);
	cr_assert_null(p[1].result);
	cr_assert_eq(p[1].place.line, 3);
	scenario_free(sc);
	WSD_TEST_END();
}

Test(scenario, each_error_with_its_place)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *text;
		unsigned line, column;
		const char *said;
	} rows[] = {
		{"clause\n", 1, 7, "expected a clause, as SW-WILD-2, found the end of the line"},
		{"needs wings\n", 1, 7, "expected root, net or scripted, found 'wings'"},
		{"\ntimeout 5\n", 2, 9, "expected a time, as 300ms or 2s, found '5'"},
		{"timeout -1s\n", 1, 9, "expected a time, as 300ms or 2s, found '-1s'"},
		{"set wildcard legacy\n", 1, 14, "expected '=', found 'legacy'"},
		{"nic 7\n", 1, 5, "expected the interface's name, found '7'"},
		{"nic an-interface-too-long\n", 1, 5,
		 "expected the interface's name, found 'an-interface-too-long'"},
		{"nic san0 flies\n", 1, 10,
		 "expected gains, loses, down, up, vanishes or on, found 'flies'"},
		{"nic san0 gains 10.77.0.1\n", 1, 16,
		 "expected an address with its length, as 10.77.0.1/24, found '10.77.0.1'"},
		{"nic san0 10.77.0.1/33\n", 1, 10, "expected an address with its length"},
		{"nic san0 gains 10.77.0.1/x\n", 1, 16, "expected an address with its length"},
		{"provider a request 10.77.0.9:4000 10.77.0.1:5150\n", 1, 12,
		 "expected 'in' and the process that asks, then request, found 'request'"},
		{"provider a in p request 10.77.0.9 10.77.0.1:5150\n", 1, 25,
		 "expected who asks, as 10.77.0.9:4000, found '10.77.0.9'"},
		{"provider a in p request 10.77.0.9:4000 10.77.0.1:99999\n", 1, 40,
		 "expected whom, as 10.77.0.1:5150, found '10.77.0.1:99999'"},
		{"provider a sleeps\n", 1, 12, "expected serves, fails"},
		{"provider a fails WSPBind\n", 1, 25, "expected 'with', found the end of the line"},
		{"provider a fails WSPBind with WSANONE\n", 1, 31,
		 "expected an error's name, as WSAENETDOWN, found 'WSANONE'"},
		{"provider a fails WSPBind(name) with WSAENETDOWN\n", 1, 30,
		 "expected '=', found ')'"},
		{"process server user root\n", 1, 21, "expected a user's number, found 'root'"},
		{"host 7\n", 1, 6, "expected the host's name, found '7'"},
		{"nic san0 on\n", 1, 12, "expected a host, found the end of the line"},
		{"nic san0 on a b\n", 1, 15, "expected an address with its length"},
		{"process p on a on b\n", 1, 16, "expected on HOST, user N, bare"},
		{"process server fast\n", 1, 16,
		 "expected on HOST, user N, bare, or the end of the line, found 'fast'"},
		{"server\n", 1, 7, "expected what the process does, found the end of the line"},
		{"a-process-of-this-name bind(s)\n", 1, 1,
		 "expected a statement's first word, or a process, found 'a-process-of-this-name'"},
		{"server.a-thread-of-this-name bind(s)\n", 1, 1,
		 "expected a statement's first word, or a process, found 'server.a-thread-of"},
		{"server bind s\n", 1, 13,
		 "expected '(' (no statement begins with 'server', so it is taken for a process), "
		 "found 's'"},
		{"clause SW-WILD-2 foo\n", 1, 18, "expected a clause, as SW-WILD-2, found 'foo'"},
		{"clause SW-WILD-\n", 1, 8, "expected a clause, as SW-WILD-2, found 'SW-WILD-'"},
		{"server bind(s) = wsaenobufs\n", 1, 18,
		 "expected an error's name, as WSAENETDOWN"},
		{"provider a fails WSPBnd with WSAENETDOWN\n", 1, 18,
		 "expected a function that can fail so, as WSPBind, found 'WSPBnd'"},
		{"provider a fails WSPRegisterMemory(len=1, flag=2) with WSAENETDOWN\n", 1, 43,
		 "expected an argument's name, as name or events, found 'flag'"},
		{"server calls not {\n a WSPBnd\n}\n", 2, 4,
		 "expected a function that is called, as WSPBind, found 'WSPBnd'"},
		{"server calls not {\n a up WSPBind\n}\n", 2, 7,
		 "expected a function that a provider calls, as WPUSetEvent, found 'WSPBind'"},
		{"server calls not {\n a WSPListen(s=$a, backlogg=5)\n}\n", 2, 20,
		 "expected an argument's name, as name or events, found 'backlogg'"},
		{"server bind(s 1)\n", 1, 15, "expected ',', found '1'"},
		{"server bind(s,\n", 1, 15, "expected an argument, found the end of the line"},
		{"server bind(s) =\n", 1, 17, "expected the result, found the end of the line"},
		{"server bind(s) = 0 0\n", 1, 20, "expected the end of the line, found '0'"},
		{"server calls some {\n}\n", 1, 14, "expected exactly, in or not, found 'some'"},
		{"server calls in\n", 1, 16, "expected 'order', found the end of the line"},
		{"server calls exactly\n", 1, 21, "expected '{', found the end of the line"},
		{"server calls exactly {\n a\n}\n", 2, 3,
		 "expected the function that is called, found the end of the line"},
		{"server calls exactly {\n a WSPBind\n", 3, 1,
		 "expected a provider, TCP/IP or switch, or '}', found the end of the file"},
		{"server send(s, \"open\n", 1, 21, "the text has no closing quotation mark"},
		{"server send(s, \"\\q\")\n", 1, 18, "after \\ stands n, r, t, \", \\ or xHH"},
		{"provider a fails WSPBind with WSAENOBUFS times 0\n", 1, 48,
		 "expected how many times, from 1"},
		{"s\xc3\xa4rver\n", 1, 2, "this character stands in texts and comments only"},
		{"provider a fails WSPBind(name=\"\xff\") with WSAENETDOWN\n", 1, 31,
		 "expected a value of ASCII characters"},
		{"server \x01\n", 1, 8, "this character is none of a text file"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scenario *sc = NULL;
		struct scenario_error e = {0};
		cr_assert_eq(scenario_parse("x.wsd", rows[i].text, &sc, &e), -EINVAL, "%s",
			     rows[i].text);
		cr_expect(!strncmp(e.text, rows[i].said, strlen(rows[i].said)), "%s: %s",
			  rows[i].text, e.text);
		cr_expect_eq(e.place.line, rows[i].line, "%s: line %u", rows[i].text, e.place.line);
		cr_expect_eq(e.place.column, rows[i].column, "%s: column %u", rows[i].text,
			     e.place.column);
	}
	WSD_TEST_END();
}
