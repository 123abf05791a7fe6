/* SPDX-License-Identifier: MIT */
/*
 * An extension of this project to the SAN SPI, optional for a provider: a switch whose thread is
 * about to sleep for a socket's completions attends to them itself, so that no thread of the
 * provider need wake it. Obtained as the others, by SIO_GET_EXTENSION_FUNCTION_POINTER; a provider
 * without it answers WSAEINVAL or WSAEOPNOTSUPP, and WPUCompleteOverlappedRequest comes from its
 * own thread. docs/design.md says what it saves. Included beside <wsd/abi.h>.
 */
#ifndef WSD_ATTEND_H
#define WSD_ATTEND_H

#include <wsd/abi.h>

/* {5C7B9E21-3F0D-4A86-9C41-7D2E60B1A8F4} */
/* clang-format off */
#define WSAID_WSDATTEND \
	{0x5c7b9e21, 0x3f0d, 0x4a86, {0x9c, 0x41, 0x7d, 0x2e, 0x60, 0xb1, 0xa8, 0xf4}}
/* clang-format on */

/*
 * fAttend TRUE: from now on the caller's side attends to the completions of s, and the provider's
 * own thread leaves them alone. Completions that are there are harvested first, as by
 * WSPGetOverlappedResult, with their upcalls on this thread: then 1 is returned, and the caller
 * looks at what came before it sleeps. Else 0, and *lpFd (borrowed, until WSPCloseSocket) becomes
 * readable with the next completion or the end of the connection; the caller polls it, and calls
 * again (or any WSPGetOverlappedResult) to harvest. Any number of threads may sleep on it.
 * FALSE: the provider's thread attends again; lpFd is not used. Returns 0.
 * SOCKET_ERROR: WSAENOTSOCK; WSAENOTCONN never connected; WSAEFAULT lpFd NULL with TRUE.
 * As long as nobody called with TRUE the provider's thread attends.
 */
typedef int(WSPAPI *LPFN_WSDATTEND)(SOCKET s, BOOL fAttend, int *lpFd, LPINT lpErrno);

#endif
