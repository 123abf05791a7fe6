/* SPDX-License-Identifier: MIT
 *
 * The symbols of a module, their versions, its relocations: every index and offset leads to where
 * it may [SW-INIT-2]. See module.h. No state, no locks.
 */
#include <stdlib.h>
#include <string.h>

#include "module_priv.h"

#define R_SYM(info) (sizeof(void *) == 8 ? (uint64_t)(info) >> 32 : (uint64_t)(info) >> 8)

#define R_KIND(info) (sizeof(void *) == 8 ? (uint32_t)(info) : (uint32_t)(info)&0xff)

enum { VERSIONS_MAX = 4096, INDEX_MASK = 0x7fff };

static uint32_t word(const void *table, uint64_t i)
{
	uint32_t w;
	memcpy(&w, (const char *)table + i * sizeof(w), sizeof(w));
	return w;
}

/* DT_GNU_HASH: how many symbols it knows; 0: it is damaged. Chains end with an odd word. */
static uint64_t gnu_hash_symbols(struct dyn *d)
{
	uint64_t at = d->v[T_GNU_HASH], count = 0;
	uint32_t *head = module_copy(d->f, at, 4 * sizeof(uint32_t)), *buckets = NULL;
	if (head && head[2] && !(head[2] & (head[2] - 1)) && head[3] < 32) {
		at += 4 * sizeof(uint32_t) + (uint64_t)head[2] * sizeof(ElfW(Addr));
		buckets = module_copy(d->f, at, (uint64_t)head[0] * sizeof(uint32_t));
		at += (uint64_t)head[0] * sizeof(uint32_t);
	}
	bool sound = buckets;
	for (uint32_t i = 0; sound && i < head[0]; i++) {
		sound = !buckets[i] || buckets[i] >= head[1];
		count = buckets[i] > count ? buckets[i] : count;
	}
	for (bool end = !count; sound && !end; count++) {
		uint32_t *chain = module_copy(d->f, at + (count - head[1]) * 4, sizeof(uint32_t));
		sound = chain;
		end = chain && (*chain & 1);
		free(chain);
	}
	d->exports_none = sound && !count;
	free(buckets);
	free(head);
	return sound ? count : 0;
}

/* DT_HASH: the same; no chain leads in a circle. */
static uint64_t hash_symbols(const struct dyn *d)
{
	uint32_t *head = module_copy(d->f, d->v[T_HASH], 2 * sizeof(uint32_t));
	uint64_t buckets = head ? head[0] : 0, count = head ? head[1] : 0, steps = 0;
	free(head);
	uint64_t bytes = (2 + buckets + count) * sizeof(uint32_t);
	uint32_t *all = count ? module_copy(d->f, d->v[T_HASH], bytes) : NULL;
	bool sound = all;
	for (uint64_t b = 0; sound && b < buckets; b++)
		for (uint64_t i = word(all, 2 + b); sound && i; i = word(all, 2 + buckets + i))
			if (i >= count || ++steps > count) {
				sound = false;
				break;
			}
	free(all);
	return sound ? count : 0;
}

static bool check_symbol(const struct dyn *d, const ElfW(Sym) * s)
{
	unsigned type = s->st_info & 0xf, bind = s->st_info >> 4;
	if (!dyn_is_string(d, s->st_name))
		return false;
	if (s->st_shndx == SHN_UNDEF)
		return (bind == STB_GLOBAL || bind == STB_WEAK) && !(s->st_other & 3);
	if (type == STT_TLS || s->st_shndx == SHN_ABS)
		return true;
	return type == STT_GNU_IFUNC ? dyn_is_code(d, s->st_value)
				     : module_segment(d->f, s->st_value, 0, false) != NULL;
}

bool dyn_check_symbols(struct dyn *d)
{
	uint64_t by_hash = d->has[T_HASH] ? hash_symbols(d) : 0;
	uint64_t by_gnu = d->has[T_GNU_HASH] ? gnu_hash_symbols(d) : 0;
	if ((d->has[T_HASH] && !by_hash) || (d->has[T_GNU_HASH] && !by_gnu))
		return false;
	d->n_symbols = by_hash > by_gnu ? by_hash : by_gnu;
	d->symbols = module_copy(d->f, d->v[T_SYMTAB], d->n_symbols * sizeof(ElfW(Sym)));
	if (!d->symbols || !d->n_symbols)
		return false;
	/* what relocations without a symbol name, those of thread-local data for one */
	static const ElfW(Sym) null;
	if (memcmp(&d->symbols[0], &null, sizeof(null)) != 0)
		return false;
	for (uint64_t i = 1; i < d->n_symbols; i++)
		if (!check_symbol(d, &d->symbols[i]))
			return false;
	return true;
}

static bool is_needed(const struct dyn *d, uint64_t name)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->entries[i].d_tag == DT_NEEDED &&
		    !strcmp(d->strings + d->entries[i].d_un.d_val, d->strings + name))
			return true;
	return false;
}

static void saw_version(struct dyn *d, unsigned index)
{
	index &= INDEX_MASK;
	d->last_version = index > d->last_version ? index : d->last_version;
}

/* One file's versions: each lies behind the one before. */
static bool check_need(struct dyn *d, uint64_t at, const ElfW(Verneed) * need)
{
	if (need->vn_version != 1 || !dyn_is_string(d, need->vn_file) ||
	    !is_needed(d, need->vn_file))
		return false;
	at += need->vn_aux;
	for (unsigned i = 0; i < need->vn_cnt; i++) {
		ElfW(Vernaux) *aux = module_copy(d->f, at, sizeof(*aux));
		bool sound = aux && dyn_is_string(d, aux->vna_name) &&
			     (aux->vna_next != 0) == (i + 1 < need->vn_cnt);
		if (sound) {
			saw_version(d, aux->vna_other);
			at += aux->vna_next;
		}
		free(aux);
		if (!sound)
			return false;
	}
	return need->vn_cnt > 0;
}

static bool check_needs(struct dyn *d)
{
	uint64_t at = d->v[T_VERNEED], count = d->v[T_VERNEEDNUM];
	bool sound = count <= VERSIONS_MAX;
	for (uint64_t i = 0; sound && i < count; i++) {
		ElfW(Verneed) *need = module_copy(d->f, at, sizeof(*need));
		sound = need && check_need(d, at, need) && (need->vn_next != 0) == (i + 1 < count);
		at += need ? need->vn_next : 0;
		free(need);
	}
	return sound;
}

static bool check_defs(struct dyn *d)
{
	uint64_t at = d->v[T_VERDEF], count = d->v[T_VERDEFNUM];
	bool sound = count <= VERSIONS_MAX;
	for (uint64_t i = 0; sound && i < count; i++) {
		ElfW(Verdef) *def = module_copy(d->f, at, sizeof(*def));
		ElfW(Verdaux) *aux = def ? module_copy(d->f, at + def->vd_aux, sizeof(*aux)) : NULL;
		sound = aux && def->vd_version == 1 && dyn_is_string(d, aux->vda_name) &&
			(def->vd_next != 0) == (i + 1 < count);
		if (sound)
			saw_version(d, def->vd_ndx);
		at += def ? def->vd_next : 0;
		free(aux);
		free(def);
	}
	return sound;
}

/* Each symbol's index is of a version that there is. */
bool dyn_check_versions(struct dyn *d)
{
	d->last_version = 1; /* 0 and 1 mean local and global */
	if ((d->has[T_VERNEED] && !check_needs(d)) || (d->has[T_VERDEF] && !check_defs(d)))
		return false;
	if (!d->has[T_VERSYM])
		return true;
	ElfW(Half) *of = module_copy(d->f, d->v[T_VERSYM], d->n_symbols * sizeof(*of));
	bool sound = of;
	for (uint64_t i = 0; sound && i < d->n_symbols; i++)
		sound = (of[i] & INDEX_MASK) <= d->last_version;
	free(of);
	return sound;
}

/* Relocations of thread-local data, by machine; others are not known to need anything. */
static bool is_thread_local(uint64_t info)
{
#ifdef __x86_64__
	static const uint32_t kinds[] = {R_X86_64_DTPMOD64, R_X86_64_DTPOFF64, R_X86_64_TPOFF64,
					 R_X86_64_TLSDESC};
#elif defined(__aarch64__)
	static const uint32_t kinds[] = {R_AARCH64_TLS_DTPMOD, R_AARCH64_TLS_DTPREL,
					 R_AARCH64_TLS_TPREL, R_AARCH64_TLSDESC};
#else
	static const uint32_t kinds[] = {0};
#endif
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i] && kinds[i] == R_KIND(info))
			return true;
	return false;
}

static bool has_thread_local(const struct module_file *f)
{
	for (unsigned i = 0; i < f->n; i++)
		if (f->p[i].p_type == PT_TLS)
			return true;
	return false;
}

/* It writes a word into data, for a symbol that there is. Thread-local data of the module's own
 * must be there: the linker divides by its alignment. */
static bool check_one(const struct dyn *d, uint64_t offset, uint64_t info)
{
	const ElfW(Phdr) *p = module_segment(d->f, offset, sizeof(void *), false);
	bool own = !R_SYM(info) ||
		   (R_SYM(info) < d->n_symbols && d->symbols[R_SYM(info)].st_shndx != SHN_UNDEF);
	if (own && is_thread_local(info) && !has_thread_local(d->f))
		return false;
	return p && ((p->p_flags & PF_W) || d->has[T_TEXTREL]) && R_SYM(info) < d->n_symbols;
}

/* Of the first @relative all are of one type, without a symbol, and lead into the module. */
static bool check_rela(const struct dyn *d, uint64_t at, uint64_t bytes, uint64_t relative)
{
	ElfW(Rela) *r = module_copy(d->f, at, bytes);
	uint64_t n = bytes / sizeof(*r);
	bool sound = r && bytes % sizeof(*r) == 0 && relative <= n;
	for (uint64_t i = 0; sound && i < n; i++) {
		sound = check_one(d, r[i].r_offset, r[i].r_info);
		if (sound && i < relative)
			sound = r[i].r_info == r[0].r_info && !R_SYM(r[i].r_info) &&
				module_segment(d->f, (uint64_t)r[i].r_addend, 0, false);
	}
	free(r);
	return sound;
}

static bool check_rel(const struct dyn *d, uint64_t at, uint64_t bytes, uint64_t relative)
{
	ElfW(Rel) *r = module_copy(d->f, at, bytes);
	uint64_t n = bytes / sizeof(*r);
	bool sound = r && bytes % sizeof(*r) == 0 && relative <= n;
	for (uint64_t i = 0; sound && i < n; i++)
		sound = check_one(d, r[i].r_offset, r[i].r_info) &&
			(i >= relative || (r[i].r_info == r[0].r_info && !R_SYM(r[i].r_info)));
	free(r);
	return sound;
}

static bool is_data(const struct dyn *d, uint64_t vaddr)
{
	const ElfW(Phdr) *p = module_segment(d->f, vaddr, sizeof(ElfW(Addr)), false);
	return p && (p->p_flags & PF_W);
}

/* Packed: an address, then words of which each bit but the lowest stands for one of the next. */
static bool check_relr(const struct dyn *d)
{
	enum { BITS = 8 * sizeof(ElfW(Addr)) - 1 };
	uint64_t n = d->v[T_RELRSZ] / sizeof(ElfW(Addr)), next = 0;
	ElfW(Addr) *r = module_copy(d->f, d->v[T_RELR], n * sizeof(*r));
	bool sound = r && (!n || !(r[0] & 1));
	for (uint64_t i = 0; sound && i < n; i++) {
		if (!(r[i] & 1)) {
			sound = is_data(d, r[i]);
			next = r[i] + sizeof(*r);
			continue;
		}
		for (unsigned bit = 0; sound && bit < BITS; bit++)
			sound = !(r[i] >> (bit + 1) & 1) || is_data(d, next + bit * sizeof(*r));
		next += BITS * sizeof(*r);
	}
	free(r);
	return sound;
}

bool dyn_check_relocations(struct dyn *d)
{
	if (d->has[T_RELR] && !check_relr(d))
		return false;
	if (d->has[T_RELA] && !check_rela(d, d->v[T_RELA], d->v[T_RELASZ], d->v[T_RELACOUNT]))
		return false;
	if (d->has[T_REL] && !check_rel(d, d->v[T_REL], d->v[T_RELSZ], d->v[T_RELCOUNT]))
		return false;
	if (!d->has[T_JMPREL])
		return true;
	return (d->v[T_PLTREL] == DT_RELA ? check_rela : check_rel)(d, d->v[T_JMPREL],
								    d->v[T_PLTRELSZ], 0);
}
