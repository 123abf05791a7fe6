/* SPDX-License-Identifier: MIT
 *
 * Forks while other threads start, stop, open and close, with the real provider module in the
 * process [WS-STARTUP-6]. No fork may hang, and no child may lose a file of the application's or
 * keep a socket or an event of the parent's. A plain main, built without sanitizers: gcc 12's ASan
 * does not survive a fork beside threads that allocate. Exits 0, or 1 after saying what was wrong.
 */
#include <wsd/api.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CLOSERS = 3,
	FORKS = 1500,
	KEPT = 64,
	SECONDS_MAX = 120,
	CATALOGUE_TEXT = 512,
	FDS_MAX = 512
};

static atomic_bool done;
static atomic_uint forks, startups;

/* Files that the application has open: the list does not change over a fork. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static int kept[KEPT];
static unsigned n_kept;
static bool began_with[FDS_MAX]; /* what was open when the program began */

static void *closer(void *arg)
{
	while (!atomic_load(&done)) {
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		if (s != INVALID_SOCKET)
			wsd_closesocket(s);
	}
	return NULL;
}

static void *eventer(void *arg)
{
	while (!atomic_load(&done)) {
		WSAEVENT e = wsd_WSACreateEvent();
		if (e != WSA_INVALID_EVENT)
			wsd_WSACloseEvent(e);
	}
	return NULL;
}

static void *keeper(void *arg)
{
	while (!atomic_load(&done)) {
		pthread_mutex_lock(&kept_lock);
		if (n_kept == KEPT)
			while (n_kept)
				close(kept[--n_kept]);
		kept[n_kept] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		n_kept += kept[n_kept] >= 0;
		pthread_mutex_unlock(&kept_lock);
		sched_yield();
	}
	return NULL;
}

static void *starter(void *arg)
{
	WSADATA data;
	while (!atomic_load(&done)) {
		if (wsd_WSAStartup(0x0202, &data) == 0)
			wsd_WSACleanup();
		atomic_fetch_add(&startups, 1);
	}
	return NULL;
}

/* Whoever waits for ever is ended by the watchdog, with what was done until then. */
static void *watchdog(void *arg)
{
	for (int i = 0; i < SECONDS_MAX * 10 && !atomic_load(&done); i++)
		usleep(100000);
	if (!atomic_load(&done)) {
		printf("hangs after %u forks and %u startups\n", atomic_load(&forks),
		       atomic_load(&startups));
		_exit(1);
	}
	return NULL;
}

/* How many of the application's files a child has lost. */
static int lost_files(void)
{
	int lost = 0;
	for (unsigned i = 0; i < n_kept; i++)
		lost += fcntl(kept[i], F_GETFD) < 0;
	return lost;
}

/* Descriptors of a child that are neither the application's nor what the program began with. */
static int foreign_files(void)
{
	int foreign = 0;
	for (int fd = 3; fd < FDS_MAX; fd++) {
		bool known = began_with[fd] || fcntl(fd, F_GETFD) < 0;
		for (unsigned i = 0; i < n_kept && !known; i++)
			known = kept[i] == fd;
		foreign += !known;
	}
	return foreign;
}

static int fork_once(bool strict)
{
	int status = -1;
	pthread_mutex_lock(&kept_lock);
	pid_t pid = fork();
	if (pid == 0)
		_exit(lost_files() + (strict ? foreign_files() : 0));
	pthread_mutex_unlock(&kept_lock);
	waitpid(pid, &status, 0);
	atomic_fetch_add(&forks, 1);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* @threads run while this one forks. Return: children that something was wrong with. @strict: they
 * have nothing of the parent's. */
static int run(const char *what, void *(*const *threads)(void *arg), unsigned count, bool strict)
{
	pthread_t t[2 * CLOSERS + 2];
	int bad = 0;
	atomic_store(&done, false);
	pthread_create(&t[0], NULL, watchdog, NULL);
	for (unsigned i = 0; i < count; i++)
		pthread_create(&t[1 + i], NULL, threads[i], NULL);
	for (int i = 0; i < FORKS; i++)
		bad += fork_once(strict) != 0;
	atomic_store(&done, true);
	for (unsigned i = 0; i <= count; i++)
		pthread_join(t[i], NULL);
	printf("%s: %d of %d children were not as they should be\n", what, bad, FORKS);
	return bad;
}

static void make_catalogue(char *dir)
{
	char path[128], text[CATALOGUE_TEXT];
	setenv("WSD_CONFIG", "/dev/null", 1);
	setenv("WSD_CATALOG", mkdtemp(dir), 1);
	snprintf(path, sizeof(path), "%s/a.provider", dir);
	FILE *f = fopen(path, "we");
	snprintf(text, sizeof(text),
		 "id = {5c210000-77aa-4bd1-9c1e-0123456789a0}\nname = rdma\nmodule = %s\n"
		 "flags = PFL_HIDDEN\n",
		 WSD_TEST_PROVIDER_PATH);
	if (!f || fputs(text, f) < 0 || fclose(f))
		abort();
	static const unsigned char id[16] = {0,    0,    0x21, 0x5c, 0xaa, 0x77, 0xd1, 0x4b,
					     0x9c, 0x1e, 0x01, 0x23, 0x45, 0x67, 0x89, 0xa0};
	snprintf(path, sizeof(path), "%s/tcp-on-san", dir);
	f = fopen(path, "we");
	if (!f || fwrite(id, sizeof(id), 1, f) != 1 || fclose(f))
		abort();
}

static void remove_catalogue(const char *dir)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/a.provider", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/tcp-on-san", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	static void *(*const closing[])(void *) = {closer, closer, closer, eventer, keeper};
	static void *(*const starting[])(void *) = {starter};
	char dir[] = "/tmp/wsd-forks-XXXXXX";
	WSADATA data;
	setvbuf(stdout, NULL, _IOLBF, 0);
	make_catalogue(dir);
	for (int fd = 0; fd < FDS_MAX; fd++)
		began_with[fd] = fcntl(fd, F_GETFD) >= 0;
	int bad = run("WSAStartup and WSACleanup", starting, 1, false);
	if (wsd_WSAStartup(0x0202, &data))
		return 1;
	bad += run("sockets and events", closing, CLOSERS + 2, true);
	wsd_WSACleanup();
	remove_catalogue(dir);
	return bad ? 1 : 0;
}
