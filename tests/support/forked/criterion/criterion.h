/* SPDX-License-Identifier: MIT
 *
 * Stands for Criterion where a program per test costs too much: in the emulated soft-RoCE machine
 * its exec alone takes some seconds, ASan's and Criterion's libraries have so much to relocate.
 * Here a test is a fork of one program. What tests of tests/switch use of Criterion, and no more;
 * forked.c runs them. Found before the real header by who sets this include directory.
 */
#ifndef WSD_TESTS_FORKED_H
#define WSD_TESTS_FORKED_H

/* Its macros may have no message, as Criterion's, whose header is a system's. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

#include <stdbool.h>
#include <string.h>

struct forked_test {
	const char *suite, *name;
	void (*run)(void);
	unsigned timeout; /* seconds on real hardware; 0: as others */
	struct forked_test *next;
};

void forked_add(struct forked_test *t);
_Noreturn void forked_fail(const char *file, int line, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
_Noreturn void forked_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define Test(in_suite, in_name, ...)                                                      \
	static void in_suite##_##in_name(void);                                           \
	__attribute__((constructor)) static void in_suite##_##in_name##_add(void)         \
	{                                                                                 \
		static struct forked_test t = {.suite = #in_suite,                        \
					       .name = #in_name,                          \
					       .run = in_suite##_##in_name __VA_OPT__(, ) \
						       __VA_ARGS__};                      \
		forked_add(&t);                                                           \
	}                                                                                 \
	static void in_suite##_##in_name(void)

#define FORKED_CHECK(condition, what, ...)                                      \
	do {                                                                    \
		if (!(condition))                                               \
			forked_fail(__FILE__, __LINE__, what, " " __VA_ARGS__); \
	} while (0)

#define cr_assert(c, ...)           FORKED_CHECK((c), #c, __VA_ARGS__)
#define cr_assert_not(c, ...)       FORKED_CHECK(!(c), "not " #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)     FORKED_CHECK((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)    FORKED_CHECK((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)     FORKED_CHECK((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)    FORKED_CHECK((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)     FORKED_CHECK((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)    FORKED_CHECK((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_not_null(p, ...)  FORKED_CHECK((p) != NULL, #p " is NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) FORKED_CHECK(!strcmp((a), (b)), #a " is " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) \
	FORKED_CHECK(!memcmp((a), (b), (n)), #a " is " #b, __VA_ARGS__)
#define cr_skip_test(...) forked_skip(" " __VA_ARGS__)
#define cr_skip(...)      forked_skip(" " __VA_ARGS__)

#endif
