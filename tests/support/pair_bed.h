/* SPDX-License-Identifier: MIT
 *
 * What stream_pair.c needs of the SAN that it runs on: pair_bed_loop.c or pair_bed_rxe.c, whichever
 * is linked.
 */
#ifndef WSD_TESTS_PAIR_BED_H
#define WSD_TESTS_PAIR_BED_H

#include <stdbool.h>

/* Before WSAStartup. False: skip the test. */
bool pair_san_make(void);
void pair_san_free(void);
/* Messages that its provider, or packets that its device has moved. */
long long pair_san_traffic(void);

#endif
