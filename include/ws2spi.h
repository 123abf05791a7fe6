/* SPDX-License-Identifier: MIT */
/* The service provider interface in Winsock's names (contracts: wsd/body/spi.h, upcalls.h). No
 * locks. */
#ifndef _WINSOCK2SPI_
#define _WINSOCK2SPI_

#include <winsock2.h>

#define WSD_FN(ret, name, args) extern ret name args __asm__("wsd_" #name)
WSD_BEGIN_DECLS
#include <wsd/body/spi.h>
#include <wsd/body/upcalls.h>
#include <wsd/body/fn_catalog.h>
WSD_END_DECLS
#undef WSD_FN

#endif
