/* SPDX-License-Identifier: MIT
 *
 * Whether a provider's module is whole: its header and its segments [SW-INIT-1.4, SW-INIT-2]. See
 * module.h.
 */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module_priv.h"

#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* Thread-local data of a provider is no larger; what is garbage is. */
enum { TLS_MAX = 1 << 28 };

bool module_wrong(const struct module_file *f, const char *why)
{
	snprintf(f->why, f->why_size, "%s", why);
	return false;
}

static bool damaged(const struct module_file *f, const char *what)
{
	snprintf(f->why, f->why_size, "the file is damaged: %s", what);
	return false;
}

/* Are @size bytes from @at on in the file? */
static bool holds(const struct module_file *f, uint64_t at, uint64_t size)
{
	return at <= f->size && size <= f->size - at;
}

static bool cut_short(const struct module_file *f, const char *what)
{
	snprintf(f->why, f->why_size, "the file is cut short: its %s not within its %llu bytes",
		 what, (unsigned long long)f->size);
	return false;
}

const ElfW(Phdr) *
	module_segment(const struct module_file *f, uint64_t vaddr, uint64_t size, bool in_file)
{
	for (unsigned i = 0; i < f->n; i++) {
		const ElfW(Phdr) *p = &f->p[i];
		uint64_t has = in_file ? p->p_filesz : p->p_memsz;
		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr <= has &&
		    size <= has - (vaddr - p->p_vaddr))
			return p;
	}
	return NULL;
}

/* File systems over a wire (9p, FUSE) may read less at a time than is there. */
static bool read_all(int fd, char *to, uint64_t size, uint64_t at)
{
	while (size) {
		ssize_t n = pread(fd, to, size, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		to += n;
		at += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return true;
}

void *module_copy(const struct module_file *f, uint64_t vaddr, uint64_t size)
{
	const ElfW(Phdr) *p = module_segment(f, vaddr, size, true);
	char *copy = p ? malloc(size ? size : 1) : NULL;
	if (copy && !read_all(f->fd, copy, size, p->p_offset + (vaddr - p->p_vaddr))) {
		free(copy);
		copy = NULL;
	}
	return copy;
}

/* @end: of the segment before, and then of this one; no two share a page. */
static bool check_load(const struct module_file *f, const ElfW(Phdr) * p, uint64_t *end)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const ElfW(Word) known = PF_R | PF_W | PF_X | PF_MASKOS | PF_MASKPROC;
	if (p->p_filesz && !holds(f, p->p_offset, p->p_filesz))
		return cut_short(f, "segments are");
	if (p->p_filesz > p->p_memsz || p->p_vaddr > INTPTR_MAX - page ||
	    p->p_memsz > INTPTR_MAX - page - p->p_vaddr || (p->p_vaddr & ~(page - 1)) < *end)
		return damaged(f, "segments overlap or wrap");
	if (p->p_align & (p->p_align - 1) || p->p_align < page ||
	    ((p->p_vaddr - p->p_offset) & (p->p_align - 1)))
		return damaged(f, "alignment of a segment");
	if (!(p->p_flags & PF_R) || (p->p_flags & ~known))
		return damaged(f, "flags of a segment");
	/* The loader fills up with zeroes, over code too. */
	if (!(p->p_flags & PF_W) && p->p_filesz != p->p_memsz)
		return damaged(f, "a segment that nobody writes is not whole");
	*end = (p->p_vaddr + p->p_memsz + page - 1) & ~(page - 1);
	return true;
}

static bool check_tls(const struct module_file *f, const ElfW(Phdr) * p)
{
	/* The loader divides by the alignment, and has none for a segment of nothing. */
	if (!p->p_memsz || !p->p_align || p->p_filesz > p->p_memsz || p->p_memsz > TLS_MAX ||
	    p->p_align > TLS_MAX || (p->p_align & (p->p_align - 1)) ||
	    (p->p_filesz && !module_segment(f, p->p_vaddr, p->p_filesz, true)))
		return damaged(f, "segment of thread-local data");
	return true;
}

/* What the linker reads, or protects, inside the segments that it maps. */
static bool check_inside(const struct module_file *f, const ElfW(Phdr) * p)
{
	const ElfW(Phdr) * in;
	switch (p->p_type) {
	case PT_TLS:
		return check_tls(f, p);
	case PT_GNU_RELRO:
		/* nothing of it is read from the file; some linkers round it up to whole pages */
		in = module_segment(f, p->p_vaddr, 1, false);
		if (!in || !(in->p_flags & PF_W) ||
		    p->p_memsz > in->p_vaddr + in->p_memsz - p->p_vaddr + in->p_align)
			return damaged(f, "read-only part of a segment");
		return true;
	case PT_PHDR:
	case PT_NOTE:
	case PT_GNU_PROPERTY:
	case PT_GNU_EH_FRAME:
		if (!module_segment(f, p->p_vaddr, p->p_memsz, true))
			return damaged(f, "a segment lies outside of what is mapped");
		return true;
	default:
		return true;
	}
}

static bool check_segments(const struct module_file *f)
{
	const ElfW(Phdr) *dynamic = NULL;
	uint64_t end = 0;
	for (unsigned i = 0; i < f->n; i++) {
		const ElfW(Phdr) *p = &f->p[i];
		if (p->p_type == PT_LOAD && !check_load(f, p, &end))
			return false;
		if (p->p_type != PT_DYNAMIC)
			continue;
		if (!holds(f, p->p_offset, p->p_filesz))
			return cut_short(f, "dynamic section is");
		if (dynamic)
			return damaged(f, "two dynamic sections");
		dynamic = p;
	}
	for (unsigned i = 0; i < f->n; i++)
		if (!check_inside(f, &f->p[i]))
			return false;
	/* without one dlopen has words of its own */
	return !dynamic || module_check_dynamic(f, dynamic);
}

static bool check_file(struct module_file *f)
{
	struct stat st;
	ElfW(Ehdr) e;
	if (fstat(f->fd, &st))
		return module_wrong(f, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return module_wrong(f, "not a regular file");
	f->size = (uint64_t)st.st_size;
	/* too short, no ELF file, of another machine: dlopen sees that before it maps anything */
	if (pread(f->fd, &e, sizeof(e), 0) != sizeof(e) ||
	    memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != NATIVE_CLASS ||
	    e.e_phentsize != sizeof(ElfW(Phdr)))
		return true;
	if (e.e_type != ET_DYN)
		return module_wrong(f, "not a shared object");
	if (!holds(f, e.e_phoff, (uint64_t)e.e_phnum * e.e_phentsize))
		return cut_short(f, "program headers are");
	if (e.e_phnum > MODULE_PHDRS_MAX)
		return damaged(f, "number of program headers");
	ssize_t size = (ssize_t)(e.e_phnum * sizeof(f->p[0]));
	if (pread(f->fd, f->p, (size_t)size, (off_t)e.e_phoff) != size)
		return cut_short(f, "program headers are");
	f->n = e.e_phnum;
	/* the linker does not need them, but they are what a file ends with: the copy is not
	 * complete */
	bool whole = !e.e_shoff || holds(f, e.e_shoff, (uint64_t)e.e_shnum * e.e_shentsize);
	if (!check_segments(f))
		return false;
	return whole || cut_short(f, "section headers are");
}

bool module_check(const char *path, char *why, size_t size)
{
	struct module_file f = {.why = why, .why_size = size};
	f.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (f.fd < 0) /* dlopen says why */
		return true;
	bool whole = check_file(&f);
	close(f.fd);
	return whole;
}
