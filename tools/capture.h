/* SPDX-License-Identifier: MIT
 *
 * capture.h - RoCE v2 packets out of a capture file (pcap or pcapng, as tcpdump and Wireshark write
 * them), put together to the messages of reliable connections. No locks; memory is the reader's
 * own.
 */
#ifndef WSD_TOOLS_CAPTURE_H
#define WSD_TOOLS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum capture_kind { CAPTURE_SEND, CAPTURE_WRITE, CAPTURE_READ };

/* One message that a queue pair sent: whole, however many packets it took. */
struct capture_message {
	enum capture_kind kind;
	double time; /* seconds since the first packet of the file; of the message's last packet */
	char from[64], to[64]; /* IP addresses */
	uint32_t qp;           /* the receiver's queue pair */
	const uint8_t *data;   /* of a SEND; valid until the next one */
	size_t length;         /* bytes; of a WRITE and READ what its header says */
	bool broken;           /* packets are missing in the file: data is not whole */
	bool again;            /* its packets were seen before: the sender repeats itself */
};

/**
 * capture_read - call @fn for each message in the file, in order of their last packets
 * Return: 0; -EINVAL: no capture file of a kind known here (nothing was called); -EIO; -ENOMEM;
 * -ENODATA: the file ends in the middle of a packet (what was before has been called).
 */
int capture_read(FILE *f, void (*fn)(void *ctx, const struct capture_message *m), void *ctx);

/* Does the file begin as one? The position is kept. */
bool capture_known(FILE *f);

#endif
