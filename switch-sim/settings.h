/* SPDX-License-Identifier: MIT
 *
 * What the configuration says to the application side of the switch. README.md lists the keys. Pure
 * functions of the configuration; no locks.
 */
#ifndef WSD_SWITCH_SETTINGS_H
#define WSD_SWITCH_SETTINGS_H

#include "names.h"
#include "process.h"

struct conf;

void settings_read(const struct conf *conf, struct sw_settings *ret);

/* For the switch and for tools that open the same book; strings are borrowed from @conf. */
void settings_names(const struct conf *conf, struct names_config *ret);

#endif
