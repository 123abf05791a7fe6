/* SPDX-License-Identifier: MIT
 *
 * A wire that carries nothing (netem loses every packet of san0 to san2), and calls that must not
 * notice. Header only; lost.h says what is allowed for.
 *
 * The shortest wait for a network is that for an ARP answer, a second (neigh/retrans_time_ms);
 * rdma_cm's are longer. What takes less than a tenth of that has waited for nobody: a call takes
 * some 2 ms here, under ASan in an emulated guest. The first calls of a process load librdmacm's
 * drivers and open the devices, which takes 50 to 200 ms when the machine is busy; half a second
 * still is no wait for a network. What the machine lost meanwhile is allowed for, and what the
 * process was busy for: an emulator that translates its code anew makes a first call take a second,
 * and who is busy does not wait.
 */
#ifndef WSD_TESTS_WIRE_H
#define WSD_TESTS_WIRE_H

#include "lost.h"

#include <arpa/inet.h>
#include <sys/socket.h>

enum { AT_ONCE_MS = 100, FIRST_MS = 500 };

__attribute__((unused)) static int wire_command(const char *line)
{
	int status = system(line); /* NOLINT(cert-env33-c): a test's own, constant commands */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

__attribute__((unused)) static void wire_break(void)
{
	cr_assert_eq(wire_command("for i in san0 san1 san2; do "
				  "tc qdisc replace dev $i root netem loss 100% || exit 1; done"),
		     0);
}

/* Whatever has happened; for .fini. */
__attribute__((unused)) static void wire_mend(void)
{
	wire_command("for i in san0 san1 san2; do ip link set $i up; "
		     "tc qdisc del dev $i root 2>/dev/null; done; true");
}

__attribute__((unused)) static long long wire_sent(void)
{
	long long n = -1;
	FILE *f = fopen("/sys/class/net/san0/statistics/tx_packets", "re");
	cr_assert(f && fscanf(f, "%lld", &n) == 1);
	fclose(f);
	return n;
}

/* Nothing that is sent gets out. */
__attribute__((unused)) static void wire_is_dead(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)), 0);
	to.sin_addr.s_addr = inet_addr("10.77.0.255");
	long long before = wire_sent();
	for (int i = 0; i < 20; i++)
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	cr_assert_eq(wire_sent(), before, "the wire carries something");
}

static double wire_worst_ms;

/* Of all threads: a call may wait for one of ours, which is busy. */
__attribute__((unused)) static double busy_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The value of @call, which must not have waited for @ms. Between lost_begin and lost_end. */
#define TIMED_WITHIN(ms, what, call)                                                         \
	__extension__({                                                                      \
		double from_ = now_ms(), busy_ = busy_ms();                                  \
		int code_ = (call);                                                          \
		double took_ = now_ms() - from_;                                             \
		busy_ = busy_ms() - busy_;                                                   \
		if (took_ > wire_worst_ms)                                                   \
			wire_worst_ms = took_;                                               \
		double lost_ = took_ < (ms) ? 0 : lost_between(from_, from_ + took_);        \
		cr_assert_lt(took_ - lost_ - busy_, (ms),                                    \
			     "%s took %.1f ms (%.1f lost, %.1f busy)", (what), took_, lost_, \
			     busy_);                                                         \
		code_;                                                                       \
	})
#define TIMED(what, call) TIMED_WITHIN(AT_ONCE_MS, what, call)

#endif
