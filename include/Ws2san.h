/* SPDX-License-Identifier: MIT */
/* Another spelling of ws2san.h. */
#include <ws2san.h>
