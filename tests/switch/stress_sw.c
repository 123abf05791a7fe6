/* SPDX-License-Identifier: MIT
 *
 * Threads that listen and close while addresses, providers and events change: for the thread
 * sanitizer, under which Criterion cannot run (a plain main; meson setup -Db_sanitize=thread). Says
 * what it saw and exits 0, 1 on a wrong answer, 77 where no namespace can be had; a race is the
 * sanitizer's exit code.
 */
#include "netbed.h"
#include "scripted_provider.h"
#include "stress_bed.h"
#include "tsan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wsd/api.h>

enum { LISTENERS = 4, SECONDS = 3 };

static atomic_bool done;
static atomic_uint wrong;
static struct scripted *provider;

#define CHECK(cond)                                                                \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "line %d: %s, code %d\n", __LINE__, #cond, \
				wsd_WSAGetLastError());                            \
			atomic_fetch_add(&wrong, 1);                               \
		}                                                                  \
	} while (0)

static void *listener(void *arg)
{
	unsigned number = (unsigned)(uintptr_t)arg;
	for (unsigned i = 0; !atomic_load(&done); i++) {
		struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET};
		unsigned port = 6000 + number;
		int32_t one = 1;
		in.sin_port = (USHORT)(port >> 8 | (port & 0xff) << 8);
		in.sin_addr.s_addr = i % 2 ? provider->addrs_be[0] : 0;
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		CHECK(s != INVALID_SOCKET);
		CHECK(wsd_bind(s, (struct wsd_sockaddr *)&in, sizeof(in)) == 0);
		CHECK(wsd_listen(s, 5) == 0);
		CHECK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&one, sizeof(one)) ==
		      0);
		CHECK(wsd_closesocket(s) == 0);
	}
	return NULL;
}

static void *signaller(void *arg)
{
	while (!atomic_load(&done)) {
		for (SOCKET s = 1; s < SCRIPTED_SOCKETS; s++)
			provider->signal(provider, s, FD_ACCEPT);
		usleep(1000);
	}
	return NULL;
}

static void *changer(void *arg)
{
	while (!atomic_load(&done)) {
		CHECK(netbed_add_addr("lo", "10.77.0.2", 32) == 0);
		CHECK(stress_put("tcp-on-san", stress_id, 0));
		usleep(20000);
		CHECK(netbed_del_addr("lo", "10.77.0.2", 32) == 0);
		CHECK(stress_put("tcp-on-san", stress_id, sizeof(stress_id)));
		usleep(20000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	WSADATA data;
	pthread_t threads[LISTENERS + 2];
	wsd_tsan_places(argv);
	if (!netbed_enter() || netbed_add_addr("lo", "10.77.0.1", 32)) {
		puts("skipped: no network namespace of one's own");
		return 77;
	}
	provider = stress_catalogue(SCRIPTED_A, SCRIPTED_CONTROL);
	if (!provider)
		return 1;
	provider->addrs_be[0] = 0x01004d0a;
	provider->addrs_be[1] = 0x02004d0a;
	provider->n_addrs = 2;
	CHECK(wsd_WSAStartup(0x0202, &data) == 0);
	for (unsigned i = 0; i < LISTENERS; i++)
		pthread_create(&threads[i], NULL, listener, (void *)(uintptr_t)i);
	pthread_create(&threads[LISTENERS], NULL, signaller, NULL);
	pthread_create(&threads[LISTENERS + 1], NULL, changer, NULL);
	sleep(SECONDS);
	atomic_store(&done, true);
	for (unsigned i = 0; i < LISTENERS + 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(wsd_WSACleanup() == 0);
	CHECK(provider->handles_made == provider->handles_returned);
	CHECK(provider->stale == 0);
	CHECK(provider->startups == 0);
	printf("%u SAN sockets, %u wrong\n", provider->handles_made, atomic_load(&wrong));
	stress_end();
	return atomic_load(&wrong) ? 1 : 0;
}
