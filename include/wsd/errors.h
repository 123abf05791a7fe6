/* SPDX-License-Identifier: MIT */
/* Windows Sockets error codes (winsock.md 1.1; PROV part 14), shared by both faces. */
#ifndef WSD_ERRORS_H
#define WSD_ERRORS_H

#define WSA_INVALID_HANDLE    6   /* the event object handle is not valid */
#define WSA_NOT_ENOUGH_MEMORY 8   /* an underlying call had no memory */
#define WSA_INVALID_PARAMETER 87  /* an underlying call disliked a parameter */
#define WSA_OPERATION_ABORTED 995 /* overlapped request dropped: its socket was closed */
#define WSA_IO_INCOMPLETE     996 /* polled overlapped request is not finished */
#define WSA_IO_PENDING        997 /* overlapped request started */

#define WSABASEERR             10000
#define WSAEINTR               10004 /* blocking call cancelled */
#define WSAEBADF               10009 /* bad file handle; sockets give WSAENOTSOCK */
#define WSAEACCES              10013 /* forbidden access */
#define WSAEFAULT              10014 /* bad pointer, or buffer too short */
#define WSAEINVAL              10022 /* bad argument, or wrong state of the socket */
#define WSAEMFILE              10024 /* no more handles */
#define WSAEWOULDBLOCK         10035 /* a non-blocking call would have to wait */
#define WSAEINPROGRESS         10036 /* a 1.1 blocking call or a callback is running */
#define WSAEALREADY            10037 /* the same operation is under way */
#define WSAENOTSOCK            10038 /* the handle is no socket */
#define WSAEDESTADDRREQ        10039 /* destination missing */
#define WSAEMSGSIZE            10040 /* message longer than buffer or limit */
#define WSAEPROTOTYPE          10041 /* protocol unfit for the type */
#define WSAENOPROTOOPT         10042 /* option unknown or unsupported */
#define WSAEPROTONOSUPPORT     10043 /* no such protocol */
#define WSAESOCKTNOSUPPORT     10044 /* no such type */
#define WSAEOPNOTSUPP          10045 /* not for this kind of socket */
#define WSAEPFNOSUPPORT        10046 /* no such protocol family */
#define WSAEAFNOSUPPORT        10047 /* address family unusable here */
#define WSAEADDRINUSE          10048 /* address taken */
#define WSAEADDRNOTAVAIL       10049 /* address not valid here */
#define WSAENETDOWN            10050 /* network subsystem failed */
#define WSAENETUNREACH         10051 /* no route to the network */
#define WSAENETRESET           10052 /* keep-alive ended the connection */
#define WSAECONNABORTED        10053 /* dropped by software of this host */
#define WSAECONNRESET          10054 /* dropped by the peer */
#define WSAENOBUFS             10055 /* buffers or queue exhausted */
#define WSAEISCONN             10056 /* already connected */
#define WSAENOTCONN            10057 /* not connected */
#define WSAESHUTDOWN           10058 /* this direction is shut down */
#define WSAETOOMANYREFS        10059 /* too many references */
#define WSAETIMEDOUT           10060 /* timed out */
#define WSAECONNREFUSED        10061 /* actively refused */
#define WSAELOOP               10062 /* name cannot be translated */
#define WSAENAMETOOLONG        10063 /* name too long */
#define WSAEHOSTDOWN           10064 /* host down */
#define WSAEHOSTUNREACH        10065 /* host unreachable */
#define WSAENOTEMPTY           10066 /* directory not empty */
#define WSAEPROCLIM            10067 /* process limit */
#define WSAEUSERS              10068 /* user quota */
#define WSAEDQUOT              10069 /* disk quota */
#define WSAESTALE              10070 /* stale handle */
#define WSAEREMOTE             10071 /* item is remote */
#define WSASYSNOTREADY         10091 /* subsystem down */
#define WSAVERNOTSUPPORTED     10092 /* version not supported */
#define WSANOTINITIALISED      10093 /* no successful WSAStartup */
#define WSAEDISCON             10101 /* graceful shutdown under way */
#define WSAENOMORE             10102 /* look-up: no more results */
#define WSAECANCELLED          10103 /* look-up cancelled */
#define WSAEINVALIDPROCTABLE   10104 /* provider: bad procedure table */
#define WSAEINVALIDPROVIDER    10105 /* provider: not 2.x, or unknown */
#define WSAEPROVIDERFAILEDINIT 10106 /* provider: cannot be loaded or started */
#define WSASYSCALLFAILURE      10107 /* a system call failed that cannot */
#define WSASERVICE_NOT_FOUND   10108
#define WSATYPE_NOT_FOUND      10109
#define WSA_E_NO_MORE          10110
#define WSA_E_CANCELLED        10111
#define WSAEREFUSED            10112

#define WSAHOST_NOT_FOUND 11001 /* resolver: no such host */
#define WSATRY_AGAIN      11002 /* resolver: not now; accept: request deferred */
#define WSANO_RECOVERY    11003 /* resolver: hard failure */
#define WSANO_DATA        11004 /* resolver: name without an address */

/* The QoS family: defined, never returned. */
#define WSA_QOS_RECEIVERS          11005
#define WSA_QOS_SENDERS            11006
#define WSA_QOS_NO_SENDERS         11007
#define WSA_QOS_NO_RECEIVERS       11008
#define WSA_QOS_REQUEST_CONFIRMED  11009
#define WSA_QOS_ADMISSION_FAILURE  11010
#define WSA_QOS_POLICY_FAILURE     11011
#define WSA_QOS_BAD_STYLE          11012
#define WSA_QOS_BAD_OBJECT         11013
#define WSA_QOS_TRAFFIC_CTRL_ERROR 11014
#define WSA_QOS_GENERIC_ERROR      11015
#define WSA_QOS_ESERVICETYPE       11016
#define WSA_QOS_EFLOWSPEC          11017
#define WSA_QOS_EPROVSPECBUF       11018
#define WSA_QOS_EFILTERSTYLE       11019
#define WSA_QOS_EFILTERTYPE        11020
#define WSA_QOS_EFILTERCOUNT       11021
#define WSA_QOS_EOBJLENGTH         11022
#define WSA_QOS_EFLOWCOUNT         11023
#define WSA_QOS_EUNKOWNPSOBJ       11024 /* (sic) */
#define WSA_QOS_EPOLICYOBJ         11025
#define WSA_QOS_EFLOWDESC          11026
#define WSA_QOS_EPSFLOWSPEC        11027
#define WSA_QOS_EPSFILTERSPEC      11028
#define WSA_QOS_ESDMODEOBJ         11029
#define WSA_QOS_ESHAPERATEOBJ      11030
#define WSA_QOS_RESERVED_PETYPE    11031

/* WSAOVERLAPPED.Internal while an operation runs (PROV-OVL-2). */
#define WSS_OPERATION_IN_PROGRESS 0x00000103

#endif
