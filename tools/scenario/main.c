/* SPDX-License-Identifier: MIT
 *
 * wsd-run, the program behind `wsd run`: each scenario is played by a process of its own, in a
 * folder of its own, which is removed whatever happens.
 */
#include "diagram.h"
#include "output.h"
#include "play.h"
#include "whole.h"

#include <argp.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *argp_program_version = "wsd run (wsdirect) " WSD_VERSION;
error_t argp_err_exit_status = 2;

/* The end of a director, and of all of us: the worst. */
enum { EXIT_DONE, EXIT_FAILED, EXIT_WRONG, EXIT_SKIPPED = 77, EXIT_STOPPED = 130 };

struct arguments {
	char **files;
	int n_files;
	bool verbose, real, record, transcript;
	const char *command, *diagram;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	switch (key) {
	case 'v':
		a->verbose = true;
		return 0;
	case 'R':
		a->real = true;
		return 0;
	case 'r':
		a->record = true;
		return 0;
	case 'd':
		a->diagram = arg;
		return 0;
	case 't':
		a->transcript = true;
		return 0;
	case 'a':
		a->command = arg;
		return 0;
	case ARGP_KEY_ARGS:
		a->files = state->argv + state->next;
		a->n_files = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which scenario?");
		return 0;
	case ARGP_KEY_END:
		if (a->diagram && !diagram_can_write(a->diagram))
			argp_error(state, "--diagram: '%s' does not end in .svg or .html",
				   a->diagram);
		if (a->diagram && a->n_files > 1)
			argp_error(state, "--diagram is of one scenario");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"verbose", 'v', NULL, 0, "Show each statement and its result", 0},
	{"record", 'r', NULL, 0,
	 "Write the results and calls that are seen into FILE, in place of what it expects", 0},
	{"diagram", 'd', "OUT", 0,
	 "Draw what was seen into OUT: .svg, or .html, which can be searched", 0},
	{"real", 'R', NULL, 0,
	 "Over RDMA, with this machine's NICs, in place of a scripted provider and NICs made for "
	 "the scenario",
	 0},
	{"transcript", 't', NULL, 0,
	 "Write each call's line and result, and nothing else; no result is expected", 0},
	{"actor", 'a', "COMMAND", 0,
	 "The processes' calls are made by this program, which may be built for another system", 0},
	{0},
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "FILE...",
	.doc = "Play scenarios: processes, NICs and providers, the Winsock calls that are made, "
	       "and what the switch calls for them. wsd-scenario(5) tells how one is written.\v"
	       "Exit status: 0 all went as expected, 1 something else was seen, 2 a file makes no "
	       "sense, 77 this machine cannot play any of them.",
};

/* ---- a folder for each ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_folder(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void on_signal(int number)
{
	(void)number;
	troupe_interrupted = 1;
}

static void hear_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* ---- one scenario ---- */

static bool write_back(const char *path, const char *text)
{
	int err = whole_write(path, text, strlen(text));
	if (err)
		fprintf(stderr, "wsd run: cannot write %s: %s\n", path, strerror(-err));
	return !err;
}

/* Also of a scenario that failed: there it helps most. */
static bool draw(const struct arguments *a, const struct scenario *sc, const struct play *p,
		 bool failed)
{
	char title[300];
	struct actor_name names[TROUPE_MAX + 1] = {{0, NULL}};
	char titles[TROUPE_MAX][2 * NAME_SIZE + 4];
	char trace[sizeof(p->stage.trace)], *traces[] = {trace};
	for (size_t i = 0; i < p->troupe.n; i++) {
		const struct player *player = &p->troupe.players[i];
		const struct stage_host *host = player->host;
		bool named = host && host->name[0];
		snprintf(titles[i], sizeof(titles[i]), "%s%s%s", player->name, named ? " on " : "",
			 named ? host->name : "");
		names[i] = (struct actor_name){player->spawned, titles[i]};
	}
	names[p->troupe.n] = (struct actor_name){0, NULL};
	snprintf(trace, sizeof(trace), "%s", p->stage.trace);
	snprintf(title, sizeof(title), "%.200s%s", sc->path, failed ? ", which FAILED" : "");
	const struct diagram_job job = {.program = "wsd run",
					.traces = traces,
					.count = 1,
					.output = a->diagram,
					.title = title,
					.names = names};
	return !diagram_make(&job);
}

static int direct(const struct arguments *a, const struct scenario *sc, const char *dir)
{
	static const int exits[] = {
		[PLAY_OK] = EXIT_DONE,
		[PLAY_FAILED] = EXIT_FAILED,
		[PLAY_WRONG] = EXIT_WRONG,
		[PLAY_SKIPPED] = EXIT_SKIPPED,
		[PLAY_INTERRUPTED] = EXIT_STOPPED,
	};
	static struct play p;
	struct play_options o = {
		.real = a->real,
		.record = a->record,
		.transcript = a->transcript,
		.command = a->command,
		.notebook = a->verbose || a->transcript ? stdout : NULL,
		.complaints = stderr,
	};
	enum play_end end = play_scenario(&p, sc, dir, &o);
	if (end == PLAY_OK && a->record) {
		char *text = record_text(sc, p.findings, p.n_findings);
		if (text && write_back(sc->path, text))
			record_changes(stderr, sc, p.findings, p.n_findings);
		else
			end = PLAY_FAILED;
		free(text);
	}
	if (a->diagram && (end == PLAY_OK || end == PLAY_FAILED) &&
	    !draw(a, sc, &p, end == PLAY_FAILED))
		end = PLAY_FAILED;
	play_free(&p);
	return exits[end];
}

/* The director ends when we do, and its processes when it does. */
static int play_file(const struct arguments *a, const struct scenario *sc)
{
	const char *tmp = getenv("TMPDIR");
	char dir[160];
	int status;
	pid_t parent = getpid();
	unsigned long long random = 0;
	if (getrandom(&random, sizeof(random), 0) < 0 ||
	    snprintf(dir, sizeof(dir), "%s/wsd-run-%016llx", tmp && *tmp ? tmp : "/tmp", random) >=
		    (int)sizeof(dir) - 32) {
		fprintf(stderr, "wsd run: no name for a folder in %s\n", tmp ? tmp : "/tmp");
		return EXIT_FAILED;
	}
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			troupe_interrupted = 1;
		/* made here, so that a folder has always somebody who outlives its maker */
		bool made = mkdir(dir, 0700) == 0;
		if (!made)
			fprintf(stderr, "wsd run: no folder %s: %s\n", dir, strerror(errno));
		int end = made ? direct(a, sc, dir) : EXIT_FAILED;
		/* nobody else does it when the parent was killed */
		if (getppid() != parent)
			remove_folder(dir);
		if (output_push() && end == EXIT_DONE)
			end = EXIT_FAILED;
		fflush(NULL);
		_exit(end);
	}
	/* looked at now and then: a signal may come just before a wait that would not end by it */
	for (pid_t ended = 0; pid > 0 && ended != pid; ended = waitpid(pid, &status, WNOHANG)) {
		if (troupe_interrupted)
			kill(pid, SIGTERM);
		poll(NULL, 0, 5);
	}
	remove_folder(dir);
	if (pid < 0 || !WIFEXITED(status)) {
		fprintf(stderr, "wsd run: %s: its director died\n", sc->path);
		return EXIT_FAILED;
	}
	return WEXITSTATUS(status);
}

static int read_and_play(const struct arguments *a, const char *path)
{
	static const struct {
		int exit;
		const char *word;
	} words[] = {{EXIT_DONE, "ok"},
		     {EXIT_FAILED, "FAILED"},
		     {EXIT_WRONG, "wrong"},
		     {EXIT_SKIPPED, "skipped"},
		     {EXIT_STOPPED, "interrupted"}};
	struct scenario *sc;
	struct scenario_error error;
	int r = scenario_read(path, &sc, &error);
	if (r == -EINVAL) {
		fprintf(stderr, "%s:%u:%u: %s\n", path, error.place.line, error.place.column,
			error.text);
		if (!a->transcript)
			printf("%-8s %s\n", words[EXIT_WRONG].word, path);
		return EXIT_WRONG;
	}
	if (r && troupe_interrupted)
		return EXIT_STOPPED;
	if (r) {
		fprintf(stderr, "wsd run: cannot read %s: %s\n", path, strerror(-r));
		return EXIT_WRONG;
	}
	if (a->verbose && !a->transcript)
		printf("%s\n", path);
	int end = play_file(a, sc);
	scenario_free(sc);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].exit == end && !(a->transcript && end == EXIT_DONE))
			printf("%-8s %s\n", words[i].word, path);
	output_push();
	return end;
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	int worst = EXIT_DONE, skipped = 0, well = 0;
	output_watch("wsd run");
	argp_parse(&argp, argc, argv, 0, NULL, &a);
	hear_signals();
	for (int i = 0; i < a.n_files && !troupe_interrupted; i++) {
		int end = read_and_play(&a, a.files[i]);
		well += end == EXIT_DONE;
		if (end == EXIT_SKIPPED)
			skipped++;
		else if (end > worst)
			worst = end;
	}
	if (a.n_files > 1 && !a.transcript)
		printf("%d of %d ok%s\n", well, a.n_files, skipped ? ", some skipped" : "");
	if (troupe_interrupted)
		return EXIT_STOPPED;
	return worst == EXIT_DONE && skipped && skipped == a.n_files ? EXIT_SKIPPED : worst;
}
