/* SPDX-License-Identifier: MIT */
/*
 * The SAN extensions of the SPI: WSPStartupEx and the functions that WSPIoctl hands out
 * (provider.md parts 2 and 10), written once for both faces. Never included directly, hence without
 * a guard. What spi.h says of every function holds here too. wsd-rdma offers WSPRdmaRead unless
 * rdma.read is off, and WSPMemoryRegistrationCacheCallback where it caches: userfaultfd must be
 * allowed, and rdma.cache_entries not 0.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <ws2san.h>, not a file of wsd/body"
#endif

/* A buffer with the registration that covers it (RDMA calls; PROV-DATA-4). */
typedef struct _WSABUFEX {
	ULONG len;
	CHAR *buf;
	HANDLE handle; /* from WSPRegisterMemory on the same socket */
} WSABUFEX, *LPWSABUFEX;

/*
 * The one entry of a SAN provider's module. Fills *lpWSPData and the procedure table and copies
 * *lpUpcallTable and *lpProtocolInfo (that of TCP/IP). Each success adds a reference that
 * WSPCleanup takes back. wVersionRequested: major in the low byte. Returns 0 or the code itself
 * (there is no lpErrno): WSAVERNOTSUPPORTED below 2.2, judged first; WSAEFAULT lpWSPData,
 * lpProtocolInfo, lpUpcallTable or lpProcTable NULL, or an upcall table without one of
 * WPUCreateSocketHandle, WPUCloseSocketHandle, WPUSetEvent, WPUResetEvent,
 * WPUCompleteOverlappedRequest; WSASYSNOTREADY rdma_cm cannot be opened, or no memory, thread or
 * configuration; WSAEPROCLIM more than rdma.max_startups. A failure leaves nothing behind and may
 * be tried again. PROV-INIT-1 to 8.
 */
typedef int(WSPAPI *LPWSPSTARTUPEX)(WORD wVersionRequested, LPWSPDATA lpWSPData,
				    LPWSAPROTOCOL_INFOW lpProtocolInfo,
				    LPWSPUPCALLTABLEEX lpUpcallTable, LPWSPPROC_TABLE lpProcTable);

int WSPAPI WSPStartupEx(WORD wVersionRequested, LPWSPDATA lpWSPData,
			LPWSAPROTOCOL_INFOW lpProtocolInfo, LPWSPUPCALLTABLEEX lpUpcallTable,
			LPWSPPROC_TABLE lpProcTable);

/* {C0B422F5-F58C-11D1-AD6C-00C04FA34A2D} and its neighbours. */
/* clang-format off */
#define WSAID_REGISTERMEMORY \
	{0xc0b422f5, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_DEREGISTERMEMORY \
	{0xc0b422f6, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_REGISTERRDMAMEMORY \
	{0xc0b422f7, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_DEREGISTERRDMAMEMORY \
	{0xc0b422f8, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_RDMAWRITE \
	{0xc0b422f9, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_RDMAREAD \
	{0xc0b422fa, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}
#define WSAID_MEMORYREGISTRATIONCACHECALLBACK \
	{0xe5da4af8, 0xd824, 0x48cd, {0xa7, 0x99, 0x63, 0x37, 0xa9, 0x8e, 0xd2, 0xaf}}
/* clang-format on */

/*
 * Register dwBufferLength bytes for sends, receives and the local side of RDMA, with dwFlags
 * MEM_READ, MEM_WRITE or both, on a connected socket. The handle is good on this socket only, until
 * deregistered; registrations are counted. The memory stays the caller's and mapped until then.
 * NULL on failure: WSAEFAULT the buffer is not all valid; WSAEINVAL flags; WSAENOTCONN; WSAENOBUFS;
 * WSAENOTSOCK. PROV-MEM-1 to 3, 7, 10.
 */
typedef HANDLE(WSPAPI *LPFN_WSPREGISTERMEMORY)(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength,
					       DWORD dwFlags, LPINT lpErrno);

/* Take one registration back. WSAEINVAL unknown, of another socket, or in use. PROV-MEM-3, 4. */
typedef int(WSPAPI *LPFN_WSPDEREGISTERMEMORY)(SOCKET s, HANDLE Handle, LPINT lpErrno);

/*
 * Let the peer of this connection, and nobody else, read (MEM_READ) or write (MEM_WRITE) the
 * buffer. Stores an opaque descriptor that the switch sends to the peer; *lpdwDescriptorLength
 * (bytes): room in, size out. WSAEFAULT the room is too small (the size needed is stored) or the
 * buffer is not all valid; WSAEINVAL flags; WSAENOTCONN; WSAENOBUFS; WSAENOTSOCK. PROV-MEM-5 to 8.
 */
typedef int(WSPAPI *LPFN_WSPREGISTERRDMAMEMORY)(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength,
						DWORD dwFlags, LPVOID lpRdmaBufferDescriptor,
						LPDWORD lpdwDescriptorLength, LPINT lpErrno);

/* When this returns the peer can reach the buffer no more. WSAEINVAL unknown, or in use.
 * PROV-MEM-4, 9. */
typedef int(WSPAPI *LPFN_WSPDEREGISTERRDMAMEMORY)(SOCKET s, LPVOID lpRdmaBufferDescriptor,
						  DWORD dwDescriptorLength, LPINT lpErrno);

/*
 * Move the local segments to the peer's described buffer, from byte dwTargetBufferOffset on.
 * Completes locally, as WSPSend does; the peer is not told. dwFlags 0. WSAEINVAL bad descriptor
 * or one without this right, offset and bytes beyond its buffer, flags, or lpOverlapped NULL;
 * WSAEFAULT a handle that is none or does not cover its segment; WSAENOTCONN; WSAECONNRESET;
 * WSAECONNABORTED; WSAENOBUFS; WSAENETDOWN; WSAENOTSOCK; on completion also WSAECONNABORTED (access
 * refused by the peer's NIC; the connection is broken) and WSA_OPERATION_ABORTED. PROV-RDMA-1 to 4.
 */
typedef int(WSPAPI *LPFN_WSPRDMAWRITE)(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
				       LPVOID lpTargetBufferDescriptor,
				       DWORD dwTargetDescriptorLength, DWORD dwTargetBufferOffset,
				       LPDWORD lpdwNumberOfBytesWritten, DWORD dwFlags,
				       LPWSAOVERLAPPED lpOverlapped,
				       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
				       LPWSATHREADID lpThreadId, LPINT lpErrno);

/* The other way round; optional: its GUID may answer WSAEOPNOTSUPP. Codes as WSPRdmaWrite.
 * PROV-RDMA-1 to 5. */
typedef int(WSPAPI *LPFN_WSPRDMAREAD)(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
				      LPVOID lpTargetBufferDescriptor,
				      DWORD dwTargetDescriptorLength, DWORD dwTargetBufferOffset,
				      LPDWORD lpdwNumberOfBytesRead, DWORD dwFlags,
				      LPWSAOVERLAPPED lpOverlapped,
				      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
				      LPWSATHREADID lpThreadId, LPINT lpErrno);

/*
 * The mappings of [lpvAddress, lpvAddress + Size) are about to change: every cached registration
 * that overlaps leaves the cache and the NIC before return. Optional. WSAEFAULT cached but not
 * releasable, because it is registered now (it will not be cached again); WSAEINVAL never cached.
 * wsd-rdma caches from the moment that this pointer is asked for. PROV-MEM-11, 12.
 */
typedef int(WSPAPI *LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK)(LPVOID lpvAddress, SIZE_T Size,
							     LPINT lpErrno);

/*
 * The same as functions, for a provider that defines them under these names. The switch never calls
 * them by name: it asks WSPIoctl for the pointers.
 */
extern HANDLE WSPAPI WSPRegisterMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength,
				       DWORD dwFlags, LPINT lpErrno);
extern int WSPAPI WSPDeregisterMemory(SOCKET s, HANDLE Handle, LPINT lpErrno);
extern int WSPAPI WSPRegisterRdmaMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength,
					DWORD dwFlags, LPVOID lpRdmaBufferDescriptor,
					LPDWORD lpdwDescriptorLength, LPINT lpErrno);
extern int WSPAPI WSPDeregisterRdmaMemory(SOCKET s, LPVOID lpRdmaBufferDescriptor,
					  DWORD dwDescriptorLength, LPINT lpErrno);
extern int WSPAPI WSPRdmaWrite(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
			       LPVOID lpTargetBufferDescriptor, DWORD dwTargetDescriptorLength,
			       DWORD dwTargetBufferOffset, LPDWORD lpdwNumberOfBytesWritten,
			       DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			       LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			       LPWSATHREADID lpThreadId, LPINT lpErrno);
extern int WSPAPI WSPRdmaRead(SOCKET s, LPWSABUFEX lpBuffers, DWORD dwBufferCount,
			      LPVOID lpTargetBufferDescriptor, DWORD dwTargetDescriptorLength,
			      DWORD dwTargetBufferOffset, LPDWORD lpdwNumberOfBytesRead,
			      DWORD dwFlags, LPWSAOVERLAPPED lpOverlapped,
			      LPWSAOVERLAPPED_COMPLETION_ROUTINE lpCompletionRoutine,
			      LPWSATHREADID lpThreadId, LPINT lpErrno);
extern int WSPAPI WSPMemoryRegistrationCacheCallback(LPVOID lpvAddress, SIZE_T Size, LPINT lpErrno);
