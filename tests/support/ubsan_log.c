/* SPDX-License-Identifier: MIT
 *
 * What UndefinedBehaviorSanitizer says in Criterion's children goes to a file. They have no stderr;
 * beside AddressSanitizer gcc's libubsan knows no log_path, and libasan hides its function for it.
 */
#include <dlfcn.h>
#include <stdlib.h>

/* scripts/test sets the path; a process appends its number. */
__attribute__((constructor)) static void ubsan_log(void)
{
	const char *path = getenv("WSD_TEST_UBSAN_LOG");
	void *lib = path ? dlopen("libubsan.so.1", RTLD_NOW | RTLD_NOLOAD) : NULL;
	union {
		void *object;
		void (*call)(const char *path);
	} set = {.object = lib ? dlsym(lib, "__sanitizer_set_report_path") : NULL};
	if (set.object)
		set.call(path);
}
