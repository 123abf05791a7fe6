/* SPDX-License-Identifier: MIT
 *
 * See message.h. No state.
 */
#include "message.h"

#include "hex.h"
#include "wire.h"

void message_note(json_t *record)
{
	json_t *args = json_object_get(record, "args");
	const char *data = json_string_value(json_object_get(args, "data"));
	uint8_t bytes[64];
	char text[400];
	struct sm_message m;
	if (!data)
		return;
	size_t have = hex_bytes(data, bytes, sizeof(bytes));
	if (!sm_decode_front(bytes, have, &m))
		return;
	sm_print(text, sizeof(text), &m, have);
	json_object_set_new(args, "message", json_string(text));
}
