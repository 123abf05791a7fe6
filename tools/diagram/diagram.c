/* SPDX-License-Identifier: MIT
 *
 * See diagram.h. No state.
 */
#include "diagram.h"

#include "draw.h"
#include "whole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct form {
	const char *ending;
	void (*draw)(FILE *f, const struct story *s, const char *title);
} forms[] = {{".svg", draw_svg}, {".html", draw_html}};

static const struct form *form_of(const char *output)
{
	const char *dot = strrchr(output, '.');
	for (size_t i = 0; dot && i < sizeof(forms) / sizeof(forms[0]); i++)
		if (!strcmp(dot, forms[i].ending))
			return &forms[i];
	return NULL;
}

bool diagram_can_write(const char *output)
{
	return form_of(output) != NULL;
}

/* @empty: it may have none. */
static int read_one(const char *program, struct story *s, const char *path, bool empty)
{
	long first = 0;
	size_t before = s->n;
	FILE *f = !strcmp(path, "-") ? stdin : fopen(path, "re");
	long wrong = f ? story_read(s, f, &first) : -1;
	int err = errno;
	if (f && f != stdin)
		fclose(f);
	if (wrong < 0) {
		fprintf(stderr, "%s: cannot read %s: %s\n", program, path, strerror(err));
		return 2;
	}
	if (s->n == before && !(empty && !wrong)) {
		fprintf(stderr, "%s: %s has no record of a trace (WSD_TRACE_JSON writes one)\n",
			program, path);
		return 2;
	}
	if (wrong)
		fprintf(stderr, "%s: %s: line %ld is no record of a trace%s\n", program, path,
			first, wrong > 1 ? ", and others are none" : "");
	return 0;
}

static int write_out(const char *program, const struct story *s, const char *output,
		     const char *title)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	if (f)
		form_of(output)->draw(f, s, title);
	int err = !f || fclose(f) ? -ENOMEM : whole_write(output, text, size);
	if (err)
		fprintf(stderr, "%s: cannot write %s: %s\n", program, output, strerror(-err));
	free(text);
	return err ? 1 : 0;
}

int diagram_make(const struct diagram_job *j)
{
	struct story s = {0};
	int r = 0;
	for (int i = 0; i < j->count && !r; i++)
		r = read_one(j->program, &s, j->traces[i], j->names);
	if (!r && story_tell(&s, j->names, j->all)) {
		fprintf(stderr, "%s: no memory\n", j->program);
		r = 1;
	}
	if (!r)
		r = write_out(j->program, &s, j->output, j->title ? j->title : j->traces[0]);
	story_free(&s);
	return r;
}
