/* SPDX-License-Identifier: MIT */
/*
 * reuse.c: the reuse tables as the documents print them: rows are the first bind, columns the
 * second. Clauses: WS-REUSE-2 (same user), -3 (other user), -4 (legacy), -6 (precedence), -8 (dual
 * stack). No locks, no state.
 */
#include "reuse.h"

#include <wsd/errors.h>

enum { OK = REUSE_OK, ACC = REUSE_ACCESS, USE = REUSE_INUSE };

/* Row and column order of WS-REUSE-2: Def W, Def S, REUSE W, REUSE S, EXCL W, EXCL S. */
enum { ROWS = 2 * NAMES_MODE_COUNT };

/* clang-format off */
static const unsigned char modern[REUSE_USER_COUNT][ROWS][ROWS] = {
	[REUSE_SAME_USER] = {
		/*             Def W Def S REU W REU S EXC W EXC S */
		/* Def W   */ { USE,  OK,   ACC,  OK,   USE,  OK  },
		/* Def S   */ { OK,   USE,  OK,   ACC,  USE,  USE },
		/* REUSE W */ { USE,  OK,   OK,   OK,   USE,  OK  },
		/* REUSE S */ { OK,   USE,  OK,   OK,   USE,  USE },
		/* EXCL W  */ { USE,  ACC,  ACC,  ACC,  USE,  ACC },
		/* EXCL S  */ { OK,   USE,  OK,   ACC,  USE,  USE },
	},
	[REUSE_OTHER_USER] = {
		/*             Def W Def S REU W REU S EXC W EXC S */
		/* Def W   */ { USE,  ACC,  ACC,  ACC,  USE,  ACC },
		/* Def S   */ { OK,   USE,  OK,   ACC,  USE,  USE },
		/* REUSE W */ { USE,  ACC,  OK,   OK,   USE,  ACC },
		/* REUSE S */ { OK,   USE,  OK,   OK,   USE,  USE },
		/* EXCL W  */ { USE,  ACC,  ACC,  ACC,  USE,  ACC },
		/* EXCL S  */ { OK,   USE,  OK,   ACC,  USE,  USE },
	},
};

/* WS-REUSE-4, whatever the two addresses and users are. */
static const unsigned char legacy_modes[NAMES_MODE_COUNT][NAMES_MODE_COUNT] = {
	/*            Def  REUSE EXCL */
	/* Def   */ { USE, OK,   USE },
	/* REUSE */ { USE, OK,   USE },
	/* EXCL  */ { USE, ACC,  USE },
};

/*
 * WS-REUSE-8: a dual-stack [::] is held and IPv4's wildcard comes. Observed on Windows: EXCL first is ACCESS (not INUSE)
 * for Def and REUSE; Def first lets Def and EXCL in. What was not observed is as within one family, but for EXCL after
 * EXCL, which follows its row. A dual-stack second, and any specific address, are as within one family.
 */
static const unsigned char dual_then_wild[NAMES_MODE_COUNT][NAMES_MODE_COUNT] = {
	/*            Def  REUSE EXCL */
	/* Def   */ { OK,  ACC,  OK  },
	/* REUSE */ { USE, OK,   USE },
	/* EXCL  */ { ACC, ACC,  ACC },
};
/* clang-format on */

static unsigned row_of(struct reuse_name n)
{
	return 2 * (unsigned)n.mode + (n.kind == REUSE_SPECIFIC);
}

enum reuse_verdict reuse_judge(bool legacy, enum reuse_user user, struct reuse_name first,
			       struct reuse_name second)
{
	if (first.kind == REUSE_DUAL && second.kind == REUSE_DUAL)
		return REUSE_OK; /* the two meet in IPv6, and are judged there */
	if (legacy)
		return (enum reuse_verdict)legacy_modes[first.mode][second.mode];
	if (first.kind == REUSE_DUAL && second.kind == REUSE_WILD)
		return (enum reuse_verdict)dual_then_wild[first.mode][second.mode];
	return (enum reuse_verdict)modern[user][row_of(first)][row_of(second)];
}

int reuse_error(enum reuse_verdict verdict)
{
	static const int code[] = {
		[REUSE_OK] = 0,
		[REUSE_ACCESS] = WSAEACCES,
		[REUSE_INUSE] = WSAEADDRINUSE,
	};
	return code[verdict];
}
