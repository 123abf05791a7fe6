/* SPDX-License-Identifier: MIT
 *
 * `wsd trace PID` of a program that talks over a SAN already, and was started without a trace: its
 * providers' calls in both directions are seen from then on, and nobody's after it.
 */
#include "pair.h"
#include "watcher.h"

#include <stdlib.h>

struct talk {
	SOCKET s;
};

static void talk(const void *at)
{
	const struct talk *t = at;
	char c = 'x';
	pair_send(t->s, &c, 1);
	cr_assert_eq(pair_recv(t->s, &c, 1), 1);
}

Test(san_trace, a_providers_calls_and_what_it_calls)
{
	PAIR_BEGIN();
	static struct watcher w;
	unsetenv("WSD_TRACE"); /* which scripts/test may have, for what fails */
	bed_start(&bed);
	struct pair_server server;
	pair_start(&server, "10.77.0.1", BED_PORT, 1);
	struct talk t = {bed_socket()};
	cr_assert_eq(pair_connect(t.s, "10.77.0.1", BED_PORT), 0);
	cr_assert_str_eq(pair_look(t.s).transport, "SAN");
	talk(&t);
	watch_begin(&w, "");
	watch_until(&w, " send(s=", talk, &t);
	watch_until(&w, " WSPSend(s=0x1", talk, &t);
	watch_until(&w, " up WPUCompleteOverlappedRequest(handle=", talk, &t);
	watch_until(&w, " WSPRecv(s=0x1", talk, &t);
	watch_end(&w);
	struct sw_process *p = sw_enter();
	for (int left = WSD_PATIENCE_MS; atomic_load(&p->trace.wanted); left -= 5) {
		cr_assert_gt(left, 0, "it goes on recording for nobody");
		poll(NULL, 0, 5);
	}
	sw_leave(p);
	talk(&t);
	bed_close(t.s);
	pair_stop(&server);
	bed_stop(&bed);
	PAIR_END();
}
