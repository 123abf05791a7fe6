/* SPDX-License-Identifier: MIT
 *
 * Values of a scenario's calls: texts to Winsock's numbers and back. Plain Winsock source.
 */
#ifndef WSD_SCENARIO_VALUES_H
#define WSD_SCENARIO_VALUES_H

#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdbool.h>
#include <stddef.h>

/* "12", "0x10", "64KiB", "SO_REUSEADDR", "FD_READ|FD_CLOSE". False: none of these. */
bool value_number(const char *text, long *ret);
/* "10.77.0.1:5150", ":0" is no address. */
bool value_address(const char *text, struct sockaddr_in *ret);
void value_address_text(const struct sockaddr_in *in, char *text, size_t size);
void value_code_text(int code, char *text, size_t size);
void value_events_text(long events, char *text, size_t size);
void value_poll_text(long events, char *text, size_t size);

/* Handles by name, of this process. */
bool value_handle(const char *name, SOCKET *ret);
bool value_keep_handle(const char *name, SOCKET s); /* false: no room */

#endif
