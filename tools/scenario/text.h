/* SPDX-License-Identifier: MIT
 *
 * Texts as a scenario writes them. No part of Winsock or libc's sockets, so that both sides have
 * it.
 */
#ifndef WSD_SCENARIO_TEXT_H
#define WSD_SCENARIO_TEXT_H

#include <stddef.h>

/* @data in quotation marks, with the escapes that the reader of scenarios knows. */
void text_quote(const char *data, size_t len, char *text, size_t size);

#endif
