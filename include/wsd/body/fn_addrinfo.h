/* SPDX-License-Identifier: MIT */
/*
 * The functions of ws2tcpip.h: names to addresses and back (winsock.md part 5, WS-NAME-9), written
 * once for both faces. Apart from fn_name.h because programs that include winsock2.h alone may have
 * an inet_pton of their own. Never included directly, hence without a guard. W forms take UTF-16
 * (u"..."), A forms the locale's bytes. Lengths of strings count characters, the NUL included.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <ws2tcpip.h>, not a file of wsd/body"
#endif

/*
 * Look up a host ("": this one) and service. Stores a list that freeaddrinfo frees. Returns 0 or
 * the code itself (also the last error): WSAEFAULT ppResult NULL or pHints unreadable;
 * WSAHOST_NOT_FOUND no such name, or both NULL; WSANO_DATA no address of that kind; WSATRY_AGAIN;
 * WSANO_RECOVERY; WSAEAFNOSUPPORT ai_family; WSAESOCKTNOSUPPORT ai_socktype; WSATYPE_NOT_FOUND
 * service unknown for the type; WSAEINVAL ai_flags, or other hints fields not 0;
 * WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED.
 */
WSD_FN(INT, getaddrinfo,
       (const char *pNodeName, const char *pServiceName, const ADDRINFOA *pHints,
	ADDRINFOA **ppResult));
WSD_FN(INT, GetAddrInfoW,
       (PCWSTR pNodeName, PCWSTR pServiceName, const ADDRINFOW *pHints, ADDRINFOW **ppResult));

/* Free such a list; NULL is none. Never fails. */
WSD_FN(void, freeaddrinfo, (PADDRINFOA pAddrInfo));
WSD_FN(void, FreeAddrInfoW, (PADDRINFOW pAddrInfo));

/*
 * The other way: text of an address and port into the caller's buffers (either may be NULL with
 * size 0). Flags NI_*. Returns 0 or the code itself: WSAEFAULT pSockaddr NULL, short or unreadable,
 * or a buffer too small; WSAEAFNOSUPPORT family; WSAEINVAL flags; WSAHOST_NOT_FOUND nothing asked
 * for, or NI_NAMEREQD and no name; WSATRY_AGAIN; WSANO_RECOVERY; WSA_NOT_ENOUGH_MEMORY;
 * WSANOTINITIALISED.
 */
WSD_FN(INT, getnameinfo,
       (const SOCKADDR *pSockaddr, INT SockaddrLength, char *pNodeBuffer, DWORD NodeBufferSize,
	char *pServiceBuffer, DWORD ServiceBufferSize, INT Flags));
WSD_FN(INT, GetNameInfoW,
       (const SOCKADDR *pSockaddr, INT SockaddrLength, WCHAR *pNodeBuffer, DWORD NodeBufferSize,
	WCHAR *pServiceBuffer, DWORD ServiceBufferSize, INT Flags));

/* A sentence for a code of these functions, never NULL, in memory of this thread that lasts until
 * its next call. Never fails, needs no WSAStartup. */
WSD_FN(char *, gai_strerrorA, (int ecode));
WSD_FN(WCHAR *, gai_strerrorW, (int ecode));

/* Text to address (4 or 16 bytes at pAddrBuf): 1, 0 not an address, -1 with WSAEFAULT NULL, or
 * WSAEAFNOSUPPORT. Needs no WSAStartup. */
WSD_FN(INT, inet_pton, (INT Family, const char *pszAddrString, void *pAddrBuf));
WSD_FN(INT, InetPtonW, (INT Family, PCWSTR pszAddrString, void *pAddrBuf));

/* Address to text: pStringBuf, or NULL with WSAEAFNOSUPPORT, or WSA_INVALID_PARAMETER: NULL or too
 * small. */
WSD_FN(const char *, inet_ntop,
       (INT Family, const void *pAddr, char *pStringBuf, size_t StringBufSize));
WSD_FN(PCWSTR, InetNtopW, (INT Family, const void *pAddr, PWSTR pStringBuf, size_t StringBufSize));

/*
 * getaddrinfo with a name space (NS_*) and its provider, a time limit, and overlapped: hEvent or
 * the routine tells, lpNameHandle then cancels. Stores a list that FreeAddrInfoEx frees. Not built
 * yet: WSAEOPNOTSUPP, as result and last error, whatever the arguments; before it only
 * WSANOTINITIALISED. To be: 0, WSA_IO_PENDING, or the codes of getaddrinfo; WSAETIMEDOUT;
 * WSA_E_CANCELLED; WSAEINVALIDPROVIDER lpNspId.
 */
WSD_FN(INT, GetAddrInfoExA,
       (PCSTR pName, PCSTR pServiceName, DWORD dwNameSpace, LPGUID lpNspId,
	const ADDRINFOEXA *pHints, PADDRINFOEXA *ppResult, struct timeval *timeout,
	LPOVERLAPPED lpOverlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE lpCompletionRoutine,
	LPHANDLE lpNameHandle));
WSD_FN(INT, GetAddrInfoExW,
       (PCWSTR pName, PCWSTR pServiceName, DWORD dwNameSpace, LPGUID lpNspId,
	const ADDRINFOEXW *pHints, PADDRINFOEXW *ppResult, struct timeval *timeout,
	LPOVERLAPPED lpOverlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE lpCompletionRoutine,
	LPHANDLE lpNameHandle));

/* Cancel, or read the result of, such an overlapped look-up. Not built yet: WSAEOPNOTSUPP, as
 * above. */
WSD_FN(INT, GetAddrInfoExCancel, (LPHANDLE lpHandle));
WSD_FN(INT, GetAddrInfoExOverlappedResult, (LPOVERLAPPED lpOverlapped));

/* Register a host's addresses and a blob with a name space. Not built yet: WSAEOPNOTSUPP, as
 * above. */
WSD_FN(INT, SetAddrInfoExA,
       (PCSTR pName, PCSTR pServiceName, SOCKET_ADDRESS *pAddresses, DWORD dwAddressCount,
	LPBLOB lpBlob, DWORD dwFlags, DWORD dwNameSpace, LPGUID lpNspId, struct timeval *timeout,
	LPOVERLAPPED lpOverlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE lpCompletionRoutine,
	LPHANDLE lpNameHandle));
WSD_FN(INT, SetAddrInfoExW,
       (PCWSTR pName, PCWSTR pServiceName, SOCKET_ADDRESS *pAddresses, DWORD dwAddressCount,
	LPBLOB lpBlob, DWORD dwFlags, DWORD dwNameSpace, LPGUID lpNspId, struct timeval *timeout,
	LPOVERLAPPED lpOverlapped, LPLOOKUPSERVICE_COMPLETION_ROUTINE lpCompletionRoutine,
	LPHANDLE lpNameHandle));

/* Free a list of GetAddrInfoExA or W; NULL is none. As long as those give no list, it does nothing.
 * Never fails. */
WSD_FN(void, FreeAddrInfoEx, (PADDRINFOEXA pAddrInfo));
WSD_FN(void, FreeAddrInfoExW, (PADDRINFOEXW pAddrInfo));
