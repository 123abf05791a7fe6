/* SPDX-License-Identifier: MIT */
/*
 * Windows's basic types, with Windows's sizes, shared by both faces (abi.h and winsock2.h).
 * Only names that libc does not have. LONG, ULONG, DWORD and BOOL are 32 bits, WCHAR is 16
 * (PROV part 14).
 */
#ifndef WSD_BASE_H
#define WSD_BASE_H

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <uchar.h>
#endif
#include <wsd/version.h>

#if !defined(__LP64__)
#error "wsdirect: only 64-bit systems are supported"
#endif

/* Calling conventions and decorations that mean nothing here. */
#ifndef WSAAPI
#define WSAAPI
#endif
#ifndef WSPAPI
#define WSPAPI
#endif
#ifndef WINAPI
#define WINAPI
#endif
#ifndef CALLBACK
#define CALLBACK
#endif
#ifndef PASCAL
#define PASCAL
#endif
#ifndef FAR
#define FAR
#endif
#ifndef WINSOCK_API_LINKAGE
#define WINSOCK_API_LINKAGE
#endif
#ifndef NEAR
#define NEAR
#endif

#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif

typedef char CHAR;
typedef unsigned char UCHAR, *PUCHAR;
typedef unsigned char BYTE, *PBYTE, *LPBYTE;
typedef int16_t SHORT, *PSHORT;
typedef uint16_t USHORT, *PUSHORT;
typedef uint16_t WORD, *PWORD, *LPWORD;
typedef int INT, *PINT, *LPINT;
typedef unsigned int UINT, *PUINT;
typedef int BOOL, *PBOOL, *LPBOOL;
typedef BYTE BOOLEAN;
typedef int32_t LONG, *PLONG, *LPLONG;
typedef uint32_t ULONG, *PULONG;
typedef uint32_t DWORD, *PDWORD, *LPDWORD;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG, DWORDLONG;
typedef uint64_t ULONG64, UINT64;
typedef uintptr_t ULONG_PTR, *PULONG_PTR;
typedef uintptr_t DWORD_PTR, *PDWORD_PTR;
typedef uintptr_t UINT_PTR, WPARAM;
typedef intptr_t LONG_PTR, INT_PTR, LPARAM;
typedef uintptr_t SIZE_T, *PSIZE_T;
typedef intptr_t SSIZE_T;
typedef void *PVOID, *LPVOID;
typedef const void *PCVOID, *LPCVOID;

/* UTF-16 code units: literals are u"...", not L"..." (Linux's wchar_t has 32 bits). */
typedef char16_t WCHAR;
typedef WCHAR *PWCHAR, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWSTR, *PCWSTR;
typedef CHAR *PCHAR, *LPSTR, *PSTR;
typedef const CHAR *LPCSTR, *PCSTR;

typedef void *HANDLE, **PHANDLE, **LPHANDLE;
typedef void *HWND;
typedef void *HMODULE, *HINSTANCE;

typedef uintptr_t SOCKET;
typedef unsigned int GROUP;
typedef HANDLE WSAEVENT, *LPWSAEVENT;
typedef USHORT ADDRESS_FAMILY;

/* 64 bits, and their halves. */
typedef union _LARGE_INTEGER {
	__extension__ struct {
		DWORD LowPart;
		LONG HighPart;
	};
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

#define INVALID_SOCKET ((SOCKET) ~(SOCKET)0)
#define SOCKET_ERROR   (-1)
#ifndef INVALID_HANDLE_VALUE
#define INVALID_HANDLE_VALUE ((HANDLE)(intptr_t)-1)
#endif

#ifndef GUID_DEFINED
#define GUID_DEFINED
typedef struct _GUID {
	uint32_t Data1;
	uint16_t Data2;
	uint16_t Data3;
	uint8_t Data4[8];
} GUID, *LPGUID;
typedef const GUID *LPCGUID;
#endif

/* The text of both faces is written once, in wsd/body; the face says how a name looks. */
#ifdef __cplusplus
#define WSD_BEGIN_DECLS extern "C" {
#define WSD_END_DECLS   }
#else
#define WSD_BEGIN_DECLS
#define WSD_END_DECLS
#endif

#endif
