/* SPDX-License-Identifier: MIT
 *
 * options_json.c - what a run was asked for, as the JSON of a result tells it. No state.
 */
#include "options.h"

#include "run.h"

#include <arpa/inet.h>

static json_t *list_to_json(const struct list *l)
{
	json_t *j = json_array();
	for (int i = 0; i < l->n; i++)
		json_array_append_new(j, json_integer((json_int_t)l->v[i]));
	return j;
}

static json_t *beside_to_json(const struct options *o)
{
	json_t *j = json_array();
	for (int i = 0; i < o->peers; i++)
		json_array_append_new(j, json_string(o->beside[i]));
	return j;
}

static void set_list(json_t *j, const char *key, const struct list *l)
{
	if (l->n)
		json_object_set_new(j, key, list_to_json(l));
}

json_t *options_to_json(const struct options *o)
{
	char address[INET_ADDRSTRLEN] = "";
	unsigned known = o->test->options;

	if (o->address.sin_family)
		inet_ntop(AF_INET, &o->address.sin_addr, address, sizeof(address));
	json_t *j =
		json_pack("{s:s, s:s, s:o, s:i, s:i}", "address", address, "layer", options_ours(o),
			  "beside", beside_to_json(o), "repeat", o->repeat, "warmup", o->warmup);
	if (!j)
		return NULL;
	if (o->duration_s > 0)
		json_object_set_new(j, "duration_s", json_real(o->duration_s));
	else
		json_object_set_new(j, "iterations", json_integer(o->iterations));
	if (o->device)
		json_object_set_new(j, "device", json_string(o->device));
	if (o->test->two_ends && o->count)
		json_object_set_new(j, "server", json_string(o->servers[0]));
	if (known & OPT_SIZE)
		set_list(j, "size", &o->sizes);
	if (known & OPT_OPEN)
		set_list(j, "open", &o->open);
	if (known & OPT_THREADS)
		set_list(j, "threads", &o->threads);
	if (known & OPT_NICS)
		set_list(j, "nics", &o->nics);
	if (known & OPT_BOTH)
		json_object_set_new(j, "both_ways", json_boolean(o->both_ways));
	if (known & OPT_BACKLOG)
		json_object_set_new(j, "backlog", json_integer(o->backlog));
	set_list(j, "pin", &o->pin);
	return j;
}
