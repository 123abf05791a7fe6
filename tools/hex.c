/* SPDX-License-Identifier: MIT
 *
 * See hex.h. No state.
 */
#include "hex.h"

#include <ctype.h>
#include <stdlib.h>

size_t hex_bytes(const char *text, uint8_t *out, size_t room)
{
	size_t n = 0;
	while (n < room && isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1])) {
		char two[3] = {text[0], text[1], 0};
		out[n++] = (uint8_t)strtoul(two, NULL, 16);
		text += 2;
		while (*text == ' ' || *text == ':')
			text++;
	}
	return n;
}
