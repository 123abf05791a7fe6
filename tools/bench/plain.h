/* SPDX-License-Identifier: MIT
 *
 * Texts that came from elsewhere and will be shown: what a terminal would obey is not among them.
 */
#ifndef WSD_BENCH_PLAIN_H
#define WSD_BENCH_PLAIN_H

#include <jansson.h>
#include <stdbool.h>

/* Whether no text in @j, names included, has control characters (C0, DEL, C1). */
bool plain_json(const json_t *j);

/* Puts a question mark in the place of each; @text is UTF-8, or is cut within a character. */
void plain_make(char *text);

#endif
