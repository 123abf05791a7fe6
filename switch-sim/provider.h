/* SPDX-License-Identifier: MIT
 *
 * A SAN provider that is loaded: steps 4 to 7 of SW-INIT-1 for one of them, and their end.
 *
 * No lock of its own: start, query and stop are called by one thread at a time (san_start, then the
 * service thread, then san_stop); the table and the extensions are constant in between.
 */
#ifndef WSD_SWITCH_PROVIDER_H
#define WSD_SWITCH_PROVIDER_H

#include "catalog.h"
#include "process.h"
#include "reactor.h"
#include "session_slab.h"

/* The extension functions [SW-INIT-3]; the last two are optional [SW-INIT-4]. */
enum san_extension {
	SAN_REGISTER_MEMORY,
	SAN_DEREGISTER_MEMORY,
	SAN_REGISTER_RDMA_MEMORY,
	SAN_DEREGISTER_RDMA_MEMORY,
	SAN_RDMA_WRITE,
	SAN_RDMA_READ,
	SAN_CACHE_CALLBACK,
	SAN_EXTENSION_COUNT
};

struct san;

struct san_provider {
	char label[CATALOG_LABEL_MAX]; /* how logs and traces call it */
	WSAPROTOCOL_INFOW info;        /* of its catalogue entry */
	struct timespec changed;       /* of its catalogue entry when it was loaded */
	bool qos;                      /* XP1_QOS_SUPPORTED */
	void *module;
	WSPPROC_TABLE table; /* as the switch calls it: slots trapped, recorded when tracing */
	int trace_set;
	SOCKET utility, utility_handle; /* for address queries [SW-INIT-1.5] */
	void (*extensions[SAN_EXTENSION_COUNT])(void);
	void (*attend)(void);    /* LPFN_WSDATTEND, or NULL: it has no such thing [wsd/attend.h] */
	void (*serve)(void);     /* LPFN_WSDSERVE, likewise [wsd/serve.h] */
	struct reactor *reactor; /* whose thread serves it; NULL: its own */
	struct reactor_watch events;
	struct session_slab slab;
	uint32_t *addrs_be; /* its last answer to SIO_ADDRESS_LIST_QUERY */
	size_t n_addrs;
	atomic_bool no_wildcard; /* refused 0.0.0.0 in legacy mode [SW-WILD-1] */
	atomic_uint companions;  /* that live */
	/* Who watches memory that it keeps registered; NULL: it keeps none. See san_memory.c. */
	struct san *san;
	bool (*watch)(struct san_provider *p, const void *at, size_t size);
	void (*drop)(struct san_provider *p, bool *unwatched);
};

/**
 * san_provider_start - load the module and do steps 4 to 7
 * @info: TCP/IP's, passed on so that the provider knows who calls [SW-INIT-1.4]
 * On failure everything done is undone, and the log says which step failed and why [SW-INIT-2].
 * Return: 0 or a WSA code; WSASYSNOTREADY may pass [PROV-INIT-8].
 */
int san_provider_start(const struct trace_point *trace, const WSAPROTOCOL_INFOW *info,
		       const struct catalog_entry *entry, struct san_provider **ret);

/* WSPCloseSocket of the utility socket and WSPCleanup [SW-INIT-6]. NULL is fine. */
void san_provider_stop(struct san_provider *p);

/* From now on the reactor's thread does the work of the provider's, if that offers it. */
void san_provider_serve(struct san_provider *p, struct reactor *r);
/* The provider's thread again. The caller holds no lock that an upcall takes. */
void san_provider_unserve(struct san_provider *p);

/* Step 6 again [SW-PNP-1]. Return 0 or a WSA code; then the last answer stands. */
int san_provider_query(struct san_provider *p);

/* Replace what the switch must never call [SW-INIT-5]; exposed for its test. */
void san_provider_trap(WSPPROC_TABLE *table);

#endif
