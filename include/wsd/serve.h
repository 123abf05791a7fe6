/* SPDX-License-Identifier: MIT */
/*
 * An extension of this project to the SAN SPI, optional for a provider: a switch that has a thread
 * of its own for events does the provider's event thread's work on it, so that what an upcall
 * brings is dealt with by the thread that brought it, and none is woken. Obtained as the others, by
 * SIO_GET_EXTENSION_FUNCTION_POINTER; a provider without it answers WSAEINVAL or WSAEOPNOTSUPP, and
 * upcalls come from its own thread. Included beside <wsd/abi.h>.
 */
#ifndef WSD_SERVE_H
#define WSD_SERVE_H

#include <wsd/abi.h>

/* {B1D2A6F0-94C7-4E3B-8A55-0C6F7E19D3B2} */
/* clang-format off */
#define WSAID_WSDSERVE \
	{0xb1d2a6f0, 0x94c7, 0x4e3b, {0x8a, 0x55, 0x0c, 0x6f, 0x7e, 0x19, 0xd3, 0xb2}}
/* clang-format on */

enum {
	/* From now on the caller's side serves: *lpFd (borrowed, until WSPCleanup) is readable as
	 * long as there is something to do. The provider's thread may be at work for a moment yet.
	 */
	WSD_SERVE_TAKE = 1,
	/* What there is to do is done, with its upcalls on this thread; no wait for more. A part
	 * may be left: then the descriptor is readable still. By one thread, with no lock held that
	 * a caller of the provider holds; not from inside an upcall. Does nothing while nobody has
	 * taken. */
	WSD_SERVE_RUN = 2,
	/* The provider's thread serves again. No WSD_SERVE_RUN is under way, or it is this
	 * thread's. */
	WSD_SERVE_GIVE = 3,
};

/* 0, or SOCKET_ERROR: WSANOTINITIALISED; WSAEFAULT lpFd NULL with WSD_SERVE_TAKE; WSAEINVAL. */
typedef int(WSPAPI *LPFN_WSDSERVE)(DWORD dwCommand, int *lpFd, LPINT lpErrno);

#endif
