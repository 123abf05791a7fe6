/* SPDX-License-Identifier: MIT
 *
 * The application's memory: copies that answer -EFAULT instead of crashing [WS-BIND-4 WSAEFAULT
 * (c)].
 *
 * No signal handler: the library must not touch the program's. Pointers into the calling thread's
 * own stack, above our frame, are copied as they are; all others go through the kernel, which
 * checks.
 */
#ifndef WSD_SWITCH_USERMEM_H
#define WSD_SWITCH_USERMEM_H

#include <stddef.h>

/* @n bytes, at most MEMORY_MAX. Return: 0 or -EFAULT; on failure the destination may be changed in
 * part only when it is the application's. */
enum { MEMORY_MAX = 4096 };
int memory_read(void *to, const void *from, size_t n);
int memory_write(void *to, const void *from, size_t n);

/* The same for any number of bytes. */
int memory_read_long(void *to, const void *from, size_t n);

/* As far as it goes. Return: the bytes before the first page that is not there. */
size_t memory_read_some(void *to, const void *from, size_t n);
size_t memory_write_some(void *to, const void *from, size_t n);

/* @n bytes whose first eight are a word that says whether the others are there: Internal of a
 * WSAOVERLAPPED, which any thread may look at any time. The others are written first, the word at
 * once and last; of a reader, the word is read first. Return: as memory_write(). */
int memory_publish(void *to, const void *from, size_t n);
int memory_read_published(void *to, const void *from, size_t n);

/* Text up to its NUL, which is copied, too: characters of @width bytes, 1 or 2. Return: 0, -EFAULT,
 * -ENAMETOOLONG: more than @size bytes. */
int memory_read_text(void *to, size_t size, const void *from, size_t width);

/* Whether all @n bytes, of any number, can be read and written; nothing is changed, nor is
 * what another thread writes there meanwhile. */
int memory_probe(void *at, size_t n);

#endif
