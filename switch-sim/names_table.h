/* SPDX-License-Identifier: MIT */
/*
 * names_table.h: the book itself: a sealed memory file that its keeper alone can write and every
 * participant can read, so that any of them can go on from it when the keeper is gone or stopped
 * (docs/names.md). One record is one cache line, and a change takes effect with one store: a writer
 * that dies half-way leaves either the old or the new.
 */
#ifndef WSD_SWITCH_NAMES_TABLE_H
#define WSD_SWITCH_NAMES_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	TABLE_CLIENTS = 4096,             /* processes of one host */
	TABLE_NAMES = 1 << 20,            /* names of one host */
	TABLE_NAMES_PER_CLIENT = 1 << 18, /* so that one process cannot use them all up */
	TABLE_MAGIC = 0x4e445357,         /* "WSDN" */
};

#define TABLE_NOBODY UINT32_MAX /* no client, no name */

/* A process that takes part. */
struct table_client {
	_Atomic uint32_t present;
	uint32_t uid;
	int32_t pid;    /* as the keeper sees it, 0: unknown */
	uint32_t alone; /* the uid says nothing: nobody else is this user (names_user.c) */
	uint32_t unused[4];
	uint8_t beacon[16]; /* random part of its abstract name */
	char comm[16];
};

enum {
	NAME_DUAL = 1,
	NAME_DEFERRED = 2,
	NAME_TOLD = 4,  /* knows that it is head */
	NAME_ALONE = 8, /* as the client's `alone` */
};

/* A held name. `held` is stored last and cleared first. */
struct table_name {
	_Atomic uint32_t held;
	uint32_t client;
	uint64_t serial; /* the client's own number; with the index it makes the id */
	uint64_t cookie;
	_Atomic uint64_t order; /* 0: does not listen; else the order of listen on this host */
	uint8_t addr[16];
	uint32_t scope;
	uint32_t uid;
	uint16_t port;
	uint8_t proto, mode; /* enum names_proto, enum names_mode */
	_Atomic uint16_t flags;
	_Atomic uint16_t companions;
};
_Static_assert(sizeof(struct table_client) == 64, "one cache line");
_Static_assert(sizeof(struct table_name) == 64, "one cache line");

struct table {
	uint32_t magic, version;
	uint64_t token;            /* of the keeper: its turn is in the upper half */
	uint32_t keeper;           /* its slot in client[] */
	uint32_t keeper_uid;       /* may set ranges, as root may */
	uint32_t legacy;           /* WS-REUSE-4 */
	_Atomic uint32_t names;    /* name[i] for i >= names was never used */
	_Atomic uint32_t clients;  /* client[i] for i >= clients was never used */
	_Atomic uint64_t order;    /* the last given */
	_Atomic uint64_t range[4]; /* start << 32 | count, by enum names_proto */
	uint64_t book;             /* the same as in the fence */
	char book_name[56];
	char pad[4096 - 144];
	struct table_client client[TABLE_CLIENTS];
	struct table_name name[TABLE_NAMES];
};
_Static_assert(offsetof(struct table, client) == 4096, "one page");

/**
 * table_create - an empty table
 * @ret_fd: to hand to others; none of them, nor this process by another way, can write through it
 * Return: 0, -errno.
 */
int table_create(struct table **ret, int *ret_fd);

/**
 * table_map - look at a table that another process keeps
 * Return: 0; -EPROTO: not sealed against shrinking, not of our size or version.
 */
int table_map(int fd, const struct table **ret);

void table_unmap(const struct table *t); /* NULL is fine */

/* Make sure that storing to name[index] needs no memory that could be missing. 0, -errno. */
int table_reserve(struct table *t, int fd, uint32_t index);
/* The same for client[slot]. */
int table_reserve_client(struct table *t, int fd, uint32_t slot);

/* @to gets all that @from holds but its keeper. Values out of range are left out. */
int table_copy(struct table *to, int to_fd, const struct table *from);

/* A process says its name itself, and it goes to logs: 15 characters of text, whatever @from is. */
void table_comm(char ret[16], const char from[16]);

static inline uint64_t table_id(uint32_t index, uint64_t serial)
{
	return (uint64_t)index << 40 | serial;
}

enum { TABLE_INDEX_UNKNOWN = (1 << 24) - 1 }; /* of an id whose index the client was never told */
#define TABLE_SERIAL_MAX ((UINT64_C(1) << 40) - 1)

#endif
