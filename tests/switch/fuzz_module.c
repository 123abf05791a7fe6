/* SPDX-License-Identifier: MIT
 *
 * What a damaged provider module does to the process that loads it [SW-INIT-2]: four bytes of a
 * copy of the real module are overwritten, at each offset of its first kilobyte and of its dynamic
 * section, and a child does with the copy what the switch does. A plain main, built without
 * sanitizers: they would watch the linker, too. Exits 0, or 1 after saying where a child died.
 */
#include "module.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wsd/abi.h>

enum { HEAD = 1024, DAMAGE = 4, CHILD_SECONDS = 10, SHOWN = 40 };

enum outcome { LOADED, REFUSED, NOT_LOADED, DIED, OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {"loaded", "refused by the check",
						    "refused by the linker", "killed"};

static char path[] = "/tmp/wsd-fuzz-XXXXXX";
static unsigned counts[OUTCOMES];

/* As the switch does it; what the module's code does with garbage that is its data is its own. */
static enum outcome load(void)
{
	char why[96];
	if (!module_check(path, why, sizeof(why)))
		return REFUSED;
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!module)
		return NOT_LOADED;
	LPWSPSTARTUPEX entry = NULL;
	*(void **)&entry = dlsym(module, "WSPStartupEx");
	if (!entry) {
		dlclose(module);
		return NOT_LOADED;
	}
	WSPDATA data;
	WSPPROC_TABLE table;
	entry(0x0101, &data, NULL, NULL, &table); /* an old version is refused */
	return LOADED;
}

static enum outcome try_in_child(int *ret_status)
{
	(void)fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		exit((int)load()); /* with the module's destructors */
	}
	waitpid(pid, ret_status, 0);
	bool ended = WIFEXITED(*ret_status) && WEXITSTATUS(*ret_status) < DIED;
	return ended ? (enum outcome)WEXITSTATUS(*ret_status) : DIED;
}

static void damage(int fd, off_t at, int byte)
{
	unsigned char whole[DAMAGE], bad[DAMAGE];
	int status = 0;
	memset(bad, byte, sizeof(bad));
	if (pread(fd, whole, sizeof(whole), at) != DAMAGE ||
	    pwrite(fd, bad, sizeof(bad), at) != DAMAGE)
		abort();
	enum outcome o = try_in_child(&status);
	if (o == DIED && counts[DIED] < SHOWN)
		printf("killed by %d (status %x): %#x four times at %#llx\n", WTERMSIG(status),
		       (unsigned)status, (unsigned)byte, (unsigned long long)at);
	counts[o]++;
	if (pwrite(fd, whole, sizeof(whole), at) != DAMAGE)
		abort();
}

/* Writes the copy; where its dynamic section is, and the header of its thread-local data. */
static int copy_module(ElfW(Phdr) * ret_dynamic, off_t *ret_tls)
{
	char buf[65536];
	int in = open(WSD_TEST_PROVIDER_PATH, O_RDONLY | O_CLOEXEC),
	    out = mkostemp(path, O_CLOEXEC);
	ElfW(Ehdr) e;
	if (in < 0 || out < 0 || pread(in, &e, sizeof(e), 0) != sizeof(e))
		abort();
	for (unsigned i = 0; i < e.e_phnum; i++) {
		ElfW(Phdr) p;
		if (pread(in, &p, sizeof(p), (off_t)(e.e_phoff + i * sizeof(p))) != sizeof(p))
			abort();
		if (p.p_type == PT_DYNAMIC)
			*ret_dynamic = p;
		if (p.p_type == PT_TLS)
			*ret_tls = (off_t)(e.e_phoff + i * sizeof(p));
	}
	for (ssize_t n; (n = read(in, buf, sizeof(buf))) > 0;)
		if (write(out, buf, (size_t)n) != n)
			abort();
	close(in);
	return out;
}

int main(void)
{
	static const int bytes[] = {0xff, 0x41};
	ElfW(Phdr) dynamic = {0};
	off_t tls = 0;
	int fd = copy_module(&dynamic, &tls), status = 0;
	/* what it needs is loaded once, not by each child */
	dlopen("librdmacm.so.1", RTLD_NOW | RTLD_GLOBAL);
	bool sound = try_in_child(&status) == LOADED;
	printf("undamaged: %s\n", sound ? "loaded" : "NOT loaded");
	for (unsigned b = 0; b < 2; b++) {
		for (off_t at = 0; at < HEAD; at++)
			damage(fd, at, bytes[b]);
		for (off_t at = 0; at + DAMAGE <= (off_t)dynamic.p_filesz; at++)
			damage(fd, (off_t)dynamic.p_offset + at, bytes[b]);
	}
	/* nothing where the loader divides */
	for (off_t at = sizeof(ElfW(Word)); tls && at < (off_t)sizeof(ElfW(Phdr)); at++)
		damage(fd, tls + at, 0);
	for (int o = 0; o < OUTCOMES; o++)
		printf("%u %s\n", counts[o], outcome_names[o]);
	close(fd);
	unlink(path);
	return sound && !counts[DIED] ? 0 : 1;
}
