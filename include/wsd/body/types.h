/* SPDX-License-Identifier: MIT */
/*
 * Addresses, names and the structures of the Winsock calls (PROV part 14), written once for both
 * faces: WSD_NAME(sockaddr) is struct wsd_sockaddr in abi.h and struct sockaddr in winsock2.h.
 * Never included directly, hence without a guard: each face includes it once.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <winsock2.h>, not a file of wsd/body"
#endif

/* ---- addresses ---- */

struct WSD_NAME(sockaddr) {
	ADDRESS_FAMILY sa_family;
	CHAR sa_data[14];
};
typedef struct WSD_NAME(sockaddr) SOCKADDR, *PSOCKADDR, *LPSOCKADDR;

/* The three views of S_un, named at file scope because C++ allows no type inside a nameless union.
 */
struct wsd_in_addr_bytes {
	UCHAR s_b1, s_b2, s_b3, s_b4;
};
struct wsd_in_addr_words {
	USHORT s_w1, s_w2;
};
union wsd_in_addr_views {
	struct wsd_in_addr_bytes S_un_b;
	struct wsd_in_addr_words S_un_w;
	ULONG S_addr;
};
/* s_addr is a real member (on Windows a macro), so that it lives beside libc's in_addr. */
struct WSD_NAME(in_addr) {
	__extension__ union {
		union wsd_in_addr_views S_un;
		ULONG s_addr;
	};
};
typedef struct WSD_NAME(in_addr) IN_ADDR, *PIN_ADDR, *LPIN_ADDR;

/* s6_addr and s6_words are macros of winsock2.h; the prefixed face says u.Byte and u.Word. */
struct WSD_NAME(in6_addr) {
	union {
		UCHAR Byte[16];
		USHORT Word[8];
	} u;
};
typedef struct WSD_NAME(in6_addr) IN6_ADDR, *PIN6_ADDR, *LPIN6_ADDR;

struct WSD_NAME(sockaddr_in) {
	ADDRESS_FAMILY sin_family;
	USHORT sin_port; /* network byte order */
	IN_ADDR sin_addr;
	CHAR sin_zero[8];
};
typedef struct WSD_NAME(sockaddr_in) SOCKADDR_IN, *PSOCKADDR_IN, *LPSOCKADDR_IN;

typedef enum _SCOPE_LEVEL {
	ScopeLevelInterface = 1,
	ScopeLevelLink = 2,
	ScopeLevelSubnet = 3,
	ScopeLevelAdmin = 4,
	ScopeLevelSite = 5,
	ScopeLevelOrganization = 8,
	ScopeLevelGlobal = 14,
	ScopeLevelCount = 16
} SCOPE_LEVEL;

typedef struct _SCOPE_ID {
	__extension__ union {
		__extension__ struct {
			ULONG Zone : 28;
			ULONG Level : 4; /* a SCOPE_LEVEL */
		};
		ULONG Value;
	};
} SCOPE_ID, *PSCOPE_ID;

struct WSD_NAME(sockaddr_in6) {
	ADDRESS_FAMILY sin6_family;
	USHORT sin6_port; /* network byte order */
	ULONG sin6_flowinfo;
	IN6_ADDR sin6_addr;
	__extension__ union {
		ULONG sin6_scope_id;
		SCOPE_ID sin6_scope_struct;
	};
};
typedef struct WSD_NAME(sockaddr_in6) SOCKADDR_IN6, *PSOCKADDR_IN6, *LPSOCKADDR_IN6;

struct WSD_NAME(sockaddr_storage) {
	ADDRESS_FAMILY ss_family;
	CHAR __ss_pad1[6];
	int64_t __ss_align;
	CHAR __ss_pad2[112];
};
typedef struct WSD_NAME(sockaddr_storage) SOCKADDR_STORAGE, *PSOCKADDR_STORAGE, *LPSOCKADDR_STORAGE;

typedef union _SOCKADDR_INET {
	SOCKADDR_IN Ipv4;
	SOCKADDR_IN6 Ipv6;
	ADDRESS_FAMILY si_family;
} SOCKADDR_INET, *PSOCKADDR_INET;

typedef struct _SOCKET_ADDRESS {
	LPSOCKADDR lpSockaddr;
	INT iSockaddrLength;
} SOCKET_ADDRESS, *PSOCKET_ADDRESS, *LPSOCKET_ADDRESS;

typedef struct _SOCKET_ADDRESS_LIST {
	INT iAddressCount;
	SOCKET_ADDRESS Address[1];
} SOCKET_ADDRESS_LIST, *PSOCKET_ADDRESS_LIST, *LPSOCKET_ADDRESS_LIST;

/* SO_BSP_STATE (WS-NAME-7). */
typedef struct _CSADDR_INFO {
	SOCKET_ADDRESS LocalAddr;
	SOCKET_ADDRESS RemoteAddr;
	INT iSocketType;
	INT iProtocol;
} CSADDR_INFO, *PCSADDR_INFO, *LPCSADDR_INFO;

/* ---- names ---- */

typedef struct WSD_NAME(addrinfo) {
	int ai_flags;
	int ai_family;
	int ai_socktype;
	int ai_protocol;
	size_t ai_addrlen;
	char *ai_canonname;
	struct WSD_NAME(sockaddr) * ai_addr;
	struct WSD_NAME(addrinfo) * ai_next;
} ADDRINFOA, *PADDRINFOA, *LPADDRINFOA;

typedef struct addrinfoW {
	int ai_flags;
	int ai_family;
	int ai_socktype;
	int ai_protocol;
	size_t ai_addrlen;
	PWSTR ai_canonname;
	struct WSD_NAME(sockaddr) * ai_addr;
	struct addrinfoW *ai_next;
} ADDRINFOW, *PADDRINFOW, *LPADDRINFOW;

struct WSD_NAME(hostent) {
	char *h_name;
	char **h_aliases;
	short h_addrtype;
	short h_length;
	char **h_addr_list;
};
typedef struct WSD_NAME(hostent) HOSTENT, *PHOSTENT, *LPHOSTENT;

/* s_proto before s_port, as Windows has it where pointers have 64 bits. */
struct WSD_NAME(servent) {
	char *s_name;
	char **s_aliases;
	char *s_proto;
	short s_port; /* network byte order */
};
typedef struct WSD_NAME(servent) SERVENT, *PSERVENT, *LPSERVENT;

struct WSD_NAME(protoent) {
	char *p_name;
	char **p_aliases;
	short p_proto;
};
typedef struct WSD_NAME(protoent) PROTOENT, *PPROTOENT, *LPPROTOENT;

/* ---- option values ---- */

struct WSD_NAME(linger) {
	USHORT l_onoff;
	USHORT l_linger; /* seconds */
};
typedef struct WSD_NAME(linger) LINGER, *PLINGER, *LPLINGER;

typedef struct WSD_NAME(ip_mreq) {
	IN_ADDR imr_multiaddr;
	IN_ADDR imr_interface;
} IP_MREQ, *PIP_MREQ;

typedef struct WSD_NAME(ip_mreq_source) {
	IN_ADDR imr_multiaddr;
	IN_ADDR imr_sourceaddr;
	IN_ADDR imr_interface;
} IP_MREQ_SOURCE, *PIP_MREQ_SOURCE;

typedef struct WSD_NAME(ipv6_mreq) {
	IN6_ADDR ipv6mr_multiaddr;
	ULONG ipv6mr_interface;
} IPV6_MREQ, *PIPV6_MREQ;

typedef struct WSD_NAME(group_req) {
	ULONG gr_interface;
	SOCKADDR_STORAGE gr_group;
} GROUP_REQ, *PGROUP_REQ;

typedef struct WSD_NAME(group_source_req) {
	ULONG gsr_interface;
	SOCKADDR_STORAGE gsr_group;
	SOCKADDR_STORAGE gsr_source;
} GROUP_SOURCE_REQ, *PGROUP_SOURCE_REQ;

typedef struct WSD_NAME(in_pktinfo) {
	IN_ADDR ipi_addr;
	ULONG ipi_ifindex;
} IN_PKTINFO, *PIN_PKTINFO;

typedef struct WSD_NAME(in6_pktinfo) {
	IN6_ADDR ipi6_addr;
	ULONG ipi6_ifindex;
} IN6_PKTINFO, *PIN6_PKTINFO;

/* ---- startup ---- */

typedef struct WSAData {
	WORD wVersion;
	WORD wHighVersion;
	USHORT iMaxSockets;
	USHORT iMaxUdpDg;
	char *lpVendorInfo;
	char szDescription[WSADESCRIPTION_LEN + 1];
	char szSystemStatus[WSASYS_STATUS_LEN + 1];
} WSADATA, *LPWSADATA;

/* ---- buffers and overlapped operations ---- */

typedef struct _WSABUF {
	ULONG len;
	CHAR *buf;
} WSABUF, *LPWSABUF;

typedef struct _OVERLAPPED {
	ULONG_PTR Internal;     /* WSS_OPERATION_IN_PROGRESS while it runs (PROV-OVL-2) */
	ULONG_PTR InternalHigh; /* bytes transferred */
	DWORD Offset;
	DWORD OffsetHigh;
	HANDLE hEvent; /* at the SPI: low bit set means "do not tell me" (PROV-OVL-1) */
} OVERLAPPED, *LPOVERLAPPED, WSAOVERLAPPED, *LPWSAOVERLAPPED;

typedef void(CALLBACK *LPWSAOVERLAPPED_COMPLETION_ROUTINE)(DWORD dwError, DWORD cbTransferred,
							   LPWSAOVERLAPPED lpOverlapped,
							   DWORD dwFlags);

typedef struct _WSAMSG {
	LPSOCKADDR name;
	INT namelen;
	LPWSABUF lpBuffers;
	ULONG dwBufferCount;
	WSABUF Control;
	ULONG dwFlags;
} WSAMSG, *PWSAMSG, *LPWSAMSG;

typedef struct WSD_NAME(cmsghdr) {
	SIZE_T cmsg_len;
	INT cmsg_level;
	INT cmsg_type;
} WSACMSGHDR, *PWSACMSGHDR, *LPWSACMSGHDR;

#define WSA_CMSGDATA_ALIGN(length) (((length) + sizeof(SIZE_T) - 1) & ~(sizeof(SIZE_T) - 1))
#define WSA_CMSGHDR_ALIGN(length)  WSA_CMSGDATA_ALIGN(length)
#define WSA_CMSG_SPACE(length)     (sizeof(WSACMSGHDR) + WSA_CMSGHDR_ALIGN(length))
#define WSA_CMSG_LEN(length)       (sizeof(WSACMSGHDR) + (length))
#define WSA_CMSG_DATA(cmsg)        ((UCHAR *)((cmsg) + 1))
#define WSA_CMSG_FIRSTHDR(msg)                                                               \
	((msg)->Control.len >= sizeof(WSACMSGHDR) ? (LPWSACMSGHDR)(void *)(msg)->Control.buf \
						  : (LPWSACMSGHDR)0)
#define WSA_CMSG_NXTHDR(msg, cmsg) wsd_cmsg_next((msg), (cmsg))

/* The header after cmsg, the first one for NULL, or NULL when no whole one follows. */
static inline LPWSACMSGHDR wsd_cmsg_next(const WSAMSG *msg, LPWSACMSGHDR cmsg)
{
	UCHAR *end = (UCHAR *)msg->Control.buf + msg->Control.len;
	UCHAR *next;

	if (!cmsg)
		return WSA_CMSG_FIRSTHDR(msg);
	if (cmsg->cmsg_len > (SIZE_T)(end - (UCHAR *)cmsg))
		return (LPWSACMSGHDR)0;
	next = (UCHAR *)cmsg + WSA_CMSGHDR_ALIGN(cmsg->cmsg_len);
	if (next > end || (SIZE_T)(end - next) < sizeof(WSACMSGHDR))
		return (LPWSACMSGHDR)0;
	return (LPWSACMSGHDR)(void *)next;
}

/* ---- events, select, poll ---- */

typedef struct _WSANETWORKEVENTS {
	LONG lNetworkEvents;
	int iErrorCode[FD_MAX_EVENTS];
} WSANETWORKEVENTS, *LPWSANETWORKEVENTS;

/*
 * Without WSD_NAME: in winsock2.h fd_set is a macro, because libc's <stdlib.h> has one already. The
 * library trusts fd_count alone, so a set may be of any size (WS-SELECT-1).
 */
#ifndef WSD_FD_SETSIZE
#define WSD_FD_SETSIZE 64
#endif
typedef struct wsd_fd_set {
	UINT fd_count;
	SOCKET fd_array[WSD_FD_SETSIZE];
} wsd_fd_set, FD_SET, *PFD_SET, *LPFD_SET;

typedef struct WSD_NAME(pollfd) {
	SOCKET fd;
	SHORT events;
	SHORT revents;
} WSAPOLLFD, *PWSAPOLLFD, *LPWSAPOLLFD;

/* ---- quality of service: carried, never interpreted ---- */

typedef ULONG SERVICETYPE;
#define SERVICETYPE_NOTRAFFIC      0x00000000
#define SERVICETYPE_BESTEFFORT     0x00000001
#define SERVICETYPE_CONTROLLEDLOAD 0x00000002
#define SERVICETYPE_GUARANTEED     0x00000003

typedef struct _flowspec {
	ULONG TokenRate;
	ULONG TokenBucketSize;
	ULONG PeakBandwidth;
	ULONG Latency;
	ULONG DelayVariation;
	SERVICETYPE ServiceType;
	ULONG MaxSduSize;
	ULONG MinimumPolicedSize;
} FLOWSPEC, *PFLOWSPEC, *LPFLOWSPEC;

typedef struct _QualityOfService {
	FLOWSPEC SendingFlowspec;
	FLOWSPEC ReceivingFlowspec;
	WSABUF ProviderSpecific;
} QOS, *LPQOS;

/* ---- protocols ---- */

typedef struct _WSAPROTOCOLCHAIN {
	int ChainLen;
	DWORD ChainEntries[MAX_PROTOCOL_CHAIN];
} WSAPROTOCOLCHAIN, *LPWSAPROTOCOLCHAIN;

typedef struct _WSAPROTOCOL_INFOA {
	DWORD dwServiceFlags1; /* XP1_* */
	DWORD dwServiceFlags2;
	DWORD dwServiceFlags3;
	DWORD dwServiceFlags4;
	DWORD dwProviderFlags; /* PFL_* */
	GUID ProviderId;
	DWORD dwCatalogEntryId;
	WSAPROTOCOLCHAIN ProtocolChain;
	int iVersion;
	int iAddressFamily;
	int iMaxSockAddr;
	int iMinSockAddr;
	int iSocketType;
	int iProtocol;
	int iProtocolMaxOffset;
	int iNetworkByteOrder;
	int iSecurityScheme;
	DWORD dwMessageSize;
	DWORD dwProviderReserved; /* non-zero: a duplicated socket (PROV-DUP-2) */
	CHAR szProtocol[WSAPROTOCOL_LEN + 1];
} WSAPROTOCOL_INFOA, *LPWSAPROTOCOL_INFOA;

typedef struct _WSAPROTOCOL_INFOW {
	DWORD dwServiceFlags1;
	DWORD dwServiceFlags2;
	DWORD dwServiceFlags3;
	DWORD dwServiceFlags4;
	DWORD dwProviderFlags;
	GUID ProviderId;
	DWORD dwCatalogEntryId;
	WSAPROTOCOLCHAIN ProtocolChain;
	int iVersion;
	int iAddressFamily;
	int iMaxSockAddr;
	int iMinSockAddr;
	int iSocketType;
	int iProtocol;
	int iProtocolMaxOffset;
	int iNetworkByteOrder;
	int iSecurityScheme;
	DWORD dwMessageSize;
	DWORD dwProviderReserved;
	WCHAR szProtocol[WSAPROTOCOL_LEN + 1];
} WSAPROTOCOL_INFOW, *LPWSAPROTOCOL_INFOW;

/*
 * The question of an accept: who calls, whom, answered by CF_ACCEPT, CF_REJECT or CF_DEFER. It runs
 * on the thread that accepts, before the accept returns (PROV-ACCEPT-3, WS-ACCEPT-4).
 */
typedef int(CALLBACK *LPCONDITIONPROC)(LPWSABUF lpCallerId, LPWSABUF lpCallerData, LPQOS lpSQOS,
				       LPQOS lpGQOS, LPWSABUF lpCalleeId, LPWSABUF lpCalleeData,
				       GROUP *g, DWORD_PTR dwCallbackData);

/* ---- mswsock ---- */

/* One piece of what TransmitPackets sends: memory, or a part of a file. */
typedef struct _TRANSMIT_PACKETS_ELEMENT {
	ULONG dwElFlags; /* TP_ELEMENT_MEMORY or TP_ELEMENT_FILE, and TP_ELEMENT_EOP */
	ULONG cLength;   /* bytes; of a file, 0: to its end */
	__extension__ union {
		__extension__ struct {
			LARGE_INTEGER nFileOffset; /* -1: from the file's position */
			HANDLE hFile;              /* WSD_FILE_HANDLE(fd) */
		};
		PVOID pBuffer;
	};
} TRANSMIT_PACKETS_ELEMENT, *PTRANSMIT_PACKETS_ELEMENT, *LPTRANSMIT_PACKETS_ELEMENT;

/* What SIO_EXT_SENDMSG and SIO_EXT_POLL hand to a layered provider. */
typedef struct {
	LPWSAMSG lpMsg;
	DWORD dwFlags;
	LPDWORD lpNumberOfBytesSent;
	LPWSAOVERLAPPED lpOverlapped;
	LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine;
} WSASENDMSG, *LPWSASENDMSG;

__extension__ typedef struct {
	int result;
	ULONG fds;
	INT timeout;
	WSAPOLLFD fdArray[0]; /* fds of them */
} WSAPOLLDATA, *LPWSAPOLLDATA;

typedef struct _TRANSMIT_FILE_BUFFERS {
	LPVOID Head;
	DWORD HeadLength;
	LPVOID Tail;
	DWORD TailLength;
} TRANSMIT_FILE_BUFFERS, *PTRANSMIT_FILE_BUFFERS, *LPTRANSMIT_FILE_BUFFERS;
