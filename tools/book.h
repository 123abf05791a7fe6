/* SPDX-License-Identifier: MIT
 *
 * The book of names, as the subcommands names, ports and broker open it: by the configuration.
 */
#ifndef WSD_TOOLS_BOOK_H
#define WSD_TOOLS_BOOK_H

#include "names.h"

struct conf;

struct book_handle {
	struct conf *conf;
	struct names *names;
	struct names_range range[NAMES_PROTO_COUNT]; /* what the configuration asks for */
	char name[64];                               /* of the abstract socket */
};

/* As a guest (look and set only), or as one who may keep it. 0, or -errno, complained about. */
int book_handle_open(bool guest, struct book_handle *ret);
void book_handle_close(struct book_handle *b);

/* What -errno of names_list and its like means, for people. */
const char *book_error(int error);

extern const char *const book_proto_name[NAMES_PROTO_COUNT]; /* "tcp4", ... */

#endif
