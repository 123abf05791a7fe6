/* SPDX-License-Identifier: MIT
 *
 * For stress programs, which are plain ones: a catalogue and a book of names of their own. Header
 * only; before there are threads.
 */
#ifndef WSD_TESTS_STRESS_BED_H
#define WSD_TESTS_STRESS_BED_H

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char stress_dir[] = "/tmp/wsd-stress-XXXXXX";

static const unsigned char stress_id[16] = {0,    0,    0x21, 0x5c, 0xaa, 0x77, 0xd1, 0x4b,
					    0x9c, 0x1e, 0x01, 0x23, 0x45, 0x67, 0x89, 0xa0};

/* Whole or not at all: somebody may be reading it. */
__attribute__((unused)) static bool stress_put(const char *name, const void *bytes, size_t size)
{
	char path[128], fresh[128];
	snprintf(path, sizeof(path), "%s/%s", stress_dir, name);
	snprintf(fresh, sizeof(fresh), "%s/new", stress_dir);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool done = fd >= 0 && write(fd, bytes, size) == (ssize_t)size;
	if (fd >= 0)
		close(fd);
	return done && rename(fresh, path) == 0;
}

/* One provider, which is "TCP on SAN"'s. @return: @symbol of @module, or NULL. */
__attribute__((unused)) static void *stress_catalogue(const char *module, const char *symbol)
{
	char text[512], book[64];
	snprintf(text, sizeof(text),
		 "id = {5c210000-77aa-4bd1-9c1e-0123456789a0}\nname = stress\nmodule = %s\n"
		 "flags = PFL_HIDDEN\n",
		 module);
	if (!mkdtemp(stress_dir) || !stress_put("a.provider", text, strlen(text)) ||
	    !stress_put("tcp-on-san", stress_id, sizeof(stress_id)))
		return NULL;
	snprintf(book, sizeof(book), "wsd-stress-%d", (int)getpid());
	setenv("WSD_BROKER_NAME", book, 1);
	setenv("WSD_CATALOG", stress_dir, 1);
	setenv("WSD_CONFIG", "/dev/null", 1);
	void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	return handle ? dlsym(handle, symbol) : NULL;
}

__attribute__((unused)) static void stress_end(void)
{
	static const char *const names[] = {"a.provider", "tcp-on-san", "trace"};
	char path[128];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", stress_dir, names[i]);
		unlink(path);
	}
	rmdir(stress_dir);
}

#endif
