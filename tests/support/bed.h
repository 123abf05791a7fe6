/* SPDX-License-Identifier: MIT
 *
 * A bed for tests of the switch: a network namespace with the standard topology, a catalogue with
 * scripted providers, a log and a trace, all of the test's own. One bed for each test (process).
 *
 *   san0 10.77.0.1/24   san1 10.77.1.1/24   san2 10.77.2.1/24 and 10.77.2.101/24 lan0 10.78.0.1/24
 */
#ifndef WSD_TESTS_BED_H
#define WSD_TESTS_BED_H

#include "netbed.h"
#include "scripted_provider.h"

#include <stddef.h>
#include <wsd/abi.h>
#include <wsd/api.h>

enum { BED_PROVIDERS = 2, BED_PORT = 5150, BED_TRACE = 512 };

struct bed {
	char dir[64];
	char catalog[96], log[96], trace[96];
	struct scripted *p[BED_PROVIDERS]; /* "a" and "b" */
	struct scripted_log calls;
};

/**
 * bed_make - @n of the scripted providers are registered; none serves an address yet
 * The switch has been started and stopped once, so that what stays open for good (the log) is open.
 * Return: false if this machine does not let us: skip the test.
 */
bool bed_make(struct bed *b, unsigned n);
/* Last but WSD_TEST_END: the switch is stopped. */
void bed_free(struct bed *b);

/* @module NULL: the scripted provider's own. @more: further lines of the entry. */
void bed_install(struct bed *b, unsigned i, const char *module, const char *more);
void bed_register(struct bed *b, unsigned i);
void bed_unregister(struct bed *b, unsigned i);
/* Write @name into the catalogue as it is, or remove it (@text NULL). */
void bed_file(struct bed *b, const char *name, const char *text);

/* What provider @i answers from now on; ends with NULL. */
void bed_addrs(struct bed *b, unsigned i, ...) __attribute__((sentinel));
/* The calls of @call whose line holds @match fail with @error; "" = any. */
void bed_fail(struct bed *b, unsigned i, const char *call, const char *match, int error);
void bed_heal(struct bed *b, unsigned i);

/* The calls since the last bed_clear are exactly these, in this order; ends with NULL. Waits for
 * them until a deadline; more calls than expected fail at once. */
#define bed_expect(b, ...) bed_expect_at((b), __FILE__, __LINE__, __VA_ARGS__, NULL)
void bed_expect_at(struct bed *b, const char *file, int line, ...) __attribute__((sentinel));
/* No call has come for @ms. */
#define bed_expect_quiet(b, ms) bed_expect_quiet_at((b), __FILE__, __LINE__, (ms))
void bed_expect_quiet_at(struct bed *b, const char *file, int line, int ms);
void bed_clear(struct bed *b);
unsigned bed_count(struct bed *b, const char *text); /* calls whose line holds @text */

/* The product's log holds @text (waits up to a second). */
bool bed_logged(struct bed *b, const char *text);

/* Downcalls and upcalls out of the trace, in the order they began: "TCP/IP WSPListen". Turn it on
 * before WSAStartup. bed_traced: from record @from on, the records at the downcall layer are
 * exactly these. */
void bed_trace_on(struct bed *b);
size_t bed_trace_lines(struct bed *b, char (*lines)[SCRIPTED_TEXT], size_t max);
#define bed_traced(b, from, ...) bed_traced_at((b), __FILE__, __LINE__, (from), __VA_ARGS__, NULL)
void bed_traced_at(struct bed *b, const char *file, int line, size_t from, ...)
	__attribute__((sentinel));

/* The application. Each fails the test if the call does. */
void bed_start(struct bed *b);
void bed_stop(struct bed *b);
SOCKET bed_socket(void);
SOCKET bed_bound(const char *addr, unsigned short port);
SOCKET bed_listener(const char *addr, unsigned short port);
void bed_close(SOCKET s);

/* Neither provider was called with a stale descriptor, and all handles came back. */
void bed_check_clean(struct bed *b);

#endif
