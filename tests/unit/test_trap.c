/* SPDX-License-Identifier: MIT
 *
 * What the switch must never call on a SAN provider [SW-INIT-5].
 */
#include "check.h"
#include "provider.h"

#include <signal.h>
#include <sys/wait.h>
#include <wsd/abi.h>

enum { TRAPPED = 13 };

/* Call slot @i; return what it stored at lpErrno. */
static int call(const WSPPROC_TABLE *t, int i)
{
	int e = 0;
	switch (i) {
	case 0:
		t->lpWSPAddressToString(NULL, 0, NULL, NULL, NULL, &e);
		break;
	case 1:
		t->lpWSPAsyncSelect(1, NULL, 0, 0, &e);
		break;
	case 2:
		t->lpWSPCancelBlockingCall(&e);
		break;
	case 3:
		t->lpWSPGetPeerName(1, NULL, NULL, &e);
		break;
	case 4:
		t->lpWSPGetSockName(1, NULL, NULL, &e);
		break;
	case 5:
		t->lpWSPJoinLeaf(1, NULL, 0, NULL, NULL, NULL, NULL, 0, &e);
		break;
	case 6:
		t->lpWSPRecvDisconnect(1, NULL, &e);
		break;
	case 7:
		t->lpWSPRecvFrom(1, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, &e);
		break;
	case 8:
		t->lpWSPSelect(0, NULL, NULL, NULL, NULL, &e);
		break;
	case 9:
		t->lpWSPSendDisconnect(1, NULL, &e);
		break;
	case 10:
		t->lpWSPSendTo(1, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, &e);
		break;
	case 11:
		t->lpWSPShutdown(1, 0, &e);
		break;
	default:
		t->lpWSPStringToAddress(NULL, 0, NULL, NULL, NULL, &e);
		break;
	}
	return e;
}

Test(trap, SW_INIT_05_calls_that_the_switch_must_never_make)
{
	WSD_TEST_BEGIN();
	WSPPROC_TABLE table;
	memset(&table, 0, sizeof(table));
	san_provider_trap(&table);
	for (int i = 0; i < TRAPPED; i++) {
		int status = 0;
		pid_t child = fork();
		if (!child)
			_exit(call(&table, i) == WSAEOPNOTSUPP ? 77 : 1);
		cr_assert_eq(waitpid(child, &status, 0), child);
		if (WSD_DEBUG_TRAPS)
			cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "slot %d", i);
		else
			cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 77, "slot %d", i);
	}
	/* nothing else was touched */
	cr_assert(!table.lpWSPBind && !table.lpWSPSocket && !table.lpWSPIoctl);
	WSD_TEST_END();
}
