/* SPDX-License-Identifier: MIT */
/* Another spelling of winsock2.h. */
#include <winsock2.h>
