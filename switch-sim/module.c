/* SPDX-License-Identifier: MIT
 *
 * Whether a provider's module is whole [SW-INIT-1.4, SW-INIT-2]. See module.h.
 */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

struct look {
	int fd;
	uint64_t size;
	char *why;
	size_t why_size;
};

static bool is_wrong(const struct look *l, const char *why)
{
	snprintf(l->why, l->why_size, "%s", why);
	return false;
}

/* Are @size bytes from @at on in the file? */
static bool holds(const struct look *l, uint64_t at, uint64_t size)
{
	return at <= l->size && size <= l->size - at;
}

static bool cut_short(const struct look *l, const char *what)
{
	snprintf(l->why, l->why_size, "the file is cut short: its %s not within its %llu bytes",
		 what, (unsigned long long)l->size);
	return false;
}

/* At most one read for each header: there are some ten. */
static bool check_segments(const struct look *l, const ElfW(Ehdr) * e)
{
	for (unsigned i = 0; i < e->e_phnum; i++) {
		ElfW(Phdr) p;
		if (pread(l->fd, &p, sizeof(p), (off_t)(e->e_phoff + i * sizeof(p))) != sizeof(p))
			return cut_short(l, "program headers are");
		bool read = p.p_type == PT_LOAD || p.p_type == PT_DYNAMIC;
		if (read && p.p_filesz && !holds(l, p.p_offset, p.p_filesz))
			return cut_short(l, p.p_type == PT_LOAD ? "segments are"
								: "dynamic section is");
	}
	return true;
}

static bool check_file(struct look *l)
{
	struct stat st;
	ElfW(Ehdr) e;
	if (fstat(l->fd, &st))
		return is_wrong(l, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return is_wrong(l, "not a regular file");
	l->size = (uint64_t)st.st_size;
	/* too short, no ELF file, of another machine: dlopen sees that before it maps anything */
	if (pread(l->fd, &e, sizeof(e), 0) != sizeof(e) ||
	    memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != NATIVE_CLASS ||
	    e.e_phentsize != sizeof(ElfW(Phdr)))
		return true;
	if (!holds(l, e.e_phoff, (uint64_t)e.e_phnum * e.e_phentsize))
		return cut_short(l, "program headers are");
	if (!check_segments(l, &e))
		return false;
	/* the linker does not need it, but it is what a file ends with: the copy is not complete */
	if (e.e_shoff && !holds(l, e.e_shoff, (uint64_t)e.e_shnum * e.e_shentsize))
		return cut_short(l, "section headers are");
	return true;
}

bool module_check(const char *path, char *why, size_t size)
{
	struct look l = {.why = why, .why_size = size};
	l.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (l.fd < 0) /* dlopen says why */
		return true;
	bool whole = check_file(&l);
	close(l.fd);
	return whole;
}
