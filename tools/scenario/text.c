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
