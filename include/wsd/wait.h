/* SPDX-License-Identifier: MIT */
/* Constants and types of the functions of body/fn_kernel.h, shared by both faces. */
#ifndef WSD_WAIT_H
#define WSD_WAIT_H

#include <wsd/base.h>

#define WAIT_OBJECT_0        0x00000000
#define WAIT_IO_COMPLETION   0x000000c0
#define WAIT_TIMEOUT         0x00000102
#define WAIT_FAILED          0xffffffffu
#define MAXIMUM_WAIT_OBJECTS 64
#define INFINITE             0xffffffffu

typedef struct _SECURITY_ATTRIBUTES {
	DWORD nLength;
	LPVOID lpSecurityDescriptor;
	BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

#endif
