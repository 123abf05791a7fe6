/* SPDX-License-Identifier: MIT */
/*
 * Host names, addresses as text, byte order (winsock.md part 5, WS-NAME-9), written once for both
 * faces. Never included directly, hence without a guard. W forms take UTF-16 (u"..."), A forms the
 * locale's bytes. "The common codes" are those of fn_socket.h. Lengths of strings count characters,
 * the NUL included.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <winsock2.h>, not a file of wsd/body"
#endif

/* This host's name in name (namelen bytes). WSAEFAULT NULL or too small; WSANOTINITIALISED;
 * WSAENETDOWN. */
WSD_FN(int, gethostname, (char *name, int namelen));

/* The same in UTF-16; namelen counts units, and so much is needed as the name and its NUL have. */
WSD_FN(int, GetHostNameW, (PWSTR name, int namelen));

/*
 * Deprecated, IPv4 only: the addresses of a name (NULL and "": this host), 32 at most and no
 * aliases, in memory of this thread that lasts until its next call. NULL: WSAHOST_NOT_FOUND;
 * WSATRY_AGAIN; WSANO_RECOVERY; WSANO_DATA; WSA_NOT_ENOUGH_MEMORY; WSANOTINITIALISED.
 */
WSD_FN(struct WSD_NAME(hostent) *, gethostbyname, (const char *name));

/* a.b.c.d (also a.b.c, a.b, a; octal and hexadecimal) in network byte order; INADDR_NONE if it is
 * none; a single blank is 0. Needs no WSAStartup. */
WSD_FN(ULONG, inet_addr, (const char *cp));
/* The dotted text, in memory of this thread that lasts until its next call. */
WSD_FN(char *, inet_ntoa, (struct WSD_NAME(in_addr) in));

/*
 * Text with an optional port to a sockaddr; *lpAddressLength is bytes of room in, size out.
 * WSAEFAULT too little room or NULL; WSAEINVAL not an address of that family; WSANOTINITIALISED.
 */
WSD_FN(INT, WSAStringToAddressA,
       (LPSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOA lpProtocolInfo,
	LPSOCKADDR lpAddress, LPINT lpAddressLength));
WSD_FN(INT, WSAStringToAddressW,
       (LPWSTR AddressString, INT AddressFamily, LPWSAPROTOCOL_INFOW lpProtocolInfo,
	LPSOCKADDR lpAddress, LPINT lpAddressLength));

/*
 * A sockaddr to text, with the port if it is not 0; *lpdwAddressStringLength is room in, needed
 * out. WSAEFAULT too little room or NULL; WSAEINVAL family or length; WSANOTINITIALISED.
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

/* The same in the byte order of a socket's protocol (network order, always). WSAEFAULT NULL; the
 * common codes. */
WSD_FN(int, WSAHtons, (SOCKET s, USHORT hostshort, USHORT *lpnetshort));
WSD_FN(int, WSANtohs, (SOCKET s, USHORT netshort, USHORT *lphostshort));
WSD_FN(int, WSAHtonl, (SOCKET s, ULONG hostlong, ULONG *lpnetlong));
WSD_FN(int, WSANtohl, (SOCKET s, ULONG netlong, ULONG *lphostlong));
