/* SPDX-License-Identifier: MIT */
/* Nothing of its own here; on Windows the same things are reached through it: ws2tcpip.h. */
#include <ws2tcpip.h>
