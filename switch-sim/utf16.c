/* SPDX-License-Identifier: MIT
 *
 * Conversion between UTF-16 and UTF-8.
 */
#include "utf16.h"

#include <stdlib.h>

enum { REPLACEMENT = 0xfffd };

static uint32_t next16(const WCHAR **in)
{
	uint32_t c = *(*in)++;
	if (c < 0xd800 || c > 0xdfff)
		return c;
	if (c > 0xdbff || **in < 0xdc00 || **in > 0xdfff)
		return REPLACEMENT;
	return 0x10000 + ((c - 0xd800) << 10) + (*(*in)++ - 0xdc00u);
}

static uint32_t next8(const char **in)
{
	static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
	uint32_t c = (unsigned char)*(*in)++;
	int more = c < 0x80 ? 0 : c >= 0xf0 && c < 0xf8 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : -1;
	if (!more)
		return c;
	if (more < 0 || c >= 0xf8)
		return REPLACEMENT;
	uint32_t u = c & (0x3fu >> more);
	for (int i = 0; i < more; i++) {
		if (((unsigned char)**in & 0xc0) != 0x80)
			return REPLACEMENT;
		u = u << 6 | ((unsigned char)*(*in)++ & 0x3fu);
	}
	return u < least[more] || u > 0x10ffff || (u >= 0xd800 && u <= 0xdfff) ? REPLACEMENT : u;
}

static size_t put8(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(0xf00u >> n | c);
	return n;
}

size_t utf16_to_utf8(const WCHAR *in, char *out, size_t size)
{
	size_t need = 1, at = 0;
	while (*in) {
		char bytes[4];
		size_t n = put8(next16(&in), bytes);
		if (out && need + n <= size) {
			for (size_t i = 0; i < n; i++)
				out[at++] = bytes[i];
		}
		need += n;
	}
	if (size && out)
		out[at] = '\0';
	return need;
}

size_t utf8_to_utf16(const char *in, WCHAR *out, size_t size)
{
	size_t need = 1, at = 0;
	while (*in) {
		uint32_t c = next8(&in);
		size_t n = c < 0x10000 ? 1 : 2;
		if (out && need + n <= size) {
			if (n == 2) {
				out[at++] = (WCHAR)(0xd800 + ((c - 0x10000) >> 10));
				c = 0xdc00 + ((c - 0x10000) & 0x3ff);
			}
			out[at++] = (WCHAR)c;
		}
		need += n;
	}
	if (size && out)
		out[at] = 0;
	return need;
}

WCHAR *utf8_dup_utf16(const char *in)
{
	if (!in)
		return NULL;
	size_t n = utf8_to_utf16(in, NULL, 0);
	WCHAR *out = malloc(n * sizeof(*out));
	if (out)
		utf8_to_utf16(in, out, n);
	return out;
}
