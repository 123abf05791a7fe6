/* SPDX-License-Identifier: MIT
 *
 * One line on a terminal about how far a run is; nothing anywhere else.
 */
#ifndef WSD_BENCH_PROGRESS_H
#define WSD_BENCH_PROGRESS_H

struct progress {
	int fd;            /* -1: no terminal */
	double begun;      /* ns */
	long done, all;    /* batches */
	const char *what;  /* of whom the batch is that runs now */
	const char *where; /* its point in words */
};

void progress_begin(struct progress *p, long all);
/* Draws the line anew. */
void progress_show(struct progress *p);
/* Takes the line away. */
void progress_end(struct progress *p);
/* "2 h 5 min", "3 min 20 s", "12 s" */
void progress_time(double seconds, char *text, unsigned size);

#endif
