/* SPDX-License-Identifier: MIT */
/*
 * Winsock's own names for the constants that carry WSD_ in constants.h. Only for winsock2.h: beside
 * libc's socket headers these would clash. A test checks that no constant is missing here.
 */
#ifndef WSD_ALIASES_H
#define WSD_ALIASES_H

#ifndef _WINSOCK2API_
#error "wsdirect: include <winsock2.h>, not <wsd/aliases.h>"
#endif

#define AF_UNSPEC                 WSD_AF_UNSPEC
#define AF_UNIX                   WSD_AF_UNIX
#define AF_INET                   WSD_AF_INET
#define AF_IPX                    WSD_AF_IPX
#define AF_APPLETALK              WSD_AF_APPLETALK
#define AF_NETBIOS                WSD_AF_NETBIOS
#define AF_INET6                  WSD_AF_INET6
#define AF_IRDA                   WSD_AF_IRDA
#define AF_BTH                    WSD_AF_BTH
#define SOCK_STREAM               WSD_SOCK_STREAM
#define SOCK_DGRAM                WSD_SOCK_DGRAM
#define SOCK_RAW                  WSD_SOCK_RAW
#define SOCK_RDM                  WSD_SOCK_RDM
#define SOCK_SEQPACKET            WSD_SOCK_SEQPACKET
#define IPPROTO_IP                WSD_IPPROTO_IP
#define IPPROTO_HOPOPTS           WSD_IPPROTO_HOPOPTS
#define IPPROTO_ICMP              WSD_IPPROTO_ICMP
#define IPPROTO_IGMP              WSD_IPPROTO_IGMP
#define IPPROTO_IPV4              WSD_IPPROTO_IPV4
#define IPPROTO_TCP               WSD_IPPROTO_TCP
#define IPPROTO_PUP               WSD_IPPROTO_PUP
#define IPPROTO_UDP               WSD_IPPROTO_UDP
#define IPPROTO_IDP               WSD_IPPROTO_IDP
#define IPPROTO_IPV6              WSD_IPPROTO_IPV6
#define IPPROTO_ROUTING           WSD_IPPROTO_ROUTING
#define IPPROTO_FRAGMENT          WSD_IPPROTO_FRAGMENT
#define IPPROTO_ESP               WSD_IPPROTO_ESP
#define IPPROTO_AH                WSD_IPPROTO_AH
#define IPPROTO_ICMPV6            WSD_IPPROTO_ICMPV6
#define IPPROTO_NONE              WSD_IPPROTO_NONE
#define IPPROTO_DSTOPTS           WSD_IPPROTO_DSTOPTS
#define IPPROTO_RAW               WSD_IPPROTO_RAW
#define IPPROTO_MAX               WSD_IPPROTO_MAX
#define IPPORT_RESERVED           WSD_IPPORT_RESERVED
#define INADDR_ANY                WSD_INADDR_ANY
#define INADDR_LOOPBACK           WSD_INADDR_LOOPBACK
#define INADDR_BROADCAST          WSD_INADDR_BROADCAST
#define INADDR_NONE               WSD_INADDR_NONE
#define INET_ADDRSTRLEN           WSD_INET_ADDRSTRLEN
#define INET6_ADDRSTRLEN          WSD_INET6_ADDRSTRLEN
#define SOMAXCONN                 WSD_SOMAXCONN
#define SOL_SOCKET                WSD_SOL_SOCKET
#define SO_DEBUG                  WSD_SO_DEBUG
#define SO_ACCEPTCONN             WSD_SO_ACCEPTCONN
#define SO_REUSEADDR              WSD_SO_REUSEADDR
#define SO_KEEPALIVE              WSD_SO_KEEPALIVE
#define SO_DONTROUTE              WSD_SO_DONTROUTE
#define SO_BROADCAST              WSD_SO_BROADCAST
#define SO_LINGER                 WSD_SO_LINGER
#define SO_OOBINLINE              WSD_SO_OOBINLINE
#define SO_SNDBUF                 WSD_SO_SNDBUF
#define SO_RCVBUF                 WSD_SO_RCVBUF
#define SO_SNDLOWAT               WSD_SO_SNDLOWAT
#define SO_RCVLOWAT               WSD_SO_RCVLOWAT
#define SO_SNDTIMEO               WSD_SO_SNDTIMEO
#define SO_RCVTIMEO               WSD_SO_RCVTIMEO
#define SO_ERROR                  WSD_SO_ERROR
#define SO_TYPE                   WSD_SO_TYPE
#define TCP_NODELAY               WSD_TCP_NODELAY
#define TCP_MAXSEG                WSD_TCP_MAXSEG
#define TCP_FASTOPEN              WSD_TCP_FASTOPEN
#define TCP_KEEPCNT               WSD_TCP_KEEPCNT
#define TCP_KEEPIDLE              WSD_TCP_KEEPIDLE
#define TCP_KEEPINTVL             WSD_TCP_KEEPINTVL
#define IP_OPTIONS                WSD_IP_OPTIONS
#define IP_HDRINCL                WSD_IP_HDRINCL
#define IP_TOS                    WSD_IP_TOS
#define IP_TTL                    WSD_IP_TTL
#define IP_MULTICAST_IF           WSD_IP_MULTICAST_IF
#define IP_MULTICAST_TTL          WSD_IP_MULTICAST_TTL
#define IP_MULTICAST_LOOP         WSD_IP_MULTICAST_LOOP
#define IP_ADD_MEMBERSHIP         WSD_IP_ADD_MEMBERSHIP
#define IP_DROP_MEMBERSHIP        WSD_IP_DROP_MEMBERSHIP
#define IP_ADD_SOURCE_MEMBERSHIP  WSD_IP_ADD_SOURCE_MEMBERSHIP
#define IP_DROP_SOURCE_MEMBERSHIP WSD_IP_DROP_SOURCE_MEMBERSHIP
#define IP_BLOCK_SOURCE           WSD_IP_BLOCK_SOURCE
#define IP_UNBLOCK_SOURCE         WSD_IP_UNBLOCK_SOURCE
#define IP_PKTINFO                WSD_IP_PKTINFO
#define IP_UNICAST_IF             WSD_IP_UNICAST_IF
#define IPV6_HOPOPTS              WSD_IPV6_HOPOPTS
#define IPV6_HDRINCL              WSD_IPV6_HDRINCL
#define IPV6_UNICAST_HOPS         WSD_IPV6_UNICAST_HOPS
#define IPV6_MULTICAST_IF         WSD_IPV6_MULTICAST_IF
#define IPV6_MULTICAST_HOPS       WSD_IPV6_MULTICAST_HOPS
#define IPV6_MULTICAST_LOOP       WSD_IPV6_MULTICAST_LOOP
#define IPV6_ADD_MEMBERSHIP       WSD_IPV6_ADD_MEMBERSHIP
#define IPV6_JOIN_GROUP           WSD_IPV6_JOIN_GROUP
#define IPV6_DROP_MEMBERSHIP      WSD_IPV6_DROP_MEMBERSHIP
#define IPV6_LEAVE_GROUP          WSD_IPV6_LEAVE_GROUP
#define IPV6_DONTFRAG             WSD_IPV6_DONTFRAG
#define IPV6_PKTINFO              WSD_IPV6_PKTINFO
#define IPV6_HOPLIMIT             WSD_IPV6_HOPLIMIT
#define IPV6_CHECKSUM             WSD_IPV6_CHECKSUM
#define IPV6_V6ONLY               WSD_IPV6_V6ONLY
#define IPV6_UNICAST_IF           WSD_IPV6_UNICAST_IF
#define MCAST_JOIN_GROUP          WSD_MCAST_JOIN_GROUP
#define MCAST_LEAVE_GROUP         WSD_MCAST_LEAVE_GROUP
#define MCAST_BLOCK_SOURCE        WSD_MCAST_BLOCK_SOURCE
#define MCAST_UNBLOCK_SOURCE      WSD_MCAST_UNBLOCK_SOURCE
#define MCAST_JOIN_SOURCE_GROUP   WSD_MCAST_JOIN_SOURCE_GROUP
#define MCAST_LEAVE_SOURCE_GROUP  WSD_MCAST_LEAVE_SOURCE_GROUP
#define MSG_OOB                   WSD_MSG_OOB
#define MSG_PEEK                  WSD_MSG_PEEK
#define MSG_DONTROUTE             WSD_MSG_DONTROUTE
#define MSG_WAITALL               WSD_MSG_WAITALL
#define MSG_TRUNC                 WSD_MSG_TRUNC
#define MSG_CTRUNC                WSD_MSG_CTRUNC
#define SD_RECEIVE                WSD_SD_RECEIVE
#define SD_SEND                   WSD_SD_SEND
#define SD_BOTH                   WSD_SD_BOTH
#undef IOCPARM_MASK
#define IOCPARM_MASK WSD_IOCPARM_MASK
#undef IOC_VOID
#define IOC_VOID WSD_IOC_VOID
#undef IOC_OUT
#define IOC_OUT WSD_IOC_OUT
#undef IOC_IN
#define IOC_IN WSD_IOC_IN
#undef IOC_INOUT
#define IOC_INOUT WSD_IOC_INOUT
#undef FIONREAD
#define FIONREAD WSD_FIONREAD
#undef FIONBIO
#define FIONBIO WSD_FIONBIO
#undef FIOASYNC
#define FIOASYNC WSD_FIOASYNC
#undef SIOCATMARK
#define SIOCATMARK     WSD_SIOCATMARK
#define POLLRDNORM     WSD_POLLRDNORM
#define POLLRDBAND     WSD_POLLRDBAND
#define POLLIN         WSD_POLLIN
#define POLLPRI        WSD_POLLPRI
#define POLLWRNORM     WSD_POLLWRNORM
#define POLLOUT        WSD_POLLOUT
#define POLLWRBAND     WSD_POLLWRBAND
#define POLLERR        WSD_POLLERR
#define POLLHUP        WSD_POLLHUP
#define POLLNVAL       WSD_POLLNVAL
#define AI_PASSIVE     WSD_AI_PASSIVE
#define AI_CANONNAME   WSD_AI_CANONNAME
#define AI_NUMERICHOST WSD_AI_NUMERICHOST
#define AI_NUMERICSERV WSD_AI_NUMERICSERV
#define AI_ALL         WSD_AI_ALL
#define AI_ADDRCONFIG  WSD_AI_ADDRCONFIG
#define AI_V4MAPPED    WSD_AI_V4MAPPED
#define NI_MAXHOST     WSD_NI_MAXHOST
#define NI_MAXSERV     WSD_NI_MAXSERV
#define NI_NOFQDN      WSD_NI_NOFQDN
#define NI_NUMERICHOST WSD_NI_NUMERICHOST
#define NI_NAMEREQD    WSD_NI_NAMEREQD
#define NI_NUMERICSERV WSD_NI_NUMERICSERV
#define NI_DGRAM       WSD_NI_DGRAM
#define EAI_AGAIN      WSD_EAI_AGAIN
#define EAI_BADFLAGS   WSD_EAI_BADFLAGS
#define EAI_FAIL       WSD_EAI_FAIL
#define EAI_FAMILY     WSD_EAI_FAMILY
#define EAI_MEMORY     WSD_EAI_MEMORY
#define EAI_NONAME     WSD_EAI_NONAME
#define EAI_NODATA     WSD_EAI_NODATA
#define EAI_SERVICE    WSD_EAI_SERVICE
#define EAI_SOCKTYPE   WSD_EAI_SOCKTYPE
#define PF_UNSPEC      AF_UNSPEC
#define PF_UNIX        AF_UNIX
#define PF_INET        AF_INET
#define PF_INET6       AF_INET6

/* Windows Sockets 1.1 names of error codes. */
#define HOST_NOT_FOUND WSAHOST_NOT_FOUND
#define TRY_AGAIN      WSATRY_AGAIN
#define NO_RECOVERY    WSANO_RECOVERY
#define NO_DATA        WSANO_DATA
#define WSANO_ADDRESS  WSANO_DATA
#define NO_ADDRESS     WSANO_ADDRESS
#define h_errno        WSAGetLastError()
#define h_addr         h_addr_list[0]

#endif
