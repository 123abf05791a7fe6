/* SPDX-License-Identifier: MIT
 *
 * Two ends of `wsd bench` as two processes, one of which is killed. WSD_TOOL is the tool's path.
 */
#ifndef WSD_TESTS_BENCH_ENDS_H
#define WSD_TESTS_BENCH_ENDS_H

#include "bench_json.h"

#include <arpa/inet.h>

/* A server of `bench lat` at @address and @port, which waits when @then begins; $s is its process,
 * $t the tool, and what $c is, is ended, too. What the shell says. */
__attribute__((unused)) static struct run *bench_serve(const char *address, int port,
						       const char *then)
{
	char script[2048];
	struct run *r = calloc(1, sizeof(*r));
	snprintf(script, sizeof(script),
		 "out=$(mktemp); exec 2>&1; t='%s'; c=\n"
		 "trap 'kill $s $c 2>/dev/null; cat $out; rm $out' EXIT\n"
		 "\"$t\" bench lat --address %s -p %d >$out 2>&1 & s=$!\n"
		 "until grep -q waiting $out; do kill -0 $s || exit 9; sleep 0.05; done\n"
		 "%s\n",
		 WSD_TOOL, address, port, then);
	FILE *f = r ? popen(script, "re") : NULL;
	cr_assert_not_null(f);
	size_t n = fread(r->text, 1, sizeof(r->text) - 1, f);
	r->text[n] = '\0';
	r->status = pclose(f);
	return r;
}

/* And its client, $c, which is being served when @then begins. */
__attribute__((unused)) static struct run *bench_two(const char *address, int port,
						     const char *then)
{
	char script[1024];
	snprintf(script, sizeof(script),
		 "\"$t\" bench lat %s -p %d -F --beside tcp -D 0.1 --warmup 0 --repeat 10000 & "
		 "c=$!\n"
		 "until grep -q serving $out; do kill -0 $c || exit 8; sleep 0.05; done\n"
		 "%s",
		 address, port, then);
	return bench_serve(address, port, script);
}

/* Connections of kernel TCP with @address (NULL: any) that keep their ports for a minute. */
__attribute__((unused)) static int bench_in_time_wait(const char *address)
{
	char line[256], name[16] = "";
	int n = 0;
	FILE *f = fopen("/proc/net/tcp", "re");
	cr_assert_not_null(f);
	if (address)
		snprintf(name, sizeof(name), " %08X:", inet_addr(address));
	while (fgets(line, sizeof(line), f)) {
		unsigned state = 0;
		n += strstr(line, name) && sscanf(line, "%*s %*s %*s %x", &state) == 1 &&
		     state == 6;
	}
	fclose(f);
	return n;
}

#define BENCH_SAYS(r, words) \
	cr_assert_not_null(strstr((r)->text, words), "no '%s' in: %s", words, (r)->text)

/* It tells what was measured until then: on a slow machine a round takes its time. */
__attribute__((unused)) static void bench_server_dies(const char *address, int port)
{
	char then[80];
	bool told = false;
	for (int seconds = 2; !told; seconds *= 2) {
		cr_assert_lt(seconds, 64, "nothing was measured");
		snprintf(then, sizeof(then), "sleep %d; kill -9 $s; wait $c; echo client=$?",
			 seconds);
		struct run *r = bench_two(address, port, then);
		BENCH_SAYS(r, "client=1");
		BENCH_SAYS(r, "cut short");
		BENCH_SAYS(r, "server went away");
		told = strstr(r->text, "there and back");
		free(r);
	}
}

__attribute__((unused)) static void bench_client_dies(const char *address, int port)
{
	struct run *r = bench_two(address, port, "kill -9 $c; wait $s; echo server=$?");
	BENCH_SAYS(r, "server=1");
	BENCH_SAYS(r, "the client went away in the middle");
	free(r);
}

#endif
