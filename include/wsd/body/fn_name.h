/* SPDX-License-Identifier: MIT */
/*
 * Names and addresses as text (winsock.md part 5, WS-NAME-9), written once for both faces. Never included
 * directly, hence without a guard. W forms take UTF-16 (u"..."), A forms the locale's bytes. "The common
 * codes" are those of fn_socket.h. Lengths of strings count characters, the NUL included.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <ws2tcpip.h>, not a file of wsd/body"
#endif

/*
 * Look up a host and service. Stores a list that freeaddrinfo frees. Returns 0 or the code itself (also
 * the last error): WSAHOST_NOT_FOUND no such name, or both NULL; WSANO_DATA no address of that kind; WSATRY_AGAIN;
 * WSANO_RECOVERY; WSAEAFNOSUPPORT ai_family; WSAESOCKTNOSUPPORT ai_socktype; WSATYPE_NOT_FOUND service
 * unknown for the type; WSAEINVAL ai_flags, or other hints fields not 0; WSA_NOT_ENOUGH_MEMORY;
 * WSANOTINITIALISED.
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
 * The other way: text of an address and port into the caller's buffers (either may be NULL with size 0). Flags
 * NI_*. Returns 0 or the code itself: WSAEFAULT pSockaddr NULL or short, or a buffer too small;
 * WSAEINVAL flags, or nothing asked for; WSAEAFNOSUPPORT family; WSAHOST_NOT_FOUND NI_NAMEREQD and no
 * name; WSATRY_AGAIN; WSANO_RECOVERY; WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED.
 */
WSD_FN(INT, getnameinfo,
       (const SOCKADDR *pSockaddr, INT SockaddrLength, char *pNodeBuffer, DWORD NodeBufferSize,
	char *pServiceBuffer, DWORD ServiceBufferSize, INT Flags));
WSD_FN(INT, GetNameInfoW,
       (const SOCKADDR *pSockaddr, INT SockaddrLength, WCHAR *pNodeBuffer, DWORD NodeBufferSize,
	WCHAR *pServiceBuffer, DWORD ServiceBufferSize, INT Flags));

/* A sentence for a code of these functions; static, never NULL. Never fails. */
WSD_FN(char *, gai_strerrorA, (int ecode));
WSD_FN(WCHAR *, gai_strerrorW, (int ecode));

/* This host's name in name (namelen bytes). WSAEFAULT NULL or too small; WSANOTINITIALISED; WSAENETDOWN. */
WSD_FN(int, gethostname, (char *name, int namelen));

/*
 * Deprecated, IPv4 only: the addresses of a name, in memory of this thread that lasts until its next call. NULL:
 * WSAHOST_NOT_FOUND; WSATRY_AGAIN; WSANO_RECOVERY; WSANO_DATA; WSAEFAULT; the common codes.
 */
WSD_FN(struct WSD_NAME(hostent) *, gethostbyname, (const char *name));

/* a.b.c.d (also a.b.c, a.b, a; octal and hexadecimal) in network byte order; INADDR_NONE if it is none. */
WSD_FN(ULONG, inet_addr, (const char *cp));
/* The dotted text, in memory of this thread that lasts until its next call. */
WSD_FN(char *, inet_ntoa, (struct WSD_NAME(in_addr) in));

/* Text to address (4 or 16 bytes at pAddrBuf): 1, 0 not an address, -1 with WSAEAFNOSUPPORT or WSAEFAULT. */
WSD_FN(INT, inet_pton, (INT Family, const char *pszAddrString, void *pAddrBuf));
WSD_FN(INT, InetPtonW, (INT Family, PCWSTR pszAddrString, void *pAddrBuf));

/* Address to text: pStringBuf, or NULL with WSAEAFNOSUPPORT, or WSA_INVALID_PARAMETER: NULL or too small. */
WSD_FN(const char *, inet_ntop,
       (INT Family, const void *pAddr, char *pStringBuf, size_t StringBufSize));
WSD_FN(PCWSTR, InetNtopW, (INT Family, const void *pAddr, PWSTR pStringBuf, size_t StringBufSize));

/*
 * Text with an optional port to a sockaddr; *lpAddressLength is bytes of room in, size out. WSAEFAULT too little
 * room or NULL; WSAEINVAL not an address of that family; WSANOTINITIALISED.
 */
WSD_FN(INT, WSAStringToAddressA,
       (LPSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOA lpProtocolInfo,
	LPSOCKADDR lpAddress, LPINT lpAddressLength));
WSD_FN(INT, WSAStringToAddressW,
       (LPWSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOW lpProtocolInfo,
	LPSOCKADDR lpAddress, LPINT lpAddressLength));

/*
 * A sockaddr to text, with the port if it is not 0; *lpdwAddressStringLength is room in, needed out.
 * WSAEFAULT too little room or NULL; WSAEINVAL family or length; WSANOTINITIALISED.
 */
WSD_FN(INT, WSAAddressToStringA,
       (LPSOCKADDR lpsaAddress, DWORD dwAddressLength, LPWSAPROTOCOL_INFOA lpProtocolInfo,
	LPSTR lpszAddressString, LPDWORD lpdwAddressStringLength));
WSD_FN(INT, WSAAddressToStringW,
       (LPSOCKADDR lpsaAddress, DWORD dwAddressLength, LPWSAPROTOCOL_INFOW lpProtocolInfo,
	LPWSTR lpszAddressString, LPDWORD lpdwAddressStringLength));

/* Byte order. Need no WSAStartup, never fail. */
WSD_FN(USHORT, htons, (USHORT hostshort));
WSD_FN(USHORT, ntohs, (USHORT netshort));
WSD_FN(ULONG, htonl, (ULONG hostlong));
WSD_FN(ULONG, ntohl, (ULONG netlong));

/* The same in the byte order of a socket's protocol (network order, always). WSAEFAULT NULL; the common codes. */
WSD_FN(int, WSAHtons, (SOCKET s, USHORT hostshort, USHORT *lpnetshort));
WSD_FN(int, WSANtohs, (SOCKET s, USHORT netshort, USHORT *lphostshort));
WSD_FN(int, WSAHtonl, (SOCKET s, ULONG hostlong, ULONG *lpnetlong));
WSD_FN(int, WSANtohl, (SOCKET s, ULONG netlong, ULONG *lphostlong));
