/* SPDX-License-Identifier: MIT
 *
 * The exported calls on events, and what windows.h offers beside them. The latter need no
 * WSAStartup.
 */
#include "api_call.h"
#include "event.h"
#include "usermem.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* NOLINTBEGIN(misc-redundant-expression): that they are the same is what is checked */
_Static_assert(WAIT_TIMEOUT == WSA_WAIT_TIMEOUT && WAIT_FAILED == WSA_WAIT_FAILED &&
		       MAXIMUM_WAIT_OBJECTS == WSA_MAXIMUM_WAIT_EVENTS && INFINITE == WSA_INFINITE,
	       "Winsock's waits are Windows's");
/* NOLINTEND(misc-redundant-expression) */

static BOOL result(int code)
{
	if (code)
		lasterror_set((DWORD)code);
	return code ? FALSE : TRUE;
}

static DWORD wait_result(int code, unsigned index)
{
	if (!code)
		return WSA_WAIT_EVENT_0 + index;
	if (code == WSA_WAIT_TIMEOUT)
		return WSA_WAIT_TIMEOUT;
	lasterror_set((DWORD)code);
	return WSA_WAIT_FAILED;
}

static DWORD wait_for(DWORD count, const WSAEVENT *handles, BOOL all, DWORD timeout_ms)
{
	WSAEVENT copy[WSA_MAXIMUM_WAIT_EVENTS];
	unsigned index = 0;
	if (!count || count > WSA_MAXIMUM_WAIT_EVENTS || !handles ||
	    memory_read(copy, handles, count * sizeof(*copy)) < 0)
		return wait_result(WSA_INVALID_PARAMETER, 0);
	int code = event_wait(copy, count, all != FALSE, timeout_ms, &index);
	return wait_result(code, index);
}

/* ---- Winsock's ---- */

WSAEVENT wsd_WSACreateEvent(void)
{
	WSAEVENT e = WSA_INVALID_EVENT;
	API_PROCESS(WSA_INVALID_EVENT);
	int code = event_create(&e);
	sw_leave(p);
	/* the documents know no WSAEMFILE here */
	result(code == WSAEMFILE ? WSA_NOT_ENOUGH_MEMORY : code);
	return e;
}

static BOOL on_event(WSAEVENT e, int (*fn)(WSAEVENT e))
{
	API_PROCESS(FALSE);
	int code = fn(e);
	sw_leave(p);
	return result(code);
}

BOOL wsd_WSACloseEvent(WSAEVENT e)
{
	return on_event(e, event_close);
}

BOOL wsd_WSASetEvent(WSAEVENT e)
{
	return on_event(e, event_set);
}

BOOL wsd_WSAResetEvent(WSAEVENT e)
{
	return on_event(e, event_reset);
}

DWORD wsd_WSAWaitForMultipleEvents(DWORD count, const WSAEVENT *events, BOOL all, DWORD timeout_ms,
				   BOOL alertable)
{
	API_PROCESS(WSA_WAIT_FAILED);
	sw_leave(p); /* a wait must not hold up WSACleanup: events do not belong to Winsock */
	return wait_for(count, events, all, timeout_ms);
}

/* ---- Windows's ---- */

DWORD wsd_GetLastError(void)
{
	return lasterror_get();
}

void wsd_SetLastError(DWORD code)
{
	lasterror_set(code);
}

static HANDLE create(BOOL manual, BOOL set, bool named)
{
	WSAEVENT e = NULL;
	int code = named ? WSA_INVALID_PARAMETER : event_create_kind(!manual, set != FALSE, &e);
	result(code == WSAEMFILE ? WSA_NOT_ENOUGH_MEMORY : code);
	return e;
}

HANDLE wsd_CreateEventA(LPSECURITY_ATTRIBUTES attributes, BOOL manual, BOOL set, LPCSTR name)
{
	return create(manual, set, name != NULL);
}

HANDLE wsd_CreateEventW(LPSECURITY_ATTRIBUTES attributes, BOOL manual, BOOL set, LPCWSTR name)
{
	return create(manual, set, name != NULL);
}

BOOL wsd_SetEvent(HANDLE e)
{
	return result(event_set(e));
}

BOOL wsd_ResetEvent(HANDLE e)
{
	return result(event_reset(e));
}

BOOL wsd_CloseHandle(HANDLE h)
{
	return result(event_close(h));
}

DWORD wsd_WaitForSingleObject(HANDLE h, DWORD timeout_ms)
{
	return wait_for(1, &h, FALSE, timeout_ms);
}

DWORD wsd_WaitForSingleObjectEx(HANDLE h, DWORD timeout_ms, BOOL alertable)
{
	return wait_for(1, &h, FALSE, timeout_ms);
}

DWORD wsd_WaitForMultipleObjects(DWORD count, const HANDLE *handles, BOOL all, DWORD timeout_ms)
{
	return wait_for(count, handles, all, timeout_ms);
}

DWORD wsd_WaitForMultipleObjectsEx(DWORD count, const HANDLE *handles, BOOL all, DWORD timeout_ms,
				   BOOL alertable)
{
	return wait_for(count, handles, all, timeout_ms);
}

void wsd_Sleep(DWORD ms)
{
	struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
	if (ms == INFINITE)
		for (;;)
			pause();
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

DWORD wsd_SleepEx(DWORD ms, BOOL alertable)
{
	wsd_Sleep(ms);
	return 0;
}

DWORD wsd_GetCurrentProcessId(void)
{
	return (DWORD)getpid();
}

DWORD wsd_GetCurrentThreadId(void)
{
	return (DWORD)syscall(SYS_gettid);
}

ULONGLONG wsd_GetTickCount64(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ULONGLONG)t.tv_sec * 1000 + (ULONGLONG)t.tv_nsec / 1000000;
}

DWORD wsd_GetTickCount(void)
{
	return (DWORD)wsd_GetTickCount64();
}
