/* SPDX-License-Identifier: MIT
 *
 * The table of socket options. Data only; no locks.
 */
#ifndef WSD_SWITCH_OPTIONS_TABLE_H
#define WSD_SWITCH_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPT_BOOL,   /* a BOOL, normalised to 0 or 1 */
	OPT_NUMBER, /* 32 bits */
	OPT_BLOB,   /* a structure of `size` bytes, not kept */
};

/* Who may have it: at least one type and one family. */
enum option_who {
	OPT_STREAM = 1,
	OPT_DGRAM = 2,
	OPT_RAW = 4,
	OPT_INET = 8,
	OPT_INET6 = 16,
	OPT_UNIX = 32,
	OPT_IP = OPT_INET | OPT_INET6,
	OPT_ALL = 63,
};

enum option_direction { OPT_SET = 1, OPT_GET = 2, OPT_BOTH = 3 };

enum option_rule {
	OPT_PLAIN,
	OPT_EXCLUDES_EXCLUSIVE, /* the two of WS-REUSE-7 */
	OPT_EXCLUDES_REUSE,
	OPT_BEFORE_BIND,      /* WSAEINVAL from bind on */
	OPT_KERNEL_UNTIL_SET, /* reads the kernel's value until the application sets one */
	OPT_TO_COMPANIONS,    /* SW-OPT-1 */
	OPT_OF_COMPANIONS,    /* a SAN's alone: unknown to a socket without one [SW-OPT-1] */
	OPT_IS_DONTLINGER,
	OPT_IS_PROTOCOL_INFO,
	OPT_IS_ERROR,           /* a stream's is the switch's own [WS-CONNECT-8] */
	OPT_IS_NAMES,           /* SO_BSP_STATE: as long as the names are [WS-NAME-7] */
	OPT_IS_ACCEPT_CONTEXT,  /* a listener's handle [WS-NAME-5] */
	OPT_IS_CONNECT_CONTEXT, /* no value */
};

struct option_row {
	int level, name;
	enum option_kind kind;
	unsigned who, direction;
	bool to_kernel; /* WSPSetSockOpt(TCPP); read from there unless kept */
	size_t offset;  /* in struct sw_socket, of 32 bits; 0: not kept */
	enum option_rule rule;
	int size; /* of OPT_BLOB */
};

const struct option_row *options_find(int level, int name);
const struct option_row *options_rows(size_t *ret_count);

#endif
