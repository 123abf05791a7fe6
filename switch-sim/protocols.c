/* SPDX-License-Identifier: MIT
 *
 * WSAEnumProtocols over the catalogue. [SW-INIT-7] No locks.
 */
#include "protocols.h"
#include "catalog.h"
#include "usermem.h"
#include "utf16.h"

#include <stdlib.h>
#include <string.h>

enum { WANTED_MAX = 256 }; /* protocols in the caller's list; a list without an end is no list */

const WSAPROTOCOL_INFOW *protocols_tcp4(void)
{
	return catalog_builtin(0);
}

const WSAPROTOCOL_INFOW *protocols_find(int af, int type, int protocol)
{
	const WSAPROTOCOL_INFOW *info;
	for (size_t i = 0; (info = catalog_builtin(i)); i++)
		if (info->iAddressFamily == af && info->iSocketType == type &&
		    info->iProtocol == protocol)
			return info;
	return NULL;
}

void protocols_narrow(const WSAPROTOCOL_INFOW *in, WSAPROTOCOL_INFOA *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, in, offsetof(WSAPROTOCOL_INFOW, szProtocol)); /* the same up to there */
	utf16_to_utf8(in->szProtocol, ret->szProtocol, sizeof(ret->szProtocol));
}

/* The caller's list of protocols, 0-terminated. True: @protocol is in it, or there is none. */
static int wants(const INT *wanted, int protocol, bool *ret)
{
	INT one = 1;
	*ret = !wanted;
	for (unsigned i = 0; wanted && i < WANTED_MAX; i++) {
		if (memory_read(&one, wanted + i, sizeof(one)) < 0)
			return WSAEFAULT;
		if (one == 0)
			return 0;
		*ret = *ret || one == protocol;
	}
	return 0;
}

static int put_row(const WSAPROTOCOL_INFOW *row, bool wide, char *buffer, size_t at)
{
	WSAPROTOCOL_INFOA narrow;
	if (wide)
		return memory_write(buffer + at, row, sizeof(*row));
	protocols_narrow(row, &narrow);
	return memory_write(buffer + at, &narrow, sizeof(narrow));
}

static int select_rows(WSAPROTOCOL_INFOW *rows, size_t *count, const INT *wanted)
{
	size_t n = 0;
	for (size_t i = 0; i < *count; i++) {
		bool take;
		int code = wants(wanted, rows[i].iProtocol, &take);
		if (code)
			return code;
		if (take)
			rows[n++] = rows[i];
	}
	*count = n;
	return 0;
}

static int give(const WSAPROTOCOL_INFOW *rows, size_t count, bool wide, void *buffer, DWORD *length)
{
	DWORD size = wide ? sizeof(WSAPROTOCOL_INFOW) : sizeof(WSAPROTOCOL_INFOA);
	DWORD room, need = (DWORD)count * size;
	if (!length || memory_read(&room, length, sizeof(room)) < 0)
		return WSAEFAULT;
	if (!buffer || room < need)
		return memory_write(length, &need, sizeof(need)) < 0 ? WSAEFAULT : WSAENOBUFS;
	for (size_t i = 0; i < count; i++)
		if (put_row(&rows[i], wide, buffer, i * size) < 0)
			return WSAEFAULT;
	return memory_write(length, &need, sizeof(need)) < 0 ? WSAEFAULT : 0;
}

int protocols_enum(const struct conf *conf, bool hidden, bool wide, const INT *wanted, void *buffer,
		   DWORD *length, int *ret_count)
{
	WSAPROTOCOL_INFOW *rows;
	size_t count;
	if (catalog_protocols(conf, hidden, &rows, &count) < 0)
		return WSAENOBUFS;
	int code = select_rows(rows, &count, wanted);
	if (!code)
		code = give(rows, count, wide, buffer, length);
	if (!code)
		*ret_count = (int)count;
	free(rows);
	return code;
}
