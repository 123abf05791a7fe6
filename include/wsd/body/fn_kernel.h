/* SPDX-License-Identifier: MIT */
/*
 * What windows.h offers beside types: events, waiting, time, the last error; written once for both
 * faces. Never included directly, hence without a guard. HANDLEs here are events (WSAEVENT is the
 * same thing), and to come the handle of WSAProviderConfigChange. Unlike the WSA forms these need
 * no WSAStartup. Failure leaves a code for GetLastError, which is WSAGetLastError's. Any thread may
 * call. Times are milliseconds.
 */
#ifndef WSD_FN
#error "wsdirect: include <wsd/api.h> or <windows.h>, not a file of wsd/body"
#endif

/* This thread's code (WS-ERR-1). */
WSD_FN(DWORD, GetLastError, (void));
WSD_FN(void, SetLastError, (DWORD dwErrCode));

/*
 * An event: manual or auto reset, set or not. lpName must be NULL, lpEventAttributes is ignored;
 * close it. NULL: WSA_NOT_ENOUGH_MEMORY; WSA_INVALID_PARAMETER a name.
 */
WSD_FN(HANDLE, CreateEventA,
       (LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset, BOOL bInitialState,
	LPCSTR lpName));
WSD_FN(HANDLE, CreateEventW,
       (LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset, BOOL bInitialState,
	LPCWSTR lpName));
/* FALSE: WSA_INVALID_HANDLE it is none. */
WSD_FN(BOOL, SetEvent, (HANDLE hEvent));
WSD_FN(BOOL, ResetEvent, (HANDLE hEvent));
WSD_FN(BOOL, CloseHandle, (HANDLE hObject));

/*
 * Wait as WSAWaitForMultipleEvents does: WAIT_OBJECT_0 + index, WAIT_TIMEOUT, or WAIT_FAILED with
 * WSA_INVALID_HANDLE, WSA_INVALID_PARAMETER (0 or more than 64, or lpHandles bad) or
 * WSA_NOT_ENOUGH_MEMORY. bAlertable changes nothing yet: there are no completion routines. An
 * auto-reset event is reset by the wait it ends.
 */
WSD_FN(DWORD, WaitForSingleObject, (HANDLE hHandle, DWORD dwMilliseconds));
WSD_FN(DWORD, WaitForSingleObjectEx, (HANDLE hHandle, DWORD dwMilliseconds, BOOL bAlertable));
WSD_FN(DWORD, WaitForMultipleObjects,
       (DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll, DWORD dwMilliseconds));
WSD_FN(DWORD, WaitForMultipleObjectsEx,
       (DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll, DWORD dwMilliseconds,
	BOOL bAlertable));

/* Sleep; INFINITE for ever. SleepEx: 0, or WAIT_IO_COMPLETION when completion routines ran
 * (alertable; not yet, there are none). */
WSD_FN(void, Sleep, (DWORD dwMilliseconds));
WSD_FN(DWORD, SleepEx, (DWORD dwMilliseconds, BOOL bAlertable));

/* Linux's ids. Never fail. */
WSD_FN(DWORD, GetCurrentProcessId, (void));
WSD_FN(DWORD, GetCurrentThreadId, (void));

/* Milliseconds since some moment of the past, never backwards; the first wraps after 49.7 days. */
WSD_FN(DWORD, GetTickCount, (void));
WSD_FN(ULONGLONG, GetTickCount64, (void));
