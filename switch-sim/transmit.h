/* SPDX-License-Identifier: MIT
 *
 * TransmitFile and TransmitPackets: files and memory as one send. [SW-OPT-4]
 */
#ifndef WSD_SWITCH_TRANSMIT_H
#define WSD_SWITCH_TRANSMIT_H

#include "socket.h"

#include <wsd/api.h>

struct transmit_call {
	const char *name;
	HANDLE file; /* WSD_FILE_HANDLE(fd), or NULL */
	DWORD count; /* bytes of it; 0: to its end */
	const TRANSMIT_FILE_BUFFERS *buffers;
	/* or: */
	const TRANSMIT_PACKETS_ELEMENT *packets;
	DWORD n_packets;
	bool by_packets;
	DWORD flags; /* TF_* */
	LPOVERLAPPED overlapped;
};

/* Return: a WSA code; WSA_IO_PENDING. Pointers are the application's. */
int sw_transmit(struct sw_process *p, SOCKET handle, const struct transmit_call *call);

#endif
