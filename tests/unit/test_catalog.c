/* SPDX-License-Identifier: MIT
 *
 * The catalogue: entries, the list, what applications see [PROV-INIT-11, SW-INIT-1, SW-INIT-7].
 */
#include "catalog.h"
#include "check.h"
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int fail_after = -1; /* allocations that still succeed; -1: all */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static bool give(void)
{
	return fail_after < 0 || fail_after-- > 0;
}

void *__wrap_malloc(size_t size)
{
	return give() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return give() ? __real_calloc(n, size) : NULL;
}

static char dir[64], log_path[96];

static void put(const char *name, const void *text, size_t size)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, size), (ssize_t)size);
	close(fd);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

/* The log's descriptor stays open for good, so the first line is written before the test counts. */
static void set_up(void)
{
	struct catalog *c = NULL;
	strcpy(dir, "/tmp/wsd-catalog-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	setenv("WSD_LOG", log_path, 1);
	unsetenv("WSD_CATALOG");
	cr_assert_eq(catalog_read("/nonexistent/catalogue", &c), 0);
	catalog_free(c);
}

static void tear_down(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	cr_assert_eq(system(command), 0);
}

static bool logged(const char *text)
{
	static char all[65536];
	int fd = open(log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, all, sizeof(all) - 1);
	if (fd >= 0)
		close(fd);
	all[n > 0 ? n : 0] = '\0';
	return strstr(all, text) != NULL;
}

#define GOOD                                                                                \
	"id = {00112233-4455-6677-8899-aabbccddeeff}\nname = A provider\nmodule = ./x.so\n" \
	"flags = PFL_HIDDEN\n"

static struct catalog *reread(void)
{
	struct catalog *c = NULL;
	cr_assert_eq(catalog_read(dir, &c), 0);
	return c;
}

Test(catalog, PROV_INIT_11_an_entry, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	const GUID id = {
		0x00112233, 0x4455, 0x6677, {0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}};
	put_text("x.provider",
		 "# a comment\n\n  ID = {00112233-4455-6677-8899-AABBCCDDEEFF}\n"
		 "name = \xc3\x84\xf0\x9f\x99\x82 one\r\nmodule=/lib/x.so\n"
		 "flags = PFL_HIDDEN | 0x8\nservices = XP1_QOS_SUPPORTED, 2\nversion = 7\n");
	put_text("notes.txt", "not an entry");
	put_text(".hidden.provider", "not an entry either");
	struct catalog *c = reread();
	cr_assert_eq(c->n_entries, 1);
	const struct catalog_entry *e = catalog_find(c, &id);
	cr_assert_not_null(e);
	cr_assert_str_eq(e->label, "x");
	cr_assert_str_eq(e->module, "/lib/x.so");
	cr_assert_eq(e->info.dwProviderFlags, PFL_HIDDEN | PFL_MATCHES_PROTOCOL_ZERO);
	cr_assert_eq(e->info.dwServiceFlags1, XP1_QOS_SUPPORTED | XP1_GUARANTEED_DELIVERY);
	cr_assert_eq(e->info.iVersion, 7);
	cr_assert_eq(e->info.iAddressFamily, WSD_AF_INET);
	cr_assert_eq(e->info.iSocketType, WSD_SOCK_STREAM);
	cr_assert_eq(e->info.iProtocol, WSD_IPPROTO_TCP);
	cr_assert_arr_eq(e->info.szProtocol, u"\u00c4\U0001f642 one",
			 sizeof(u"\u00c4\U0001f642 one"));
	catalog_free(c);
	WSD_TEST_END();
}

/* Who runs keeps its number when others are installed or go. */
Test(catalog, PROV_INIT_11_numbers_stay, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	put_text("m.provider", GOOD);
	struct catalog *c = reread();
	DWORD number = c->entries[0].info.dwCatalogEntryId;
	cr_assert_geq(number, 10000);
	catalog_free(c);
	char name[32], text[256];
	for (unsigned i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "%c%u.provider", i % 2 ? 'a' : 'z', i);
		snprintf(text, sizeof(text),
			 "id = {00112233-4455-6677-8899-%012x}\nname = %u\nmodule = ./x.so\n"
			 "flags = PFL_HIDDEN\n",
			 i, i);
		put_text(name, text);
	}
	c = reread();
	cr_assert_eq(c->n_entries, 201);
	for (size_t i = 0; i < c->n_entries; i++) {
		const struct catalog_entry *e = &c->entries[i];
		cr_assert_eq(e->info.dwCatalogEntryId == number, !strcmp(e->label, "m"));
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(e->info.dwCatalogEntryId,
				      c->entries[k].info.dwCatalogEntryId);
	}
	catalog_free(c);
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_a_module_path_is_relative_to_the_entry, .init = set_up,
     .fini = tear_down)
{
	WSD_TEST_BEGIN();
	char expected[96];
	put_text("x.provider", GOOD);
	struct catalog *c = reread();
	snprintf(expected, sizeof(expected), "%s/./x.so", dir);
	cr_assert_str_eq(c->entries[0].module, expected);
	catalog_free(c);
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_what_is_wrong_is_said, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *text, *said;
	} rows[] = {
		{"", "id is missing"},
		{"id = {00112233-4455-6677-8899-aabbccddeeff}\nmodule = x\n", "name is missing"},
		{"id = {00112233-4455-6677-8899-aabbccddeeff}\nname = x\n", "module is missing"},
		{GOOD "services = XP1_CONNECTIONLESS\n", "never connectionless"},
		{GOOD "nonsense\n", ":5: no '=' in: nonsense"},
		{GOOD "colour = red\n", ":5: no such key: colour"},
		{GOOD "flags = PFL_HIDDEN PFL_SHY\n",
		 ":5: not a value for flags: PFL_HIDDEN PFL_SHY"},
		{GOOD "flags = 4x\n", "not a value for flags: 4x"},
		{GOOD "services = 0x1ffffffff\n", "not a value for services: 0x1ffffffff"},
		{GOOD "version = two\n", "not a value for version: two"},
		{GOOD "module =\n", "not a value for module"},
		{GOOD "name =\n", "not a value for name"},
		{"id = 7\n" GOOD, ":1: not a value for id: 7"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[32], said[128];
		snprintf(name, sizeof(name), "case%zu.provider", i);
		put_text(name, rows[i].text);
		struct catalog *c = reread();
		cr_assert_eq(c->n_entries, 0, "case %zu", i);
		catalog_free(c);
		snprintf(said, sizeof(said), "%s", rows[i].said);
		cr_assert(logged(said), "case %zu: nothing said of: %s", i, said);
		snprintf(said, sizeof(said), "%s/%s", dir, name);
		cr_assert(logged(said), "case %zu: the file is not named", i);
		unlink(said);
	}
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_files_that_cannot_be_read, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	char path[128], name[80];
	static char large[20000];
	memset(large, '#', sizeof(large));
	put("large.provider", large, sizeof(large));
	snprintf(path, sizeof(path), "%s/dir.provider", dir);
	cr_assert_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo.provider", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	memset(name, 'n', 60);
	strcpy(name + 60, ".provider");
	put_text(name, GOOD);
	put_text("good.provider", GOOD);
	struct catalog *c = reread();
	cr_assert_eq(c->n_entries, 1);
	catalog_free(c);
	cr_assert(logged("large.provider: File too large"));
	cr_assert(logged("dir.provider: Is a directory"));
	cr_assert(logged("fifo.provider: id is missing"));
	cr_assert(logged("is too long"));
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_two_files_with_one_id, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	put_text("b.provider", GOOD);
	put_text("a.provider", GOOD);
	struct catalog *c = reread();
	cr_assert_eq(c->n_entries, 1);
	cr_assert_str_eq(c->entries[0].label, "a");
	catalog_free(c);
	cr_assert(logged("b has the id of a and is ignored"));
	WSD_TEST_END();
}

static GUID numbered(unsigned n)
{
	return (GUID){n, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
}

Test(catalog, SW_INIT_01_the_list_is_binary_and_ordered, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	const GUID three[] = {numbered(7), numbered(5), numbered(7)};
	put("tcp-on-san", three, sizeof(three));
	struct catalog *c = reread();
	cr_assert_eq(c->n_list, 2, "an id stands once");
	cr_assert_eq(c->list[0].Data1, 7);
	cr_assert_eq(c->list[1].Data1, 5);
	catalog_free(c);
	put("tcp-on-san", three, sizeof(three) - 3);
	c = reread();
	cr_assert_eq(c->n_list, 2);
	catalog_free(c);
	cr_assert(logged("45 bytes, no multiple of 16: the last 13 are ignored"));
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_the_list_is_edited, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	GUID one = numbered(1), two = numbered(2);
	cr_assert_eq(catalog_list_remove(dir, &one), 0);
	cr_assert_eq(catalog_list_add(dir, &one), 0);
	cr_assert_eq(catalog_list_add(dir, &two), 0);
	cr_assert_eq(catalog_list_add(dir, &one), 0);
	struct catalog *c = reread();
	cr_assert_eq(c->n_list, 2);
	cr_assert_eq(c->list[1].Data1, 2);
	catalog_free(c);
	cr_assert_eq(catalog_list_remove(dir, &one), 0);
	c = reread();
	cr_assert_eq(c->n_list, 1);
	cr_assert_eq(c->list[0].Data1, 2);
	catalog_free(c);
	cr_assert_eq(catalog_list_add("/nonexistent/catalogue", &one), -ENOENT);
	WSD_TEST_END();
}

Test(catalog, PROV_INIT_11_ids_as_text)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{"{00112233-4455-6677-8899-aabbccddeeff}", 0},
		{"00112233-4455-6677-8899-AABBCCDDEEFF", 0},
		{"", -EINVAL},
		{"{00112233-4455-6677-8899-aabbccddeeff", -EINVAL},
		{"{00112233-4455-6677-8899-aabbccddeef}", -EINVAL},
		{"{00112233-4455-6677-8899-aabbccddeefg}", -EINVAL},
		{"{00112233 4455-6677-8899-aabbccddeeff}", -EINVAL},
		{"{00112233-4455-6677-8899-aabbccddeeff} ", -EINVAL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		GUID id = numbered(9);
		cr_assert_eq(catalog_parse_guid(rows[i].text, &id), rows[i].result, "row %zu", i);
		cr_assert_eq(id.Data1, rows[i].result ? 9 : 0x00112233, "row %zu", i);
		cr_assert(rows[i].result || (id.Data3 == 0x6677 && id.Data4[7] == 0xff));
	}
	WSD_TEST_END();
}

Test(catalog, SW_INIT_07_the_switch_is_the_first_visible_tcp_entry, .init = set_up,
     .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct conf *conf = NULL;
	WSAPROTOCOL_INFOW *rows = NULL;
	size_t n = 0, with_hidden = 0;
	put_text("x.provider", GOOD);
	put_text("y.provider",
		 "id = {10112233-4455-6677-8899-aabbccddeeff}\nname = Visible\nmodule = y\n");
	setenv("WSD_CATALOG", dir, 1);
	cr_assert_eq(conf_parse("", &conf), 0);
	cr_assert_eq(catalog_protocols(conf, false, &rows, &n), 0);
	cr_assert_eq(rows[0].iSocketType, WSD_SOCK_STREAM);
	cr_assert_eq(rows[0].iAddressFamily, WSD_AF_INET);
	cr_assert_eq(memcmp(&rows[0], catalog_builtin(0), sizeof(rows[0])), 0);
	cr_assert(rows[0].dwServiceFlags1 & XP1_GUARANTEED_ORDER);
	for (size_t i = 0; i < n; i++)
		cr_assert_not(rows[i].dwProviderFlags & PFL_HIDDEN);
	cr_assert_arr_eq(rows[n - 1].szProtocol, u"Visible", sizeof(u"Visible"));
	free(rows);
	cr_assert_eq(catalog_protocols(conf, true, &rows, &with_hidden), 0);
	cr_assert_eq(with_hidden, n + 1);
	for (size_t i = 0; i < with_hidden; i++)
		for (size_t k = 0; k < i; k++)
			cr_assert_neq(rows[i].dwCatalogEntryId, rows[k].dwCatalogEntryId);
	free(rows);
	conf_free(conf);
	cr_assert_null(catalog_builtin(4));
	WSD_TEST_END();
}

Test(catalog, SW_INIT_01_where_the_catalogue_is, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	struct conf *conf = NULL;
	char where[4096], tiny[4];
	cr_assert_eq(conf_parse("catalog = /etc/elsewhere\n", &conf), 0);
	cr_assert_eq(catalog_dir(conf, where, sizeof(where)), 0);
	cr_assert_str_eq(where, "/etc/elsewhere");
	cr_assert_eq(catalog_dir(conf, tiny, sizeof(tiny)), -ENAMETOOLONG);
	conf_free(conf);
	cr_assert_eq(conf_parse("", &conf), 0);
	cr_assert_eq(catalog_dir(conf, where, sizeof(where)), 0);
	cr_assert_not_null(strstr(where, "/wsdirect/catalog"), "%s", where);
	conf_free(conf);
	WSD_TEST_END();
}

Test(catalog, SW_INIT_01_no_memory_at_any_step, .init = set_up, .fini = tear_down)
{
	WSD_TEST_BEGIN();
	put_text("x.provider", GOOD);
	const GUID one = numbered(1);
	put("tcp-on-san", &one, sizeof(one));
	int err = -ENOMEM;
	for (int i = 0; err; i++) {
		struct catalog *c = NULL;
		fail_after = i;
		err = catalog_read(dir, &c);
		fail_after = -1;
		cr_assert(err == 0 || err == -ENOMEM);
		cr_assert_eq(err == 0, c != NULL);
		catalog_free(c);
		cr_assert_lt(i, 100);
	}
	WSD_TEST_END();
}
