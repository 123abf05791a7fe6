/* SPDX-License-Identifier: MIT
 *
 * tests.c - the table of tests, in the order of `wsd bench --help`.
 */
#include "run.h"

#include <string.h>

static const struct test *const tests[] = {
	&test_bind,   &test_listen,   &test_refuse, &test_wildcard, &test_takeover,
	&test_ports,  &test_connect,  &test_lat,    &test_bw,       &test_rate,
	&test_memory, &test_fallback, NULL,
};

const struct test *test_at(int i)
{
	return i >= 0 && (size_t)i < sizeof(tests) / sizeof(tests[0]) ? tests[i] : NULL;
}

const struct test *test_find(const char *name)
{
	for (int i = 0; tests[i]; i++)
		if (!strcmp(tests[i]->name, name))
			return tests[i];
	return NULL;
}
