/* SPDX-License-Identifier: MIT
 *
 * What module.c and module_dyn.c share. No state, no locks.
 */
#ifndef WSD_SWITCH_MODULE_PRIV_H
#define WSD_SWITCH_MODULE_PRIV_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODULE_PHDRS_MAX = 64 }; /* real modules have some ten */

struct module_file {
	int fd;
	uint64_t size;
	char *why;
	size_t why_size;
	unsigned n;
	ElfW(Phdr) p[MODULE_PHDRS_MAX];
};

/* Says what is wrong, in words that do not change: false. */
bool module_wrong(const struct module_file *f, const char *why);
/* The PT_LOAD segment that has these bytes, from the file (@in_file) or zeroed; or NULL. */
const ElfW(Phdr) *
	module_segment(const struct module_file *f, uint64_t vaddr, uint64_t size, bool in_file);
/* A copy of what the file has for an address, to be freed; NULL: it has not that much, or no
 * memory.
 */
void *module_copy(const struct module_file *f, uint64_t vaddr, uint64_t size);
/* Tags by the place where they are kept here. */
enum tag {
	T_STRTAB,
	T_STRSZ,
	T_SYMTAB,
	T_SYMENT,
	T_GNU_HASH,
	T_HASH,
	T_RELA,
	T_RELASZ,
	T_RELAENT,
	T_RELACOUNT,
	T_REL,
	T_RELSZ,
	T_RELENT,
	T_RELCOUNT,
	T_JMPREL,
	T_PLTRELSZ,
	T_PLTREL,
	T_INIT,
	T_FINI,
	T_INIT_ARRAY,
	T_INIT_ARRAYSZ,
	T_FINI_ARRAY,
	T_FINI_ARRAYSZ,
	T_VERSYM,
	T_VERNEED,
	T_VERNEEDNUM,
	T_VERDEF,
	T_VERDEFNUM,
	T_PLTGOT,
	T_TEXTREL,
	T_RELR,
	T_RELRSZ,
	T_RELRENT,
	T_COUNT
};

struct dyn {
	const struct module_file *f;
	ElfW(Dyn) * entries;
	size_t n;
	bool has[T_COUNT];
	uint64_t v[T_COUNT];
	char *strings;
	ElfW(Sym) * symbols;
	uint64_t n_symbols;
	bool exports_none;     /* sound, but no provider */
	unsigned last_version; /* the highest index of a version */
};

/* module_dyn.c */
bool dyn_is_code(const struct dyn *d, uint64_t vaddr);
bool dyn_is_string(const struct dyn *d, uint64_t at);
/* module_sym.c: what the tables say is not followed out of them. In this order. */
bool dyn_check_symbols(struct dyn *d);
bool dyn_check_versions(struct dyn *d);
bool dyn_check_relocations(struct dyn *d);

/* module_dyn.c: the dynamic section, and the tables that it names. */
bool module_check_dynamic(const struct module_file *f, const ElfW(Phdr) * dynamic);

#endif
