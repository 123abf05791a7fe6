/* SPDX-License-Identifier: MIT */
/*
 * The little of Windows that Winsock programs commonly take from it: types, events, waiting, time,
 * a few macros. No locks. Contracts of the functions: wsd/body/fn_kernel.h. As on Windows it brings
 * Winsock with it unless WIN32_LEAN_AND_MEAN or _WINSOCKAPI_ is defined.
 */
#ifndef _WINDOWS_
#define _WINDOWS_

#include <stdarg.h>
#include <string.h>
#include <wsd/base.h>
#include <wsd/wait.h>

#ifndef __cdecl
#define __cdecl
#endif
#ifndef _cdecl
#define _cdecl
#endif
#ifndef __stdcall
#define __stdcall
#endif
#ifndef APIENTRY
#define APIENTRY
#endif
#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef VOID
#define VOID void
#endif
#ifndef UNALIGNED
#define UNALIGNED
#endif

#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR;
typedef LPWSTR LPTSTR, PTSTR;
typedef LPCWSTR LPCTSTR, PCTSTR;
#define WSD_TEXT(literal) u##literal
#else
typedef CHAR TCHAR, *PTCHAR;
typedef LPSTR LPTSTR, PTSTR;
typedef LPCSTR LPCTSTR, PCTSTR;
#define WSD_TEXT(literal) literal
#endif
#define TEXT(literal) WSD_TEXT(literal)

#define MAX_PATH 260

#define MAKEWORD(low, high) ((WORD)(((BYTE)(low)) | ((WORD)((BYTE)(high))) << 8))
#define MAKELONG(low, high) ((LONG)(((WORD)(low)) | ((DWORD)((WORD)(high))) << 16))
#define LOWORD(value)       ((WORD)((DWORD_PTR)(value)&0xffff))
#define HIWORD(value)       ((WORD)(((DWORD_PTR)(value) >> 16) & 0xffff))
#define LOBYTE(value)       ((BYTE)((DWORD_PTR)(value)&0xff))
#define HIBYTE(value)       ((BYTE)(((DWORD_PTR)(value) >> 8) & 0xff))

#define RtlZeroMemory(to, length)       memset((to), 0, (length))
#define RtlFillMemory(to, length, byte) memset((to), (byte), (length))
#define RtlCopyMemory(to, from, length) memcpy((to), (from), (length))
#define RtlMoveMemory(to, from, length) memmove((to), (from), (length))
#define ZeroMemory                      RtlZeroMemory
#define FillMemory                      RtlFillMemory
#define CopyMemory                      RtlCopyMemory
#define MoveMemory                      RtlMoveMemory

#define UNREFERENCED_PARAMETER(name) (void)(name)
#ifndef ARRAYSIZE
#define ARRAYSIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif
#if !defined(__cplusplus) && !defined(NOMINMAX)
#ifndef min
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif
#ifndef max
#define max(a, b) ((a) > (b) ? (a) : (b))
#endif
#endif

#ifdef __cplusplus
static inline BOOL IsEqualGUID(const GUID &a, const GUID &b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}
#else
#define IsEqualGUID(a, b) (memcmp((a), (b), sizeof(GUID)) == 0)
#endif

#define STATUS_PENDING                       ((DWORD)0x00000103)
#define HasOverlappedIoCompleted(overlapped) ((DWORD)(overlapped)->Internal != STATUS_PENDING)

/* Codes that Winsock programs meet under their Windows names. */
#define NO_ERROR                0
#define ERROR_SUCCESS           0
#define ERROR_INVALID_HANDLE    6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_INVALID_PARAMETER 87
#define ERROR_OPERATION_ABORTED 995
#define ERROR_IO_INCOMPLETE     996
#define ERROR_IO_PENDING        997

#define WSD_FN(ret, name, args) extern ret name args __asm__("wsd_" #name)
WSD_BEGIN_DECLS
#include <wsd/body/fn_kernel.h>
WSD_END_DECLS
#undef WSD_FN

#ifdef UNICODE
#define CreateEvent CreateEventW
#else
#define CreateEvent CreateEventA
#endif

#if !defined(WIN32_LEAN_AND_MEAN) && !defined(_WINSOCKAPI_)
#include <winsock2.h>
#endif

#endif
