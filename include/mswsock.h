/* SPDX-License-Identifier: MIT */
/*
 * The Microsoft extensions: AcceptEx, TransmitFile, and the pointers and GUIDs of those that
 * SIO_GET_EXTENSION_FUNCTION_POINTER hands out (contracts: wsd/body/fn_mswsock.h). No locks.
 */
#ifndef _MSWSOCK_
#define _MSWSOCK_

#include <winsock2.h>

#define WSD_FN(ret, name, args) extern ret name args __asm__("wsd_" #name)
WSD_BEGIN_DECLS
#include <wsd/body/mswsock.h>
#include <wsd/body/fn_mswsock.h>
WSD_END_DECLS
#undef WSD_FN

#endif
