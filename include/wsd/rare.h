/* SPDX-License-Identifier: MIT */
/*
 * Constants of Winsock that few programs use: old families, well-known ports, rare options and
 * control codes, name spaces, quality of service. Included by constants.h, whose rule for WSD_
 * holds here too. Most options and codes are answered WSAENOPROTOOPT and WSAEOPNOTSUPP: they are
 * here so that programs compile. No locks.
 */
#ifndef WSD_RARE_H
#define WSD_RARE_H

/* More address families: names without a protocol, socket() says WSAEAFNOSUPPORT. */
#define AF_IMPLINK    3
#define AF_PUP        4
#define AF_CHAOS      5
#define AF_NS         6
#define AF_ISO        7
#define AF_OSI        AF_ISO
#define AF_ECMA       8
#define AF_DATAKIT    9
#define AF_CCITT      10
#define WSD_AF_SNA    11
#define WSD_AF_DECnet 12
#define AF_DLI        13
#define AF_LAT        14
#define AF_HYLINK     15
#define AF_VOICEVIEW  18
#define AF_FIREFOX    19
#define AF_UNKNOWN1   20
#define AF_BAN        21
#define AF_ATM        22
#define AF_CLUSTER    24
#define AF_12844      25
#define AF_NETDES     28
#define AF_TCNPROCESS 29
#define AF_TCNMESSAGE 30
#define AF_ICLFXBM    31
#define WSD_AF_MAX    33

/* More protocols, of IP and of PUP's family. */
#define IPPROTO_GGP      3
#define IPPROTO_ST       5
#define IPPROTO_CBT      7
#define WSD_IPPROTO_EGP  8
#define IPPROTO_IGP      9
#define IPPROTO_RDP      27
#define IPPROTO_ND       77
#define IPPROTO_ICLFXBM  78
#define WSD_IPPROTO_PIM  103
#define IPPROTO_PGM      113
#define WSD_IPPROTO_L2TP 115
#define WSD_IPPROTO_SCTP 132

/* Well-known ports, host byte order, and links of the ARPANET. */
#define WSD_IPPORT_ECHO        7
#define WSD_IPPORT_DISCARD     9
#define WSD_IPPORT_SYSTAT      11
#define WSD_IPPORT_DAYTIME     13
#define WSD_IPPORT_NETSTAT     15
#define WSD_IPPORT_FTP         21
#define WSD_IPPORT_TELNET      23
#define WSD_IPPORT_SMTP        25
#define WSD_IPPORT_TIMESERVER  37
#define WSD_IPPORT_NAMESERVER  42
#define WSD_IPPORT_WHOIS       43
#define WSD_IPPORT_MTP         57
#define WSD_IPPORT_TFTP        69
#define WSD_IPPORT_RJE         77
#define WSD_IPPORT_FINGER      79
#define WSD_IPPORT_TTYLINK     87
#define WSD_IPPORT_SUPDUP      95
#define IMPLINK_IP             155
#define IMPLINK_LOWEXPER       156
#define IMPLINK_HIGHEXPER      158
#define WSD_IPPORT_BIFFUDP     512
#define WSD_IPPORT_EXECSERVER  512
#define WSD_IPPORT_LOGINSERVER 513
#define WSD_IPPORT_WHOSERVER   513
#define WSD_IPPORT_CMDSERVER   514
#define WSD_IPPORT_EFSSERVER   520
#define WSD_IPPORT_ROUTESERVER 520

/* Parts of addresses of the old classes, host byte order. */
#define WSD_IN_CLASSC_NSHIFT 8
#define WSD_IN_CLASSB_NSHIFT 16
#define WSD_IN_CLASSA_NSHIFT 24
#define IN_CLASSD_NSHIFT     28
#define WSD_IN_CLASSA_MAX    128
#define WSD_IN_CLASSC_HOST   0xff
#define WSD_IN_CLASSB_HOST   0xffff
#define WSD_IN_CLASSB_MAX    65536
#define WSD_IN_CLASSA_HOST   0x00ffffff
#define IN_CLASSD_HOST       0x0fffffff
#define IN_CLASSD_NET        0xf0000000
#define WSD_IN_CLASSA_NET    0xff000000
#define WSD_IN_CLASSB_NET    0xffff0000
#define WSD_IN_CLASSC_NET    0xffffff00

/* WSAJoinLeaf(): which way a leaf talks. */
#define JL_SENDER_ONLY   0x1
#define JL_RECEIVER_ONLY 0x2
#define JL_BOTH          0x4

/* More of level WSD_SOL_SOCKET; PVD_CONFIG carries a provider's own settings. */
#define PVD_CONFIG       0x3001
#define WSD_SO_TIMESTAMP 0x300a
#define SO_TIMESTAMP_ID  0x300b

/* More of level WSD_IPPROTO_IP. */
#define IP_HOPLIMIT             21
#define WSD_IP_RECVTTL          21
#define IP_PROTECTION_LEVEL     IPV6_PROTECTION_LEVEL
#define IP_IFLIST               28
#define IP_ADD_IFLIST           29
#define IP_DEL_IFLIST           30
#define IP_RTHDR                32
#define IP_GET_IFLIST           33
#define IP_RECVRTHDR            38
#define IP_TCLASS               39
#define IP_RECVTCLASS           40
#define WSD_IP_RECVTOS          40
#define IP_ORIGINAL_ARRIVAL_IF  47
#define IP_ECN                  50
#define IP_PKTINFO_EX           51
#define IP_WFP_REDIRECT_RECORDS 60
#define IP_WFP_REDIRECT_CONTEXT 70
#define WSD_IP_MTU_DISCOVER     71
#define WSD_IP_MTU              73
#define IP_NRT_INTERFACE        74
#define WSD_IP_RECVERR          75
#define IP_USER_MTU             76

/* Values of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER (PMTUD_STATE). */
#define IP_PMTUDISC_NOT_SET   0
#define WSD_IP_PMTUDISC_DO    1
#define WSD_IP_PMTUDISC_DONT  2
#define WSD_IP_PMTUDISC_PROBE 3
#define IP_PMTUDISC_MAX       4

/* Values that leave the choice to the system. */
#define IP_UNSPECIFIED_HOP_LIMIT       (-1)
#define IP_UNSPECIFIED_TYPE_OF_SERVICE (-1)
#define PROTECTION_LEVEL_DEFAULT       ((UINT)-1)
#define IP_UNSPECIFIED_USER_MTU        0xffffffff

/* More of level WSD_IPPROTO_IPV6. */
#define IPV6_RECVIF               24
#define IPV6_RECVDSTADDR          25
#define IPV6_IFLIST               28
#define IPV6_ADD_IFLIST           29
#define IPV6_DEL_IFLIST           30
#define WSD_IPV6_RTHDR            32
#define IPV6_GET_IFLIST           33
#define WSD_IPV6_RECVRTHDR        38
#define WSD_IPV6_TCLASS           39
#define WSD_IPV6_RECVTCLASS       40
#define IPV6_ECN                  50
#define IPV6_PKTINFO_EX           51
#define IPV6_WFP_REDIRECT_RECORDS 60
#define IPV6_WFP_REDIRECT_CONTEXT 70
#define WSD_IPV6_MTU_DISCOVER     71
#define WSD_IPV6_MTU              72
#define IPV6_NRT_INTERFACE        74
#define WSD_IPV6_RECVERR          75
#define IPV6_USER_MTU             76

/* Bits of an IPv6 address. */
#define IPV6_ADDRESS_BITS 128

/* Filters of multicast sources (MULTICAST_MODE_TYPE). */
#define WSD_MCAST_INCLUDE 0
#define WSD_MCAST_EXCLUDE 0x1

/* INTERFACE_INFO.iiFlags. */
#define WSD_IFF_UP        0x1
#define WSD_IFF_BROADCAST 0x2
#define WSD_IFF_LOOPBACK  0x4
#define IFF_POINTTOPOINT  0x8
#define WSD_IFF_MULTICAST 0x10

/* ioctlsocket(): water marks of the first Berkeley sockets. */
#define SIOCGHIWAT 0x40047301
#define SIOCGLOWAT 0x40047303
#define SIOCSHIWAT 0x80047300
#define SIOCSLOWAT 0x80047302

/* WSAIoctl(): codes of IOC_WS2 and of the address families. */
#define SIO_GET_INTERFACE_LIST_EX 0x4004747e
#define SIO_GET_INTERFACE_LIST    0x4004747f
#define SIO_BSP_HANDLE            _WSAIOR(IOC_WS2, 27)
#define SIO_BSP_HANDLE_SELECT     _WSAIOR(IOC_WS2, 28)
#define SIO_BSP_HANDLE_POLL       _WSAIOR(IOC_WS2, 29)
#define SIO_BASE_HANDLE           _WSAIOR(IOC_WS2, 34)
#define SIO_GET_MULTICAST_FILTER  0x8004747c
#define SIO_SET_MULTICAST_FILTER  0x8004747d
#define SIO_NSP_NOTIFY_CHANGE     _WSAIOW(IOC_WS2, 25)
#define SIO_RESERVED_1            _WSAIOW(IOC_WS2, 26)
#define SIO_RESERVED_2            _WSAIOW(IOC_WS2, 33)
#define SIO_EXT_SELECT            _WSAIORW(IOC_WS2, 30)
#define SIO_EXT_POLL              _WSAIORW(IOC_WS2, 31)
#define SIO_EXT_SENDMSG           _WSAIORW(IOC_WS2, 32)

/* WSAIoctl(): codes of IOC_VENDOR (structures in wsd/body/mstcpip.h). */
#define SIO_RCVALL_MCAST               _WSAIOW(IOC_VENDOR, 2)
#define SIO_RCVALL_IGMPMCAST           _WSAIOW(IOC_VENDOR, 3)
#define SIO_ABSORB_RTRALERT            _WSAIOW(IOC_VENDOR, 5)
#define SIO_UCAST_IF                   _WSAIOW(IOC_VENDOR, 6)
#define SIO_LIMIT_BROADCASTS           _WSAIOW(IOC_VENDOR, 7)
#define SIO_INDEX_BIND                 _WSAIOW(IOC_VENDOR, 8)
#define SIO_INDEX_MCASTIF              _WSAIOW(IOC_VENDOR, 9)
#define SIO_INDEX_ADD_MCAST            _WSAIOW(IOC_VENDOR, 10)
#define SIO_INDEX_DEL_MCAST            _WSAIOW(IOC_VENDOR, 11)
#define SIO_RCVALL_MCAST_IF            _WSAIOW(IOC_VENDOR, 13)
#define SIO_RCVALL_IF                  _WSAIOW(IOC_VENDOR, 14)
#define SIO_TCP_INITIAL_RTO            _WSAIOW(IOC_VENDOR, 17)
#define SIO_APPLY_TRANSPORT_SETTING    _WSAIOW(IOC_VENDOR, 19)
#define SIO_QUERY_TRANSPORT_SETTING    _WSAIOW(IOC_VENDOR, 20)
#define SIO_CPU_AFFINITY               _WSAIOW(IOC_VENDOR, 21)
#define SIO_TCP_SET_ICW                _WSAIOW(IOC_VENDOR, 22)
#define SIO_TCP_SET_ACK_FREQUENCY      _WSAIOW(IOC_VENDOR, 23)
#define SIO_SET_PRIORITY_HINT          _WSAIOW(IOC_VENDOR, 24)
#define SIO_PRIORITY_HINT              SIO_SET_PRIORITY_HINT
#define SIO_ACQUIRE_PORT_RESERVATION   _WSAIOW(IOC_VENDOR, 100)
#define SIO_RELEASE_PORT_RESERVATION   _WSAIOW(IOC_VENDOR, 101)
#define SIO_ASSOCIATE_PORT_RESERVATION _WSAIOW(IOC_VENDOR, 102)
#define SIO_GET_TX_TIMESTAMP           _WSAIOW(IOC_VENDOR, 234)
#define SIO_TIMESTAMPING               _WSAIOW(IOC_VENDOR, 235)
#define SIO_TCP_INFO                   _WSAIORW(IOC_VENDOR, 39)

/* SIO_TIMESTAMPING, SIO_TCP_INITIAL_RTO, SIO_ACQUIRE_PORT_RESERVATION. */
#define INVALID_PORT_RESERVATION_TOKEN                      ((ULONG64)0)
#define TCP_INITIAL_RTO_DEFAULT_MAX_SYN_RETRANSMISSIONS     0
#define TCP_INITIAL_RTO_DEFAULT_RTT                         0
#define TIMESTAMPING_FLAG_RX                                0x1
#define TIMESTAMPING_FLAG_TX                                0x2
#define TCP_INITIAL_RTO_NO_SYN_RETRANSMISSIONS              ((UCHAR)-2)
#define TCP_INITIAL_RTO_UNSPECIFIED_MAX_SYN_RETRANSMISSIONS ((UCHAR)-1)
#define TCP_INITIAL_RTO_UNSPECIFIED_RTT                     ((USHORT)-1)

/* TransmitPackets() and DisconnectEx(). */
#define TP_USE_DEFAULT_WORKER TF_USE_DEFAULT_WORKER
#define TP_ELEMENT_MEMORY     0x1
#define TP_DISCONNECT         TF_DISCONNECT
#define TP_ELEMENT_FILE       0x2
#define DE_REUSE_SOCKET       TF_REUSE_SOCKET
#define TP_REUSE_SOCKET       TF_REUSE_SOCKET
#define TP_ELEMENT_EOP        0x4
#define TP_USE_SYSTEM_THREAD  TF_USE_SYSTEM_THREAD
#define TP_USE_KERNEL_APC     TF_USE_KERNEL_APC

/* getaddrinfo() and its kin; the old data base calls. */
#define GAI_STRERROR_BUFFER_SIZE 1024
#define MAXGETHOSTSTRUCT         1024
#define AI_DISABLE_IDN_ENCODING  0x00080000

/* Name spaces: GetAddrInfoEx(), SetAddrInfoEx(). */
#define NS_ALL         0
#define NS_SAP         1
#define NS_NDS         2
#define NS_PEER_BROWSE 3
#define NS_SLP         5
#define NS_DHCP        6
#define NS_TCPIP_LOCAL 10
#define NS_TCPIP_HOSTS 11
#define NS_DNS         12
#define NS_NETBT       13
#define NS_WINS        14
#define NS_NLA         15
#define NS_BTH         16
#define NS_NBP         20
#define NS_MS          30
#define NS_STDA        31
#define NS_NTDS        32
#define NS_EMAIL       37
#define NS_PNRPNAME    38
#define NS_PNRPCLOUD   39
#define NS_X500        40
#define NS_NIS         41
#define NS_NISPLUS     42
#define NS_WRQ         50
#define NS_NETDES      60

/* Quality of service: carried, never interpreted. */
#define TC_NONCONF_BORROW               0
#define TC_NONCONF_SHAPE                1
#define TC_NONCONF_DISCARD              2
#define TC_NONCONF_BORROW_PLUS          3
#define SERVICETYPE_NETWORK_UNAVAILABLE 0x4
#define SERVICETYPE_GENERAL_INFORMATION 0x5
#define SERVICETYPE_NOCHANGE            0x6
#define SERVICETYPE_NONCONFORMING       0x9
#define SERVICETYPE_NETWORK_CONTROL     0xa
#define SERVICETYPE_QUALITATIVE         0xd
#define QOS_GENERAL_ID_BASE             2000
#define QOS_OBJECT_END_OF_LIST          0x07d1
#define QOS_OBJECT_SD_MODE              0x07d2
#define QOS_OBJECT_SHAPING_RATE         0x07d3
#define QOS_OBJECT_DESTADDR             0x07d4
#define SERVICE_NO_QOS_SIGNALING        0x40000000
#define SERVICE_BESTEFFORT              0x80010000
#define SERVICE_CONTROLLEDLOAD          0x80020000
#define SERVICE_GUARANTEED              0x80040000
#define SERVICE_QUALITATIVE             0x80200000
#define SERVICE_NO_TRAFFIC_CONTROL      0x81000000
#define POSITIVE_INFINITY_RATE          0xfffffffe
#define QOS_NOT_SPECIFIED               0xffffffff

/* What a change of a device or of a telephone line is called in notifications. */
#define TH_NETDEV 0x1
#define TH_TAPI   0x2

/* WSCSetApplicationCategory(): kinds of layered providers. */
#define LSP_INSPECTOR       0x1
#define LSP_REDIRECTOR      0x2
#define LSP_PROXY           0x4
#define LSP_FIREWALL        0x8
#define LSP_INBOUND_MODIFY  0x10
#define LSP_OUTBOUND_MODIFY 0x20
#define LSP_CRYPTO_COMPRESS 0x40
#define LSP_LOCAL_CACHE     0x80
#define LSP_SYSTEM          0x80000000

#endif
