/* SPDX-License-Identifier: MIT
 *
 * `wsd run` as a whole: what it says of scenarios that go well, that do not and that make no sense;
 * --record; and that it leaves nothing behind.
 */
#include "check.h"
#include "run_tool.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENER                   \
	"nic san0 10.77.0.1/24\n"  \
	"provider a serves san0\n" \
	"process app\n"            \
	"app s = socket()\n"       \
	"app bind(s, 10.77.0.1:5150) = 0\n"

static char dir[] = "/tmp/wsd-run-test-XXXXXX", path[64], before[128];

static void setup(void)
{
	cr_assert_not_null(mkdtemp(dir));
	cr_assert_eq(chmod(dir, 0755), 0); /* processes of other users have their modules there */
	snprintf(path, sizeof(path), "%s/x.wsd", dir);
	/* the folders of the scenarios go there, too */
	snprintf(before, sizeof(before), "TMPDIR=%s", dir);
}

static unsigned files(void)
{
	unsigned n = 0;
	DIR *d = opendir(dir);
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void write_scenario(const char *text)
{
	FILE *f = fopen(path, "we");
	cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
}

static void read_scenario(char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	text[fread(text, 1, size - 1, f)] = '\0';
	fclose(f);
}

/* Plays @text; the run has to end with @status and to say @said, and leaves nothing. */
static void plays(const char *options, const char *text, int status, const char *said)
{
	char arguments[256];
	write_scenario(text);
	snprintf(arguments, sizeof(arguments), "run %s %s", options, path);
	struct run *r = run_tool(before, arguments);
	if (r->status == 77)
		cr_skip_test("no network namespace of one's own");
	cr_expect_eq(r->status, status, "%d: %s", r->status, r->text);
	cr_expect(strstr(r->text, said), "not said: %s\n%s", said, r->text);
	cr_expect_eq(files(), 1);
	free(r);
}

static void teardown(void)
{
	unlink(path);
	rmdir(dir);
}

TestSuite(run, .init = setup, .fini = teardown);

Test(run, goes_well)
{
	plays("", LISTENER "app listen(s, 5) = 0\n", 0, "ok ");
	plays("-v", LISTENER "app listen(s, 5) # no result: it has to work\n", 0,
	      "app listen(s, 5) = 0");
}

Test(run, another_result_than_expected)
{
	plays("", LISTENER "app listen(s, 5) = WSAEINVAL\n", 1, ":6:1: expected WSAEINVAL, seen 0");
	plays("", LISTENER "app bind(s, 10.77.0.1:5151)\n", 1,
	      ":6:1: expected that it works, seen WSAEINVAL");
}

Test(run, other_calls_than_expected)
{
	plays("",
	      LISTENER
	      "app listen(s, 5) = 0\ntimeout 50ms\napp calls exactly {\n a WSPSocket = $s\n"
	      " a WSPListen(s=$s) = 0\n}\n",
	      1, ":8:1: other calls than expected");
	plays("",
	      LISTENER
	      "app listen(s, 5) = 0\ntimeout 50ms\napp calls exactly {\n a WSPSocket = $s\n"
	      " a WSPListen(s=$s) = 0\n}\n",
	      1, "! a WSPListen(s=$s) = 0 ");
	plays("", LISTENER "app listen(s, 5) = 0\napp calls not {\n a WSPListen\n}\n", 1,
	      "other calls than expected");
}

/* What is expected is not looked at; the lines are those of the file. */
Test(run, transcript)
{
	plays("--transcript", LISTENER "app listen(s, 5) = WSAEINVAL\napp getsockname(s)\n", 0,
	      "4: app s = socket() = ok\n5: app bind(s, 10.77.0.1:5150) = 0\n"
	      "6: app listen(s, 5) = 0\n7: app getsockname(s) = 10.77.0.1:5150\n");
	plays("--transcript", "process app\napp c = accept(t)\n", 2, ":2:1: argument 1, 't'");
}

/* Names that are none, too short, or of another family, and buffers that are too short. */
Test(run, names_that_are_none)
{
	plays("",
	      LISTENER "app t = socket()\napp bind(t, NULL) = WSAEFAULT\n"
		       "app bind(t, 10.77.0.1:5151, 15) = WSAEFAULT\n"
		       "app bind(t, 10.77.0.1:5151, 16, AF_INET6) = WSAEFAULT\n"
		       "app connect(t, 10.77.0.1:5150, 16, AF_INET6) = WSAEAFNOSUPPORT\n"
		       "app getsockname(s, 15) = WSAEFAULT\n"
		       "app WSAPoll(s, POLLIN, 0)\n",
	      0, "ok ");
	plays("", LISTENER "app bind(s, 10.77.0.1:5151, 129)\n", 2, "no length up to 128");
	plays("", LISTENER "app getsockname(s, 17)\n", 2, "no length up to 16");
}

/* Another program makes the calls: here a shell, which knows one answer. */
#define ECHO \
	"--transcript --actor 'while read -r t l; do printf \"$t\\tresult\\t%s\\n\" \"$l\"; done'"

Test(run, actor)
{
	plays(ECHO, "process app\napp s = socket()\napp bind(s, 10.77.0.1:5150)\n", 1,
	      "WSAStartup: -\tWSAStartup");
	plays(ECHO,
	      "process app bare\napp s = socket()\napp bind(s, 10.77.0.1:5150)\n"
	      "process b bare\nb.t2 WSACleanup()\n",
	      0,
	      "2: app s = socket() = s\tsocket\n"
	      "3: app bind(s, 10.77.0.1:5150) = -\tbind\ts\t10.77.0.1:5150\n"
	      "5: b.t2 WSACleanup() = -\tWSACleanup\n");
	plays("--actor 'read -r l; echo no'", "process app bare\napp s = socket()\n", 2,
	      "the other program's answer is none");
	plays("--actor 'read -r l; echo main result; cat'", "process app bare\napp s = socket()\n",
	      2, "the other program's answer is none");
	plays("--actor true", "process app bare\napp s = socket()\n", 1, "app has died");
	plays("--actor cat", "process app\napp s = socket()\n", 2, "its answer is none");
	plays(ECHO, "process app bare\napp s = socket()\napp send(s, \"a\\tb\")\n", 2,
	      "cannot be told of tabs");
}

/* All that the other program has started goes with it. */
Test(run, actor_that_leaves_somebody_behind)
{
	plays("--actor 'sleep 98765 >/dev/null & read -r l'",
	      "process app bare\napp s = socket()\n", 1, "died");
	/* NOLINTNEXTLINE(cert-env33-c): a test's own, constant command */
	int found = system("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | "
			   "grep -q '[s]leep 98765'");
	cr_expect_eq(WEXITSTATUS(found), 1, "grep says %d", WEXITSTATUS(found));
}

/* One that is cut is not to be taken for a good one. */
Test(run, transcript_that_cannot_be_written)
{
	plays("", "process app\napp s = socket()\n", 0, "");
	char arguments[256];
	snprintf(arguments, sizeof(arguments), "run --transcript %s 2>&1 >/dev/full", path);
	struct run *r = run_tool("", arguments);
	cr_expect_eq(r->status, 1);
	free(r);
}

/* Of two threads: the first one's call ends when the second one's has come. */
Test(run, actor_with_threads)
{
	static const char wait[] = "process app bare\n"
				   "app.t1 begins WSACleanup()\n"
				   "app.t2 WSAGetLastError() = 2\n"
				   "app.t1 ends = 1\n";
	plays("-v --actor 'read -r a l; read -r b l; printf "
	      "\"$a\\tresult\\t1\\n$b\\tresult\\t2\\n\"; "
	      "read -r l'",
	      wait, 0, "app.t1 ends = 1");
	plays("-v --actor 'while read -r t l; do i=$((i + 1)); printf \"$t\\tresult\\t$i\\n\"; "
	      "done'",
	      wait, 0, "app.t1 ends = 1"); /* one that does not wait at all */
	plays("--actor 'read -r l; exit'", wait, 1, "app");
}

/* Calls in between are no fault, and are not marked as one. */
Test(run, what_is_missing_is_marked)
{
	plays("",
	      LISTENER "app listen(s, 5) = 0\ntimeout 50ms\napp calls in order {\n"
		       " a WSPBind\n a WSPConnect\n}\n",
	      1, "\n    ! a WSPConnect ");
	plays("",
	      LISTENER "app listen(s, 5) = 0\ntimeout 50ms\napp calls in order {\n"
		       " a WSPBind\n a WSPConnect\n}\n",
	      1, "\n      a WSPBind ");
	plays("", LISTENER "app listen(s, 5) = 0\napp calls not {\n a WSPListen\n}\n", 1,
	      "\n    ! a WSPListen ");
}

Test(run, a_value_is_the_same_wherever_it_stands)
{
	plays("",
	      LISTENER "app listen(s, 5) = 0\ntimeout 50ms\napp calls in order {\n"
		       " a WSPSocket = $s\n a WSPBind(s=$s, name=$n) = 0\n}\n",
	      0, "ok ");
	plays("",
	      LISTENER "app listen(s, 5) = 0\ntimeout 50ms\napp calls in order {\n"
		       " a WSPSocket = $s\n a WSPBind(name=$s) = 0\n}\n",
	      1, "other calls than expected");
}

Test(run, a_failure_at_the_second_call)
{
	plays("",
	      "nic san0 10.77.0.1/24 10.77.0.2/24\nprovider a serves san0\nprocess app\n"
	      "provider a fails WSPListen with WSAENOBUFS after 1\n"
	      "app s = socket()\napp bind(s, 0.0.0.0:5150)\napp listen(s, 5) = 0\n"
	      "app calls in order {\n a WSPListen = 0\n a WSPListen = WSAENOBUFS\n}\n",
	      0, "ok ");
}

Test(run, a_failure_for_so_many_calls)
{
	plays("",
	      "nic san0 10.77.0.1/24 10.77.0.2/24 10.77.0.3/24 10.77.0.4/24\n"
	      "provider a serves san0\nprocess app\n"
	      "provider a fails WSPListen with WSAENOBUFS after 1 times 2\n"
	      "app s = socket()\napp bind(s, 0.0.0.0:5150)\napp listen(s, 5) = 0\n"
	      "app calls in order {\n a WSPListen = 0\n a WSPListen = WSAENOBUFS\n"
	      " a WSPListen = WSAENOBUFS\n a WSPListen = 0\n}\n",
	      0, "ok ");
}

Test(run, files_that_make_no_sense)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"nic san0 flies\n", ":1:10: expected gains, loses"},
		{"set foo = bar\n", ":1:1: there is no key foo (wsd(7))"},
		{"process p\np calls not {\n\ty WSPListen\n}\n", ":2:1: there is no provider 'y'"},
		{"process p\np calls of y not {\n\tswitch takeover\n}\n",
		 ":2:1: there is no provider 'y'"},
		{"provider switch serves\n", ":1:10: expected a provider's name that is not"},
		{"provider names removed\n", ":1:10: expected a provider's name that is not"},
		{"app listen(s, 5)\n", ":1:1: there is no process 'app' now"},
		{"process app\napp.t ends\n", ":2:1: app.t is in no call"},
		{LISTENER "app listen(s, 1)\napp.t begins c = accept(s)\napp.t getsockname(s)\n",
		 ":8:1: app.t is still in a call"},
		{"process app\napp dance()\n", ":2:1: there is no call 'dance'"},
		{"process app\napp bind(s)\n",
		 ":2:1: expected bind(s, 10.77.0.1:5150 or NULL [, length [, family]])"},
		{"process app\napp listen(s, 5)\n", ":2:1: argument 1, 's', is no handle"},
		{"process app\napp s = socket()\napp bind(s, here)\n",
		 ":3:1: argument 2, 'here', is no address"},
		{"process app\nprocess app\n", ":2:1: there is a process 'app' already"},
		{"provider a silent\n", ":1:1: there is no provider 'a' yet"},
		{"provider a serves san9\n", ":1:1: there is no NIC san9"},
		{"nic san0\nnic san0\n", ":2:1: there is a NIC san0 already"},
		{"nic san0\nnic san0 gains \"foo\"\n", ":2:16: expected an address"},
		{"needs \"wibble\"\n", ":1:7: expected root, net or scripted"},
		{"process a\na s = socket()\na listen(s, 4294967297)\n", ":3:1: argument 2"},
		{"nic san0\nprovider a serves san0\nprovider a in p installed\n",
		 ":3:17: expected what one process's provider does"},
		{"provider a fails WSPBind with WSAENETDOWN after 4294967296\n",
		 ":1:49: expected after how many calls"},
		{"process a\na exits\nprocess b\nprocess c\nprocess d\nprocess e\nprocess f\n"
		 "process g\nprocess h\nprocess i\nprocess j\nprocess k\nprocess l\nprocess m\n"
		 "process n\nprocess o\nprocess p\nprocess q\n",
		 ":18:1: a scenario has at most 16 processes"},
		{"nic san0 on north\n", ":1:1: there is no host 'north'"},
		{"process p on north\n", ":1:1: there is no host 'north'"},
		{"host north\nhost north\n", ":2:1: there is a host 'north' already"},
		{"nic san0\nhost north\n", ":2:1: hosts come before the first NIC"},
		{"host a\nhost b\nnic san0 on a\nnic san0 on b\n",
		 ":4:1: there is a NIC san0 already"},
		{"host a\nhost b\nhost c\nhost d\nhost e\nhost f\nhost g\nhost h\nhost i\n",
		 ":9:1: a scenario has at most 8 hosts"},
		{"nic san0 loses 10.77.0.1/24\n", ":1:1: there is no NIC san0"},
		{"process a\na x = listen(s, 5)\n", ":2:1: listen makes no handle"},
		{"nic san0\nprovider a serves san0\nprocess p\n"
		 "provider a fails WSPFly with WSAENETDOWN\n",
		 ":4:18: expected a function that can fail so"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		plays("", rows[i].text, 2, rows[i].said);
	struct run *r = run_tool("", "run /nowhere/x.wsd");
	cr_expect_eq(r->status, 2);
	cr_expect(strstr(r->text, "cannot read /nowhere/x.wsd"), "%s", r->text);
	free(r);
}

/* What was read as an escape is compared, told and recorded as one. */
Test(run, texts_with_escapes)
{
	static char text[8192];
	static const char source[] =
		"process app\napp l = socket()\napp bind(l, 127.0.0.1:5150)\napp listen(l, 1)\n"
		"app k = socket()\napp connect(k, 127.0.0.1:5150)\napp c = accept(l)\n"
		"app send(k, \"a\\n\\\"b\\\\\\x7f\")\napp recv(c, 9) = \"a\\n\\\"b\\\\\\x7f\"\n";
	plays("", source, 0, "ok ");
	plays("--record", source, 0, "ok ");
	read_scenario(text, sizeof(text));
	cr_expect(strstr(text, "app recv(c, 9) = \"a\\n\\\"b\\\\\\x7f\"\n"), "%s", text);
	plays("", text, 0, "ok ");
	plays("",
	      LISTENER "app listen(s, 1)\napp k = socket()\napp connect(k, 10.77.0.1:5150)\n"
		       "app send(k, \"\\xff\\xfe\\x80\xc3\xa4\")\napp c = accept(s)\n"
		       "app recv(c, 9) = \"\\xff\\xfe\\x80\\xc3\\xa4\"\n",
	      0, "ok ");
	plays("",
	      LISTENER "app listen(s, 1)\napp k = socket()\napp connect(k, 10.77.0.1:5150)\n"
		       "app send(k, \"\\t\")\napp c = accept(s)\napp recv(c, 1) = \"\\n\"\n",
	      1, "expected \"\\n\", seen \"\\t\"");
}

/* A name that a killed process had is free, also where names are files that outlive it. */
Test(run, hosts_and_a_name_of_a_killed_process)
{
	plays("",
	      "host b\nnic san0 10.77.0.1/24\nnic san1 on b 10.77.0.2/24\n"
	      "provider a serves san0 san1\nprocess one\none s = socket()\n"
	      "one bind(s, 10.77.0.1:5150)\none listen(s, 5)\none killed\n"
	      "process two\ntwo s = socket()\ntwo bind(s, 10.77.0.1:5150)\ntwo listen(s, 5)\n"
	      "process c on b\nc k = socket()\nc begins connect(k, 10.77.0.1:5150)\n"
	      "two d = accept(s)\nc ends\nc send(k, \"x\") = 1\ntwo recv(d, 9) = \"x\"\n"
	      "c calls of a in order {\n a WSPSend\n}\n"
	      "nic san1 loses 10.77.0.2/24\nc eventually connect(k, 10.77.0.1:5150) = WSAEISCONN\n"
	      "c j = socket()\nc connect(j, 10.77.0.1:5150) = WSAENETUNREACH\n",
	      0, "ok ");
}

/* Each host's processes, whoever's they are, meet those of the others. */
Test(run, hosts_of_several_users)
{
	bool root = geteuid() == 0;
	plays("",
	      "needs root\nhost b\nnic san0 10.77.0.1/24\nnic san1 on b 10.77.0.2/24\n"
	      "provider a serves san0 san1\nprocess one user 65534\none s = socket()\n"
	      "one bind(s, 10.77.0.1:5150)\none listen(s, 5)\n"
	      "process c on b user 65533\nc k = socket()\nc begins connect(k, 10.77.0.1:5150)\n"
	      "one d = accept(s)\nc ends\nc send(k, \"x\") = 1\none recv(d, 9) = \"x\"\n"
	      "c calls of a in order {\n a WSPSend\n}\n"
	      "one exits\nprocess two user 65532\ntwo s = socket()\n"
	      "two bind(s, 10.77.0.1:5150)\ntwo listen(s, 5)\nc j = socket()\n"
	      "c begins connect(j, 10.77.0.1:5150)\ntwo d = accept(s)\nc ends\n"
	      "c calls of a in order {\n a WSPConnect = WSAEWOULDBLOCK\n}\n",
	      root ? 0 : 77, root ? "ok " : "skipped");
}

Test(run, a_call_that_does_not_end)
{
	plays("", LISTENER "app listen(s, 5)\ntimeout 100ms\napp c = accept(s)\n", 1,
	      "it has not ended within 100 ms");
}

/* What a stopped process is told it knows before it makes its next call. */
Test(run, a_process_that_stands_still)
{
	plays("",
	      LISTENER "app stops\nprovider a fails WSPBind with WSAENETDOWN\n"
		       "nic san0 gains 10.77.0.2/24\napp continues\napp listen(s, 5) = 0\n"
		       "app calls in order {\n a WSPBind = WSAENETDOWN\n}\n"
		       "app exits\nprocess app\n",
	      0, "ok ");
}

Test(run, a_process_that_is_gone)
{
	plays("", LISTENER "app killed\napp listen(s, 5)\n", 2, "there is no process 'app' now");
}

/* A change may be a fault: it is told. */
Test(run, record_tells_what_it_changes)
{
	plays("--record",
	      LISTENER "app listen(s, 5) = WSAEINVAL\napp getsockname(s)\n"
		       "app calls exactly {\n\ta WSPSocket\n}\n",
	      0, ":6: = WSAEINVAL was expected, now = 0\n");
	plays("--record", LISTENER "app calls exactly {\n\ta WSPSocket\n}\n", 0,
	      ": other calls than were expected\n");
	plays("--record", LISTENER "app listen(s, 5) = 0\n", 0, "ok ");
}

/* What was recorded is what is seen the next time; what was written stays. */
Test(run, record_round_trip)
{
	static char text[8192], again[8192];
	const char *source = "# why\n" LISTENER "app listen(s, 5) = WSAEINVAL # a comment\n"
			     "app calls exactly {\n}\napp getsockname(s)\napp closesocket(s) = 0\n"
			     "app calls of a exactly { }\n";
	plays("--record", source, 0, "ok ");
	read_scenario(text, sizeof(text));
	cr_expect(strstr(text, "# why\nnic san0"), "%s", text);
	cr_expect(strstr(text, "app listen(s, 5) = 0 # a comment\n"), "%s", text);
	cr_expect(
		strstr(text, "{\n\ta WSPSocket = $a1\n\ta WSPBind(s=$a1, name=10.77.0.1:5150) = 0"),
		"%s", text);
	cr_expect(strstr(text, "app getsockname(s) = 10.77.0.1:5150\n"), "%s", text);
	cr_expect(strstr(text, "\ta WSPCloseSocket(s=$a1) = 0\n}"), "%s", text);
	plays("", text, 0, "ok ");
	plays("--record", text, 0, "ok ");
	read_scenario(again, sizeof(again));
	cr_expect_str_eq(again, text);
}

/* What was found free is another one the next time; what the file names stays. */
Test(run, record_of_ports_that_nobody_chose)
{
	static char text[8192];
	plays("--record",
	      LISTENER "app listen(s, 1)\napp k = socket()\napp connect(k, 10.77.0.1:5150)\n"
		       "app getpeername(k)\napp getsockname(k)\napp x = socket()\n"
		       "app bind(x, 10.77.0.1:50001)\napp getsockname(x)\n"
		       "app calls of a exactly {\n}\n",
	      0, "ok ");
	read_scenario(text, sizeof(text));
	cr_expect(strstr(text, "app getpeername(k) = 10.77.0.1:5150\n"), "%s", text);
	cr_expect(strstr(text, "app getsockname(k) = 10.77.0.1:*\n"), "%s", text);
	cr_expect(strstr(text, "app getsockname(x) = 10.77.0.1:50001\n"), "%s", text);
	cr_expect(strstr(text, "name=10.77.0.1:*)"), "%s", text);
	plays("", text, 0, "ok ");
}

/* A file keeps its rights, its links, its neighbours, and its kind of lines. */
Test(run, record_changes_nothing_else)
{
	static char text[8192];
	char neighbour[80], link[80], arguments[256];
	struct stat st;
	plays("--record", "process app\r\napp s = socket()\r\napp listen(s, 5)\r\n", 0, "ok ");
	read_scenario(text, sizeof(text));
	cr_expect_str_eq(text, "process app\r\napp s = socket() = ok\r\n"
			       "app listen(s, 5) = WSAEINVAL\r\n");
	write_scenario("process app\napp WSAGetLastError()\n");
	snprintf(neighbour, sizeof(neighbour), "%s~", path);
	snprintf(link, sizeof(link), "%s/link.wsd", dir);
	FILE *f = fopen(neighbour, "we");
	cr_assert(f && fputs("precious", f) >= 0 && !fclose(f));
	cr_assert_eq(chmod(path, 0600), 0);
	cr_assert_eq(symlink("x.wsd", link), 0);
	snprintf(arguments, sizeof(arguments), "run --record %s", link);
	RUN_TOOL_SAYS(before, arguments, 0, "ok ");
	cr_expect(!lstat(link, &st) && S_ISLNK(st.st_mode));
	cr_expect(!stat(path, &st) && (st.st_mode & 0777) == 0600);
	cr_expect(!stat(neighbour, &st) && st.st_size == 8);
	read_scenario(text, sizeof(text));
	cr_expect_str_eq(text, "process app\napp WSAGetLastError() = 0\n");
	unlink(link);
	unlink(neighbour);
}

/* Whatever stands behind it would not be seen, and lost to --record. */
Test(run, a_file_with_a_zero)
{
	static const char source[] = "process a\na s = \0 socket()\n";
	char arguments[128];
	FILE *f = fopen(path, "we");
	cr_assert(f && fwrite(source, sizeof(source) - 1, 1, f) == 1 && !fclose(f));
	snprintf(arguments, sizeof(arguments), "run %s", path);
	RUN_TOOL_SAYS(before, arguments, 2, ":2:7: this character is none of a text file");
	RUN_TOOL_SAYS(before, "run /dev/zero", 2, "cannot read /dev/zero: File too large");
}

Test(run, a_call_that_is_too_long)
{
	static char text[40000];
	int n = snprintf(text, sizeof(text), "process a\na s = socket()\na send(s, \"");
	memset(text + n, 'x', 30000);
	strcpy(text + n + 30000, "\")\n");
	plays("", text, 2, ":3:1: this call is too long: 16384 bytes");
}

/* No fault of the file. */
Test(run, over_rdma_where_there_is_none)
{
	if (!access("/sys/class/infiniband", F_OK))
		cr_skip_test("this machine may have RDMA");
	char arguments[128];
	write_scenario(LISTENER);
	snprintf(arguments, sizeof(arguments), "run --real %s", path);
	struct run *r = run_tool(before, arguments);
	cr_assert_eq(r->status, 77, "%d: %s", r->status, r->text);
	cr_assert_not_null(strstr(r->text, "no RDMA device here"), "%s", r->text);
	free(r);
}

Test(run, several_files_end_with_a_sum)
{
	char arguments[200];
	write_scenario(LISTENER "app listen(s, 5) = WSAEINVAL\n");
	snprintf(arguments, sizeof(arguments), "run %s %s", path, path);
	struct run *r = run_tool(before, arguments);
	if (r->status == 77)
		cr_skip_test("no network namespace of one's own");
	cr_assert_eq(r->status, 1);
	cr_assert_not_null(strstr(r->text, "\n0 of 2 ok\n"), "%s", r->text);
	free(r);
}

/* @said is in the picture. */
static void draws(const char *ending, const char *text, int status, const char *said)
{
	char out[80], options[96], picture[65536];
	snprintf(out, sizeof(out), "/tmp/wsd-run-%d.%s", (int)getpid(), ending);
	snprintf(options, sizeof(options), "--diagram %s", out);
	plays(options, text, status, "");
	FILE *f = fopen(out, "re");
	cr_assert_not_null(f);
	picture[fread(picture, 1, sizeof(picture) - 1, f)] = '\0';
	fclose(f);
	unlink(out);
	cr_assert_not_null(strstr(picture, said), "%s", said);
}

Test(run, draws_what_was_seen)
{
	draws("svg", "nic san0\n", 0, "switch");
	draws("svg", LISTENER "app listen(s, 5) = 0\n", 0, ">app</text>");
	draws("html", LISTENER "app listen(s, 5) = 0\n", 0, "\"call\":\"WSPEventSelect\"");
	/* where something else was expected the picture helps most */
	draws("svg", LISTENER "app listen(s, 5) = WSAEINVAL\n", 1, "name=10.77.0.1:5150");
	plays("--diagram /tmp/x.pdf", LISTENER, 2, "'/tmp/x.pdf' does not end in .svg or .html");
	plays("--diagram /tmp/x.svg /dev/null", LISTENER, 2, "--diagram is of one scenario");
	plays("--diagram /none/x.svg", LISTENER, 1, "cannot write /none/x.svg");
}

/* Ctrl-C in the middle of a call; SIGKILL of the one that would clean up. */
Test(run, leaves_nothing_behind_when_it_is_stopped)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status;
		write_scenario(LISTENER "app listen(s, 5)\ntimeout 60s\napp c = accept(s)\n");
		pid_t pid = fork();
		if (pid == 0) {
			setenv("TMPDIR", dir, 1);
			execl(WSD_TOOL, WSD_TOOL, "run", path, (char *)NULL);
			_exit(127);
		}
		cr_assert(WSD_UNTIL(files() == 2, 10000), "no folder of the scenario");
		cr_assert_eq(kill(pid, signals[i]), 0);
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_expect(WSD_UNTIL(files() == 1, 10000), "%u files are left after signal %d",
			  files(), signals[i]);
		if (signals[i] != SIGKILL)
			cr_expect_eq(WEXITSTATUS(status), 130);
	}
}
