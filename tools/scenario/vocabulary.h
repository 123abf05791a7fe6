/* SPDX-License-Identifier: MIT
 *
 * The words of traces that a scenario may name: a word that no trace has fits nothing, so that an
 * expectation of what is *not* called would hold for ever.
 */
#ifndef WSD_SCENARIO_VOCABULARY_H
#define WSD_SCENARIO_VOCABULARY_H

#include <stdbool.h>

/* @who: a provider, TCP/IP, switch or names. */
bool vocabulary_call(const char *who, bool upcall, const char *call);
/* An argument of some call. */
bool vocabulary_key(const char *key);
/* A call that a provider can be made to fail, and an argument by which. */
bool vocabulary_fails(const char *call);
bool vocabulary_fails_by(const char *key);

#endif
