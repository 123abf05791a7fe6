/* SPDX-License-Identifier: MIT
 *
 * Text arguments, copied.
 */
#include "api_text.h"
#include "usermem.h"
#include "utf16.h"

#include <errno.h>
#include <wsd/errors.h>

enum { WIDE_MAX = 1025 };

static int code_of(int err, int too_long)
{
	return !err ? 0 : err == -EFAULT ? WSAEFAULT : too_long;
}

int api_text_in(char *to, size_t size, const char *from, int too_long, const char **ret_text)
{
	int code = from ? code_of(memory_read_text(to, size, from, 1), too_long) : 0;
	*ret_text = code ? "?" : from ? to : NULL;
	return code;
}

int api_wide_in(char *to, size_t size, const WCHAR *from, int too_long, const char **ret_text)
{
	WCHAR wide[WIDE_MAX];
	int code =
		from ? code_of(memory_read_text(wide, sizeof(wide), from, sizeof(*from)), too_long)
		     : 0;
	if (!code && from && utf16_to_utf8(wide, to, size) > size)
		code = too_long;
	*ret_text = code ? "?" : from ? to : NULL;
	return code;
}
