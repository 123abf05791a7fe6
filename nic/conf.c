/* SPDX-License-Identifier: MIT
 *
 * The configuration: parsing and look-up. No lock: a struct conf never changes once it is returned.
 */
#include "conf.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef WSD_SYSCONFDIR
#define WSD_SYSCONFDIR "/etc"
#endif

enum {
	KEY_MAX = 128,            /* bytes of a key, the terminating NUL included */
	FILE_MAX_BYTES = 1 << 20, /* a configuration larger than this is a mistake */
};

struct conf_row {
	const char *key;
	const char *value;
	bool owned; /* taken from the environment at load: both strings are ours */
};

struct conf {
	char *path; /* of the file, for messages */
	char *text; /* the file, cut into keys and values in place */
	struct conf_row *rows;
	size_t n_rows;
};

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	char *end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

static int add_row(struct conf *c, const char *key, const char *value, bool owned)
{
	struct conf_row *rows = realloc(c->rows, (c->n_rows + 1) * sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	c->rows = rows;
	rows[c->n_rows++] = (struct conf_row){key, value, owned};
	return 0;
}

static int parse_lines(struct conf *c)
{
	char *save = NULL;
	unsigned number = 0;
	/* strtok_r would skip empty lines and lose the line number */
	for (char *line = c->text; line; line = save) {
		number++;
		save = strchr(line, '\n');
		if (save)
			*save++ = '\0';
		char *s = trim(line);
		if (!*s || *s == '#')
			continue;
		char *eq = strchr(s, '=');
		if (!eq) {
			wsd_log(WSD_LOG_WARNING, "%s: line %u has no '=', skipped: %s", c->path,
				number, s);
			continue;
		}
		*eq = '\0';
		char *key = trim(s);
		if (!*key || strlen(key) >= KEY_MAX) {
			wsd_log(WSD_LOG_WARNING, "%s: line %u has no usable key, skipped", c->path,
				number);
			continue;
		}
		int err = add_row(c, key, trim(eq + 1), false);
		if (err)
			return err;
	}
	return 0;
}

/* The environment is copied at load: getenv() later would race with setenv() of the program. */
static int take_environment(struct conf *c)
{
	if (getauxval(AT_SECURE))
		return 0;
	for (char **e = environ; e && *e; e++) {
		if (strncmp(*e, "WSD_", 4) != 0)
			continue;
		const char *eq = strchr(*e, '=');
		if (!eq || eq - *e >= KEY_MAX)
			continue;
		char *key = strndup(*e, (size_t)(eq - *e));
		char *value = strdup(eq + 1);
		int err = key && value ? add_row(c, key, value, true) : -ENOMEM;
		if (err) {
			free(key);
			free(value);
			return err;
		}
	}
	return 0;
}

static int parse(const char *path, const char *text, struct conf **ret_conf)
{
	struct conf *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->path = strdup(path);
	c->text = strdup(text);
	int err = c->path && c->text ? parse_lines(c) : -ENOMEM;
	if (!err)
		err = take_environment(c);
	if (err) {
		conf_free(c);
		return err;
	}
	*ret_conf = c;
	return 0;
}

int conf_parse(const char *text, struct conf **ret_conf)
{
	return parse("configuration", text, ret_conf);
}

/* A file, or /dev/null and its like; what could keep us waiting is none. */
static int open_file(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)))
		return fd;
	close(fd);
	return -EINVAL;
}

static int read_all(const char *path, int fd, char **ret_text)
{
	size_t size = 0, room = 4096;
	char *text = malloc(room);
	while (text) {
		ssize_t n = read(fd, text + size, room - size - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;
			free(text);
			return err;
		}
		size += (size_t)n;
		if (n == 0) {
			text[size] = '\0';
			if (strlen(text) < size)
				wsd_log(WSD_LOG_WARNING,
					"%s: a NUL byte, and what is behind it is lost", path);
			*ret_text = text;
			return 0;
		}
		if (size > FILE_MAX_BYTES) {
			free(text);
			return -EFBIG;
		}
		if (room - size < 2) {
			room *= 2;
			char *more = realloc(text, room);
			if (!more)
				free(text);
			text = more;
		}
	}
	return -ENOMEM;
}

const char *conf_file(void)
{
	const char *named = secure_getenv("WSD_CONFIG");
	return named ? named : WSD_SYSCONFDIR "/wsdirect.conf";
}

int conf_load(struct conf **ret_conf)
{
	const char *path = conf_file();
	bool named = secure_getenv("WSD_CONFIG");
	char *text = NULL;
	int fd = open_file(path), err = fd < 0 ? fd : read_all(path, fd, &text);
	if (fd >= 0)
		close(fd);
	if (err && (named || err != -ENOENT))
		wsd_log(WSD_LOG_ERROR, "the configuration %s cannot be read: %s", path,
			err == -EINVAL ? "it is no file" : strerror(-err));
	if (err && !named) /* a user's programs run all the same */
		return parse(path, "", ret_conf);
	if (text) /* set on success only */
		err = parse(path, text, ret_conf);
	free(text);
	return err;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_rows; i++) {
		if (c->rows[i].owned) {
			free((char *)c->rows[i].key);
			free((char *)c->rows[i].value);
		}
	}
	free(c->rows);
	free(c->text);
	free(c->path);
	free(c);
}

/* The variable that overrides @key, which is shorter than KEY_MAX. */
static void variable_of(const char *key, char ret[KEY_MAX + 4])
{
	size_t n = strlen(key);
	memcpy(ret, "WSD_", 4);
	for (size_t i = 0; i < n; i++)
		ret[4 + i] =
			isalnum((unsigned char)key[i]) ? (char)toupper((unsigned char)key[i]) : '_';
	ret[4 + n] = '\0';
}

/* wsd(7) */
static const char *const known_keys[] = {
	"wildcard",
	"profile",
	"reuse",
	"IPAutoconfigurationEnabled",
	"dynamicport.tcp4",
	"dynamicport.tcp6",
	"dynamicport.udp4",
	"dynamicport.udp6",
	"dynamicport.legacy",
	"MaxUserPort",
	"catalog",
	"limit.sockets",
	"limit.startups",
	"fault.netdown",
	"fault.nobufs",
	"broker.name",
	"rdma.wildcard_available",
	"rdma.max_backlog",
	"rdma.max_sockets",
	"rdma.max_startups",
	"rdma.threshold",
	"rdma.endpoints",
	"rdma.rest_ms",
	"connect.san_ms",
	"cm.source_ports",
	"session.threshold",
	"session.no_rdma_read",
	"session.spin_us",
	"rdma.read",
	"rdma.cache_entries",
	"rdma.cache_bytes",
	"trace",
	"trace.json",
};
/* Variables that are no keys; a prefix where it ends with '_'. */
static const char *const known_variables[] = {"WSD_CONFIG", "WSD_LOG", "WSD_LOG_LEVEL",
					      "WSD_SOFT_ROCE", "WSD_TEST_"};

bool conf_known_key(const char *key)
{
	static const char autoconf[] = "IPAutoconfigurationEnabled.";
	if (!strncasecmp(key, autoconf, strlen(autoconf)))
		return true;
	const char *dot = strchr(key, '.');
	bool prefix_is_ours = !dot;
	for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++) {
		if (!strcasecmp(key, known_keys[i]))
			return true;
		if (dot && !strncasecmp(key, known_keys[i], (size_t)(dot - key) + 1))
			prefix_is_ours = true;
	}
	return !prefix_is_ours;
}

static bool is_known_variable(const char *name)
{
	char variable[KEY_MAX + 4];
	for (size_t i = 0; i < sizeof(known_keys) / sizeof(known_keys[0]); i++) {
		variable_of(known_keys[i], variable);
		if (!strcmp(name, variable))
			return true;
	}
	for (size_t i = 0; i < sizeof(known_variables) / sizeof(known_variables[0]); i++) {
		const char *known = known_variables[i];
		size_t n = strlen(known);
		if (known[n - 1] == '_' ? !strncmp(name, known, n) : !strcmp(name, known))
			return true;
	}
	return !strncmp(name, "WSD_IPAUTOCONFIGURATIONENABLED_", 31);
}

void conf_report(const struct conf *c)
{
	for (size_t i = 0; i < c->n_rows; i++) {
		const struct conf_row *r = &c->rows[i];
		if (r->owned ? !is_known_variable(r->key) : !conf_known_key(r->key))
			wsd_log(r->owned ? WSD_LOG_INFO : WSD_LOG_WARNING, "%s: nothing reads %s%s",
				r->owned ? "environment" : c->path, r->owned ? "the variable " : "",
				r->key);
	}
}

static const struct conf_row *find_row(const struct conf *c, const char *key)
{
	char variable[KEY_MAX + 4];
	if (strlen(key) >= KEY_MAX)
		return NULL;
	variable_of(key, variable);
	const struct conf_row *found = NULL;
	/* of several equal keys in a file the last wins; environment rows are exact and come last
	 */
	for (size_t i = 0; c && i < c->n_rows; i++) {
		const struct conf_row *r = &c->rows[i];
		if (r->owned ? !strcmp(r->key, variable) : !strcasecmp(r->key, key))
			found = r;
	}
	return found;
}

const char *conf_get(const struct conf *c, const char *key)
{
	const struct conf_row *r = find_row(c, key);
	return r ? r->value : NULL;
}

const char *conf_origin(const struct conf *c, const char *key)
{
	const struct conf_row *r = find_row(c, key);
	return r && r->owned ? "environment" : c->path;
}

/* -1: no such word */
static int bool_of(const char *v)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"1", true},  {"yes", true}, {"true", true},   {"on", true},
		     {"0", false}, {"no", false}, {"false", false}, {"off", false}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(v, words[i].word))
			return words[i].value;
	return -1;
}

bool conf_bool(const struct conf *c, const char *key, bool fallback)
{
	const char *v = conf_get(c, key);
	int value = v && *v ? bool_of(v) : fallback;
	if (value >= 0)
		return value;
	wsd_log(WSD_LOG_WARNING, "%s: %s = %s is neither yes nor no; taking %s",
		conf_origin(c, key), key, v, fallback ? "yes" : "no");
	return fallback;
}

long conf_long(const struct conf *c, const char *key, long fallback, long min, long max)
{
	const char *v = conf_get(c, key);
	if (!v || !*v)
		return fallback;
	char *end;
	errno = 0;
	long n = strtol(v, &end, 0);
	if (!errno && !*end && n >= min && n <= max)
		return n;
	wsd_log(WSD_LOG_WARNING, "%s: %s = %s is no number from %ld to %ld; taking the default",
		conf_origin(c, key), key, v, min, max);
	return fallback;
}

bool conf_autoconf(const struct conf *c, const char *ifname)
{
	char key[64];
	snprintf(key, sizeof(key), "IPAutoconfigurationEnabled.%s", ifname);
	if (!conf_get(c, key))
		snprintf(key, sizeof(key), "IPAutoconfigurationEnabled");
	/* a DWORD in the registry: any value but 0; asked often, so nothing is logged */
	const char *v = conf_get(c, key);
	char *end;
	long n = v ? strtol(v, &end, 0) : 1;
	return !(v && *v && !*end && n == 0) && !(v && bool_of(v) == 0);
}

bool conf_has_word(const struct conf *c, const char *key, const char *word)
{
	const char *v = conf_get(c, key);
	size_t len = strlen(word);
	while (v && *v) {
		size_t n = strcspn(v, ", \t");
		if (n == len && !strncasecmp(v, word, len))
			return true;
		v += n;
		v += strspn(v, ", \t");
	}
	return false;
}
