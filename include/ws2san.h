/* SPDX-License-Identifier: MIT */
/* The SAN extensions of the service provider interface (contracts: wsd/body/san.h). No locks. */
#ifndef _WS2SAN_H_
#define _WS2SAN_H_

#include <ws2spi.h>

WSD_BEGIN_DECLS
#include <wsd/body/san.h>
WSD_END_DECLS

#endif
