/* SPDX-License-Identifier: MIT
 *
 * The last error: one code per thread, for Winsock's calls and Windows's alike [WS-ERR-1].
 */
#ifndef WSD_SWITCH_LASTERROR_H
#define WSD_SWITCH_LASTERROR_H

#include <wsd/abi.h>

DWORD lasterror_get(void);
void lasterror_set(DWORD code);

#endif
