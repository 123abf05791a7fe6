/* SPDX-License-Identifier: MIT
 *
 * Where files of this project are that a program needs: in its build folder, or installed.
 */
#ifndef WSD_TOOLS_PLACE_H
#define WSD_TOOLS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* @built: seen from this program's folder. @folder: of the installed one, whose name is the last
 * part of @built. False: it is at neither place; @path is then the installed one's. */
bool place_find(const char *built, const char *folder, char *path, size_t size);

#endif
