/* SPDX-License-Identifier: MIT
 *
 * The dynamic section of a module and the tables that it names: what the dynamic linker follows
 * without a look [SW-INIT-2]. See module.h. No state, no locks.
 */
#include <stdlib.h>

#include "module_priv.h"

/* The kind of relocations that the linker of this machine follows for the PLT. */
enum { ENTRIES_MAX = 4096, PLT_KIND = sizeof(void *) == 8 ? DT_RELA : DT_REL };

/* Tags of Android's packed relocations: glibc passes them over, and the code runs without. */
enum { DT_ANDROID_FIRST = 0x6000000f, DT_ANDROID_LAST = 0x60000012, DT_ANDROID_RELR = 0x6fffe000 };

static const int64_t tags[T_COUNT] = {
	[T_STRTAB] = DT_STRTAB,
	[T_STRSZ] = DT_STRSZ,
	[T_SYMTAB] = DT_SYMTAB,
	[T_SYMENT] = DT_SYMENT,
	[T_GNU_HASH] = DT_GNU_HASH,
	[T_HASH] = DT_HASH,
	[T_RELA] = DT_RELA,
	[T_RELASZ] = DT_RELASZ,
	[T_RELAENT] = DT_RELAENT,
	[T_RELACOUNT] = DT_RELACOUNT,
	[T_REL] = DT_REL,
	[T_RELSZ] = DT_RELSZ,
	[T_RELENT] = DT_RELENT,
	[T_RELCOUNT] = DT_RELCOUNT,
	[T_JMPREL] = DT_JMPREL,
	[T_PLTRELSZ] = DT_PLTRELSZ,
	[T_PLTREL] = DT_PLTREL,
	[T_INIT] = DT_INIT,
	[T_FINI] = DT_FINI,
	[T_INIT_ARRAY] = DT_INIT_ARRAY,
	[T_INIT_ARRAYSZ] = DT_INIT_ARRAYSZ,
	[T_FINI_ARRAY] = DT_FINI_ARRAY,
	[T_FINI_ARRAYSZ] = DT_FINI_ARRAYSZ,
	[T_VERSYM] = DT_VERSYM,
	[T_VERNEED] = DT_VERNEED,
	[T_VERNEEDNUM] = DT_VERNEEDNUM,
	[T_VERDEF] = DT_VERDEF,
	[T_VERDEFNUM] = DT_VERDEFNUM,
	[T_PLTGOT] = DT_PLTGOT,
	[T_TEXTREL] = DT_TEXTREL,
	[T_RELR] = DT_RELR,
	[T_RELRSZ] = DT_RELRSZ,
	[T_RELRENT] = DT_RELRENT,
};

/* Tables with the tags of their lengths: both are there, or neither. Flags are of the segment. */
static const struct {
	enum tag table, bytes;
	ElfW(Word) flags;
} tables[] = {
	{T_STRTAB, T_STRSZ, 0},
	{T_RELA, T_RELASZ, 0},
	{T_REL, T_RELSZ, 0},
	{T_JMPREL, T_PLTRELSZ, 0},
	{T_RELR, T_RELRSZ, 0},
	{T_INIT_ARRAY, T_INIT_ARRAYSZ, PF_W},
	{T_FINI_ARRAY, T_FINI_ARRAYSZ, PF_W},
};

/* Tags that only make sense together. */
static const enum tag pairs[][2] = {
	{T_RELA, T_RELAENT},       {T_REL, T_RELENT},    {T_JMPREL, T_PLTREL},
	{T_RELR, T_RELRENT},       {T_JMPREL, T_PLTGOT}, {T_VERNEED, T_VERSYM},
	{T_VERNEED, T_VERNEEDNUM}, {T_VERDEF, T_VERSYM}, {T_VERDEF, T_VERDEFNUM},
};

/* Tags with the one value that they may have. */
static const struct {
	enum tag tag;
	uint64_t value, or_value;
} fixed[] = {
	{T_SYMENT, sizeof(ElfW(Sym)), sizeof(ElfW(Sym))},
	{T_RELAENT, sizeof(ElfW(Rela)), sizeof(ElfW(Rela))},
	{T_RELENT, sizeof(ElfW(Rel)), sizeof(ElfW(Rel))},
	{T_RELRENT, sizeof(ElfW(Addr)), sizeof(ElfW(Addr))},
	{T_PLTREL, PLT_KIND, PLT_KIND},
};

/* Every tag is of a range that some standard has given out. */
static bool gather(struct dyn *d)
{
	size_t i = 0;
	for (; i < d->n && d->entries[i].d_tag != DT_NULL; i++) {
		int64_t tag = d->entries[i].d_tag;
		if (tag < 0 || (tag >= DT_NUM && tag < DT_LOOS) || tag > DT_HIPROC ||
		    (tag >= DT_ANDROID_FIRST && tag <= DT_ANDROID_LAST) || tag == DT_ANDROID_RELR)
			return false;
		for (int t = 0; t < T_COUNT; t++) {
			if (tag != tags[t])
				continue;
			if (d->has[t]) /* the linker takes the last one */
				return false;
			d->has[t] = true;
			d->v[t] = d->entries[i].d_un.d_val;
		}
	}
	bool ended = i < d->n;
	d->n = i;
	return ended;
}

bool dyn_is_code(const struct dyn *d, uint64_t vaddr)
{
	const ElfW(Phdr) *p = module_segment(d->f, vaddr, 1, true);
	return p && (p->p_flags & PF_X);
}

static bool check_values(struct dyn *d)
{
	if (!d->has[T_STRTAB] || !d->has[T_SYMTAB] || !d->has[T_SYMENT])
		return false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		enum tag t = tables[i].table, bytes = tables[i].bytes;
		if (d->has[t] != d->has[bytes])
			return false;
		const ElfW(Phdr) *p = module_segment(d->f, d->v[t], d->v[bytes], true);
		if (d->has[t] && (!p || (p->p_flags & tables[i].flags) != tables[i].flags))
			return false;
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (d->has[pairs[i][0]] && !d->has[pairs[i][1]])
			return false;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		uint64_t v = d->v[fixed[i].tag];
		if (d->has[fixed[i].tag] && v != fixed[i].value && v != fixed[i].or_value)
			return false;
	}
	static const enum tag words[] = {T_INIT_ARRAY,   T_INIT_ARRAYSZ, T_FINI_ARRAY,
					 T_FINI_ARRAYSZ, T_RELR,         T_RELRSZ};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (d->v[words[i]] % sizeof(ElfW(Addr)))
			return false;
	if ((d->has[T_INIT] && !dyn_is_code(d, d->v[T_INIT])) ||
	    (d->has[T_FINI] && !dyn_is_code(d, d->v[T_FINI])))
		return false;
	return !d->has[T_PLTGOT] || module_segment(d->f, d->v[T_PLTGOT], sizeof(void *), false);
}

bool dyn_is_string(const struct dyn *d, uint64_t at)
{
	return at < d->v[T_STRSZ];
}

/* The last string ends, and what the linker opens by name has one. */
static bool check_strings(struct dyn *d)
{
	uint64_t size = d->v[T_STRSZ];
	d->strings = size ? module_copy(d->f, d->v[T_STRTAB], size) : NULL;
	if (!d->strings || d->strings[size - 1])
		return false;
	for (size_t i = 0; i < d->n; i++) {
		int64_t tag = d->entries[i].d_tag;
		bool names = tag == DT_NEEDED || tag == DT_SONAME || tag == DT_RPATH ||
			     tag == DT_RUNPATH || tag == DT_AUXILIARY || tag == DT_FILTER ||
			     tag == DT_AUDIT || tag == DT_DEPAUDIT;
		if (names && !dyn_is_string(d, d->entries[i].d_un.d_val))
			return false;
	}
	return true;
}

static bool check_tables(struct dyn *d, const char **ret_what)
{
	static const struct {
		bool (*check)(struct dyn *d);
		const char *what;
	} steps[] = {
		{gather, "the file is damaged: tags of the dynamic section"},
		{check_values, "the file is damaged: values of the dynamic section"},
		{check_strings, "the file is damaged: strings"},
		{dyn_check_symbols, "the file is damaged: symbols"},
		{dyn_check_versions, "the file is damaged: versions"},
		{dyn_check_relocations, "the file is damaged: relocations"},
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		*ret_what = steps[i].what;
		if (!steps[i].check(d))
			return false;
	}
	return true;
}

bool module_check_dynamic(const struct module_file *f, const ElfW(Phdr) * dynamic)
{
	const ElfW(Phdr) *in = module_segment(f, dynamic->p_vaddr, dynamic->p_memsz, true);
	struct dyn d = {.f = f, .n = dynamic->p_memsz / sizeof(ElfW(Dyn))};
	/* the linker reads it where it is mapped, and may write what it finds there */
	if (!in || d.n > ENTRIES_MAX ||
	    in->p_offset + (dynamic->p_vaddr - in->p_vaddr) != dynamic->p_offset ||
	    ((dynamic->p_flags & PF_W) && !(in->p_flags & PF_W)) ||
	    dynamic->p_vaddr % sizeof(ElfW(Addr)))
		return module_wrong(f, "the file is damaged: place of the dynamic section");
	d.entries = module_copy(f, dynamic->p_vaddr, d.n * sizeof(ElfW(Dyn)));
	const char *what = "no memory";
	bool sound = d.entries && check_tables(&d, &what);
	if (d.exports_none)
		what = "it exports nothing";
	free(d.symbols);
	free(d.strings);
	free(d.entries);
	return sound || module_wrong(f, what);
}
