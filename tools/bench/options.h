/* SPDX-License-Identifier: MIT
 *
 * The options of `wsd bench TEST`: perftest's letters where perftest has them. Parsed once, then
 * only read.
 */
#ifndef WSD_BENCH_OPTIONS_H
#define WSD_BENCH_OPTIONS_H

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct test;

enum { LIST_MAX = 32, PEERS_MAX = 8, DEFAULT_PORT = 18515 };

enum layer { LAYER_SWITCH, LAYER_PROVIDER };

/* A list of numbers on the command line: "1,4,16". */
struct list {
	int n;
	size_t v[LIST_MAX];
};

struct options {
	const struct test *test;
	char **servers; /* as given; of `count` names, several only under srun or mpirun */
	int count;
	bool here; /* --local: the server, too, is started on this host, by us */

	/* where */
	const char *device;         /* -d; NULL: the first with an address that fits */
	int ib_port;                /* -i; 0: any */
	unsigned port;              /* -p: of the control connection; contenders' come next */
	struct sockaddr_in address; /* --address, or found by -d and -i: this host's end; filled by
				       options_place() */

	/* how much */
	long iterations;   /* -n: cycles or messages of a batch; 0: the test's default */
	double duration_s; /* -D: of a batch, in place of -n; 0: by -n */
	int repeat;        /* --repeat: rounds that count */
	int warmup;        /* --warmup: rounds before them */
	struct list sizes; /* -s, -a */
	bool both_ways;    /* -b */
	struct list open, threads, nics; /* --open, --threads, --nics */
	bool cold, warm;                 /* --cold, --warm; neither: both */
	int backlog;
	struct list pin; /* --pin: processors; empty: not pinned */

	/* who */
	enum layer layer;
	const char *beside[PEERS_MAX]; /* names out of contenders[], in their order */
	int peers;

	/* what is printed */
	bool no_cpu_warning;      /* -F */
	bool histogram, unsorted; /* -H, -U */
	bool gbits;
	bool json;             /* --out_json, or the next: JSON is wanted */
	const char *json_file; /* --out_json_file: beside the tables; NULL: on standard output,
				  in their place */
	const char *output; /* --output=latency|bandwidth|message_rate: the bare number; or NULL */
};

/* Which options a test knows: others are refused by name. */
enum option_bit {
	OPT_SIZE = 1 << 0, /* -s -a */
	OPT_BOTH = 1 << 1, /* -b */
	OPT_OPEN = 1 << 2,
	OPT_THREADS = 1 << 3,
	OPT_NICS = 1 << 4,
	OPT_COLD = 1 << 5, /* --cold --warm */
	OPT_BACKLOG = 1 << 6,
	OPT_DURATION = 1 << 7,
	OPT_GBITS = 1 << 8,
	OPT_PROVIDER = 1 << 9, /* --layer provider */
};

/* Fills @o from the command line behind `wsd bench`; argv[0] is "wsd bench", argv[1] the test.
 * What is wrong ends the program with status 2 and a message. Memory: until the program ends. */
void options_parse(struct options *o, int argc, char **argv);

/* Finds the address of this end by --address, -d and -i, or by the way to the server; without any,
 * the first that an RDMA port has, or else an interface. Fills --nics, too, where it was not given.
 * 0, or a negative errno with a text for people in @why. */
int options_place(struct options *o, char *why, size_t size);

/* The name of the contender that is measured: that of the layer. */
const char *options_ours(const struct options *o);

/* For results.parameters: what this run was asked for. A new reference; NULL: no memory. */
json_t *options_to_json(const struct options *o);

#endif
