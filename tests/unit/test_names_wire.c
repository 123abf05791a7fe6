/* SPDX-License-Identifier: MIT
 *
 * What comes over a socket from anybody: descriptors that nobody asked for.
 */
#include "check.h"
#include "names_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { MOST = 16 };

/* @count copies of descriptor 0 beside a hello. */
static void send_hello(int fd, unsigned count)
{
	struct wire_hello hello = {.head = wire_head(WIRE_HELLO)};
	union {
		char room[CMSG_SPACE(MOST * sizeof(int))];
		struct cmsghdr align;
	} control;
	memset(&control, 0, sizeof(control));
	struct iovec iov = {&hello, sizeof(hello)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	if (count) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int)); /* zeroes: descriptor 0 */
	}
	cr_assert_eq(sendmsg(fd, &msg, 0), (ssize_t)sizeof(hello));
}

Test(names_wire, WS_REUSE_13_any_number_of_descriptors_is_survived)
{
	WSD_TEST_BEGIN();
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (unsigned sent = 0; sent <= MOST; sent++) {
		for (int wanted = 0; wanted < 2; wanted++) {
			union wire_any m;
			int fds[WIRE_FDS];
			unsigned count = 0;
			send_hello(pair[0], sent);
			int r = wire_recv(pair[1], &m, wanted ? fds : NULL, &count);
			if (sent > WIRE_FDS)
				cr_expect(r == -EPROTO || r == -EMFILE, "%u descriptors: %d", sent,
					  r);
			else
				cr_expect_eq(r, 0, "%u descriptors: %d", sent, r);
			cr_expect_eq(count, r == 0 && wanted ? sent : 0);
			while (count)
				close(fds[--count]);
		}
	}
	close(pair[0]);
	close(pair[1]);
	WSD_TEST_END();
}
