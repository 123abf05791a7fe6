/* SPDX-License-Identifier: MIT
 *
 * What the switch asks the names of its host for, each recorded in the trace. As names.h says, and
 * nothing else; whoever asks for something that no socket wants (a list, ports) asks names itself.
 */
#ifndef WSD_SWITCH_NAMING_H
#define WSD_SWITCH_NAMING_H

#include "names.h"
#include "process.h"

int naming_bind(struct sw_process *p, const struct names_request *req, uint64_t cookie,
		uint64_t *ret_id, uint16_t *ret_port);
void naming_release(struct sw_process *p, uint64_t id);
int naming_listen(struct sw_process *p, uint64_t id, bool *ret_head,
		  struct names_shadow *ret_shadow);
void naming_unlisten(struct sw_process *p, uint64_t id);
void naming_defer(struct sw_process *p, uint64_t id);
void naming_again(struct sw_process *p, uint64_t id, uint64_t cookie);
void naming_note(struct sw_process *p, uint64_t id, unsigned companions);

#endif
