/* SPDX-License-Identifier: MIT */
/* Nothing of its own here; on Windows the same things are reached through it: winsock2.h. */
#include <winsock2.h>
