/* SPDX-License-Identifier: MIT
 *
 * See vocabulary.h: tables, ended by NULL. No state.
 */
#include "vocabulary.h"

#include "script_provider.h"

#include <stddef.h>
#include <string.h>

static const char *const downcalls[] = {
	"WSPAccept", "WSPAddressToString", "WSPAsyncSelect", "WSPBind", "WSPCancelBlockingCall",
	"WSPCleanup", "WSPCloseSocket", "WSPConnect", "WSPDuplicateSocket", "WSPEnumNetworkEvents",
	"WSPEventSelect", "WSPGetOverlappedResult", "WSPGetPeerName", "WSPGetSockName",
	"WSPGetSockOpt", "WSPGetQOSByName", "WSPIoctl", "WSPJoinLeaf", "WSPListen", "WSPRecv",
	"WSPRecvDisconnect", "WSPRecvFrom", "WSPSelect", "WSPSend", "WSPSendDisconnect",
	"WSPSendTo", "WSPSetSockOpt", "WSPShutdown", "WSPSocket", "WSPStringToAddress",
	"WSPStartupEx",
	/* extensions */
	"WSPRegisterMemory", "WSPDeregisterMemory", "WSPRegisterRdmaMemory",
	"WSPDeregisterRdmaMemory", "WSPRdmaWrite", "WSPRdmaRead",
	"WSPMemoryRegistrationCacheCallback", NULL};
static const char *const upcalls[] = {"WPUCloseEvent",
				      "WPUCloseSocketHandle",
				      "WPUCreateEvent",
				      "WPUCreateSocketHandle",
				      "WPUFDIsSet",
				      "WPUGetProviderPath",
				      "WPUModifyIFSHandle",
				      "WPUPostMessage",
				      "WPUQueryBlockingCallback",
				      "WPUQuerySocketHandleContext",
				      "WPUQueueApc",
				      "WPUResetEvent",
				      "WPUSetEvent",
				      "WPUOpenCurrentThread",
				      "WPUCloseThread",
				      "WPUCompleteOverlappedRequest",
				      NULL};
static const char *const of_names[] = {"bind",  "listen", "release", "unlisten",
				       "defer", "again",  "note",    NULL};
static const char *const of_switch[] = {"takeover", "shadow", "hotplug", NULL};
static const char *const keys[] = {
	"s",       "name",       "namelen", "backlog",  "event",   "events",     "option",
	"optlen",  "value",      "code",    "in",       "out",     "buffers",    "bytes",
	"data",    "flags",      "handle",  "context",  "catalog", "overlapped", "error",
	"address", "process",    "af",      "type",     "group",   "protocol",   "how",
	"wait",    "message",    "buffer",  "len",      "room",    "descriptor", "segments",
	"offset",  "size",       "family",  "provider", "to",      "version",    "id",
	"head",    "companions", "mode",    "port",     "addr",    "changed",    "function",
	NULL};
static const char *const fails[] = {SCRIPT_CALLS, NULL};
static const char *const fails_by[] = {SCRIPT_KEYS, NULL};

static bool has(const char *const *list, const char *word)
{
	while (*list && strcmp(*list, word) != 0)
		list++;
	return *list != NULL;
}

bool vocabulary_call(const char *who, bool upcall, const char *call)
{
	return has(!strcmp(who, "names")    ? of_names
		   : !strcmp(who, "switch") ? of_switch
		   : upcall                 ? upcalls
					    : downcalls,
		   call);
}

bool vocabulary_key(const char *key)
{
	return has(keys, key);
}

bool vocabulary_fails(const char *call)
{
	return has(fails, call);
}

bool vocabulary_fails_by(const char *key)
{
	return has(fails_by, key);
}
