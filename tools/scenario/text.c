/* SPDX-License-Identifier: MIT
 *
 * See text.h. No state.
 */
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_quote(const char *data, size_t len, char *text, size_t size)
{
	size_t at = 0;
	if (size < 16)
		return;
	text[at++] = '"';
	for (size_t i = 0; i < len && at < size - 8; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c == '\n' || c == '\t' || c == '\r')
			at += (size_t)snprintf(text + at, size - at, "\\%c",
					       c == '\n'   ? 'n'
					       : c == '\t' ? 't'
							   : 'r');
		else if (c < ' ' || c > '~')
			at += (size_t)snprintf(text + at, size - at, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			at += (size_t)snprintf(text + at, size - at, "\\%c", c);
		else
			text[at++] = (char)c;
	}
	text[at++] = '"';
	text[at] = '\0';
}

json_t *text_json(const char *data)
{
	size_t len = strlen(data), at = 0;
	char *wide = malloc(2 * len + 1);
	for (size_t i = 0; wide && i < len; i++) {
		unsigned char c = (unsigned char)data[i];
		if (c >= 0x80)
			wide[at++] = (char)(0xc0 | c >> 6);
		wide[at++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c);
	}
	json_t *j = wide ? json_stringn(wide, at) : NULL;
	free(wide);
	return j;
}

char *text_of_json(const json_t *j)
{
	const char *wide = json_string_value(j);
	char *data = wide ? malloc(strlen(wide) + 1) : NULL, *at = data;
	for (; data && *wide; wide++) {
		unsigned char c = (unsigned char)*wide;
		/* two bytes, of which the first has the upper two bits */
		*at++ = (char)(c >= 0x80 ? c << 6 | (*++wide & 0x3f) : c);
	}
	if (data)
		*at = '\0';
	return data;
}
