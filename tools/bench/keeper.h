/* SPDX-License-Identifier: MIT
 *
 * Who keeps the names of this host (docs/names.md): a bind costs a message where it is another
 * process, and a multiple of what it costs the keeper itself.
 */
#ifndef WSD_BENCH_KEEPER_H
#define WSD_BENCH_KEEPER_H

#include <stdbool.h>

/* Whether somebody keeps them already. Asked before this process takes part. */
bool keeper_elsewhere(void);

#endif
