/* SPDX-License-Identifier: MIT */
/* AF_UNIX names (wsd/body/afunix.h). No locks. */
#ifndef _AFUNIX_
#define _AFUNIX_

#include <winsock2.h>
#include <wsd/body/afunix.h>

#define UNIX_PATH_MAX WSD_UNIX_PATH_MAX

#endif
