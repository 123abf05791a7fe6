/* SPDX-License-Identifier: MIT */
/*
 * names_book.h: decides who gets which name, and who is first in rank. It keeps, beside the table,
 * sums of who holds what by port, address, mode and user: a question looks at sums and never walks
 * holders. The keeper's lock; asks nobody. Clauses: WS-PORT-4, -5, -6, WS-REUSE-2..6, -8, -10, -13,
 * SW-SHARE-2, SW-WILD-5.
 */
#ifndef WSD_SWITCH_NAMES_BOOK_H
#define WSD_SWITCH_NAMES_BOOK_H

#include "names.h"
#include "names_table.h"

/*
 * What the holder of name[index] must hear. Each may come more than once.
 * Return: false: it could not be told now; book_tell_again will be called for its client.
 */
enum book_event { BOOK_TAKEOVER, BOOK_SHADOW, BOOK_RETRY };
typedef bool book_tell(void *ctx, uint32_t index, enum book_event event);

struct book;

/**
 * book_create - a book over @t (borrowed); what @t holds already is taken over
 * Return: 0, -ENOMEM.
 */
int book_create(struct table *t, int table_fd, book_tell *tell, void *ctx, struct book **ret);
void book_destroy(struct book *b); /* NULL is fine; the table stays as it is */

struct book_holder {
	uint32_t client, uid;
	uint64_t serial, cookie;
	bool alone; /* nobody but this client is the same user, whatever its uid */
};

/**
 * book_bind - decide, and write it down
 * Return: 0, WSAEADDRINUSE, WSAEACCES, WSAENOBUFS, WSAEINVAL; on failure nothing has changed.
 */
int book_bind(struct book *b, const struct names_request *asked, const struct book_holder *who,
	      uint32_t *ret_index);

/* The name @id of @client, TABLE_NOBODY if it holds none such. With TABLE_INDEX_UNKNOWN its names
 * are searched. */
uint32_t book_find(const struct book *b, uint32_t client, uint64_t id);

void book_release(struct book *b, uint32_t index);
void book_release_client(struct book *b, uint32_t client);

/* Take a place in the rank, unless there already. */
void book_listen(struct book *b, uint32_t index);
void book_unlisten(struct book *b, uint32_t index); /* leave it again */
bool book_is_head(const struct book *b, uint32_t index);

/* IPv4 addresses that the wildcard listener must leave alone: the number written, at most @max. */
size_t book_shadow(const struct book *b, uint32_t index, uint8_t (*ret)[4], size_t max);

void book_defer(struct book *b, uint32_t index);

/* Tell every holder of @client (TABLE_NOBODY: everybody) what it may have missed. */
void book_tell_again(struct book *b, uint32_t client);

/* Bytes beside the table, for the figures. */
size_t book_bytes(const struct book *b);

/* An IPv4 name in IPv6 clothes becomes IPv4; flags that do not count are cleared. False: not a
 * name. */
bool book_normalise(struct names_request *req);

#endif
