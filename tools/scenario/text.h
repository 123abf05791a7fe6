/* SPDX-License-Identifier: MIT
 *
 * Texts as a scenario writes them. No part of Winsock or libc's sockets, so that both sides have
 * it.
 */
#ifndef WSD_SCENARIO_TEXT_H
#define WSD_SCENARIO_TEXT_H

#include <jansson.h>
#include <stddef.h>

/* Any bytes as a text of JSON, which is UTF-8: each as the character of its number; and back. The
 * caller frees it. NULL: no memory, or another's text. */
json_t *text_json(const char *data);
char *text_of_json(const json_t *j);

/* @data in quotation marks, with the escapes that the reader of scenarios knows. */
void text_quote(const char *data, size_t len, char *text, size_t size);

#endif
