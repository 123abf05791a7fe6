/* SPDX-License-Identifier: MIT */
/*
 * The upcall table (switch functions that a provider calls) and the entry of a provider, written
 * once for both faces. Never included directly, hence without a guard.
 *
 * Every upcall may be made from any thread, with no lock of the provider held (PROV-OVL-3), between
 * WSPStartupEx and the last WSPCleanup. Socket handles here are the switch's, never the provider's
 * own descriptors (PROV-SOCKET-3). Failure is SOCKET_ERROR, INVALID_SOCKET or FALSE, with the code
 * at *lpErrno.
 */
#ifndef WSD_NAME
#error "wsdirect: include <wsd/abi.h> or <ws2spi.h>, not a file of wsd/body"
#endif

/* Close an event that WPUCreateEvent made. WSA_INVALID_HANDLE it is none, or the event of a socket,
 * which goes with the handle. */
typedef BOOL(WSPAPI *LPWPUCLOSEEVENT)(WSAEVENT hEvent, LPINT lpErrno);

/*
 * Give a handle back: the last upcall for this socket; nothing may use the handle afterwards
 * (PROV-CLOSE-1, 2). WSAENOTSOCK unknown handle.
 */
typedef int(WSPAPI *LPWPUCLOSESOCKETHANDLE)(SOCKET s, LPINT lpErrno);

/* A new event, manual reset, not set. WSA_INVALID_EVENT with WSA_NOT_ENOUGH_MEMORY, or
 * WSAEMFILE no descriptor, on failure. */
typedef WSAEVENT(WSPAPI *LPWPUCREATEEVENT)(LPINT lpErrno);

/*
 * The switch's handle for a provider's socket. dwContext comes back from
 * WPUQuerySocketHandleContext. WSAENOBUFS no memory, or no more handles (PROV-SOCKET-2).
 */
typedef SOCKET(WSPAPI *LPWPUCREATESOCKETHANDLE)(DWORD dwCatalogEntryId, DWORD_PTR dwContext,
						LPINT lpErrno);

/* Is s in the set? Non-zero if so. */
typedef int(WSPAPI *LPWPUFDISSET)(SOCKET s, struct wsd_fd_set *fdset);

/*
 * The path of a provider's module, UTF-16; *lpProviderDllPathLen is room in, needed out, in units,
 * the NUL included. WSAEFAULT lpProviderId or lpProviderDllPathLen NULL, or the path NULL or too
 * small (needed stored); WSAEINVALIDPROVIDER no provider of the catalogue has that id.
 */
typedef int(WSPAPI *LPWPUGETPROVIDERPATH)(GUID *lpProviderId, WCHAR *lpszProviderDllPath,
					  LPINT lpProviderDllPathLen, LPINT lpErrno);

/* Not for providers without IFS handles: INVALID_SOCKET with WSAEOPNOTSUPP. */
typedef SOCKET(WSPAPI *LPWPUMODIFYIFSHANDLE)(DWORD dwCatalogEntryId, SOCKET ProposedHandle,
					     LPINT lpErrno);

/* No windows here: FALSE. */
typedef BOOL(WSPAPI *LPWPUPOSTMESSAGE)(HWND hWnd, UINT Msg, WPARAM wParam, LPARAM lParam);

/* No blocking hooks here: SOCKET_ERROR with WSAEOPNOTSUPP. */
typedef int(WSPAPI *LPWPUQUERYBLOCKINGCALLBACK)(DWORD dwCatalogEntryId,
						LPBLOCKINGCALLBACK *lplpfnCallback,
						PDWORD_PTR lpdwContext, LPINT lpErrno);

/* The dwContext given when the handle was made. WSAEFAULT lpContext NULL; WSAENOTSOCK. */
typedef int(WSPAPI *LPWPUQUERYSOCKETHANDLECONTEXT)(SOCKET s, PDWORD_PTR lpContext, LPINT lpErrno);

/* SAN providers queue no APC (PROV-DATA-1): SOCKET_ERROR with WSAEOPNOTSUPP. */
typedef int(WSPAPI *LPWPUQUEUEAPC)(LPWSATHREADID lpThreadId, LPWSAUSERAPC lpfnUserApc,
				   DWORD_PTR dwContext, LPINT lpErrno);

/* FALSE with WSA_INVALID_HANDLE when hEvent is none. */
typedef BOOL(WSPAPI *LPWPURESETEVENT)(WSAEVENT hEvent, LPINT lpErrno);
typedef BOOL(WSPAPI *LPWPUSETEVENT)(WSAEVENT hEvent, LPINT lpErrno);

/* SAN providers need no thread ids: SOCKET_ERROR with WSAEOPNOTSUPP. */
typedef int(WSPAPI *LPWPUOPENCURRENTTHREAD)(LPWSATHREADID lpThreadId, LPINT lpErrno);
typedef int(WSPAPI *LPWPUCLOSETHREAD)(LPWSATHREADID lpThreadId, LPINT lpErrno);

/*
 * Report the end of an operation whose hEvent has its low bit clear: exactly once, after the result
 * is stored in *lpOverlapped (PROV-OVL-1, 2). dwError is 0 or the operation's WSA code;
 * cbTransferred counts bytes. The switch may call any function of the provider from inside.
 * WSAEINVAL lpOverlapped NULL; WSAENOTSOCK.
 */
typedef int(WSPAPI *LPWPUCOMPLETEOVERLAPPEDREQUEST)(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
						    DWORD dwError, DWORD cbTransferred,
						    LPINT lpErrno);

typedef struct _WSPUPCALLTABLE {
	LPWPUCLOSEEVENT lpWPUCloseEvent;
	LPWPUCLOSESOCKETHANDLE lpWPUCloseSocketHandle;
	LPWPUCREATEEVENT lpWPUCreateEvent;
	LPWPUCREATESOCKETHANDLE lpWPUCreateSocketHandle;
	LPWPUFDISSET lpWPUFDIsSet;
	LPWPUGETPROVIDERPATH lpWPUGetProviderPath;
	LPWPUMODIFYIFSHANDLE lpWPUModifyIFSHandle;
	LPWPUPOSTMESSAGE lpWPUPostMessage;
	LPWPUQUERYBLOCKINGCALLBACK lpWPUQueryBlockingCallback;
	LPWPUQUERYSOCKETHANDLECONTEXT lpWPUQuerySocketHandleContext;
	LPWPUQUEUEAPC lpWPUQueueApc;
	LPWPURESETEVENT lpWPUResetEvent;
	LPWPUSETEVENT lpWPUSetEvent;
	LPWPUOPENCURRENTTHREAD lpWPUOpenCurrentThread;
	LPWPUCLOSETHREAD lpWPUCloseThread;
} WSPUPCALLTABLE, *LPWSPUPCALLTABLE;

/* What a SAN provider gets: the same and one more (PROV part 14). */
typedef struct _WSPUPCALLTABLEEX {
	LPWPUCLOSEEVENT lpWPUCloseEvent;
	LPWPUCLOSESOCKETHANDLE lpWPUCloseSocketHandle;
	LPWPUCREATEEVENT lpWPUCreateEvent;
	LPWPUCREATESOCKETHANDLE lpWPUCreateSocketHandle;
	LPWPUFDISSET lpWPUFDIsSet;
	LPWPUGETPROVIDERPATH lpWPUGetProviderPath;
	LPWPUMODIFYIFSHANDLE lpWPUModifyIFSHandle;
	LPWPUPOSTMESSAGE lpWPUPostMessage;
	LPWPUQUERYBLOCKINGCALLBACK lpWPUQueryBlockingCallback;
	LPWPUQUERYSOCKETHANDLECONTEXT lpWPUQuerySocketHandleContext;
	LPWPUQUEUEAPC lpWPUQueueApc;
	LPWPURESETEVENT lpWPUResetEvent;
	LPWPUSETEVENT lpWPUSetEvent;
	LPWPUOPENCURRENTTHREAD lpWPUOpenCurrentThread;
	LPWPUCLOSETHREAD lpWPUCloseThread;
	LPWPUCOMPLETEOVERLAPPEDREQUEST lpWPUCompleteOverlappedRequest;
} WSPUPCALLTABLEEX, *LPWSPUPCALLTABLEEX;

/*
 * Start an ordinary provider. Returns the code itself; here only for completeness, SAN providers
 * export WSPStartupEx and nothing else.
 */
typedef int(WSPAPI *LPWSPSTARTUP)(WORD wVersionRequested, LPWSPDATA lpWSPData,
				  LPWSAPROTOCOL_INFOW lpProtocolInfo, WSPUPCALLTABLE UpcallTable,
				  LPWSPPROC_TABLE lpProcTable);

/* ---- the same as functions ---- */

/*
 * Declared because Windows declares them; a provider calls the pointers of its table. libwsdirect
 * defines none of the WPU functions, so a call by name does not link; WSPStartup is for a provider
 * to define. Contracts: the pointer types above.
 */
extern int WSPAPI WSPStartup(WORD wVersionRequested, LPWSPDATA lpWSPData,
			     LPWSAPROTOCOL_INFOW lpProtocolInfo, WSPUPCALLTABLE UpcallTable,
			     LPWSPPROC_TABLE lpProcTable);
extern BOOL WSPAPI WPUCloseEvent(WSAEVENT hEvent, LPINT lpErrno);
extern int WSPAPI WPUCloseSocketHandle(SOCKET s, LPINT lpErrno);
extern WSAEVENT WSPAPI WPUCreateEvent(LPINT lpErrno);
extern SOCKET WSPAPI WPUCreateSocketHandle(DWORD dwCatalogEntryId, DWORD_PTR dwContext,
					   LPINT lpErrno);
extern int WSPAPI WPUFDIsSet(SOCKET s, struct wsd_fd_set *fdset);
extern int WSPAPI WPUGetProviderPath(GUID *lpProviderId, WCHAR *lpszProviderDllPath,
				     LPINT lpProviderDllPathLen, LPINT lpErrno);
extern SOCKET WSPAPI WPUModifyIFSHandle(DWORD dwCatalogEntryId, SOCKET ProposedHandle,
					LPINT lpErrno);
extern BOOL WSPAPI WPUPostMessage(HWND hWnd, UINT Msg, WPARAM wParam, LPARAM lParam);
extern int WSPAPI WPUQueryBlockingCallback(DWORD dwCatalogEntryId,
					   LPBLOCKINGCALLBACK *lplpfnCallback,
					   PDWORD_PTR lpdwContext, LPINT lpErrno);
extern int WSPAPI WPUQuerySocketHandleContext(SOCKET s, PDWORD_PTR lpContext, LPINT lpErrno);
extern int WSPAPI WPUQueueApc(LPWSATHREADID lpThreadId, LPWSAUSERAPC lpfnUserApc,
			      DWORD_PTR dwContext, LPINT lpErrno);
extern BOOL WSPAPI WPUResetEvent(WSAEVENT hEvent, LPINT lpErrno);
extern BOOL WSPAPI WPUSetEvent(WSAEVENT hEvent, LPINT lpErrno);
extern int WSPAPI WPUOpenCurrentThread(LPWSATHREADID lpThreadId, LPINT lpErrno);
extern int WSPAPI WPUCloseThread(LPWSATHREADID lpThreadId, LPINT lpErrno);
extern int WSPAPI WPUCompleteOverlappedRequest(SOCKET s, LPWSAOVERLAPPED lpOverlapped,
					       DWORD dwError, DWORD cbTransferred, LPINT lpErrno);

/* ---- entries of the catalogue (functions: fn_catalog.h) ---- */

typedef enum _WSC_PROVIDER_INFO_TYPE {
	ProviderInfoLspCategories = 0,
	ProviderInfoAudit
} WSC_PROVIDER_INFO_TYPE;

typedef struct _WSC_PROVIDER_AUDIT_INFO {
	DWORD RecordSize;
	PVOID Reserved;
} WSC_PROVIDER_AUDIT_INFO, *PWSC_PROVIDER_AUDIT_INFO;

typedef int(WSPAPI *LPWSCENUMPROTOCOLS)(LPINT lpiProtocols, LPWSAPROTOCOL_INFOW lpProtocolBuffer,
					LPDWORD lpdwBufferLength, LPINT lpErrno);
typedef int(WSPAPI *LPWSCDEINSTALLPROVIDER)(LPGUID lpProviderId, LPINT lpErrno);
typedef int(WSPAPI *LPWSCINSTALLPROVIDER)(LPGUID lpProviderId, const WCHAR *lpszProviderDllPath,
					  const LPWSAPROTOCOL_INFOW lpProtocolInfoList,
					  DWORD dwNumberOfEntries, LPINT lpErrno);
typedef int(WSPAPI *LPWSCUPDATEPROVIDER)(LPGUID lpProviderId, const WCHAR *lpszProviderDllPath,
					 const LPWSAPROTOCOL_INFOW lpProtocolInfoList,
					 DWORD dwNumberOfEntries, LPINT lpErrno);
typedef int(WSPAPI *LPWSCGETPROVIDERPATH)(LPGUID lpProviderId, WCHAR *lpszProviderDllPath,
					  LPINT lpProviderDllPathLen, LPINT lpErrno);
