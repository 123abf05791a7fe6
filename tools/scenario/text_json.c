/* SPDX-License-Identifier: MIT
 *
 * See text_json.h. No state.
 */
#include "text_json.h"

#include <stdlib.h>
#include <string.h>

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
