/* SPDX-License-Identifier: MIT */
/* Keep-alive settings, port reservations, figures of TCP and other things that the control codes of
 * IOC_VENDOR carry (wsd/body/mstcpip.h). No locks. */
#ifndef _MSTCPIP_
#define _MSTCPIP_

#include <winsock2.h>
#include <wsd/body/mstcpip.h>

#endif
