/* SPDX-License-Identifier: MIT */
/*
 * reuse.h: may a name be taken beside one that is held? The tables of WS-REUSE-2, -3, -4 and -8, as
 * data. No locks.
 */
#ifndef WSD_SWITCH_REUSE_H
#define WSD_SWITCH_REUSE_H

#include "names.h"

/*
 * How two names of one port meet within one address family. REUSE_DUAL is a dual-stack IPv6
 * wildcard, as IPv4 sees it (WS-REUSE-8). Two different specific addresses never meet (WS-REUSE-5),
 * so there is no kind for them.
 */
enum reuse_kind { REUSE_WILD, REUSE_SPECIFIC, REUSE_DUAL, REUSE_KIND_COUNT };

/* In order of precedence: with several holders the highest verdict counts (WS-REUSE-6). */
enum reuse_verdict { REUSE_OK, REUSE_ACCESS, REUSE_INUSE };

enum reuse_user { REUSE_SAME_USER, REUSE_OTHER_USER, REUSE_USER_COUNT };

struct reuse_name {
	enum reuse_kind kind;
	enum names_mode mode;
};

/* @legacy: WS-REUSE-4 (XP and earlier). */
enum reuse_verdict reuse_judge(bool legacy, enum reuse_user user, struct reuse_name first,
			       struct reuse_name second);

/* 0, WSAEACCES or WSAEADDRINUSE. */
int reuse_error(enum reuse_verdict verdict);

#endif
