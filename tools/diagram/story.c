/* SPDX-License-Identifier: MIT
 *
 * See story.h. No state, no locks.
 */
#include "story.h"

#include "message.h"

#include <stdlib.h>
#include <string.h>

enum { FOLD_FROM = 4, DEEPEST = 64 };
#define LATEST_US 100000000000000000LL /* some thousand years */

static const char *const layer_names[LAYERS] = {"application", "switch", "downcall", "upcall",
						"names"};

/* ---- reading ---- */

static const char *text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Takes the record. False: it is none. */
static bool take(struct story *s, json_t *o, bool *ret_memory)
{
	const char *layer = text_of(o, "layer"), *who = text_of(o, "who"),
		   *call = text_of(o, "call");
	struct act a = {.record = o,
			.who = who,
			.call = call,
			.error = text_of(o, "error"),
			.t_us = number_of(o, "t_us"),
			.pid = number_of(o, "pid"),
			.tid = number_of(o, "tid"),
			.seq = number_of(o, "seq"),
			.parent_seq = number_of(o, "parent"),
			.result = number_of(o, "result"),
			.us = json_number_value(json_object_get(o, "us")),
			.parent = NO_ACT,
			.within = NO_ACT};
	while (layer && a.layer < LAYERS && strcmp(layer, layer_names[a.layer]) != 0)
		a.layer++;
	if (!layer || a.layer == LAYERS || !who || !call || !a.pid || !a.seq || a.us < 0 ||
	    a.t_us < 0 || a.t_us > LATEST_US || a.us > LATEST_US)
		return false;
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 256;
		struct act *acts = reallocarray(s->acts, room, sizeof(*acts));
		*ret_memory = acts != NULL;
		if (!acts)
			return false;
		s->acts = acts;
		s->room = room;
	}
	message_note(o);
	s->acts[s->n++] = a;
	return true;
}

/* The last record of a process that was killed may be cut; the next follows on its line. */
static const char *last_beginning(const char *line)
{
	static const char begin[] = "{\"t_us\":";
	const char *found = line, *next;
	while ((next = strstr(found + 1, begin)))
		found = next;
	return found;
}

static bool take_line(struct story *s, const char *line, bool *ret_memory)
{
	json_t *o = json_loads(line, 0, NULL);
	if (!o)
		o = json_loads(last_beginning(line), 0, NULL);
	json_t *lost = json_object_get(o, "lost");
	if (lost)
		s->lost += (size_t)json_integer_value(lost);
	bool taken = o && !lost && take(s, o, ret_memory);
	bool good = taken || lost;
	if (!taken)
		json_decref(o);
	return good;
}

long story_read(struct story *s, FILE *f, long *ret_first)
{
	char *line = NULL;
	size_t size = 0;
	long number = 0, wrong = 0;
	bool memory = true;
	while (memory && getline(&line, &size, f) >= 0) {
		number++;
		if (line[strspn(line, " \t\r\n")] == '\0' || take_line(s, line, &memory))
			continue;
		if (!wrong++)
			*ret_first = number;
	}
	free(line);
	return memory && !ferror(f) ? wrong : -1;
}

/* ---- who is inside whom ---- */

static int by_beginning(const void *x, const void *y)
{
	const struct act *a = x, *b = y;
	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

static void find_parents(struct story *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct act *a = &s->acts[i], key = {.pid = a->pid, .seq = a->parent_seq};
		struct act *p = a->parent_seq && a->parent_seq < a->seq
					? bsearch(&key, s->acts, s->n, sizeof(*a), by_beginning)
					: NULL;
		a->last = (double)a->t_us + a->us;
		if (!p)
			continue;
		a->parent = (size_t)(p - s->acts);
		p->has_inner = true;
	}
	/* beginnings are told in whole microseconds: an end is not before what is inside */
	for (size_t i = s->n; i-- > 0;) {
		const struct act *a = &s->acts[i];
		struct act *p = a->parent == NO_ACT ? NULL : &s->acts[a->parent];
		double last = a->has_inner ? a->last : (double)a->t_us;
		if (p && p->last < last)
			p->last = last;
	}
}

/* What a program does to begin and to end is much, and mostly not what somebody looks for. */
static bool is_opaque(const struct act *a)
{
	return a->layer == LAYER_APPLICATION &&
	       (!strcmp(a->call, "WSAStartup") || !strcmp(a->call, "WSACleanup"));
}

static void hide_insides(struct story *s)
{
	for (size_t i = 0; i < s->n; i++) { /* parents come before */
		struct act *a = &s->acts[i];
		if (a->parent == NO_ACT)
			continue;
		const struct act *p = &s->acts[a->parent];
		a->within = is_opaque(p) ? a->parent : p->within;
		if (a->within != NO_ACT)
			s->acts[a->within].hidden++;
	}
	for (size_t i = 0; i < s->n; i++)
		if (s->acts[i].hidden)
			s->acts[i].has_inner = false;
}

/* ---- lanes ---- */

static int thread_of(struct story *s, const struct act *a)
{
	int i = 0;
	while (i < s->thread_count && (s->threads[i].pid != a->pid || s->threads[i].tid != a->tid))
		i++;
	if (i == s->thread_count && i < THREADS_MAX)
		s->threads[s->thread_count++] = (struct thread){a->pid, a->tid, -1};
	return i < THREADS_MAX ? i : THREADS_MAX - 1;
}

static int add_lane(struct story *s, enum lane_kind kind, const char *title, const char *below)
{
	struct lane *l = &s->lanes[s->lane_count];
	*l = (struct lane){.kind = kind};
	snprintf(l->title, sizeof(l->title), "%s", title);
	snprintf(l->below, sizeof(l->below), "%s", below);
	return s->lane_count++;
}

static void thread_lane(struct story *s, struct thread *t, const struct actor_name *names)
{
	char title[64], below[48] = "";
	snprintf(title, sizeof(title), "process %lld", t->pid);
	for (; names && names->name; names++)
		if (names->pid == t->pid)
			snprintf(title, sizeof(title), "%s", names->name);
	if (s->lane_count >= LANES_OF_THREADS - 1) { /* the last one is for all that come */
		t->lane = s->lane_count == LANES_OF_THREADS
				  ? LANES_OF_THREADS - 1
				  : add_lane(s, LANE_THREAD, "others", "no room for more lanes");
		return;
	}
	if (t->tid != t->pid)
		snprintf(below, sizeof(below), "thread %lld", t->tid);
	t->lane = add_lane(s, LANE_THREAD, title, below);
}

/* What the switch does because names has told it something. */
static bool is_told(const struct act *a)
{
	static const char *const news[] = {"takeover", "shadow", "bind again", "listen again"};
	bool found = false;
	for (size_t i = 0; i < sizeof(news) / sizeof(news[0]) && !found; i++)
		found = a->layer == LAYER_SWITCH && !strcmp(a->call, news[i]);
	return found;
}

/* Also of traces that have only its news. */
static void names_lane(struct story *s, const size_t *by_time, size_t n)
{
	int lane = -1;
	for (size_t i = 0; i < n; i++) {
		struct act *a = &s->acts[by_time[i]];
		a->told = is_told(a);
		if (a->layer != LAYER_NAMES && !a->told)
			continue;
		if (lane < 0)
			lane = add_lane(s, LANE_NAMES, "names", "of each host");
		a->lane = lane;
	}
}

static int provider_lane(struct story *s, const char *who)
{
	for (int i = s->switch_lane + 1; i < s->lane_count; i++)
		if (s->lanes[i].kind == LANE_PROVIDER && !strcmp(s->lanes[i].title, who))
			return i;
	if (s->lane_count >= LANES_MAX - 2) /* and the peer's */
		return s->lane_count == LANES_MAX - 1
			       ? LANES_MAX - 2
			       : add_lane(s, LANE_PROVIDER, "others", "no room for more lanes");
	return add_lane(s, LANE_PROVIDER, who, strcmp(who, "TCP/IP") ? "SAN provider" : "provider");
}

/* Calls of a provider by which something goes to the peer, or has come from it. */
static enum wire wire_of(const struct act *a)
{
	static const struct {
		const char *call;
		enum wire wire;
	} calls[] = {
		{"WSPConnect", WIRE_OUT},  {"WSPSend", WIRE_OUT},
		{"WSPSendTo", WIRE_OUT},   {"WSPSendDisconnect", WIRE_OUT},
		{"WSPShutdown", WIRE_OUT}, {"WSPRdmaWrite", WIRE_OUT},
		{"WSPRdmaRead", WIRE_OUT}, {"WSPAccept", WIRE_IN},
		{"WSPRecv", WIRE_IN},      {"WSPRecvFrom", WIRE_IN},
	};
	enum wire wire = WIRE_NONE;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (a->layer == LAYER_DOWNCALL && !strcmp(a->call, calls[i].call))
			wire = calls[i].wire;
	/* nothing has come yet; what is sent may well be on its way */
	enum outcome worst = wire == WIRE_IN ? OUTCOME_FINE : OUTCOME_NOT_YET;
	return story_outcome(a) <= worst ? wire : WIRE_NONE;
}

/* What a pending receive gets comes when the provider says that it is done: @pending knows which
 * are. */
static enum wire wire_later(const struct act *a, json_t *pending)
{
	const json_t *args = json_object_get(a->record, "args");
	const char *overlapped = text_of(args, "overlapped"), *error = text_of(args, "error");
	bool receive = !strcmp(a->call, "WSPRecv") || !strcmp(a->call, "WSPRecvFrom");
	char key[96];
	if (!overlapped || a->layer == LAYER_APPLICATION)
		return WIRE_NONE;
	snprintf(key, sizeof(key), "%lld %s %.40s", a->pid, overlapped, a->who);
	if (a->layer == LAYER_DOWNCALL && receive && story_outcome(a) == OUTCOME_NOT_YET)
		json_object_set_new(pending, key, json_true());
	else if (!json_object_del(pending, key) && a->layer == LAYER_UPCALL && error &&
		 !strcmp(error, "0"))
		return WIRE_IN;
	return WIRE_NONE;
}

static void peer_lane(struct story *s, const size_t *by_time, size_t n)
{
	json_t *pending = json_object();
	s->peer_lane = -1;
	for (size_t i = 0; i < n; i++) {
		struct act *a = &s->acts[by_time[i]];
		enum wire later = wire_later(a, pending);
		a->wire = later != WIRE_NONE ? later : wire_of(a);
		if (a->wire != WIRE_NONE && s->peer_lane < 0)
			s->peer_lane = add_lane(s, LANE_PEER, "peer", "over the network");
	}
	json_decref(pending);
}

/* Threads by their first calls; the switch; names; TCP/IP, then the other providers; peers.
 */
static void make_lanes(struct story *s, const size_t *by_time, size_t n,
		       const struct actor_name *names)
{
	for (size_t i = 0; i < n; i++) {
		struct act *a = &s->acts[by_time[i]];
		a->thread = thread_of(s, a);
		if (a->layer == LAYER_APPLICATION && s->threads[a->thread].lane < 0)
			thread_lane(s, &s->threads[a->thread], names);
	}
	s->switch_lane = add_lane(s, LANE_SWITCH, "switch", "of each process");
	names_lane(s, by_time, n);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(s->acts[by_time[i]].who, "TCP/IP"))
			s->acts[by_time[i]].lane = provider_lane(s, "TCP/IP");
	for (size_t i = 0; i < n; i++) {
		struct act *a = &s->acts[by_time[i]];
		if (a->layer != LAYER_NAMES && !a->told)
			a->lane = *a->who ? provider_lane(s, a->who) : s->switch_lane;
	}
	peer_lane(s, by_time, n);
}

/* ---- rows ---- */

struct event {
	const struct story *story;
	double when;
	size_t act;
	bool end;
};

static bool inside(const struct story *s, size_t inner, size_t outer)
{
	for (int left = DEEPEST; inner != NO_ACT && inner != outer && left > 0; left--)
		inner = s->acts[inner].parent;
	return inner == outer;
}

static int by_time(const void *x, const void *y)
{
	const struct event *a = x, *b = y;
	const struct story *s = a->story;
	if (a->when != b->when)
		return a->when < b->when ? -1 : 1;
	if (a->act == b->act)
		return a->end - b->end;
	if (inside(s, b->act, a->act)) /* @a is around @b: it begins before, and ends after */
		return a->end ? 1 : -1;
	if (inside(s, a->act, b->act))
		return b->end ? -1 : 1;
	return a->act < b->act ? -1 : 1;
}

/* A thread's events are told as they nest, whatever rounding did to their times. */
static size_t make_events(const struct story *s, struct event *events)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct act *a = &s->acts[i];
		if (a->within != NO_ACT)
			continue;
		events[n++] = (struct event){s, (double)a->t_us, i, false};
		if (a->has_inner)
			events[n++] = (struct event){s, a->last, i, true};
	}
	qsort(events, n, sizeof(*events), by_time);
	return n;
}

static bool alike(const struct story *s, const struct row *r, const struct event *e)
{
	const struct act *a = &s->acts[r->act], *b = &s->acts[e->act];
	return r->part == ROW_WHOLE && !e->end && !b->has_inner && a->thread == b->thread &&
	       a->lane == b->lane && a->layer == b->layer && a->parent == b->parent &&
	       !strcmp(a->call, b->call) && !a->hidden && story_outcome(a) == story_outcome(b);
}

/* Rows of a run that is too short to be folded are its acts again. */
static void close_run(struct story *s)
{
	struct row *r = s->row_count ? &s->rows[s->row_count - 1] : NULL;
	if (!r || r->count == 1 || r->count >= FOLD_FROM)
		return;
	unsigned count = r->count;
	size_t first = r->first;
	for (unsigned i = 0; i < count; i++)
		s->rows[s->row_count - 1 + i] =
			(struct row){s->folded[first + i], ROW_WHOLE, 1, first + i};
	s->row_count += count - 1;
}

static void make_rows(struct story *s, const struct event *events, size_t n)
{
	size_t folded = 0;
	for (size_t i = 0; i < n; i++) {
		const struct event *e = &events[i];
		struct row *last = s->row_count ? &s->rows[s->row_count - 1] : NULL;
		if (last && alike(s, last, e)) {
			s->folded[folded++] = e->act;
			last->count++;
			continue;
		}
		close_run(s);
		bool inner = s->acts[e->act].has_inner;
		s->rows[s->row_count++] = (struct row){e->act,
						       e->end  ? ROW_END
						       : inner ? ROW_BEGIN
							       : ROW_WHOLE,
						       1, folded};
		s->folded[folded++] = e->act;
	}
	close_run(s);
}

int story_tell(struct story *s, const struct actor_name *names, bool all)
{
	struct event *events = calloc(2 * s->n + 1, sizeof(*events));
	size_t *order = calloc(s->n + 1, sizeof(*order));
	s->rows = calloc(2 * s->n + 1, sizeof(*s->rows));
	s->folded = calloc(2 * s->n + 1, sizeof(*s->folded));
	int err = events && order && s->rows && s->folded ? 0 : -1;
	if (!err) {
		if (s->n)
			qsort(s->acts, s->n, sizeof(*s->acts), by_beginning);
		find_parents(s);
		if (!all)
			hide_insides(s);
		size_t n = make_events(s, events), k = 0;
		for (size_t i = 0; i < n; i++)
			if (!events[i].end)
				order[k++] = events[i].act;
		s->start_us = k ? s->acts[order[0]].t_us : 0;
		make_lanes(s, order, k, names);
		make_rows(s, events, n);
	}
	free(events);
	free(order);
	return err;
}

void story_free(struct story *s)
{
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->acts[i].record);
	free(s->acts);
	free(s->rows);
	free(s->folded);
}

/* ---- words ---- */

enum outcome story_outcome(const struct act *a)
{
	/* what is only not done yet */
	static const char *const not_yet[] = {"WSA_IO_PENDING", "WSA_IO_INCOMPLETE",
					      "WSAEWOULDBLOCK", "WSAEINPROGRESS", "WSATRY_AGAIN"};
	if (!a->error)
		return OUTCOME_FINE;
	/* the question how long a descriptor is, whose answer comes so [SW-FLOW-7] */
	if (!strcmp(a->call, "WSPRegisterRdmaMemory") && !strcmp(a->error, "WSAEFAULT") &&
	    json_object_get(json_object_get(a->record, "out"), "descriptor"))
		return OUTCOME_NOT_YET;
	for (size_t i = 0; i < sizeof(not_yet) / sizeof(not_yet[0]); i++)
		if (!strcmp(a->error, not_yet[i]))
			return OUTCOME_NOT_YET;
	return OUTCOME_FAILED;
}

void story_arguments(const struct act *a, const char *key, char *text, size_t size)
{
	const char *name;
	json_t *value, *all = json_object_get(a->record, key);
	const char *message = text_of(all, "message"),
		   *end = message ? strstr(message, " seq=") : NULL;
	size_t used = 0;
	text[0] = '\0';
	json_object_foreach(all, name, value)
	{
		const char *shown = name,
			   *word = json_is_string(value) ? json_string_value(value) : "?";
		int length = (int)strlen(word);
		if (end && !strcmp(name, "message"))
			continue;
		if (end && !strcmp(name, "data")) { /* in its place: which message it is */
			shown = "message";
			word = message;
			length = (int)(end - message);
		}
		int n = snprintf(text + used, size - used, "%s%s=%.*s", used ? ", " : "", shown,
				 length, word);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

void story_result(const struct act *a, char *text, size_t size)
{
	if (a->error)
		snprintf(text, size, "%s", a->error);
	else
		snprintf(text, size, a->result >= 0x10000 ? "0x%llx" : "%lld", a->result);
}
