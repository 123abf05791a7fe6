/* SPDX-License-Identifier: MIT */
/*
 * broker.h: the keeper's connections, between broker.c and broker_answer.c. Under `lock`.
 */
#ifndef WSD_SWITCH_BROKER_H
#define WSD_SWITCH_BROKER_H

#include "names_priv.h"

/* False: the client of @slot is not connected, or does not read: it will be told again when it
 * does. */
bool broker_send_event(struct names *n, uint32_t slot, const struct wire_event *e);

#endif
