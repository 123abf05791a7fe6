/* SPDX-License-Identifier: MIT
 *
 * units.c - see units.h. No state.
 */
#include "units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 4 };

static const struct family {
	const char *kind;
	bool binary;
	struct unit unit[STEPS]; /* ascending */
} families[] = {
	{"ns", false, {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}}},
	{"bytes", true, {{"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}}},
	{"per_s", false, {{"/s", 1}, {"k/s", 1e3}, {"M/s", 1e6}, {"G/s", 1e9}}},
	{"bytes_per_s",
	 true,
	 {{"bytes/s", 1}, {"KiB/s", 0x1p10}, {"MiB/s", 0x1p20}, {"GiB/s", 0x1p30}}},
	{"ratio", false, {{"x", 1}, {"x", 1}, {"x", 1}, {"x", 1}}},
	{"", false, {{"", 1}, {"", 1}, {"", 1}, {"", 1}}}, /* of other kinds */
};

static const struct family *family_of(const char *kind)
{
	const struct family *f = families;
	while (*f->kind && (!kind || strcmp(f->kind, kind) != 0))
		f++;
	return f;
}

bool unit_is_binary(const char *kind)
{
	return family_of(kind)->binary;
}

const struct unit *unit_for(const char *kind, double largest)
{
	const struct family *f = family_of(kind);
	int i = STEPS - 1;
	while (i > 0 && !(fabs(largest) >= f->unit[i].per))
		i--;
	return &f->unit[i];
}

static void trim(char *text)
{
	size_t n = strlen(text);
	if (!strchr(text, '.'))
		return;
	while (text[n - 1] == '0')
		text[--n] = '\0';
	if (text[n - 1] == '.')
		text[n - 1] = '\0';
}

static void with_name(char text[UNIT_TEXT], const struct unit *u)
{
	size_t n = strlen(text);
	bool apart = *u->name && *u->name != 'x' && *u->name != '/' && u->name[1] != '/';
	snprintf(text + n, UNIT_TEXT - n, "%s%s", apart ? " " : "", u->name);
}

/* Three digits; what is counted one by one has none behind the point. */
static const struct unit *digits(char text[UNIT_TEXT], const char *kind, double value)
{
	const struct unit *u = unit_for(kind, value);
	double v = value / u->per, size = fabs(v);
	int behind = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
	if (u->per == 1 && v == floor(v) && *u->name != 'x')
		behind = 0;
	snprintf(text, UNIT_TEXT, size >= 1e15 ? "%.*g" : "%.*f", size >= 1e15 ? 3 : behind, v);
	return u;
}

const char *unit_text(char text[UNIT_TEXT], const char *kind, double value)
{
	if (isfinite(value))
		with_name(text, digits(text, kind, value));
	else
		snprintf(text, UNIT_TEXT, "-");
	return text;
}

const char *unit_tick(char text[UNIT_TEXT], const char *kind, double value)
{
	if (!isfinite(value) || value == 0) {
		snprintf(text, UNIT_TEXT, value == 0 ? "0" : "-");
		return text;
	}
	const struct unit *u = digits(text, kind, value);
	if (*u->name != 'x')
		trim(text);
	with_name(text, u);
	return text;
}
