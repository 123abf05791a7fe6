/* SPDX-License-Identifier: MIT */
/*
 * Every constant of Winsock, the SPI and the SAN extensions (PROV part 14; winsock.md). A name that
 * Linux has too, with whatever value, carries WSD_ here, and aliases.h gives it Winsock's name
 * back in Winsock's face. A name that only Windows has stays as it is.
 */
#ifndef WSD_CONSTANTS_H
#define WSD_CONSTANTS_H

/* Address families (the only ones that socket() knows here: INET, INET6, UNIX; more in rare.h). */
#define WSD_AF_UNSPEC    0
#define WSD_AF_UNIX      1
#define WSD_AF_INET      2
#define WSD_AF_IPX       6
#define WSD_AF_APPLETALK 16
#define WSD_AF_NETBIOS   17
#define WSD_AF_INET6     23
#define WSD_AF_IRDA      26
#define WSD_AF_BTH       32

#define WSD_SOCK_STREAM    1
#define WSD_SOCK_DGRAM     2
#define WSD_SOCK_RAW       3
#define WSD_SOCK_RDM       4
#define WSD_SOCK_SEQPACKET 5

#define WSD_IPPROTO_IP       0
#define WSD_IPPROTO_HOPOPTS  0
#define WSD_IPPROTO_ICMP     1
#define WSD_IPPROTO_IGMP     2
#define WSD_IPPROTO_IPV4     4
#define WSD_IPPROTO_TCP      6
#define WSD_IPPROTO_PUP      12
#define WSD_IPPROTO_UDP      17
#define WSD_IPPROTO_IDP      22
#define WSD_IPPROTO_IPV6     41
#define WSD_IPPROTO_ROUTING  43
#define WSD_IPPROTO_FRAGMENT 44
#define WSD_IPPROTO_ESP      50
#define WSD_IPPROTO_AH       51
#define WSD_IPPROTO_ICMPV6   58
#define WSD_IPPROTO_NONE     59
#define WSD_IPPROTO_DSTOPTS  60
#define WSD_IPPROTO_RAW      255
#define WSD_IPPROTO_MAX      256

#define WSD_IPPORT_RESERVED 1024

#define WSD_INADDR_ANY       ((ULONG)0x00000000)
#define WSD_INADDR_LOOPBACK  ((ULONG)0x7f000001)
#define WSD_INADDR_BROADCAST ((ULONG)0xffffffff)
#define WSD_INADDR_NONE      ((ULONG)0xffffffff)
#define WSD_INET_ADDRSTRLEN  22
#define WSD_INET6_ADDRSTRLEN 65

#define WSD_SOMAXCONN 0x7fffffff
/* A backlog between 200 and 65535 that listen() may take as it is (WS-LISTEN-3). */
#define SOMAXCONN_HINT(n) (-(n))

/* Socket options, level WSD_SOL_SOCKET. */
#define WSD_SOL_SOCKET            0xffff
#define WSD_SO_DEBUG              0x0001
#define WSD_SO_ACCEPTCONN         0x0002
#define WSD_SO_REUSEADDR          0x0004
#define WSD_SO_KEEPALIVE          0x0008
#define WSD_SO_DONTROUTE          0x0010
#define WSD_SO_BROADCAST          0x0020
#define SO_USELOOPBACK            0x0040
#define WSD_SO_LINGER             0x0080
#define WSD_SO_OOBINLINE          0x0100
#define WSD_SO_SNDBUF             0x1001
#define WSD_SO_RCVBUF             0x1002
#define WSD_SO_SNDLOWAT           0x1003
#define WSD_SO_RCVLOWAT           0x1004
#define WSD_SO_SNDTIMEO           0x1005 /* DWORD, milliseconds */
#define WSD_SO_RCVTIMEO           0x1006 /* DWORD, milliseconds */
#define WSD_SO_ERROR              0x1007
#define WSD_SO_TYPE               0x1008
#define SO_BSP_STATE              0x1009
#define SO_DONTLINGER             ((int)(~WSD_SO_LINGER))
#define SO_EXCLUSIVEADDRUSE       ((int)(~WSD_SO_REUSEADDR))
#define SO_GROUP_ID               0x2001
#define SO_GROUP_PRIORITY         0x2002
#define SO_MAX_MSG_SIZE           0x2003
#define SO_PROTOCOL_INFOA         0x2004
#define SO_PROTOCOL_INFOW         0x2005
#define SO_CONDITIONAL_ACCEPT     0x3002
#define SO_PAUSE_ACCEPT           0x3003
#define SO_COMPARTMENT_ID         0x3004
#define SO_RANDOMIZE_PORT         0x3005
#define SO_PORT_SCALABILITY       0x3006
#define SO_REUSE_UNICASTPORT      0x3007
#define SO_REUSE_MULTICASTPORT    0x3008
#define SO_CONNDATA               0x7000
#define SO_CONNOPT                0x7001
#define SO_DISCDATA               0x7002
#define SO_DISCOPT                0x7003
#define SO_CONNDATALEN            0x7004
#define SO_CONNOPTLEN             0x7005
#define SO_DISCDATALEN            0x7006
#define SO_DISCOPTLEN             0x7007
#define SO_OPENTYPE               0x7008
#define SO_SYNCHRONOUS_ALERT      0x10
#define SO_SYNCHRONOUS_NONALERT   0x20
#define SO_MAXDG                  0x7009
#define SO_MAXPATHDG              0x700a
#define SO_UPDATE_ACCEPT_CONTEXT  0x700b
#define SO_CONNECT_TIME           0x700c
#define SO_MAX_RDMA_SIZE          0x700d
#define SO_RDMA_THRESHOLD_SIZE    0x700e
#define SO_UPDATE_CONNECT_CONTEXT 0x7010

/* Level WSD_IPPROTO_TCP. */
#define WSD_TCP_NODELAY          0x0001
#define TCP_EXPEDITED_1122       0x0002
#define TCP_KEEPALIVE            3
#define WSD_TCP_MAXSEG           4
#define TCP_MAXRT                5
#define TCP_STDURG               6
#define TCP_NOURG                7
#define TCP_ATMARK               8
#define TCP_NOSYNRETRIES         9
#define TCP_TIMESTAMPS           10
#define TCP_CONGESTION_ALGORITHM 12
#define TCP_DELAY_FIN_ACK        13
#define WSD_TCP_FASTOPEN         15
#define WSD_TCP_KEEPCNT          16
#define WSD_TCP_KEEPIDLE         TCP_KEEPALIVE
#define WSD_TCP_KEEPINTVL        17
#define TCP_BSDURGENT            0x7000

/* Level WSD_IPPROTO_UDP. */
#define UDP_NOCHECKSUM        1
#define UDP_CHECKSUM_COVERAGE 20

/* Level WSD_IPPROTO_IP. */
#define WSD_IP_OPTIONS                1
#define WSD_IP_HDRINCL                2
#define WSD_IP_TOS                    3
#define WSD_IP_TTL                    4
#define WSD_IP_MULTICAST_IF           9
#define WSD_IP_MULTICAST_TTL          10
#define WSD_IP_MULTICAST_LOOP         11
#define WSD_IP_ADD_MEMBERSHIP         12
#define WSD_IP_DROP_MEMBERSHIP        13
#define IP_DONTFRAGMENT               14
#define WSD_IP_ADD_SOURCE_MEMBERSHIP  15
#define WSD_IP_DROP_SOURCE_MEMBERSHIP 16
#define WSD_IP_BLOCK_SOURCE           17
#define WSD_IP_UNBLOCK_SOURCE         18
#define WSD_IP_PKTINFO                19
#define IP_RECEIVE_BROADCAST          22
#define IP_RECVIF                     24
#define IP_RECVDSTADDR                25
#define WSD_IP_UNICAST_IF             31

/* Level WSD_IPPROTO_IPV6. */
#define WSD_IPV6_HOPOPTS                1
#define WSD_IPV6_HDRINCL                2
#define WSD_IPV6_UNICAST_HOPS           4
#define WSD_IPV6_MULTICAST_IF           9
#define WSD_IPV6_MULTICAST_HOPS         10
#define WSD_IPV6_MULTICAST_LOOP         11
#define WSD_IPV6_ADD_MEMBERSHIP         12
#define WSD_IPV6_JOIN_GROUP             12
#define WSD_IPV6_DROP_MEMBERSHIP        13
#define WSD_IPV6_LEAVE_GROUP            13
#define WSD_IPV6_DONTFRAG               14
#define WSD_IPV6_PKTINFO                19
#define WSD_IPV6_HOPLIMIT               21
#define IPV6_PROTECTION_LEVEL           23
#define WSD_IPV6_CHECKSUM               26
#define WSD_IPV6_V6ONLY                 27
#define WSD_IPV6_UNICAST_IF             31
#define PROTECTION_LEVEL_UNRESTRICTED   10
#define PROTECTION_LEVEL_EDGERESTRICTED 20
#define PROTECTION_LEVEL_RESTRICTED     30

#define WSD_MCAST_JOIN_GROUP         41
#define WSD_MCAST_LEAVE_GROUP        42
#define WSD_MCAST_BLOCK_SOURCE       43
#define WSD_MCAST_UNBLOCK_SOURCE     44
#define WSD_MCAST_JOIN_SOURCE_GROUP  45
#define WSD_MCAST_LEAVE_SOURCE_GROUP 46

/* Flags of send, recv and their WSA forms. */
#define WSD_MSG_OOB        0x1
#define WSD_MSG_PEEK       0x2
#define WSD_MSG_DONTROUTE  0x4
#define WSD_MSG_WAITALL    0x8
#define MSG_PUSH_IMMEDIATE 0x20
#define WSD_MSG_TRUNC      0x0100
#define WSD_MSG_CTRUNC     0x0200
#define MSG_BCAST          0x0400
#define MSG_MCAST          0x0800
#define MSG_PARTIAL        0x8000
#define MSG_INTERRUPT      0x10
#define MSG_MAXIOVLEN      16

/* shutdown(). */
#define WSD_SD_RECEIVE 0
#define WSD_SD_SEND    1
#define WSD_SD_BOTH    2

/* ioctlsocket(). */
#define WSD_IOCPARM_MASK 0x7f
#define WSD_IOC_VOID     0x20000000
#define WSD_IOC_OUT      0x40000000
#define WSD_IOC_IN       0x80000000
#define WSD_IOC_INOUT    (WSD_IOC_IN | WSD_IOC_OUT)
#define WSD_FIONREAD     0x4004667f
#define WSD_FIONBIO      0x8004667e
#define WSD_FIOASYNC     0x8004667d
#define WSD_SIOCATMARK   0x40047307

/* WSAIoctl(). */
#define IOC_UNIX                           0x00000000
#define IOC_WS2                            0x08000000
#define IOC_PROTOCOL                       0x10000000
#define IOC_VENDOR                         0x18000000
#define _WSAIO(x, y)                       (WSD_IOC_VOID | (x) | (y))
#define _WSAIOR(x, y)                      (WSD_IOC_OUT | (x) | (y))
#define _WSAIOW(x, y)                      (WSD_IOC_IN | (x) | (y))
#define _WSAIORW(x, y)                     (WSD_IOC_INOUT | (x) | (y))
#define SIO_ASSOCIATE_HANDLE               _WSAIOW(IOC_WS2, 1)
#define SIO_ENABLE_CIRCULAR_QUEUEING       _WSAIO(IOC_WS2, 2)
#define SIO_FIND_ROUTE                     _WSAIOR(IOC_WS2, 3)
#define SIO_FLUSH                          _WSAIO(IOC_WS2, 4)
#define SIO_GET_BROADCAST_ADDRESS          _WSAIOR(IOC_WS2, 5)
#define SIO_GET_EXTENSION_FUNCTION_POINTER _WSAIORW(IOC_WS2, 6)
#define SIO_GET_QOS                        _WSAIORW(IOC_WS2, 7)
#define SIO_GET_GROUP_QOS                  _WSAIORW(IOC_WS2, 8)
#define SIO_MULTIPOINT_LOOPBACK            _WSAIOW(IOC_WS2, 9)
#define SIO_MULTICAST_SCOPE                _WSAIOW(IOC_WS2, 10)
#define SIO_SET_QOS                        _WSAIOW(IOC_WS2, 11)
#define SIO_SET_GROUP_QOS                  _WSAIOW(IOC_WS2, 12)
#define SIO_TRANSLATE_HANDLE               _WSAIORW(IOC_WS2, 13)
#define SIO_ROUTING_INTERFACE_QUERY        _WSAIORW(IOC_WS2, 20)
#define SIO_ROUTING_INTERFACE_CHANGE       _WSAIOW(IOC_WS2, 21)
#define SIO_ADDRESS_LIST_QUERY             _WSAIOR(IOC_WS2, 22)
#define SIO_ADDRESS_LIST_CHANGE            _WSAIO(IOC_WS2, 23)
#define SIO_QUERY_TARGET_PNP_HANDLE        _WSAIOR(IOC_WS2, 24)
#define SIO_ADDRESS_LIST_SORT              _WSAIORW(IOC_WS2, 25)
#define SIO_RCVALL                         _WSAIOW(IOC_VENDOR, 1)
#define SIO_KEEPALIVE_VALS                 _WSAIOW(IOC_VENDOR, 4)
#define SIO_UDP_CONNRESET                  _WSAIOW(IOC_VENDOR, 12)
#define SIO_LOOPBACK_FAST_PATH             _WSAIOW(IOC_VENDOR, 16)

/* WSAPoll(). */
#define WSD_POLLRDNORM 0x0100
#define WSD_POLLRDBAND 0x0200
#define WSD_POLLIN     (WSD_POLLRDNORM | WSD_POLLRDBAND)
#define WSD_POLLPRI    0x0400
#define WSD_POLLWRNORM 0x0010
#define WSD_POLLOUT    WSD_POLLWRNORM
#define WSD_POLLWRBAND 0x0020
#define WSD_POLLERR    0x0001
#define WSD_POLLHUP    0x0002
#define WSD_POLLNVAL   0x0004

/* Network events (WSAEventSelect) and their places in WSANETWORKEVENTS.iErrorCode. */
#define FD_READ_BIT                     0
#define FD_READ                         (1 << FD_READ_BIT)
#define FD_WRITE_BIT                    1
#define FD_WRITE                        (1 << FD_WRITE_BIT)
#define FD_OOB_BIT                      2
#define FD_OOB                          (1 << FD_OOB_BIT)
#define FD_ACCEPT_BIT                   3
#define FD_ACCEPT                       (1 << FD_ACCEPT_BIT)
#define FD_CONNECT_BIT                  4
#define FD_CONNECT                      (1 << FD_CONNECT_BIT)
#define FD_CLOSE_BIT                    5
#define FD_CLOSE                        (1 << FD_CLOSE_BIT)
#define FD_QOS_BIT                      6
#define FD_QOS                          (1 << FD_QOS_BIT)
#define FD_GROUP_QOS_BIT                7
#define FD_GROUP_QOS                    (1 << FD_GROUP_QOS_BIT)
#define FD_ROUTING_INTERFACE_CHANGE_BIT 8
#define FD_ROUTING_INTERFACE_CHANGE     (1 << FD_ROUTING_INTERFACE_CHANGE_BIT)
#define FD_ADDRESS_LIST_CHANGE_BIT      9
#define FD_ADDRESS_LIST_CHANGE          (1 << FD_ADDRESS_LIST_CHANGE_BIT)
#define FD_MAX_EVENTS                   10
#define FD_ALL_EVENTS                   ((1 << FD_MAX_EVENTS) - 1)

#define WSA_INVALID_EVENT       ((WSAEVENT)0)
#define WSA_MAXIMUM_WAIT_EVENTS 64
#define WSA_WAIT_EVENT_0        0x00000000
#define WSA_WAIT_IO_COMPLETION  0x000000c0
#define WSA_WAIT_TIMEOUT        0x00000102
#define WSA_WAIT_FAILED         0xffffffffu
#define WSA_INFINITE            0xffffffffu

/* The answers of an accept condition function. */
#define CF_ACCEPT 0x0000
#define CF_REJECT 0x0001
#define CF_DEFER  0x0002

/* WSASocket(). */
#define WSA_FLAG_OVERLAPPED             0x01
#define WSA_FLAG_MULTIPOINT_C_ROOT      0x02
#define WSA_FLAG_MULTIPOINT_C_LEAF      0x04
#define WSA_FLAG_MULTIPOINT_D_ROOT      0x08
#define WSA_FLAG_MULTIPOINT_D_LEAF      0x10
#define WSA_FLAG_ACCESS_SYSTEM_SECURITY 0x40
#define WSA_FLAG_NO_HANDLE_INHERIT      0x80
#define WSA_FLAG_REGISTERED_IO          0x100
#define SG_UNCONSTRAINED_GROUP          0x01
#define SG_CONSTRAINED_GROUP            0x02
#define FROM_PROTOCOL_INFO              (-1)

/* WSAPROTOCOL_INFO. */
#define MAX_PROTOCOL_CHAIN           7
#define BASE_PROTOCOL                1
#define LAYERED_PROTOCOL             0
#define WSAPROTOCOL_LEN              255
#define XP1_CONNECTIONLESS           0x00000001
#define XP1_GUARANTEED_DELIVERY      0x00000002
#define XP1_GUARANTEED_ORDER         0x00000004
#define XP1_MESSAGE_ORIENTED         0x00000008
#define XP1_PSEUDO_STREAM            0x00000010
#define XP1_GRACEFUL_CLOSE           0x00000020
#define XP1_EXPEDITED_DATA           0x00000040
#define XP1_CONNECT_DATA             0x00000080
#define XP1_DISCONNECT_DATA          0x00000100
#define XP1_SUPPORT_BROADCAST        0x00000200
#define XP1_SUPPORT_MULTIPOINT       0x00000400
#define XP1_MULTIPOINT_CONTROL_PLANE 0x00000800
#define XP1_MULTIPOINT_DATA_PLANE    0x00001000
#define XP1_QOS_SUPPORTED            0x00002000
#define XP1_INTERRUPT                0x00004000
#define XP1_UNI_SEND                 0x00008000
#define XP1_UNI_RECV                 0x00010000
#define XP1_IFS_HANDLES              0x00020000
#define XP1_PARTIAL_MESSAGE          0x00040000
#define XP1_SAN_SUPPORT_SDP          0x00080000
#define PFL_MULTIPLE_PROTO_ENTRIES   0x00000001
#define PFL_RECOMMENDED_PROTO_ENTRY  0x00000002
#define PFL_HIDDEN                   0x00000004
#define PFL_MATCHES_PROTOCOL_ZERO    0x00000008
#define PFL_NETWORKDIRECT_PROVIDER   0x00000010
#define BIGENDIAN                    0x0000
#define LITTLEENDIAN                 0x0001
#define SECURITY_PROTOCOL_NONE       0x0000

/* WSADATA. */
#define WSADESCRIPTION_LEN 256
#define WSASYS_STATUS_LEN  128
#define WSPDESCRIPTION_LEN 255

/* Registration rights (WSPRegisterMemory and WSPRegisterRdmaMemory). */
#define MEM_READ      1
#define MEM_WRITE     2
#define MEM_READWRITE 3

/* getaddrinfo(). */
#define WSD_AI_PASSIVE            0x00000001
#define WSD_AI_CANONNAME          0x00000002
#define WSD_AI_NUMERICHOST        0x00000004
#define WSD_AI_NUMERICSERV        0x00000008
#define WSD_AI_ALL                0x00000100
#define WSD_AI_ADDRCONFIG         0x00000400
#define WSD_AI_V4MAPPED           0x00000800
#define AI_NON_AUTHORITATIVE      0x00004000
#define AI_SECURE                 0x00008000
#define AI_RETURN_PREFERRED_NAMES 0x00010000
#define AI_FQDN                   0x00020000
#define AI_FILESERVER             0x00040000

/* getnameinfo(). */
#define WSD_NI_MAXHOST     1025
#define WSD_NI_MAXSERV     32
#define WSD_NI_NOFQDN      0x01
#define WSD_NI_NUMERICHOST 0x02
#define WSD_NI_NAMEREQD    0x04
#define WSD_NI_NUMERICSERV 0x08
#define WSD_NI_DGRAM       0x10

/* What getaddrinfo() and getnameinfo() return: Windows Sockets codes. */
#define WSD_EAI_AGAIN    11002 /* WSATRY_AGAIN */
#define WSD_EAI_BADFLAGS 10022 /* WSAEINVAL */
#define WSD_EAI_FAIL     11003 /* WSANO_RECOVERY */
#define WSD_EAI_FAMILY   10047 /* WSAEAFNOSUPPORT */
#define WSD_EAI_MEMORY   8     /* WSA_NOT_ENOUGH_MEMORY */
#define WSD_EAI_NONAME   11001 /* WSAHOST_NOT_FOUND */
#define WSD_EAI_NODATA   11004 /* WSANO_DATA */
#define WSD_EAI_SERVICE  10109 /* WSATYPE_NOT_FOUND */
#define WSD_EAI_SOCKTYPE 10044 /* WSAESOCKTNOSUPPORT */

/* TransmitFile(), DisconnectEx(). */
#define TF_DISCONNECT         0x01
#define TF_REUSE_SOCKET       0x02
#define TF_WRITE_BEHIND       0x04
#define TF_USE_DEFAULT_WORKER 0x00
#define TF_USE_SYSTEM_THREAD  0x10
#define TF_USE_KERNEL_APC     0x20

#define WSD_UNIX_PATH_MAX 108

#include <wsd/rare.h>

#endif
