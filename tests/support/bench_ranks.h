/* SPDX-License-Identifier: MIT
 *
 * `wsd bench` as a launcher's processes, all on this host. WSD_TOOL is the tool's path.
 */
#ifndef WSD_TESTS_BENCH_RANKS_H
#define WSD_TESTS_BENCH_RANKS_H

#include "bench_ends.h"

/* Of `n` ranks the first serves, the others are clients; rank K's words are in the file K and, if
 * it is a client, its process is $cK; $c0 is the coordinator's. @words: the test and its options.
 * The folder is the shell's own. `ended K S` prints K's status, or kills it S seconds later. */
__attribute__((unused)) static struct run *bench_ranks(int n, int port, const char *words,
						       const char *then)
{
	char script[4096];
	struct run *r = calloc(1, sizeof(*r));
	snprintf(script, sizeof(script),
		 "exec 2>&1; t='%s'; d=$(mktemp -d); cd $d\n"
		 "trap 'kill -9 $all 2>/dev/null; rm -r $d' EXIT\n"
		 "rank() { env OMPI_COMM_WORLD_RANK=$1 OMPI_COMM_WORLD_SIZE=%d "
		 "OMPI_COMM_WORLD_LOCAL_RANK=$1 \"$t\" bench %s -F -p %d --address 127.0.0.1 "
		 "--out_json_file=json 127.0.0.1 >$1 2>&1 & all=\"$all $!\"; }\n"
		 "for k in $(seq 0 %d); do rank $k; eval c$k=$!; done\n"
		 "ended() { (sleep $2; kill -9 $1) >/dev/null 2>&1 & w=$!; wait $1; echo "
		 "status=$?; kill $w; }\n"
		 "%s\n",
		 WSD_TOOL, n, words, port, n - 1, then);
	FILE *f = r ? popen(script, "re") : NULL;
	cr_assert_not_null(f);
	size_t got = fread(r->text, 1, sizeof(r->text) - 1, f);
	r->text[got] = '\0';
	r->status = pclose(f);
	return r;
}

#endif
