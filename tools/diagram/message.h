/* SPDX-License-Identifier: MIT
 *
 * What a send of the switch's carries, in words (docs/wire.md).
 */
#ifndef WSD_DIAGRAM_MESSAGE_H
#define WSD_DIAGRAM_MESSAGE_H

#include <jansson.h>

/* Where a trace's record has the first bytes of a message ("data"), its arguments get "message":
 * "DATA seq=1 last body=4" as well. */
void message_note(json_t *record);

#endif
