/* SPDX-License-Identifier: MIT
 *
 * Text arguments of the application: copied before anything looks at them, so that a pointer to
 * nowhere is WSAEFAULT [WS-BIND-4 WSAEFAULT (c)]. No locks.
 */
#ifndef WSD_SWITCH_API_TEXT_H
#define WSD_SWITCH_API_TEXT_H

#include <wsd/abi.h>

#include <stddef.h>

/*
 * *ret_text is @to, or NULL for NULL. Return: 0, WSAEFAULT, or @too_long for what does not fit;
 * then *ret_text is a question mark, for the trace.
 */
int api_text_in(char *to, size_t size, const char *from, int too_long, const char **ret_text);
/* The same from UTF-16; @to has room for three bytes of UTF-8 for each character that may come. */
int api_wide_in(char *to, size_t size, const WCHAR *from, int too_long, const char **ret_text);

#endif
