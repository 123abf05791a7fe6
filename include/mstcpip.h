/* SPDX-License-Identifier: MIT */
/* Keep-alive settings (wsd/body/mstcpip.h). No locks. */
#ifndef _MSTCPIP_
#define _MSTCPIP_

#include <winsock2.h>
#include <wsd/body/mstcpip.h>

#endif
