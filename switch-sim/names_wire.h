/* SPDX-License-Identifier: MIT */
/*
 * names_wire.h: the messages between a process and the keeper of the book, over AF_UNIX
 * SOCK_SEQPACKET. One message is one packet, of exactly the size that its type has; anything else
 * ends the connection. docs/names.md has the picture.
 *
 * The head is the same in every version for all time: it is what two builds refuse each other by.
 */
#ifndef WSD_SWITCH_NAMES_WIRE_H
#define WSD_SWITCH_NAMES_WIRE_H

#include "names.h"

#include <sys/socket.h>
#include <sys/un.h>

enum {
	WIRE_MAGIC = 0x57534431, /* "WSD1" */
	WIRE_VERSION = 1,        /* of the messages and of the table */
	WIRE_SHADOWS = 1024,     /* addresses in one message; more are cut off, and logged */
	WIRE_FDS = 5,
	WIRE_NAME_MAX = 48, /* of the book's abstract name: what we append must fit into sun_path */
	WIRE_BOOKS = 4, /* places where the book may lie, when somebody is stopped on the first */
};

enum wire_type {
	WIRE_HELLO = 1, /* newcomer: may I take part? */
	WIRE_WELCOME,   /* keeper, with descriptors; also how a new keeper calls the participants */
	WIRE_REFUSE,    /* keeper: no; status says why */
	WIRE_ASK,       /* participant */
	WIRE_ANSWER,    /* keeper, to an ASK that has a question */
	WIRE_EVENT,     /* keeper, on the event connection */
	WIRE_PING,      /* participant, on the event connection */
	WIRE_PONG,      /* keeper */
	WIRE_TYPE_COUNT,
};

struct wire_head {
	uint32_t magic;
	uint16_t version;
	uint16_t type;
};

enum { HELLO_GUEST = 1 };

struct wire_hello {
	struct wire_head head;
	uint32_t flags;
	uint8_t beacon[16];
	char comm[16];
};

/*
 * Descriptors: table, event connection, listener, alarm, fence. To a guest: the table. In a call,
 * the fence stands for listener and alarm, and on the event connection, in answer to OP_PLACE, for
 * table and event connection.
 */
struct wire_welcome {
	struct wire_head head;
	uint32_t slot;
	uint32_t place;     /* which of the public names listener and alarm have */
	uint64_t token;     /* of the keeper */
	uint8_t secret[16]; /* of the book: only a participant knows it */
};

/* Two builds read it in each other: never changes. */
struct wire_refuse {
	struct wire_head head;
	int32_t status; /* negative errno */
	uint32_t pid;
};

enum wire_op {
	OP_BIND,
	OP_LISTEN,
	OP_PORTS,
	OP_QUESTIONS, /* those from here on get no answer, and are repeated to a new keeper */
	OP_RELEASE = OP_QUESTIONS,
	OP_UNLISTEN, /* a listen that was given up: leave the rank */
	OP_DEFER,
	OP_NOTE,
	OP_PLACE, /* send me listener and alarm; not repeated to anybody */
	OP_COUNT,
};

struct wire_ask {
	struct wire_head head;
	uint32_t op;
	uint32_t seq; /* of a question: its answer bears it */
	uint64_t id;  /* bind: the serial alone */
	uint64_t cookie;
	uint32_t scope;
	uint16_t port;
	uint8_t proto, mode;
	uint8_t addr[16];
	uint32_t flags; /* ASK_ */
	uint32_t value; /* note: companions; ports: start */
	uint32_t count; /* ports: count */
	uint32_t spare;
};
enum {
	ASK_DUAL = 1,
	ASK_SCALABILITY = 2,
	ASK_AGAIN = 4 /* an earlier keeper may have granted it */
};

struct wire_answer {
	struct wire_head head;
	uint32_t seq;
	int32_t status; /* 0, a WSA code, or for ports a negative errno */
	uint64_t id;
	uint16_t port;
	uint8_t is_head;
	uint8_t spare;
	uint32_t shadows; /* that follow */
	uint8_t shadow[WIRE_SHADOWS][4];
};

/* EVENT_ACK: `shadows` counts asks without an answer that have been dealt with. EVENT_YIELD: keep
 * the book, please. */
enum wire_event_kind {
	EVENT_TAKEOVER,
	EVENT_SHADOW,
	EVENT_RETRY,
	EVENT_ACK,
	EVENT_YIELD,
	EVENT_COUNT
};
enum { WIRE_ACK_EVERY = 256 };

struct wire_event {
	struct wire_head head;
	uint32_t kind;
	uint32_t shadows; /* that follow */
	uint64_t id, cookie;
	uint8_t shadow[WIRE_SHADOWS][4];
};

/* Any message, as received. */
union wire_any {
	struct wire_head head;
	struct wire_hello hello;
	struct wire_welcome welcome;
	struct wire_refuse refuse;
	struct wire_ask ask;
	struct wire_answer answer;
	struct wire_event event;
};

struct wire_head wire_head(enum wire_type type);

/* Bytes of a message without the addresses that are not there. */
size_t wire_size(const union wire_any *m);

/**
 * wire_peek - as wire_recv, but the message stays; the descriptors are copies
 */
int wire_peek(int fd, union wire_any *ret, int *fds, unsigned *ret_count);

/**
 * wire_send - one message, never waiting
 * @fds: borrowed; sent along
 * Return: 0; -EAGAIN: the other side does not read; -EPIPE or another -errno: it is gone.
 */
int wire_send(int fd, const void *message, const int *fds, unsigned count);

/**
 * wire_recv - one message, never waiting
 * @fds, @ret_count: room for WIRE_FDS descriptors, which become the caller's; NULL: any that come
 * are closed Return: 0; -EAGAIN: none there; -ECONNRESET: the other side is gone; -EPROTO: garbage;
 * -EPROTONOSUPPORT: another version (only the head of @ret is set then, or all of it for
 * WIRE_REFUSE); -EMFILE: no room for the descriptors. With an error no descriptor is kept.
 */
int wire_recv(int fd, union wire_any *ret, int *fds, unsigned *ret_count);

/* Wait until @fd can be read, hangs up, or @deadline_ms (CLOCK_MONOTONIC) has come. False: it has
 * come. */
bool wire_wait(int fd, int64_t deadline_ms);

int64_t wire_now_ms(void);

/* -errno, and never 0: for calls whose failure is certain. */
int wire_failure(void);

/* An abstract address: @name, and @suffix when not NULL. Its length. */
socklen_t wire_address(const char *name, const char *suffix, struct sockaddr_un *ret);

/* A connected or a listening socket, or -errno. None of them waits. */
int wire_connect(const char *name, const char *suffix);
int wire_bind(const char *name, const char *suffix);

struct wire_peer {
	uint32_t uid;
	int32_t pid; /* 0: unknown */
};
int wire_peer(int fd, struct wire_peer *ret);

void wire_close(int *fd); /* and set it to -1; -1 is fine */

#endif
