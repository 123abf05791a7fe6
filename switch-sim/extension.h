/* SPDX-License-Identifier: MIT
 *
 * SIO_GET_EXTENSION_FUNCTION_POINTER: which GUID means which of our functions [SW-OPT-2, -4]. Data;
 * no locks.
 */
#ifndef WSD_SWITCH_EXTENSION_H
#define WSD_SWITCH_EXTENSION_H

#include "ioctl.h"

/* WSAIoctl's answer. Return: a WSA code; WSAEINVAL: no such function. */
int extension_pointer(const struct sw_ioctl *call);

#endif
