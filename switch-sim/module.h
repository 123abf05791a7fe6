/* SPDX-License-Identifier: MIT
 *
 * A look at a shared object before the dynamic linker has it. No state, no locks.
 */
#ifndef WSD_SWITCH_MODULE_H
#define WSD_SWITCH_MODULE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * module_check - may dlopen be given this file?
 * dlopen waits for ever on a pipe, and maps what the program headers say without looking whether
 * the file is that long: a file that was cut short, or is being copied, ends the process by SIGBUS.
 * It follows the dynamic section and its tables without a look, too: garbage there ends the process
 * by SIGSEGV, or by an assertion of the linker's. No promise for a file whose code is garbage.
 * What dlopen itself refuses with words of its own is left to it. Return: false: no, and @why says
 * what is wrong.
 */
bool module_check(const char *path, char *why, size_t size);

#endif
