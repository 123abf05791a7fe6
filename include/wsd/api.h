/* SPDX-License-Identifier: MIT */
/*
 * The functions of Winsock in the prefixed face, wsd_bind and so on: the symbols that libwsdirect
 * exports. Applications include winsock2.h, which gives them Winsock's names by assembler labels.
 * No locks. The contracts are in wsd/body/fn_*.h; clauses of docs/spec/winsock.md.
 */
#ifndef WSD_API_H
#define WSD_API_H

#include <wsd/abi.h>
#include <wsd/wait.h>

#define WSD_FN(ret, name, args) extern __attribute__((visibility("default"))) ret wsd_##name args

WSD_BEGIN_DECLS

/* ::/128 and ::1/128 (WS-PORT-1). */
extern __attribute__((visibility("default"))) const IN6_ADDR wsd_in6addr_any;
extern __attribute__((visibility("default"))) const IN6_ADDR wsd_in6addr_loopback;

#include <wsd/body/fn_socket.h>
#include <wsd/body/fn_catalog.h>
#include <wsd/body/fn_connection.h>
#include <wsd/body/fn_data.h>
#include <wsd/body/fn_event.h>
#include <wsd/body/fn_name.h>
#include <wsd/body/fn_database.h>
#include <wsd/body/fn_addrinfo.h>
#include <wsd/body/fn_mswsock.h>
#include <wsd/body/fn_extension.h>
#include <wsd/body/fn_kernel.h>
WSD_END_DECLS

#undef WSD_FN

#endif
