/* SPDX-License-Identifier: MIT */
/* The name of an AF_UNIX socket (winsock.md part 3.1), written once for both faces. Never included
 * directly, hence without a guard. */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <afunix.h>, not a file of wsd/body"
#endif

struct WSD_NAME(sockaddr_un) {
	ADDRESS_FAMILY sun_family;
	CHAR sun_path[WSD_UNIX_PATH_MAX];
};
typedef struct WSD_NAME(sockaddr_un) SOCKADDR_UN, *PSOCKADDR_UN;
