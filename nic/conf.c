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
			wsd_log(WSD_LOG_WARNING, "configuration line %u has no '=', skipped: %s",
				number, s);
			continue;
		}
		*eq = '\0';
		char *key = trim(s);
		if (!*key || strlen(key) >= KEY_MAX) {
			wsd_log(WSD_LOG_WARNING, "configuration line %u has no usable key, skipped",
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

int conf_parse(const char *text, struct conf **ret_conf)
{
	struct conf *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->text = strdup(text);
	int err = c->text ? parse_lines(c) : -ENOMEM;
	if (!err)
		err = take_environment(c);
	if (err) {
		conf_free(c);
		return err;
	}
	*ret_conf = c;
	return 0;
}

static int read_all(int fd, char **ret_text)
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

int conf_load(struct conf **ret_conf)
{
	const char *named = secure_getenv("WSD_CONFIG");
	const char *path = named ? named : WSD_SYSCONFDIR "/wsdirect.conf";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		int err = errno;
		if (named)
			return -err;
		return conf_parse("", ret_conf);
	}
	char *text = NULL;
	int err = read_all(fd, &text);
	close(fd);
	if (text) /* set on success only */
		err = conf_parse(text, ret_conf);
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
	free(c);
}

const char *conf_get(const struct conf *c, const char *key)
{
	char variable[KEY_MAX + 4] = "WSD_";
	size_t n = strlen(key);
	if (n >= KEY_MAX)
		return NULL;
	for (size_t i = 0; i <= n; i++)
		variable[4 + i] = isalnum((unsigned char)key[i])
					  ? (char)toupper((unsigned char)key[i])
				  : key[i] ? '_'
					   : '\0';
	const char *found = NULL;
	/* of several equal keys in a file the last wins; environment rows are exact and come last
	 */
	for (size_t i = 0; c && i < c->n_rows; i++) {
		const struct conf_row *r = &c->rows[i];
		if (r->owned ? !strcmp(r->key, variable) : !strcasecmp(r->key, key))
			found = r->value;
	}
	return found;
}

bool conf_bool(const struct conf *c, const char *key, bool fallback)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"1", true},  {"yes", true}, {"true", true},   {"on", true},
		     {"0", false}, {"no", false}, {"false", false}, {"off", false}};
	const char *v = conf_get(c, key);
	for (size_t i = 0; v && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(v, words[i].word))
			return words[i].value;
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
	if (errno || *end || n < min || n > max)
		return fallback;
	return n;
}

bool conf_autoconf(const struct conf *c, const char *ifname)
{
	char key[64];
	snprintf(key, sizeof(key), "IPAutoconfigurationEnabled.%s", ifname);
	if (!conf_get(c, key))
		snprintf(key, sizeof(key), "IPAutoconfigurationEnabled");
	/* a DWORD in the registry: any value but 0 */
	return conf_long(c, key, 1, INT32_MIN, UINT32_MAX) != 0 && conf_bool(c, key, true);
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
