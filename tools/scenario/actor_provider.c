/* SPDX-License-Identifier: MIT
 *
 * What an actor tells the providers of its own process:
 *
 *   {"do": "provider", "module": "/tmp/.../a.so", "verb": "fails", "call": "WSPBind",
 *    "pairs": {"name": "10.77.0.1:5150"}, "code": 10050, "after": 0, "times": 0}
 *   "verb": "works"
 *   "verb": "serves" or "loses", "addrs": ["10.77.0.1", ...]
 *   "verb": "net", "net": the folder by which it meets those of other hosts
 *   "verb": "set", "key": "silent", "value": 1: a field of struct loop_options
 *   "verb": "cuts": every connection of this process is lost
 *   "verb": "request", "from": "10.77.0.9", "from_port": 4000, "to": ..., "to_port": ...
 *
 * The first thread's only.
 */
#include "actor.h"
#include "loop_provider.h"
#include "script_provider.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct script_control *open_script(const json_t *message)
{
	const char *path = json_string_value(json_object_get(message, "module"));
	/* it stays open: the switch opens the same file */
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
	return module ? dlsym(module, SCRIPT_CONTROL) : NULL;
}

static const char *text_of(const json_t *message, const char *key)
{
	const char *text = json_string_value(json_object_get(message, key));
	return text ? text : "";
}

static long number_of(const json_t *message, const char *key)
{
	return (long)json_integer_value(json_object_get(message, key));
}

static const char *do_fails(struct script_control *c, json_t *message)
{
	struct script_pair pairs[SCRIPT_PAIRS];
	json_t *given = json_object_get(message, "pairs");
	size_t n = 0;
	if (json_object_size(given) > SCRIPT_PAIRS)
		return "a rule has at most 4 arguments";
	for (void *i = json_object_iter(given); i; i = json_object_iter_next(given, i))
		pairs[n++] = (struct script_pair){json_object_iter_key(i),
						  json_string_value(json_object_iter_value(i))};
	return c->fail(text_of(message, "call"), pairs, n, (int)number_of(message, "code"),
		       (unsigned)number_of(message, "after"), (unsigned)number_of(message, "times"))
		       ? "no such call can fail by a script, or there are too many such rules"
		       : NULL;
}

/* ---- of the loop provider beneath ---- */

static struct loop_options *options_of(struct script_control *c)
{
	struct loop_control *loop = c->loop();
	if (!loop)
		return NULL;
	loop->fixed = true;
	return &loop->options;
}

static const char only_scripted[] = "only a scripted provider can do that";

static const char *fill(struct script_control *c, json_t *message, size_t at, size_t n_at)
{
	struct loop_options *o = options_of(c);
	const json_t *addrs = json_object_get(message, "addrs");
	unsigned n = 0;
	if (!o)
		return only_scripted;
	uint32_t *list = (void *)((char *)o + at);
	for (size_t i = 0; i < json_array_size(addrs) && n < LOOP_ADDRS_MAX; i++)
		n += inet_pton(AF_INET, json_string_value(json_array_get(addrs, i)), &list[n]) == 1;
	*(unsigned *)(void *)((char *)o + n_at) = n;
	return NULL;
}

static const char *do_serves(struct script_control *c, json_t *message)
{
	return fill(c, message, offsetof(struct loop_options, addrs_be),
		    offsetof(struct loop_options, n_addrs));
}

static const char *do_loses(struct script_control *c, json_t *message)
{
	return fill(c, message, offsetof(struct loop_options, lost_be),
		    offsetof(struct loop_options, n_lost));
}

static const char *do_net(struct script_control *c, json_t *message)
{
	struct loop_options *o = options_of(c);
	if (!o)
		return only_scripted;
	int n = snprintf(o->net, sizeof(o->net), "%s", text_of(message, "net"));
	return n < (int)sizeof(o->net) ? NULL : "the folder's name is too long for several hosts";
}

static const char *do_set(struct script_control *c, json_t *message)
{
	struct loop_options *o = options_of(c);
	const char *key = text_of(message, "key");
	int value = (int)number_of(message, "value");
	if (!o)
		return only_scripted;
	if (!strcmp(key, "silent"))
		o->silent = value;
	else if (!strcmp(key, "wildcard"))
		o->wildcard = value;
	else if (!strcmp(key, "no-read"))
		o->no_read = value;
	else if (!strcmp(key, "refuse"))
		o->refuse = value;
	else if (!strcmp(key, "refuse-now"))
		o->refuse_now = value;
	else
		return "no such option";
	return NULL;
}

/* All that was made to fail. */
static const char *do_works(struct script_control *c, json_t *message)
{
	struct loop_options *o = options_of(c);
	c->heal();
	if (o) {
		o->silent = false;
		o->refuse = o->refuse_now = 0;
		o->n_lost = 0;
	}
	return NULL;
}

static const char *do_cuts(struct script_control *c, json_t *message)
{
	struct loop_control *loop = c->loop();
	if (!loop)
		return only_scripted;
	loop->cut_all();
	return NULL;
}

static const char *do_request(struct script_control *c, json_t *message)
{
	struct loop_control *loop = c->loop();
	if (!loop)
		return only_scripted;
	/* the descriptor stays open as long as the process: the peer waits */
	return loop->knock(text_of(message, "to"), (uint16_t)number_of(message, "to_port"),
			   text_of(message, "from"), (uint16_t)number_of(message, "from_port")) < 0
		       ? "nobody listens there"
		       : NULL;
}

static const struct {
	const char *verb;
	const char *(*tell)(struct script_control *c, json_t *message);
} verbs[] = {
	{"fails", do_fails}, {"works", do_works}, {"serves", do_serves}, {"loses", do_loses},
	{"set", do_set},     {"net", do_net},     {"cuts", do_cuts},     {"request", do_request},
};

const char *actor_provider(const json_t *message)
{
	struct script_control *c = open_script(message);
	if (!c)
		return "the provider's module cannot be opened";
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].verb, text_of(message, "verb")))
			return verbs[i].tell(c, (json_t *)(uintptr_t)message);
	return "no such verb";
}
