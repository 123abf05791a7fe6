/* SPDX-License-Identifier: MIT
 *
 * cmd_decode.c - `wsd decode`: the messages of sessions in words, out of a capture of the wire, of
 * a trace (text or JSON lines), or of hexadecimal text. Reads only.
 */
#include "capture.h"
#include "hex.h"
#include "wire.h"
#include "wsd.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct decode {
	const char *file;
	bool all; /* RDMA and repeats, too */
	unsigned long messages, faults;
};

static void print_message(struct decode *d, const char *where, const uint8_t *data, size_t have,
			  size_t length, const char *note)
{
	char text[512];
	struct sm_message m;
	enum sm_fault fault = have == length ? sm_decode(data, length, &m) : SM_FINE;
	if (fault != SM_FINE && fault != SM_SKIPPED) {
		d->faults++;
		if (!sm_decode_front(data, have, &m)) {
			printf("%s %zu bytes, no message of a session: %s%s\n", where, length,
			       sm_fault_text(fault), note);
			return;
		}
		sm_print(text, sizeof(text), &m, have);
		printf("%s %s  [wrong: %s]%s\n", where, text, sm_fault_text(fault), note);
		return;
	}
	if (have != length && !sm_decode_front(data, have, &m)) {
		d->faults++;
		printf("%s %zu bytes, no message of a session%s\n", where, length, note);
		return;
	}
	d->messages++;
	sm_print(text, sizeof(text), &m, have);
	printf("%s %s%s\n", where, text, note);
}

/* ---- a capture ---- */

static void on_capture(void *ctx, const struct capture_message *m)
{
	struct decode *d = ctx;
	char where[192];
	if (!d->all && (m->again || m->kind != CAPTURE_SEND))
		return;
	snprintf(where, sizeof(where), "%11.6f %s > %s qp %u", m->time, m->from, m->to, m->qp);
	if (m->kind != CAPTURE_SEND)
		printf("%s RDMA %s of %zu bytes%s\n", where,
		       m->kind == CAPTURE_READ ? "read" : "write", m->length,
		       m->again ? "  [again]" : "");
	else if (m->broken)
		printf("%s %zu bytes of a message whose other packets are not in the file\n", where,
		       m->length);
	else
		print_message(d, where, m->data, m->length, m->length, m->again ? "  [again]" : "");
}

/* ---- text: a trace, or hexadecimal ---- */

/* What stands behind @key in a line of either form of the trace; NULL: nothing. */
static const char *value_of(const char *line, const char *key)
{
	size_t n = strlen(key);
	for (const char *at = line; (at = strstr(at, key)); at += n) {
		if (at > line && isalnum((unsigned char)at[-1]))
			continue;
		if (at[n] == '=')
			return at + n + 1;
		if (at[n] == '"' && at[n + 1] == ':') /* "data":"..." or "t_us":17 */
			return at + n + 2 + (at[n + 2] == '"');
	}
	return NULL;
}

/* Who and when, as the line itself says. */
static void place_of(const char *line, char *where, size_t size)
{
	const char *pid = value_of(line, "pid"), *time = value_of(line, "t_us");
	const char *s = value_of(line, "s");
	if (*line == '{' && pid && time) {
		snprintf(where, size, "%.6f pid %ld socket %.*s sent", strtod(time, NULL) / 1e6,
			 strtol(pid, NULL, 10), s ? (int)strcspn(s, ",\"") : 1, s ? s : "?");
	} else { /* seconds, then process/thread */
		line += strspn(line, " ");
		size_t n = strcspn(line, " ");
		n += strspn(line + n, " ");
		n += strcspn(line + n, " ");
		snprintf(where, size, "%.*s socket %.*s sent", n < 64 ? (int)n : 64, line,
			 s ? (int)strcspn(s, ", ") : 1, s ? s : "?");
	}
}

static void take_line(struct decode *d, const char *line)
{
	uint8_t data[4096];
	char where[160] = "";
	const char *hex = strstr(line, "WSPSend") ? value_of(line, "data") : NULL;
	if (hex) {
		const char *bytes = value_of(line, "bytes");
		size_t have = hex_bytes(hex, data, sizeof(data));
		size_t length = bytes ? strtoul(bytes, NULL, 10) : have;
		if (!have)
			return;
		place_of(line, where, sizeof(where));
		print_message(d, where, data, have, length < have ? have : length, "");
		return;
	}
	size_t have = hex_bytes(line + strspn(line, " \t"), data, sizeof(data));
	if (have >= SM_HEADER)
		print_message(d, "message", data, have, have, "");
}

static int read_text(struct decode *d, FILE *f)
{
	char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, f) > 0)
		take_line(d, line);
	free(line);
	return ferror(f) ? -EIO : 0;
}

static int decode_file(struct decode *d)
{
	bool standard = !strcmp(d->file, "-");
	FILE *f = standard ? stdin : fopen(d->file, "re");
	if (!f) {
		wsd_complain("cannot read %s: %s", d->file, strerror(errno));
		return WSD_EXIT_FAIL;
	}
	int err = !standard && capture_known(f) ? capture_read(f, on_capture, d) : read_text(d, f);
	if (!standard)
		fclose(f);
	if (err == -ENODATA)
		wsd_complain("%s ends in the middle of a packet", d->file);
	else if (err)
		wsd_complain("cannot read %s: %s", d->file, strerror(-err));
	else if (!d->messages && !d->faults)
		wsd_complain("%s has no message of a session: a capture needs UDP port 4791, a "
			     "trace the calls of WSPSend",
			     d->file);
	return err || !d->messages || d->faults ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct decode *d = state->input;
	switch (key) {
	case 'a':
		d->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (d->file)
			argp_error(state, "too many arguments");
		d->file = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state,
			   "which file? A capture, a trace, or - for text from standard input");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_decode(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"all", 'a', NULL, 0,
		 "RDMA reads and writes and repeated packets of a capture, too", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE",
		.doc = "Shows the messages of SAN sessions in words (docs/wire.md). FILE is a "
		       "capture "
		       "of the "
		       "wire (tcpdump -w FILE udp port 4791; pcap or pcapng), a trace (WSD_TRACE "
		       "or "
		       "WSD_TRACE_JSON: what was sent, of which a trace keeps the first 32 bytes), "
		       "or "
		       "lines of hexadecimal; - is text from "
		       "standard "
		       "input.\v"
		       "Exit status 1 when there is none, or one is wrong.",
	};
	struct decode d = {0};
	int r = wsd_parse(&argp, argc, argv, &d);
	return r ? r : decode_file(&d);
}
