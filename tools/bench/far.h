/* SPDX-License-Identifier: MIT
 *
 * What the client's tests ask of the server: duties for its end of a contender, and what that end
 * has used. All return 0, or -1 with a text.
 */
#ifndef WSD_BENCH_FAR_H
#define WSD_BENCH_FAR_H

#include "counts.h"
#include "duty.h"
#include "run.h"
#include "tools_run.h"

/* How both ends of a contender are started for a point; they stay so until asked otherwise. */
struct far_terms {
	bool cold;      /* nothing is recycled */
	bool plain;     /* the server: kernel TCP in its place */
	bool elsewhere; /* the server: at an address without RDMA */
	bool impatient; /* a SAN that is slow is given up in the usual time */
};
/* Starts them anew where they are not so yet; c->to changes. */
int far_start(struct run *r, struct contestant *c, const struct far_terms *t, char *why,
	      size_t size);

struct far_duty {
	enum duty_kind kind;
	size_t size;
	long window, count;
	int threads;
	bool reset;
};
int far_serve(struct run *r, struct contestant *c, const struct far_duty *duty, char *why,
	      size_t size);

/* What the server's end has and has done. */
struct far_figures {
	struct usage usage;
	int san; /* its connections on a SAN; -1: some are not */
	uint64_t counts[COUNTS];
};
/* As duty_wait(). */
int far_wait(struct run *r, struct contestant *c, enum duty_kind kind, long n, char *why,
	     size_t size);
int far_measure(struct run *r, struct contestant *c, struct far_figures *ret, char *why,
		size_t size);
/* All duties end; what the server cannot end it starts anew. Connections are closed before. */
int far_stop(struct run *r, struct contestant *c, char *why, size_t size);

/* far_stop(), after @release has closed what c->state has and freed it; c->state is NULL then. Does
 * nothing where it is NULL already: a tool, or one that was left out. */
void far_leave(struct run *r, struct contestant *c, void (*release)(const struct contestant *c));

/* The server's end starts anew, on another port. */
int far_renew(struct run *r, struct contestant *c, char *why, size_t size);

/* Runs a reference program at both ends, which have ended when this returns: ns, or bytes a second.
 * One that tells no number is run again. */
bool far_is_tool(const struct contender *who);
int far_tool(struct run *r, struct contestant *c, struct tool_job j, double *ret, char *why,
	     size_t size);

/* Any question about @c: @more is taken. The answer, or NULL with a text. */
json_t *far_ask(struct run *r, const struct contestant *c, const char *op, json_t *more, char *why,
		size_t size);

/* Whether all of the library's connections in this process are on a SAN; else -1 with the reason.
 * True for other contenders, and at an address that has no RDMA. */
int far_on_san(const struct run *r, const struct contestant *c, char *why, size_t size);

#endif
