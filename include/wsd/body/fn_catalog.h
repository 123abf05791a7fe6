/* SPDX-License-Identifier: MIT */
/* The catalogue of providers, as ws2spi.h shows it; once for both faces, included by them only. */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <ws2spi.h>, not a file of wsd/body"
#endif

/*
 * WSAEnumProtocolsW with the hidden entries too, and without WSAStartup. Codes at *lpErrno.
 * WSAENOBUFS too little room (the size needed is stored); WSAEFAULT lpdwBufferLength NULL.
 */
WSD_FN(int, WSCEnumProtocols,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOW lpProtocolBuffer, LPDWORD lpdwBufferLength,
	LPINT lpErrno));
