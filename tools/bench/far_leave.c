/* SPDX-License-Identifier: MIT
 *
 * far_leave.c - how the tests with two ends leave a point. No state.
 */
#include "far.h"

void far_leave(struct run *r, struct contestant *c, void (*release)(const struct contestant *c))
{
	char ignored[160];
	if (!c->state)
		return;
	release(c);
	c->state = NULL;
	far_stop(r, c, ignored, sizeof(ignored));
}
