/* SPDX-License-Identifier: MIT
 *
 * Texts of a scenario in the messages between the director and its actors.
 */
#ifndef WSD_SCENARIO_TEXT_JSON_H
#define WSD_SCENARIO_TEXT_JSON_H

#include <jansson.h>

/* Any bytes as a text of JSON, which is UTF-8: each as the character of its number; and back. The
 * caller frees it. NULL: no memory, or another's text. */
json_t *text_json(const char *data);
char *text_of_json(const json_t *j);

#endif
