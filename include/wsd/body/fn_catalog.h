/* SPDX-License-Identifier: MIT */
/*
 * The catalogue of providers, as ws2spi.h shows it; once for both faces, included by them only.
 * None of these needs WSAStartup. They return SOCKET_ERROR with the code at *lpErrno (NULL: it is
 * not stored). Any thread may call.
 *
 * Here the catalogue is a directory of files (docs/catalogue.md), which one installs and removes.
 * So all but WSCEnumProtocols are not built yet: they answer WSAEOPNOTSUPP, whatever they are
 * given, leave the thread's last error alone, and change nothing. What each is to do, and its other
 * codes, are Microsoft's.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <ws2spi.h>, not a file of wsd/body"
#endif

/*
 * WSAEnumProtocolsW with the hidden entries too, and without WSAStartup. The code is the last error
 * too; success stores 0 at *lpErrno. WSAENOBUFS too little room or no buffer (the size needed is
 * stored), no memory, or no configuration; WSAEFAULT lpdwBufferLength NULL, or memory that cannot
 * be read or written, that of lpErrno included. SW-INIT-7.
 */
WSD_FN(int, WSCEnumProtocols,
       (LPINT lpiProtocols, LPWSAPROTOCOL_INFOW lpProtocolBuffer, LPDWORD lpdwBufferLength,
	LPINT lpErrno));

/*
 * Enter a provider's module and the protocols it serves. The caller keeps all memory. To be:
 * WSAEFAULT; WSAEINVAL the id is taken; WSAENOBUFS; WSANO_RECOVERY no right to write; WSAEOPNOTSUPP
 * now.
 */
WSD_FN(int, WSCInstallProvider,
       (LPGUID lpProviderId, const WCHAR *lpszProviderDllPath,
	const LPWSAPROTOCOL_INFOW lpProtocolInfoList, DWORD dwNumberOfEntries, LPINT lpErrno));

/* Change such an entry. To be: WSAEFAULT; WSAEINVAL unknown id; WSAENOBUFS; WSANO_RECOVERY.
 * WSAEOPNOTSUPP now. */
WSD_FN(int, WSCUpdateProvider,
       (LPGUID lpProviderId, const WCHAR *lpszProviderDllPath,
	const LPWSAPROTOCOL_INFOW lpProtocolInfoList, DWORD dwNumberOfEntries, LPINT lpErrno));

/* Take it out. To be: WSAEFAULT; WSAEINVAL unknown id; WSANO_RECOVERY. WSAEOPNOTSUPP now. */
WSD_FN(int, WSCDeinstallProvider, (LPGUID lpProviderId, LPINT lpErrno));

/*
 * The path of a provider's module, UTF-16; *lpProviderDllPathLen is room in and length out, in
 * units, the NUL included. To be: WSAEFAULT too little room (needed stored); WSAEINVAL unknown id.
 * WSAEOPNOTSUPP now; a provider asks lpWPUGetProviderPath, which is built.
 */
WSD_FN(int, WSCGetProviderPath,
       (LPGUID lpProviderId, WCHAR *lpszProviderDllPath, LPINT lpProviderDllPathLen,
	LPINT lpErrno));

/* One property of an entry, read and written; sizes are bytes. To be: WSAEFAULT; WSAEINVAL;
 * WSANO_RECOVERY. WSAEOPNOTSUPP now. */
WSD_FN(int, WSCGetProviderInfo,
       (LPGUID lpProviderId, WSC_PROVIDER_INFO_TYPE InfoType, PBYTE Info, size_t *InfoSize,
	DWORD Flags, LPINT lpErrno));
WSD_FN(int, WSCSetProviderInfo,
       (LPGUID lpProviderId, WSC_PROVIDER_INFO_TYPE InfoType, PBYTE Info, size_t InfoSize,
	DWORD Flags, LPINT lpErrno));

/* Which layered providers (LSP_*) a program permits; lengths are units. There are no layered
 * providers here: WSAEOPNOTSUPP. */
WSD_FN(int, WSCGetApplicationCategory,
       (LPCWSTR Path, DWORD PathLength, LPCWSTR Extra, DWORD ExtraLength,
	DWORD *pPermittedLspCategories, LPINT lpErrno));
WSD_FN(int, WSCSetApplicationCategory,
       (LPCWSTR Path, DWORD PathLength, LPCWSTR Extra, DWORD ExtraLength,
	DWORD PermittedLspCategories, DWORD *pPrevPermLspCat, LPINT lpErrno));
