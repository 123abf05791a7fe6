/* SPDX-License-Identifier: MIT
 *
 * For programs that are built with ThreadSanitizer. Header only; no locks.
 */
#ifndef WSD_TESTS_TSAN_H
#define WSD_TESTS_TSAN_H

#include <sys/personality.h>
#include <unistd.h>

/* First in main: the sanitizer's memory has fixed places, which a kernel that puts mappings just
 * anywhere may take. */
__attribute__((unused)) static void wsd_tsan_places(char **argv)
{
	if (!(personality(0xffffffff) & ADDR_NO_RANDOMIZE) && personality(ADDR_NO_RANDOMIZE) >= 0)
		execv("/proc/self/exe", argv);
}

#endif
