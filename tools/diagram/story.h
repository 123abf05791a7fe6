/* SPDX-License-Identifier: MIT
 *
 * What traces tell (docs/trace.md), put in the order in which it happened, and cut into rows: one
 * for a call with nothing inside, two around others; runs of like calls are one.
 */
#ifndef WSD_DIAGRAM_STORY_H
#define WSD_DIAGRAM_STORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum layer { LAYER_APPLICATION, LAYER_SWITCH, LAYER_DOWNCALL, LAYER_UPCALL, LAYER_NAMES, LAYERS };

struct act {
	json_t *record;                 /* owned; the texts below are its */
	const char *who, *call, *error; /* error NULL: success */
	enum layer layer;
	long long t_us, pid, tid, seq, parent_seq, result;
	double us;
	size_t parent; /* its index, or NO_ACT */
	size_t within; /* a call that is told without what is inside, such as WSAStartup; or NO_ACT
			*/
	size_t hidden; /* of such a call: how many are inside */
	bool has_inner;
	double last; /* when the last one inside began, or it itself ended */
	int thread;  /* index into story.threads */
	int lane;    /* of whom it calls, or who called; index into story.lanes */
	enum wire { WIRE_NONE, WIRE_OUT, WIRE_IN } wire; /* it speaks with the peer */
	bool told;                                       /* LAYER_SWITCH: names said so */
};
#define NO_ACT ((size_t)-1)

struct thread {
	long long pid, tid;
	int lane; /* of the application; -1: it makes no call of Winsock's */
};

enum lane_kind { LANE_THREAD, LANE_SWITCH, LANE_NAMES, LANE_PROVIDER, LANE_PEER };
struct lane {
	enum lane_kind kind;
	char title[64], below[48];
};

/* How an outcome is shown. */
enum outcome { OUTCOME_FINE, OUTCOME_NOT_YET, OUTCOME_FAILED };

struct row {
	size_t act;
	enum row_part { ROW_WHOLE, ROW_BEGIN, ROW_END } part;
	unsigned count; /* of a run: acts[act], and those in folded[] */
	size_t first;   /* of the run in story.folded */
};

enum { LANES_MAX = 64, LANES_OF_THREADS = 40, THREADS_MAX = 256 };

struct story {
	struct act *acts; /* by process and the order of beginnings */
	size_t n, room;
	struct thread threads[THREADS_MAX];
	int thread_count;
	struct lane lanes[LANES_MAX]; /* from left to right */
	int lane_count, switch_lane;
	int peer_lane; /* -1: nobody speaks with one */
	struct row *rows;
	size_t row_count;
	size_t *folded; /* acts of runs */
	long long start_us;
	size_t lost; /* records that the traces say are missing */
};

/* A name for a process, in place of its number. */
struct actor_name {
	long long pid;
	const char *name;
};

/* Reads all of @f. The number of lines that are no records, the first one's number in *ret_first;
 * -1: no memory, or f's error. */
long story_read(struct story *s, FILE *f, long *ret_first);
/* Once all is read: lanes and rows. @names ends with a NULL name, or is NULL. @all: also what is
 * inside of WSAStartup and WSACleanup. 0 or -1: no memory. */
int story_tell(struct story *s, const struct actor_name *names, bool all);
void story_free(struct story *s);

enum outcome story_outcome(const struct act *a);
/* "name=10.77.0.1:5150, namelen=16"; what came back: "descriptor=32". Cut to @size. */
void story_arguments(const struct act *a, const char *key, char *text, size_t size);
/* "0x110004", "0", "WSAENETDOWN". */
void story_result(const struct act *a, char *text, size_t size);

#endif
