/* SPDX-License-Identifier: MIT
 *
 * far.c - the client's side of the control connection. State: how contenders have been started, by
 * the batches' thread.
 */
#include "far.h"

#include "agent.h"
#include "control.h"
#include "results.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
	FAREWELL_S = 10,
	TOOL_TRIES = 5, /* of a tool that tells no number */
};

/* ---- hello and goodbye ---- */

static void take_place(struct contestant *c, const json_t *j)
{
	json_int_t address = 0;
	int port = 0;
	json_unpack((json_t *)(uintptr_t)j, "{s:I, s:i}", "address", &address, "port", &port);
	c->to = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl((uint32_t)address)};
}

static json_t *first_terms(const struct test *t)
{
	return json_pack("{s:b}", "patient", strcmp(t->name, "fallback") != 0);
}

int server_greet(struct run *r, char *why, size_t size)
{
	json_t *names = json_array();
	for (int i = 0; i < r->count; i++)
		if (!r->contestants[i].left_out[0])
			json_array_append_new(names, json_string(r->contestants[i].who->name));
	json_t *q = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o}", "op", "greet", "wsd_bench",
			      CONTROL_VERSION, "version", WSD_VERSION, "test", r->o->test->name,
			      "contenders", names, "terms", first_terms(r->o->test));
	json_t *a = control_ask(r->control, q, why, size);
	if (!a)
		return -1;
	for (int i = 0; i < r->count; i++) {
		struct contestant *c = &r->contestants[i];
		if (c->left_out[0])
			continue;
		const json_t *j = json_object_get(json_object_get(a, "contenders"), c->who->name);
		const char *missing = json_string_value(json_object_get(j, "missing"));
		if (missing || !j)
			snprintf(c->left_out, sizeof(c->left_out), "at the server: %s",
				 missing ? missing : "not there");
		else
			take_place(c, j);
	}
	struct results *res = r->results;
	if (res && res->host_count < HOSTS_MAX &&
	    !host_from_json(&res->hosts[res->host_count], json_object_get(a, "host")))
		res->host_count++;
	json_decref(a);
	return 0;
}

void server_farewell(struct run *r)
{
	char why[160];
	if (!r->control)
		return;
	control_patience(r->control, FAREWELL_S);
	json_decref(control_ask(r->control, json_pack("{s:s}", "op", "end"), why, sizeof(why)));
	control_close(r->control);
	r->control = NULL;
}

/* ---- questions ---- */

json_t *far_ask(struct run *r, const struct contestant *c, const char *op, json_t *more, char *why,
		size_t size)
{
	json_t *q = more ? more : json_object();
	json_object_set_new(q, "op", json_string(op));
	json_object_set_new(q, "contender", json_string(c->who->name));
	return control_ask(r->control, q, why, size);
}

static void take_figures(const json_t *j, struct far_figures *ret)
{
	*ret = (struct far_figures){
		.usage = {json_number_value(json_object_get(j, "cpu_ns")),
			  json_number_value(json_object_get(j, "pinned")),
			  json_number_value(json_object_get(j, "resident"))},
		.san = (int)json_integer_value(json_object_get(j, "san")),
	};
	for (int i = 0; i < COUNTS; i++)
		ret->counts[i] = (uint64_t)json_integer_value(json_object_get(j, counts_names[i]));
}

static int ask_figures(struct run *r, struct contestant *c, const char *op, json_t *more,
		       struct far_figures *ret, char *why, size_t size)
{
	json_t *a = far_ask(r, c, op, more, why, size);
	if (!a)
		return -1;
	if (ret)
		take_figures(a, ret);
	json_decref(a);
	return 0;
}

int far_serve(struct run *r, struct contestant *c, const struct far_duty *duty, char *why,
	      size_t size)
{
	return ask_figures(r, c, "serve",
			   json_pack("{s:s, s:I, s:I, s:I, s:i, s:b}", "duty",
				     duty_names[duty->kind], "size", (json_int_t)duty->size,
				     "window", (json_int_t)(duty->window ? duty->window : 1),
				     "count", (json_int_t)duty->count, "threads",
				     duty->threads ? duty->threads : 1, "reset", duty->reset),
			   NULL, why, size);
}

int far_wait(struct run *r, struct contestant *c, enum duty_kind kind, long n, char *why,
	     size_t size)
{
	return ask_figures(r, c, "wait",
			   json_pack("{s:s, s:I}", "duty", duty_names[kind], "n", (json_int_t)n),
			   NULL, why, size);
}

int far_measure(struct run *r, struct contestant *c, struct far_figures *ret, char *why,
		size_t size)
{
	return ask_figures(r, c, "measure", NULL, ret, why, size);
}

/* ---- both ends of a contender ---- */

static struct known {
	const struct contender *who;
	struct far_terms terms;
} known[PEERS_MAX + 1];

static struct known *known_of(const struct contender *who)
{
	struct known *k = known;
	while (k->who && k->who != who)
		k++;
	return k;
}

static int restart_far(struct run *r, struct contestant *c, const struct far_terms *t, char *why,
		       size_t size)
{
	json_t *a =
		far_ask(r, c, "restart",
			json_pack("{s:{s:b, s:b, s:b, s:b}}", "terms", "cold", t->cold, "plain",
				  t->plain, "elsewhere", t->elsewhere, "patient", !t->impatient),
			why, size);
	if (!a)
		return -1;
	take_place(c, a);
	json_decref(a);
	return 0;
}

int far_start(struct run *r, struct contestant *c, const struct far_terms *t, char *why,
	      size_t size)
{
	struct known *k = known_of(c->who);
	bool fresh = !k->who;
	if (!fresh && !memcmp(&k->terms, t, sizeof(*t)))
		return 0;
	/* Ours was started before anybody knew for what; peers do not care. */
	bool ours = c->who == &contend_switch || c->who == &contend_provider;
	if (ours && ((fresh && !t->impatient) || k->terms.cold != t->cold)) {
		c->who->stop();
		agent_environment(t->cold, !t->impatient);
		c->started = !c->who->start(&r->o->address, why, size);
		if (!c->started)
			return -1;
	}
	/* The server's is patient and warm at first. */
	if ((!fresh || t->cold || t->plain || t->elsewhere) && restart_far(r, c, t, why, size))
		return -1;
	*k = (struct known){c->who, *t};
	return 0;
}

int far_stop(struct run *r, struct contestant *c, char *why, size_t size)
{
	json_t *a = far_ask(r, c, "stop", NULL, why, size);
	if (!a)
		return -1;
	bool stuck = json_is_true(json_object_get(a, "stuck"));
	json_decref(a);
	return stuck ? far_renew(r, c, why, size) : 0;
}

int far_renew(struct run *r, struct contestant *c, char *why, size_t size)
{
	return restart_far(r, c, &known_of(c->who)->terms, why, size);
}

bool far_is_tool(const struct contender *who)
{
	return who == &contend_perftest || who == &contend_rstream;
}

/* Starts the server's end, and runs ours. */
static enum tool_end tool_once(struct run *r, const struct contestant *c, struct tool_job *j,
			       double *ret, char *why, size_t size)
{
	json_t *a =
		far_ask(r, c, "tool",
			json_pack("{s:I, s:I, s:b, s:b}", "size", (json_int_t)j->size, "iterations",
				  (json_int_t)j->iterations, "stream", j->stream, "both", j->both),
			why, size);
	if (!a)
		return TOOL_FAILED;
	j->port = (int)json_integer_value(json_object_get(a, "port"));
	json_decref(a);
	return tool_run(j, &r->o->address, &c->to, ret, why, size);
}

int far_tool(struct run *r, struct contestant *c, struct tool_job j, double *ret, char *why,
	     size_t size)
{
	enum tool_end end = TOOL_NO_NUMBER;
	char ignored[160];
	j.contender = c->who->name;
	j.end = &r->stopping;
	/* under -icount time leaps: there only the runner's limit holds */
	int limit = r->patience_ms ? r->patience_ms / 2 : tool_limit_ms(&j);
	double until = bench_now_ns() + limit * 1e6;
	for (int i = 0; i < TOOL_TRIES && end == TOOL_NO_NUMBER; i++) {
		double left_ms = (until - bench_now_ns()) / 1e6;
		if (i && left_ms < limit / 2.0)
			break;
		j.limit_ms = i ? (int)left_ms : limit;
		end = tool_once(r, c, &j, ret, why, size);
	}
	if (end == TOOL_DONE)
		return 0;
	if (end == TOOL_SILENT && !atomic_load(&r->stopping))
		c->silences++;
	/* the server's end may wait for ours for ever */
	json_decref(far_ask(r, c, "tool_end", NULL, ignored, sizeof(ignored)));
	return -1;
}

int far_on_san(const struct run *r, const struct contestant *c, char *why, size_t size)
{
	uint64_t ignored[COUNTS];
	if (c->who != &contend_switch || !r->results->hosts[0].device[0])
		return 0;
	int n = counts_read(ignored, why, size);
	if (!n)
		snprintf(why, size, "there is no connection");
	return n > 0 ? 0 : -1;
}
