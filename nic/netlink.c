/* SPDX-License-Identifier: MIT */
/*
 * netlink.c - dumps over netlink: sending, gathering the answers, reading attributes. No state, no
 * locks.
 */
#include "netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel fills at most 32 KiB of one answer's buffer. */
#define DUMP_BUFFER 65536
/* The kernel's default size of a message is below a page. */
#define GET_BUFFER 8192
/* Answers do not come over a network; this only bounds a kernel that is stuck. */
#define ANSWER_TIMEOUT_S 5
/* One request at a time, each answered to its end before the next: they need no numbers of their
 * own. */
#define SEQ 1

int nic_nl_open(int protocol, uint32_t groups, int flags)
{
	const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, protocol), r;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static int send_request(int fd, uint16_t type, uint16_t flags, const void *payload, size_t size)
{
	struct {
		struct nlmsghdr head;
		uint8_t body[64];
	} req = {.head = {.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + size),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | flags,
			  .nlmsg_seq = SEQ}};

	if (size > sizeof(req.body))
		return -EMSGSIZE;
	if (size)
		memcpy(req.body, payload, size);
	while (send(fd, &req, req.head.nlmsg_len, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int error_of(const struct nlmsghdr *msg)
{
	const struct nlmsgerr *err = NLMSG_DATA(msg);

	return msg->nlmsg_len < NLMSG_LENGTH(sizeof(*err)) ? -EBADMSG : err->error;
}

struct dump {
	nic_nl_fn fn;
	void *arg;
	bool torn; /* NLM_F_DUMP_INTR was seen: parts of it are of different times */
	bool done;
	int result;
};

/* One datagram. After a failure of fn the rest is still read, so that the socket can be used again.
 */
static void take_answer(struct dump *d, const void *buf, size_t len)
{
	const struct nlmsghdr *msg = buf;
	int r;

	for (; NLMSG_OK(msg, len) && !d->done; msg = NLMSG_NEXT(msg, len)) {
		if (msg->nlmsg_seq != SEQ)
			continue;
		if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
			d->torn = true;
		if (msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_type == NLMSG_ERROR) {
			r = msg->nlmsg_type == NLMSG_ERROR ? error_of(msg) : 0;
			if (!d->result)
				d->result = r;
			d->done = true;
		} else if (!d->result) {
			d->result = d->fn(msg, d->arg);
		}
	}
}

static int receive_errno(int e)
{
	switch (e) {
	case EAGAIN: /* SO_RCVTIMEO */
		return -ETIMEDOUT;
	case ENOBUFS: /* an answer was dropped */
		return -EAGAIN;
	default:
		return -e;
	}
}

int nic_nl_dump(int fd, uint16_t type, const void *payload, size_t size, nic_nl_fn fn, void *arg)
{
	struct dump d = {.fn = fn, .arg = arg};
	void *buf = malloc(DUMP_BUFFER);
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	r = send_request(fd, type, NLM_F_DUMP, payload, size);
	while (!r && !d.done) {
		n = recv(fd, buf, DUMP_BUFFER, 0);
		if (n >= 0)
			take_answer(&d, buf, (size_t)n);
		else if (errno != EINTR)
			r = receive_errno(errno);
	}
	free(buf);
	if (r)
		return r;
	if (d.result)
		return d.result;
	return d.torn ? -EAGAIN : 0;
}

int nic_nl_get(int fd, uint16_t type, const void *payload, size_t size, nic_nl_fn fn, void *arg)
{
	union {
		struct nlmsghdr head;
		uint8_t room[GET_BUFFER];
	} answer;
	int r = send_request(fd, type, 0, payload, size);
	ssize_t n;

	if (r)
		return r;
	do
		n = recv(fd, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return receive_errno(errno);
	if (!NLMSG_OK(&answer.head, (size_t)n))
		return -EBADMSG;
	return answer.head.nlmsg_type == NLMSG_ERROR ? error_of(&answer.head)
						     : fn(&answer.head, arg);
}

const void *nic_nl_data(const struct nlattr *a)
{
	return (const uint8_t *)a + NLA_HDRLEN;
}

size_t nic_nl_len(const struct nlattr *a)
{
	return a->nla_len - (size_t)NLA_HDRLEN;
}

static void sort_attrs(const uint8_t *p, size_t len, struct nic_nlattrs *ret)
{
	const struct nlattr *a;
	size_t type, step;

	for (size_t i = 0; i < ret->n; i++)
		ret->v[i] = NULL;
	while (len >= NLA_HDRLEN) {
		a = (const struct nlattr *)(const void *)p;
		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return;
		type = a->nla_type & NLA_TYPE_MASK;
		if (type < ret->n)
			ret->v[type] = a;
		step = NLA_ALIGN(a->nla_len);
		if (step > len)
			return;
		p += step;
		len -= step;
	}
}

void nic_nl_attrs(const struct nlmsghdr *msg, size_t skip, struct nic_nlattrs *ret)
{
	size_t head = NLMSG_HDRLEN + NLMSG_ALIGN(skip);

	sort_attrs((const uint8_t *)msg + head, msg->nlmsg_len > head ? msg->nlmsg_len - head : 0,
		   ret);
}

void nic_nl_nested(const struct nlattr *outer, struct nic_nlattrs *ret)
{
	sort_attrs(outer ? nic_nl_data(outer) : NULL, outer ? nic_nl_len(outer) : 0, ret);
}

uint32_t nic_nl_u32(const struct nlattr *a, uint32_t missing)
{
	uint32_t value;

	if (!a || nic_nl_len(a) < sizeof(value))
		return missing;
	memcpy(&value, nic_nl_data(a), sizeof(value));
	return value;
}

uint8_t nic_nl_u8(const struct nlattr *a, uint8_t missing)
{
	return !a || nic_nl_len(a) < 1 ? missing : *(const uint8_t *)nic_nl_data(a);
}

void nic_nl_str(const struct nlattr *a, char *dst, size_t size)
{
	size_t len = a ? strnlen(nic_nl_data(a), nic_nl_len(a)) : 0;

	if (len >= size)
		len = size - 1;
	if (len)
		memcpy(dst, nic_nl_data(a), len);
	dst[len] = 0;
}
