/* SPDX-License-Identifier: MIT */
/*
 * What the control codes of IOC_VENDOR take and give (constants: wsd/rare.h), written once for both
 * faces. WSAIoctl serves SIO_KEEPALIVE_VALS of these. Never included directly, hence without a
 * guard.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <mstcpip.h>, not a file of wsd/body"
#endif

struct tcp_keepalive {
	ULONG onoff;
	ULONG keepalivetime;     /* milliseconds */
	ULONG keepaliveinterval; /* milliseconds */
};

/* SIO_APPLY_TRANSPORT_SETTING, SIO_QUERY_TRANSPORT_SETTING: which setting. */
typedef struct TRANSPORT_SETTING_ID {
	GUID Guid;
} TRANSPORT_SETTING_ID, *PTRANSPORT_SETTING_ID;

/* SIO_RCVALL and SIO_RCVALL_IF. */
typedef enum {
	RCVALL_OFF = 0,
	RCVALL_ON = 1,
	RCVALL_SOCKETLEVELONLY = 2,
	RCVALL_IPLEVEL = 3
} RCVALL_VALUE,
	*PRCVALL_VALUE;
#define RCVALL_MAX RCVALL_IPLEVEL

typedef struct {
	RCVALL_VALUE Mode;
	ULONG Interface;
} RCVALL_IF, *PRCVALL_IF;

/* SIO_TCP_INITIAL_RTO: Rtt in milliseconds. */
typedef struct _TCP_INITIAL_RTO_PARAMETERS {
	USHORT Rtt;
	UCHAR MaxSynRetransmissions;
} TCP_INITIAL_RTO_PARAMETERS, *PTCP_INITIAL_RTO_PARAMETERS;

/* SIO_TCP_SET_ICW: the initial congestion window. */
typedef enum {
	TCP_ICW_LEVEL_DEFAULT = 0,
	TCP_ICW_LEVEL_HIGH = 1,
	TCP_ICW_LEVEL_VERY_HIGH = 2,
	TCP_ICW_LEVEL_AGGRESSIVE = 3,
	TCP_ICW_LEVEL_EXPERIMENTAL = 4,
	TCP_ICW_LEVEL_COMPAT = 254,
	TCP_ICW_LEVEL_MAX = 255
} TCP_ICW_LEVEL,
	*PTCP_ICW_LEVEL;

typedef struct _TCP_ICW_PARAMETERS {
	TCP_ICW_LEVEL Level;
} TCP_ICW_PARAMETERS, *PTCP_ICW_PARAMETERS;

/* SIO_TCP_SET_ACK_FREQUENCY: segments for each delayed acknowledgement. */
typedef struct _TCP_ACK_FREQUENCY_PARAMETERS {
	UCHAR TcpDelayedAckFrequency;
} TCP_ACK_FREQUENCY_PARAMETERS, *PTCP_ACK_FREQUENCY_PARAMETERS;

/* SIO_SET_PRIORITY_HINT. */
typedef enum {
	SocketPriorityHintVeryLow = 0,
	SocketPriorityHintLow,
	SocketPriorityHintNormal,
	SocketMaximumPriorityHintType
} SOCKET_PRIORITY_HINT,
	*PSOCKET_PRIORITY_HINT;

typedef struct _PRIORITY_STATUS {
	SOCKET_PRIORITY_HINT Sender;
	SOCKET_PRIORITY_HINT Receiver;
} PRIORITY_STATUS, *PPRIORITY_STATUS;

/* SIO_TIMESTAMPING. */
typedef struct _TIMESTAMPING_CONFIG {
	ULONG Flags; /* TIMESTAMPING_FLAG_* */
	USHORT TxTimestampsBuffered;
} TIMESTAMPING_CONFIG, *PTIMESTAMPING_CONFIG;

/* SIO_TCP_INFO: version 0 or 1 in, the structure of that version out. */
typedef enum _TCPSTATE {
	TCPSTATE_CLOSED,
	TCPSTATE_LISTEN,
	TCPSTATE_SYN_SENT,
	TCPSTATE_SYN_RCVD,
	TCPSTATE_ESTABLISHED,
	TCPSTATE_FIN_WAIT_1,
	TCPSTATE_FIN_WAIT_2,
	TCPSTATE_CLOSE_WAIT,
	TCPSTATE_CLOSING,
	TCPSTATE_LAST_ACK,
	TCPSTATE_TIME_WAIT,
	TCPSTATE_MAX
} TCPSTATE;

typedef struct _TCP_INFO_v0 {
	TCPSTATE State;
	ULONG Mss;
	ULONG64 ConnectionTimeMs;
	BOOLEAN TimestampsEnabled;
	ULONG RttUs;
	ULONG MinRttUs;
	ULONG BytesInFlight;
	ULONG Cwnd;
	ULONG SndWnd;
	ULONG RcvWnd;
	ULONG RcvBuf;
	ULONG64 BytesOut;
	ULONG64 BytesIn;
	ULONG BytesReordered;
	ULONG BytesRetrans;
	ULONG FastRetrans;
	ULONG DupAcksIn;
	ULONG TimeoutEpisodes;
	UCHAR SynRetrans;
} TCP_INFO_v0, *PTCP_INFO_v0;

typedef struct _TCP_INFO_v1 {
	TCPSTATE State;
	ULONG Mss;
	ULONG64 ConnectionTimeMs;
	BOOLEAN TimestampsEnabled;
	ULONG RttUs;
	ULONG MinRttUs;
	ULONG BytesInFlight;
	ULONG Cwnd;
	ULONG SndWnd;
	ULONG RcvWnd;
	ULONG RcvBuf;
	ULONG64 BytesOut;
	ULONG64 BytesIn;
	ULONG BytesReordered;
	ULONG BytesRetrans;
	ULONG FastRetrans;
	ULONG DupAcksIn;
	ULONG TimeoutEpisodes;
	UCHAR SynRetrans;
	ULONG SndLimTransRwin;
	ULONG SndLimTimeRwin;
	ULONG64 SndLimBytesRwin;
	ULONG SndLimTransCwnd;
	ULONG SndLimTimeCwnd;
	ULONG64 SndLimBytesCwnd;
	ULONG SndLimTransSnd;
	ULONG SndLimTimeSnd;
	ULONG64 SndLimBytesSnd;
} TCP_INFO_v1, *PTCP_INFO_v1;

/* SIO_ACQUIRE_PORT_RESERVATION and its kin: StartPort in network byte order, 0: any. */
typedef struct _INET_PORT_RANGE {
	USHORT StartPort;
	USHORT NumberOfPorts;
} INET_PORT_RANGE, *PINET_PORT_RANGE, INET_PORT_RESERVATION, *PINET_PORT_RESERVATION;

typedef struct {
	ULONG64 Token;
} INET_PORT_RESERVATION_TOKEN, *PINET_PORT_RESERVATION_TOKEN;

/* Windows has the two structures as named members in C++, and their members themselves in C. */
typedef struct {
#ifdef __cplusplus
	INET_PORT_RESERVATION Reservation;
	INET_PORT_RESERVATION_TOKEN Token;
#else
	USHORT StartPort;
	USHORT NumberOfPorts;
	ULONG64 Token;
#endif
} INET_PORT_RESERVATION_INSTANCE, *PINET_PORT_RESERVATION_INSTANCE;

typedef struct {
	ULONG OwningPid;
} INET_PORT_RESERVATION_INFORMATION, *PINET_PORT_RESERVATION_INFORMATION;
