/* SPDX-License-Identifier: MIT
 *
 * The scripting provider: a layer in front of any SAN provider whose calls fail when the script
 * says so. It stands in a file of its own for each provider (NAME.so), and what it stands in front
 * of is the file NAME.under.so beside it.
 *
 * A program opens the module before WSAStartup does (same file, so same state), finds
 * SCRIPT_CONTROL in it and tells it what to do; at any time, from any thread.
 */
#ifndef WSD_SCENARIO_SCRIPT_PROVIDER_H
#define WSD_SCENARIO_SCRIPT_PROVIDER_H

#include <stddef.h>

struct loop_control;

enum { SCRIPT_PAIRS = 4 }; /* of a rule */

/* Each is asked for whether it is to fail; and what it tells of itself then, all of them together.
 */
#define SCRIPT_CALLS                                                                             \
	"WSPStartupEx", "WSPSocket", "WSPBind", "WSPListen", "WSPAccept", "WSPConnect",          \
		"WSPEventSelect", "WSPEnumNetworkEvents", "WSPSend", "WSPRecv", "WSPGetSockOpt", \
		"WSPSetSockOpt", "SIO_ADDRESS_LIST_QUERY", "SIO_GET_EXTENSION_FUNCTION_POINTER", \
		"WSPRegisterMemory", "WSPDeregisterMemory", "WSPRegisterRdmaMemory",             \
		"WSPDeregisterRdmaMemory", "WSPRdmaWrite", "WSPRdmaRead",                        \
		"WSPMemoryRegistrationCacheCallback"
#define SCRIPT_KEYS \
	"name", "backlog", "events", "option", "len", "flags", "segments", "offset", "function"

struct script_pair {
	const char *key, *value; /* the value may hold * and ? as in file names */
};

struct script_control {
	/**
	 * fail - from now on calls of @call whose arguments are @pairs end with @code
	 * @call: a function of the SPI, an extension, WSPStartupEx, or an ioctl
	 * @after: so many pass first
	 * @times: so many end so, then no more; 0: all
	 * @n_pairs: at most SCRIPT_PAIRS. Return: 0; -EINVAL: there is no such call, or an argument
	 * is too long; -ENOSPC: too many rules.
	 */
	int (*fail)(const char *call, const struct script_pair *pairs, size_t n_pairs, int code,
		    unsigned after, unsigned times);
	void (*heal)(void); /* all of it is forgotten */
	/* The loop provider's control if that is beneath, else NULL. */
	struct loop_control *(*loop)(void);
};

/* The symbol to look up in the module. */
#define SCRIPT_CONTROL "script_control"

#endif
