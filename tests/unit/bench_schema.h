/* SPDX-License-Identifier: MIT
 *
 * Checks JSON against a schema, draft 7, as far as docs/bench-schema.json uses it; a word of a
 * schema that is not known here is a failure, so that none is passed over.
 */
#ifndef WSD_TESTS_BENCH_SCHEMA_H
#define WSD_TESTS_BENCH_SCHEMA_H

#include <jansson.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct schema {
	json_t *root;
	char why[512];
};

static bool schema_holds(struct schema *s, const json_t *rule, const json_t *j, const char *where);

__attribute__((format(printf, 2, 3))) static bool schema_says(struct schema *s, const char *format,
							      ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->why, sizeof(s->why), format, args);
	va_end(args);
	return false;
}

static bool schema_is_type(const json_t *j, const char *type)
{
	return (!strcmp(type, "object") && json_is_object(j)) ||
	       (!strcmp(type, "array") && json_is_array(j)) ||
	       (!strcmp(type, "string") && json_is_string(j)) ||
	       (!strcmp(type, "integer") && json_is_integer(j)) ||
	       (!strcmp(type, "number") && json_is_number(j)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(j)) ||
	       (!strcmp(type, "null") && json_is_null(j));
}

static bool schema_matches(const char *pattern, const char *text)
{
	regex_t re;
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	bool yes = !regexec(&re, text, 0, NULL, 0);
	regfree(&re);
	return yes;
}

static bool schema_type(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			const char *where)
{
	if (json_is_string(v))
		return schema_is_type(j, json_string_value(v)) ||
		       schema_says(s, "%s is no %s", where, json_string_value(v));
	for (size_t i = 0; i < json_array_size(v); i++)
		if (schema_is_type(j, json_string_value(json_array_get(v, i))))
			return true;
	return schema_says(s, "%s is of a wrong type", where);
}

static bool schema_enum(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			const char *where)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if (json_equal(json_array_get(v, i), j))
			return true;
	return schema_says(s, "%s is none of the values", where);
}

static bool schema_required(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			    const char *where)
{
	for (size_t i = 0; json_is_object(j) && i < json_array_size(v); i++)
		if (!json_object_get(j, json_string_value(json_array_get(v, i))))
			return schema_says(s, "%s has no %s", where,
					   json_string_value(json_array_get(v, i)));
	return true;
}

/* properties, patternProperties and additionalProperties in one. */
static bool schema_keys(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			const char *where)
{
	const json_t *named = json_object_get(rule, "properties"),
		     *rest = json_object_get(rule, "additionalProperties");
	json_t *patterns = json_object_get(rule, "patternProperties"), *r, *value;
	const char *key, *pattern;
	char inside[256];

	json_object_foreach((json_t *)(uintptr_t)j, key, value)
	{
		bool known = false;
		snprintf(inside, sizeof(inside), "%s.%s", where, key);
		if ((r = json_object_get(named, key))) {
			known = true;
			if (!schema_holds(s, r, value, inside))
				return false;
		}
		json_object_foreach(patterns, pattern, r)
		{
			if (!schema_matches(pattern, key))
				continue;
			known = true;
			if (!schema_holds(s, r, value, inside))
				return false;
		}
		if (!known && json_is_false(rest))
			return schema_says(s, "%s is not known", inside);
		if (!known && json_is_object(rest) && !schema_holds(s, rest, value, inside))
			return false;
	}
	return true;
}

static bool schema_items(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			 const char *where)
{
	char inside[256];
	for (size_t i = 0; i < json_array_size(j); i++) {
		snprintf(inside, sizeof(inside), "%s[%zu]", where, i);
		if (!schema_holds(s, v, json_array_get(j, i), inside))
			return false;
	}
	return true;
}

static bool schema_any(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
		       const char *where)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if (schema_holds(s, json_array_get(v, i), j, where))
			return true;
	return false;
}

static bool schema_ref(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
		       const char *where)
{
	static const char prefix[] = "#/definitions/";
	const char *name = json_string_value(v);
	const json_t *to = strncmp(name, prefix, sizeof(prefix) - 1) != 0
				   ? NULL
				   : json_object_get(json_object_get(s->root, "definitions"),
						     name + sizeof(prefix) - 1);
	return to ? schema_holds(s, to, j, where) : schema_says(s, "there is no %s", name);
}

static bool schema_size(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			const char *where)
{
	size_t n = json_is_object(j)  ? json_object_size(j)
		   : json_is_array(j) ? json_array_size(j)
				      : json_string_length(j);
	size_t bound = (size_t)json_integer_value(v);
	bool most = json_object_get(rule, "maxItems") == v;
	return (most ? n <= bound : n >= bound) || schema_says(s, "%s has %zu parts", where, n);
}

static bool schema_minimum(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			   const char *where)
{
	return !json_is_number(j) || json_number_value(j) >= json_number_value(v) ||
	       schema_says(s, "%s is too small", where);
}

static bool schema_pattern(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			   const char *where)
{
	return !json_is_string(j) || schema_matches(json_string_value(v), json_string_value(j)) ||
	       schema_says(s, "%s does not match", where);
}

static bool schema_nothing(struct schema *s, const json_t *v, const json_t *rule, const json_t *j,
			   const char *where)
{
	return true;
}

static bool schema_holds(struct schema *s, const json_t *rule, const json_t *j, const char *where)
{
	static const struct {
		const char *word;
		bool (*check)(struct schema *s, const json_t *v, const json_t *rule,
			      const json_t *j, const char *where);
	} words[] = {
		{"$schema", schema_nothing},
		{"title", schema_nothing},
		{"description", schema_nothing},
		{"definitions", schema_nothing},
		{"type", schema_type},
		{"enum", schema_enum},
		{"required", schema_required},
		{"properties", schema_keys},
		{"patternProperties", schema_keys},
		{"additionalProperties", schema_keys},
		{"items", schema_items},
		{"anyOf", schema_any},
		{"$ref", schema_ref},
		{"minItems", schema_size},
		{"maxItems", schema_size},
		{"minProperties", schema_size},
		{"minLength", schema_size},
		{"minimum", schema_minimum},
		{"pattern", schema_pattern},
	};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)rule, key, v)
	{
		size_t i = 0;
		while (i < sizeof(words) / sizeof(words[0]) && strcmp(words[i].word, key) != 0)
			i++;
		if (i == sizeof(words) / sizeof(words[0]))
			return schema_says(s, "the schema's '%s' is not known", key);
		if (!words[i].check(s, v, rule, j, where))
			return false;
	}
	return true;
}

#endif
