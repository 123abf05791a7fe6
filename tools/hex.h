/* SPDX-License-Identifier: MIT
 *
 * Bytes out of hexadecimal text.
 */
#ifndef WSD_TOOLS_HEX_H
#define WSD_TOOLS_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Until something else than digits; blanks and colons may stand between bytes. Return: how many. */
size_t hex_bytes(const char *text, uint8_t *out, size_t room);

#endif
