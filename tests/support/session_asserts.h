/* SPDX-License-Identifier: MIT
 *
 * The assertions of session_pair*.c: Criterion's, or in fuzz targets, which have no runner, abort.
 * No locks.
 */
#ifndef WSD_TESTS_SESSION_ASSERTS_H
#define WSD_TESTS_SESSION_ASSERTS_H

#ifdef WSD_FUZZ /* fuzz targets have no runner: what must hold aborts */
#include <stdio.h>
#include <stdlib.h>
#define HOLDS(cond)              ((cond) ? (void)0 : (fprintf(stderr, "%s\n", #cond), abort()))
#define cr_assert_eq(a, b, ...)  HOLDS((a) == (b))
#define cr_assert_lt(a, b, ...)  HOLDS((a) < (b))
#define cr_assert_geq(a, b, ...) HOLDS((a) >= (b))
#define cr_assert_null(a, ...)   HOLDS(!(a))
#else
#include "check.h"
#endif

#endif
