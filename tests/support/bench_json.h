/* SPDX-License-Identifier: MIT
 *
 * Runs `wsd bench` and looks at the JSON that it leaves. In a book of names of its own, so that
 * what it held can be told from what others hold. WSD_TOOL is the tool's path. No locks.
 */
#ifndef WSD_TESTS_BENCH_JSON_H
#define WSD_TESTS_BENCH_JSON_H

#include "check.h"
#include "run_tool.h"

#include <jansson.h>
#include <math.h>

/* The result; asserts that the run ended well. */
__attribute__((unused)) static json_t *bench_run(const char *arguments)
{
	char before[80], more[1024], file[] = "/tmp/wsd-test-bench-XXXXXX";
	json_error_t error;
	int fd = mkstemp(file);
	cr_assert_geq(fd, 0);
	close(fd);
	snprintf(before, sizeof(before), "WSD_BROKER_NAME=wsd-test-bench-%d", (int)getpid());
	snprintf(more, sizeof(more), "bench %s -F --out_json_file %s", arguments, file);
	struct run *r = run_tool(before, more);
	cr_assert_eq(r->status, 0, "%s: %s", arguments, r->text);
	json_t *j = json_load_file(file, 0, &error);
	cr_assert_not_null(j, "%s: %s", arguments, error.text);
	unlink(file);
	free(r);
	r = run_tool(before, "names");
	cr_assert_not_null(strstr(r->text, "no name is held"), "after %s: %s", arguments, r->text);
	free(r);
	return j;
}

/* Whether the object's `point` has this mode and so many connections or names held; NULL: any. */
__attribute__((unused)) static bool bench_at(json_t *row, const char *mode)
{
	json_t *m = json_object_get(json_object_get(row, "point"), "mode");
	return !mode || (m && !strcmp(json_string_value(m), mode));
}

__attribute__((unused)) static bool bench_is(json_t *row, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s && !strcmp(s, value);
}

/* The first such figure; NULL: not there. Borrowed. */
__attribute__((unused)) static json_t *bench_figure(json_t *j, const char *kind, const char *who,
						    const char *mode)
{
	json_t *row;
	size_t i;
	json_array_foreach(json_object_get(j, "figures"), i, row)
	{
		if (bench_is(row, "kind", kind) && bench_is(row, "contender", who) &&
		    bench_at(row, mode))
			return row;
	}
	return NULL;
}

/* It is there, its samples are positive, and its ratio to @peer, if given, is a number. */
__attribute__((unused)) static void bench_assert(json_t *j, const char *kind, const char *who,
						 const char *mode, const char *peer)
{
	json_t *f = bench_figure(j, kind, who, mode);
	const char *at = mode ? mode : "";
	cr_assert_not_null(f, "no figure '%s' of %s %s", kind, who, at);
	cr_assert_gt(json_integer_value(json_object_get(f, "samples")), 0, "%s of %s %s", kind, who,
		     at);
	const char *unit = json_string_value(json_object_get(f, "unit"));
	char key[40];
	snprintf(key, sizeof(key), "min_%s", unit);
	double least = json_number_value(json_object_get(f, key));
	cr_assert(isfinite(least) && least > 0, "%s of %s %s: %s is %f", kind, who, at, key, least);
	if (!peer)
		return;
	json_t *ratio = json_object_get(json_object_get(f, "ratios"), peer);
	double median = json_number_value(json_object_get(ratio, "median"));
	cr_assert(isfinite(median) && median > 0, "%s of %s %s / %s is %f", kind, who, at, peer,
		  median);
}

/* How many rounds of it, in ns, counted. */
__attribute__((unused)) static size_t bench_rounds(json_t *j, const char *kind, const char *who)
{
	return json_array_size(json_object_get(bench_figure(j, kind, who, NULL), "rounds_ns"));
}

/* Why a contender is left out (at a mode); "": it is not. */
__attribute__((unused)) static const char *bench_reason(json_t *j, const char *who,
							const char *mode)
{
	json_t *row;
	size_t i;
	json_array_foreach(json_object_get(j, "left_out"), i, row)
	{
		if (bench_is(row, "contender", who) && bench_at(row, mode))
			return json_string_value(json_object_get(row, "reason"));
	}
	return "";
}

#define BENCH_LEFT_OUT(j, who, mode, text)                                                      \
	cr_assert_not_null(strstr(bench_reason(j, who, mode), text), "%s: '%s', not '%s'", who, \
			   bench_reason(j, who, mode), text)

#endif
