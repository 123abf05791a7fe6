/* SPDX-License-Identifier: MIT
 *
 * Event objects, waits, and what windows.h offers beside them, through the exported calls.
 */
#include "ws.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static DWORD wait_one(WSAEVENT e, DWORD ms)
{
	return wsd_WSAWaitForMultipleEvents(1, &e, FALSE, ms, FALSE);
}

Test(event, WS_ERR_1_set_reset_wait)
{
	WS_BEGIN();
	WSAEVENT e = wsd_WSACreateEvent();
	cr_assert_neq(e, WSA_INVALID_EVENT);
	cr_assert_eq((uintptr_t)e & 1, 0, "the low bit has a meaning in WSAOVERLAPPED");
	cr_assert_eq(wait_one(e, 0), WSA_WAIT_TIMEOUT);
	cr_assert(wsd_WSASetEvent(e));
	cr_assert_eq(wait_one(e, 0), WSA_WAIT_EVENT_0);
	cr_assert_eq(wait_one(e, WSA_INFINITE), WSA_WAIT_EVENT_0, "manual reset");
	cr_assert(wsd_WSASetEvent(e));
	cr_assert(wsd_WSAResetEvent(e));
	cr_assert_eq(wait_one(e, 5), WSA_WAIT_TIMEOUT);
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

Test(event, WS_ERR_1_invalid_handles)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WSAEVENT closed = wsd_WSACreateEvent();
	cr_assert(wsd_WSACloseEvent(closed));
	WSAEVENT bad[] = {
		NULL,   (WSAEVENT)1,           (WSAEVENT)0xdeadbeef, (WSAEVENT)(intptr_t)-1,
		closed, (WSAEVENT)(uintptr_t)s};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		BOOL(*const calls[])
		(WSAEVENT) = {wsd_WSACloseEvent, wsd_WSASetEvent, wsd_WSAResetEvent,
			      wsd_CloseHandle,   wsd_SetEvent,    wsd_ResetEvent};
		for (size_t k = 0; k < sizeof(calls) / sizeof(calls[0]); k++) {
			wsd_WSASetLastError(0);
			cr_assert_not(calls[k](bad[i]));
			cr_assert_eq(wsd_WSAGetLastError(), WSA_INVALID_HANDLE,
				     "handle %zu call %zu", i, k);
		}
		cr_assert_eq(wait_one(bad[i], 0), WSA_WAIT_FAILED);
		cr_assert_eq(wsd_WSAGetLastError(), WSA_INVALID_HANDLE);
	}
	WSAEVENT many[65];
	memset(many, 0, sizeof(many));
	static const DWORD counts[] = {0, 65, 0xffffffff};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(counts[i], many, FALSE, 0, FALSE),
			     WSA_WAIT_FAILED);
		cr_assert_eq(wsd_WSAGetLastError(), WSA_INVALID_PARAMETER);
	}
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, NULL, FALSE, 0, FALSE), WSA_WAIT_FAILED);
	cr_assert_eq(wsd_WSAGetLastError(), WSA_INVALID_PARAMETER);
	WS_END();
}

Test(event, WS_ERR_1_many_any_and_all)
{
	WS_BEGIN();
	WSAEVENT e[64];
	for (int i = 0; i < 64; i++)
		e[i] = wsd_WSACreateEvent();
	wsd_WSASetEvent(e[40]);
	wsd_WSASetEvent(e[7]);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(64, e, FALSE, 0, FALSE), WSA_WAIT_EVENT_0 + 7,
		     "the lowest");
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(64, e, TRUE, 10, FALSE), WSA_WAIT_TIMEOUT);
	for (int i = 0; i < 64; i++)
		wsd_WSASetEvent(e[i]);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(64, e, TRUE, 0, FALSE), WSA_WAIT_EVENT_0);
	for (int i = 0; i < 64; i++)
		cr_assert(wsd_WSACloseEvent(e[i]));
	WS_END();
}

static void *set_later(void *arg)
{
	usleep(20000);
	wsd_WSASetEvent(arg);
	return NULL;
}

Test(event, WS_ERR_1_a_wait_ends_when_another_thread_sets)
{
	WS_BEGIN();
	WSAEVENT e = wsd_WSACreateEvent();
	pthread_t t;
	pthread_create(&t, NULL, set_later, e);
	long long start = wsd_check_now_ms();
	cr_assert_eq(wait_one(e, 10000), WSA_WAIT_EVENT_0);
	cr_assert_lt(wsd_check_now_ms() - start, 5000);
	pthread_join(t, NULL);
	start = wsd_check_now_ms();
	wsd_WSAResetEvent(e);
	cr_assert_eq(wait_one(e, 50), WSA_WAIT_TIMEOUT);
	cr_assert_geq(wsd_check_now_ms() - start, 49);
	wsd_WSACloseEvent(e);
	WS_END();
}

Test(event, WS_ERR_1_auto_reset)
{
	WSD_TEST_BEGIN(); /* Windows's events need no WSAStartup */
	HANDLE e = wsd_CreateEventA(NULL, FALSE, TRUE, NULL),
	       f = wsd_CreateEventW(NULL, FALSE, FALSE, NULL);
	HANDLE both[] = {e, f};
	cr_assert_eq(wsd_WaitForSingleObject(e, 0), WAIT_OBJECT_0);
	cr_assert_eq(wsd_WaitForSingleObject(e, 0), WAIT_TIMEOUT, "the wait has reset it");
	wsd_SetEvent(e);
	cr_assert_eq(wsd_WaitForMultipleObjects(2, both, TRUE, 5), WAIT_TIMEOUT);
	cr_assert_eq(wsd_WaitForSingleObject(e, 0), WAIT_OBJECT_0,
		     "a wait for all that fails resets none");
	wsd_SetEvent(e);
	wsd_SetEvent(f);
	cr_assert_eq(wsd_WaitForMultipleObjectsEx(2, both, TRUE, 1000, TRUE), WAIT_OBJECT_0);
	cr_assert_eq(wsd_WaitForSingleObjectEx(e, 0, FALSE), WAIT_TIMEOUT);
	cr_assert_eq(wsd_WaitForSingleObject(f, 0), WAIT_TIMEOUT);
	wsd_SetEvent(f);
	cr_assert_eq(wsd_WaitForMultipleObjects(2, both, FALSE, 0), WAIT_OBJECT_0 + 1);
	cr_assert_null(wsd_CreateEventA(NULL, TRUE, FALSE, "named"));
	cr_assert_eq(wsd_GetLastError(), WSA_INVALID_PARAMETER);
	cr_assert(wsd_CloseHandle(e));
	cr_assert(wsd_CloseHandle(f));
	WSD_TEST_END();
}

struct tokens {
	HANDLE e;
	atomic_int taken;
	atomic_bool stop;
};

static void *take(void *arg)
{
	struct tokens *t = arg;
	while (!atomic_load(&t->stop))
		if (wsd_WaitForSingleObject(t->e, 5) == WAIT_OBJECT_0)
			atomic_fetch_add(&t->taken, 1);
	return NULL;
}

Test(event, WS_ERR_1_an_auto_reset_event_wakes_one, .timeout = 30)
{
	WSD_TEST_BEGIN();
	struct tokens t = {.e = wsd_CreateEventA(NULL, FALSE, FALSE, NULL)};
	pthread_t thread[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, take, &t);
	for (int i = 1; i <= 200; i++) {
		wsd_SetEvent(t.e);
		cr_assert(WSD_UNTIL(atomic_load(&t.taken) == i, 5000), "%d of %d", t.taken, i);
	}
	atomic_store(&t.stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	cr_assert_eq(t.taken, 200);
	wsd_CloseHandle(t.e);
	WSD_TEST_END();
}

Test(event, WS_STARTUP_4_events_outlive_the_cleanup)
{
	WS_BEGIN();
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(wsd_WSACleanup());
	cr_assert(wsd_SetEvent(e)); /* they are the system's, not Winsock's */
	cr_assert_eq(ws_startup(), 0);
	cr_assert_eq(wait_one(e, 0), WSA_WAIT_EVENT_0);
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

Test(event, WS_ERR_1_time_and_ids)
{
	WSD_TEST_BEGIN();
	ULONGLONG start = wsd_GetTickCount64();
	wsd_Sleep(20);
	cr_assert_geq(wsd_GetTickCount64() - start, 19);
	cr_assert_eq(wsd_SleepEx(1, TRUE), 0);
	cr_assert_lt(wsd_GetTickCount() - (DWORD)start, 5000);
	cr_assert_eq(wsd_GetCurrentProcessId(), (DWORD)getpid());
	cr_assert_eq(wsd_GetCurrentThreadId(), (DWORD)syscall(SYS_gettid));
	WSD_TEST_END();
}
