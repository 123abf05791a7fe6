/* SPDX-License-Identifier: MIT
 *
 * UTF-16 and UTF-8, for the W forms. A lone surrogate or a broken sequence becomes U+FFFD. Pure
 * functions; no locks.
 */
#ifndef WSD_SWITCH_UTF16_H
#define WSD_SWITCH_UTF16_H

#include <wsd/abi.h>

#include <stddef.h>

/* At most @size bytes (units), the NUL included; a character that does not fit is left out, with
 * all after it. Return: bytes (units) that the whole text needs, the NUL included. */
size_t utf16_to_utf8(const WCHAR *in, char *out, size_t size);
size_t utf8_to_utf16(const char *in, WCHAR *out, size_t size);

/* The whole text in fresh memory (free); NULL: no memory, or @in is NULL. */
WCHAR *utf8_dup_utf16(const char *in);

#endif
