/* SPDX-License-Identifier: MIT
 *
 * contend_provider.c - the SAN service provider without a switch: the module that the catalogue
 * names, by WSPStartupEx. State: the module and its functions.
 *
 * The switch may be measured in the same process and has the module too. Startups of one module
 * share its process object, whose upcalls are those of the first. So this is a copy of the module,
 * which the loader takes for another one.
 */
#include "catalog.h"
#include "conf.h"
#include "contend.h"
#include "contend_provider.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

struct bound {
	SOCKET s;
	struct sockaddr_in name;
};

static void *module; /* loaded once: its threads' code stays mapped */
static LPWSPSTARTUPEX startup;
static struct provider_calls calls;
static bool started;

const struct provider_calls *provider_calls(void)
{
	return &calls;
}

const WSPPROC_TABLE *contend_provider_table(void)
{
	return started ? &calls.table : NULL;
}

/* ---- upcalls ---- */

static SOCKET WSPAPI up_create(DWORD entry, DWORD_PTR context, LPINT err)
{
	(void)entry, (void)err;
	return (SOCKET)context;
}

static int WSPAPI up_close(SOCKET s, LPINT err)
{
	(void)s, (void)err;
	return 0;
}

static const WSPUPCALLTABLEEX upcalls = {
	.lpWPUCreateSocketHandle = up_create,
	.lpWPUCloseSocketHandle = up_close,
	.lpWPUSetEvent = provider_event_set,
	.lpWPUResetEvent = provider_event_reset,
	.lpWPUCompleteOverlappedRequest = provider_completed,
};

/* ---- names ---- */

static int provider_make(struct bound **ret)
{
	int code = 0;
	struct bound *b = malloc(sizeof(*b)); /* as the others do: calloc() costs more */
	if (!b)
		return -1;
	b->s = calls.table.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
				       WSA_FLAG_OVERLAPPED, &code);
	if (b->s == INVALID_SOCKET) {
		free(b);
		return contend_result(code);
	}
	*ret = b;
	return 0;
}

/* Whom a name belongs to is the switch's affair: the provider refuses no name that is taken. */
static int provider_bind(struct bound *b, const struct sockaddr_in *name, unsigned flags)
{
	int code = 0;
	struct wsd_sockaddr_in at = contend_winsock_name(name);
	if (flags) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (calls.table.lpWSPBind(b->s, (struct wsd_sockaddr *)&at, sizeof(at), &code))
		return contend_result(code);
	b->name = *name;
	return 0;
}

static int provider_listen(struct bound *b, int backlog)
{
	int code = 0;
	return calls.table.lpWSPListen(b->s, backlog, &code) ? contend_result(code) : 0;
}

static int provider_name(struct bound *b, struct sockaddr_in *ret)
{
	*ret = b->name;
	return 0;
}

static int provider_close(struct bound *b)
{
	int code = 0, r = calls.table.lpWSPCloseSocket(b->s, &code);
	free(b);
	return r ? contend_result(code) : 0;
}

const struct name_ops provider_names = {.make = provider_make,
					.bind = provider_bind,
					.listen = provider_listen,
					.name = provider_name,
					.close = provider_close};

/* ---- the module ---- */

int contend_provider_module(char *path, size_t room, char *why, size_t size)
{
	struct conf *conf;
	struct catalog *catalog = NULL;
	char dir[PATH_MAX];
	int err = conf_load(&conf);
	if (err) {
		snprintf(why, size, "cannot read the configuration: %s", strerror(-err));
		return -1;
	}
	err = catalog_dir(conf, dir, sizeof(dir));
	if (!err)
		err = catalog_read(dir, &catalog);
	conf_free(conf);
	if (err) {
		snprintf(why, size, "cannot read the catalogue of providers: %s", strerror(-err));
		return -1;
	}
	const struct catalog_entry *e = NULL;
	for (size_t i = 0; !e && i < catalog->n_list; i++)
		e = catalog_find(catalog, &catalog->list[i]);
	if (e)
		snprintf(path, room, "%s", e->module);
	else
		snprintf(why, size, "the catalogue %.80s has no SAN provider", dir);
	catalog_free(catalog);
	if (!e || !access(path, R_OK))
		return e ? 0 : -1;
	snprintf(why, size, "the provider %.100s: %s", path, strerror(errno));
	return -1;
}

static int copy(const char *path)
{
	struct stat st;
	int from = open(path, O_RDONLY | O_CLOEXEC), to = -1;
	if (from >= 0 && !fstat(from, &st))
		to = memfd_create("wsd-bench-provider", MFD_CLOEXEC);
	for (off_t at = 0; to >= 0 && at < st.st_size;)
		if (sendfile(to, from, &at, (size_t)(st.st_size - at)) <= 0) {
			close(to);
			to = -1;
		}
	if (from >= 0)
		close(from);
	return to;
}

static int load(char *why, size_t size)
{
	char path[PATH_MAX], name[40];
	if (contend_provider_module(path, sizeof(path), why, size))
		return -1;
	int fd = copy(path);
	if (fd < 0) {
		snprintf(why, size, "cannot read %.100s: %s", path, strerror(errno));
		return -1;
	}
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	module = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	close(fd);
	if (module)
		*(void **)&startup = dlsym(module, "WSPStartupEx");
	if (startup)
		return 0;
	snprintf(why, size, "cannot load %.60s: %.80s", path, dlerror());
	if (module)
		dlclose(module);
	module = NULL;
	return -1;
}

static void stop(void)
{
	int code;
	if (!started)
		return;
	started = false;
	calls.table.lpWSPCleanup(&code);
	contend_rdma_done();
}

/* NULL: the provider has it not. */
static void *extension(GUID id)
{
	void *f = NULL;
	DWORD got;
	int code;
	calls.table.lpWSPIoctl(INVALID_SOCKET, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
			       &f, sizeof(f), &got, NULL, NULL, NULL, &code);
	return f;
}

static int find_extensions(void)
{
	*(void **)&calls.reg = extension((GUID)WSAID_REGISTERMEMORY);
	*(void **)&calls.dereg = extension((GUID)WSAID_DEREGISTERMEMORY);
	*(void **)&calls.attend = extension((GUID)WSAID_WSDATTEND);
	return calls.reg && calls.dereg ? 0 : -1;
}

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	WSPDATA data;
	WSPUPCALLTABLEEX up = upcalls;
	WSAPROTOCOL_INFOW tcp = {.dwCatalogEntryId = 1};
	if ((!module && load(why, size)) || contend_rdma(here, why, size))
		return -1;
	int code = startup(0x0202, &data, &tcp, &up, &calls.table);
	if (code) {
		contend_rdma_done();
		snprintf(why, size, "WSPStartupEx fails with %d", code);
		return -1;
	}
	started = true;
	calls.here = *here;
	if (!find_extensions())
		return 0;
	stop();
	snprintf(why, size, "the provider cannot register memory");
	return -1;
}

const struct contender contend_provider = {
	.name = "provider",
	.title = "wsdirect, the provider",
	.start = start,
	.stop = stop,
	.names = &provider_names,
	.conns = &provider_conns,
};
