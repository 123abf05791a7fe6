/* SPDX-License-Identifier: MIT
 *
 * plain.c - see plain.h. No state.
 */
#include "plain.h"

#include <stdint.h>

/* Bytes of the control character that @text begins with; 0: another character. */
static int control_at(const char *text)
{
	unsigned char a = (unsigned char)text[0], b = a ? (unsigned char)text[1] : 0;
	if (a < 0x20 || a == 0x7f)
		return 1;
	return a == 0xc2 && b >= 0x80 && b < 0xa0 ? 2 : 0; /* U+0080 to U+009F */
}

static bool plain(const char *text)
{
	while (*text && !control_at(text))
		text++;
	return !*text;
}

bool plain_json(const json_t *j)
{
	const char *name;
	json_t *in;
	json_t *object = (json_t *)(uintptr_t)j; /* it only iterates, but does not say so */
	size_t i;

	if (json_is_string(j))
		return plain(json_string_value(j));
	json_array_foreach(j, i, in)
	{
		if (!plain_json(in))
			return false;
	}
	json_object_foreach(object, name, in)
	{
		if (!plain(name) || !plain_json(in))
			return false;
	}
	return true;
}

void plain_make(char *text)
{
	for (; *text; text++)
		for (int n = control_at(text); n > 0; n--)
			text[n - 1] = '?';
}
