/* SPDX-License-Identifier: MIT
 *
 * A network namespace of one's own, with interfaces and addresses that it can change.
 * Everything here is about the calling thread's namespace; threads made later inherit it.
 */
#ifndef WSD_SCENARIO_NETBED_H
#define WSD_SCENARIO_NETBED_H

#include <stdbool.h>

/* A fresh namespace with lo up. False: this machine does not let us. */
bool netbed_enter(void);
/* The namespace that we are in, and another fresh one, which we do not enter: a descriptor, or
 * -errno. */
int netbed_here(void);
int netbed_fresh(void);
int netbed_go(int fd); /* into that one; 0 or -errno */

/* Return 0 or -errno. A link is a bridge without ports: it needs no hardware. */
int netbed_add_link(const char *name);
/* One of the namespace @fd, whose cable leads to our link @bridge. */
int netbed_add_cable(int fd, const char *name, const char *bridge);
int netbed_del_link(const char *name);
int netbed_set_link(const char *name, bool up); /* addresses stay */
int netbed_add_addr(const char *link, const char *addr, int prefix_len);
int netbed_del_addr(const char *link, const char *addr, int prefix_len);

/* A socket of somebody who knows nothing of us: bound with SO_REUSEADDR. Descriptor or -errno. */
int netbed_bind_reuse(const char *addr, unsigned short port);
int netbed_listen(int fd);

#endif
