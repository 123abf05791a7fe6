/* SPDX-License-Identifier: MIT */
/* Another spelling of windows.h. */
#include <windows.h>
