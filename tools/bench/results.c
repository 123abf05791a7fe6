/* SPDX-License-Identifier: MIT
 *
 * results.c - what a run has measured, in memory: see results.h. No locks.
 */
#include "results.h"

#include "plain.h"
#include "results_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct results *results_new(void)
{
	struct results *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->parameters = json_object();
	if (!r->parameters) {
		free(r);
		return NULL;
	}
	snprintf(r->version, sizeof(r->version), "%s", WSD_VERSION);
	snprintf(r->build, sizeof(r->build), "%s", WSD_BUILD);
	return r;
}

void results_free(struct results *r)
{
	if (!r)
		return;
	for (int i = 0; i < r->figure_count; i++) {
		samples_free(&r->figures[i].all);
		samples_free(&r->figures[i].rounds);
		free(r->figures[i].merged);
	}
	for (int i = 0; i < r->owned_count; i++)
		free(r->owned[i]);
	free(r->owned);
	free(r->figures);
	free(r->out);
	json_decref(r->parameters);
	free(r);
}

void *results_grow(void *array, int count, size_t each)
{
	/* the room is the next power of two: no field needs to tell it */
	if (count && (count & (count - 1)))
		return array;
	return reallocarray(array, count ? (size_t)count * 2 : 1, each);
}

void *results_own(struct results *r, void *memory)
{
	void **owned = memory ? results_grow(r->owned, r->owned_count, sizeof(*owned)) : NULL;
	if (!owned) {
		free(memory);
		return NULL;
	}
	r->owned = owned;
	r->owned[r->owned_count++] = memory;
	return memory;
}

const char *results_word(struct results *r, const char *word)
{
	for (int i = 0; i < r->figure_count; i++) {
		const struct figure *f = &r->figures[i];
		if (!strcmp(f->contender, word))
			return f->contender;
		if (f->point.mode && !strcmp(f->point.mode, word))
			return f->point.mode;
	}
	return results_own(r, strdup(word));
}

struct figure *results_find(const struct results *r, const char *kind, const char *contender,
			    const struct point *p)
{
	for (int i = 0; i < r->figure_count; i++) {
		struct figure *f = &r->figures[i];
		if (point_equal(&f->point, p) && !strcmp(f->kind->name, kind) &&
		    !strcmp(f->contender, contender))
			return f;
	}
	return NULL;
}

struct figure *results_figure(struct results *r, const struct figure_kind *kind,
			      const char *contender, const struct point *p)
{
	struct figure *f = results_find(r, kind->name, contender, p);
	if (f)
		return f;
	const char *word = results_word(r, contender);
	struct figure *figures = results_grow(r->figures, r->figure_count, sizeof(*figures));
	if (figures)
		r->figures = figures;
	if (!word || !figures)
		return NULL;
	f = &r->figures[r->figure_count++];
	*f = (struct figure){
		.kind = kind, .point = *p, .contender = word, .higher = kind->higher_is_better};
	return f;
}

int results_leave_out(struct results *r, const char *contender, const struct point *p,
		      const char *reason)
{
	struct left_out *out = results_grow(r->out, r->out_count, sizeof(*out));
	if (!out)
		return -ENOMEM;
	r->out = out;
	out = &r->out[r->out_count];
	*out = (struct left_out){.everywhere = !p};
	if (p)
		out->point = *p;
	snprintf(out->contender, sizeof(out->contender), "%s", contender);
	snprintf(out->reason, sizeof(out->reason), "%s", reason);
	plain_make(out->reason);
	r->out_count++;
	return 0;
}

int results_close(struct results *r)
{
	for (int i = 0; i < r->figure_count; i++) {
		int err = figure_close(&r->figures[i]);
		if (err)
			return err;
	}
	return 0;
}
