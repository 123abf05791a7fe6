/* SPDX-License-Identifier: MIT */
/*
 * Structures that few programs use: networks and protocol families by name, the long form of
 * getaddrinfo's list, multicast filters, interfaces, objects of quality of service; written once
 * for both faces. Never included directly, hence without a guard.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <winsock2.h>, not a file of wsd/body"
#endif

struct WSD_NAME(netent) {
	char *n_name;
	char **n_aliases;
	short n_addrtype;
	ULONG n_net;
};

struct sockproto {
	USHORT sp_family;
	USHORT sp_protocol;
};

/* Bytes that a name space attaches to an entry. */
typedef struct _BLOB {
	ULONG cbSize;
	BYTE *pBlobData;
} BLOB, *LPBLOB;

/* ---- GetAddrInfoEx ---- */

typedef struct addrinfoexA {
	int ai_flags;
	int ai_family;
	int ai_socktype;
	int ai_protocol;
	size_t ai_addrlen;
	char *ai_canonname;
	struct WSD_NAME(sockaddr) * ai_addr;
	void *ai_blob;
	size_t ai_bloblen; /* bytes */
	LPGUID ai_provider;
	struct addrinfoexA *ai_next;
} ADDRINFOEXA, *PADDRINFOEXA, *LPADDRINFOEXA;

typedef struct addrinfoexW {
	int ai_flags;
	int ai_family;
	int ai_socktype;
	int ai_protocol;
	size_t ai_addrlen;
	PWSTR ai_canonname;
	struct WSD_NAME(sockaddr) * ai_addr;
	void *ai_blob;
	size_t ai_bloblen; /* bytes */
	LPGUID ai_provider;
	struct addrinfoexW *ai_next;
} ADDRINFOEXW, *PADDRINFOEXW, *LPADDRINFOEXW;

/* Called at the end of an overlapped look-up, with its code; dwBytes is 0. */
typedef void(CALLBACK *LPLOOKUPSERVICE_COMPLETION_ROUTINE)(DWORD dwError, DWORD dwBytes,
							   LPWSAOVERLAPPED lpOverlapped);

/* ---- multicast ---- */

typedef int MULTICAST_MODE_TYPE;        /* MCAST_INCLUDE, MCAST_EXCLUDE */
typedef int PMTUD_STATE, *PPMTUD_STATE; /* IP_PMTUDISC_* */

/*
 * SIO_SET_MULTICAST_FILTER and SIO_GET_MULTICAST_FILTER; imsf_slist has imsf_numsrc entries. Its
 * name IP_MSFILTER is a number in Linux's <netinet/in.h>, and only a type in Winsock's face.
 */
struct WSD_NAME(ip_msfilter) {
	IN_ADDR imsf_multiaddr;
	IN_ADDR imsf_interface;
	MULTICAST_MODE_TYPE imsf_fmode;
	ULONG imsf_numsrc;
	IN_ADDR imsf_slist[1];
};
typedef struct WSD_NAME(ip_msfilter) * PIP_MSFILTER;

typedef struct WSD_NAME(group_filter) {
	ULONG gf_interface;
	SOCKADDR_STORAGE gf_group;
	MULTICAST_MODE_TYPE gf_fmode;
	ULONG gf_numsrc;
	SOCKADDR_STORAGE gf_slist[1];
} GROUP_FILTER, *PGROUP_FILTER;

/* SIO_ADDRESS_LIST_SORT. */
typedef struct _sockaddr_in6_pair {
	PSOCKADDR_IN6 SourceAddress;
	PSOCKADDR_IN6 DestinationAddress;
} SOCKADDR_IN6_PAIR, *PSOCKADDR_IN6_PAIR;

/* ---- interfaces: SIO_GET_INTERFACE_LIST and SIO_GET_INTERFACE_LIST_EX ---- */

/* The first form of sockaddr_in6, without a scope. */
struct sockaddr_in6_old {
	SHORT sin6_family;
	USHORT sin6_port;
	ULONG sin6_flowinfo;
	IN6_ADDR sin6_addr;
};

typedef union sockaddr_gen {
	struct WSD_NAME(sockaddr) Address;
	struct WSD_NAME(sockaddr_in) AddressIn;
	struct sockaddr_in6_old AddressIn6;
} sockaddr_gen;

typedef struct _INTERFACE_INFO {
	ULONG iiFlags; /* IFF_* */
	sockaddr_gen iiAddress;
	sockaddr_gen iiBroadcastAddress;
	sockaddr_gen iiNetmask;
} INTERFACE_INFO, *LPINTERFACE_INFO;

typedef struct _INTERFACE_INFO_EX {
	ULONG iiFlags; /* IFF_* */
	SOCKET_ADDRESS iiAddress;
	SOCKET_ADDRESS iiBroadcastAddress;
	SOCKET_ADDRESS iiNetmask;
} INTERFACE_INFO_EX, *LPINTERFACE_INFO_EX;

/* ---- objects behind QOS.ProviderSpecific ---- */

typedef struct _QOS_OBJECT_HDR {
	ULONG ObjectType;   /* QOS_OBJECT_* */
	ULONG ObjectLength; /* bytes, this header included */
} QOS_OBJECT_HDR, *LPQOS_OBJECT_HDR;

typedef struct _QOS_SD_MODE {
	QOS_OBJECT_HDR ObjectHdr;
	ULONG ShapeDiscardMode; /* TC_NONCONF_* */
} QOS_SD_MODE, *LPQOS_SD_MODE;

typedef struct _QOS_SHAPING_RATE {
	QOS_OBJECT_HDR ObjectHdr;
	ULONG ShapingRate; /* bytes a second */
} QOS_SHAPING_RATE, *LPQOS_SHAPING_RATE;
