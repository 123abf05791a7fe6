/* SPDX-License-Identifier: MIT
 *
 * TransmitFile and TransmitPackets: memory and parts of files, sent in order. A transport that
 * takes such pieces (TCP/IP: sendfile) gets them as one request; another gets the files in chunks
 * read here, one after the other [SW-OPT-4].
 *
 * The call waits until all is sent, also on a non-blocking socket, as on Windows; SO_SNDTIMEO
 * counts. Locks: s->lock while the call is judged, and for the disconnect at the end.
 */
#include "transmit.h"
#include "data.h"
#include "disconnect.h"
#include "errmap.h"
#include "overlapped.h"
#include "reactor.h"
#include "usermem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wsd/rare.h>

enum {
	FLAGS = TF_DISCONNECT | TF_REUSE_SOCKET | TF_WRITE_BEHIND | TF_USE_SYSTEM_THREAD |
		TF_USE_KERNEL_APC,
	PIECES_MAX = 4096,
	CHUNK_BYTES = 256 * 1024,
};

static const uint64_t total_max = 0x7ffffffe; /* as on Windows */

struct transmit {
	struct data_request d; /* first: it is freed as such */
	const struct sw_transport *t;
	DWORD flags;
	struct sw_piece few[3], *pieces;
	DWORD n_pieces;
	int file;         /* whose position moves at the end, or -1 */
	uint64_t file_at; /* bytes before the file's part */
	/* in chunks */
	struct sw_request part;
	char *chunk;
	struct reactor *reactor; /* overlapped */
	struct reactor_job more;
};

static struct transmit *of(struct data_request *d)
{
	return (struct transmit *)(void *)d;
}

static void destroy(struct data_request *d)
{
	struct transmit *x = of(d);
	if (x->pieces != x->few)
		free(x->pieces);
	free(x->chunk);
}

/* ---- what is sent ---- */

/* A regular file that can be read. WSA code. */
static int check_file(HANDLE handle, int *ret_fd, uint64_t *ret_size)
{
	struct stat st;
	if (!WSD_FILE_HANDLE_VALID(handle))
		return WSA_INVALID_HANDLE;
	int fd = WSD_FILE_HANDLE_FD(handle), mode = fcntl(fd, F_GETFL);
	if (mode < 0 || (mode & O_ACCMODE) == O_WRONLY || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return WSA_INVALID_HANDLE;
	*ret_fd = fd;
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

/* @offset negative: the file's position. */
static int add_file(struct transmit *x, HANDLE handle, int64_t offset, uint64_t count)
{
	uint64_t size;
	int fd, code = check_file(handle, &fd, &size);
	if (code)
		return code;
	if (offset < 0)
		offset = lseek(fd, 0, SEEK_CUR);
	if (offset < 0)
		return WSA_INVALID_HANDLE;
	uint64_t left = (uint64_t)offset < size ? size - (uint64_t)offset : 0;
	if (!count) /* procfs's files have no size, but content */
		count = size ? left : total_max;
	x->pieces[x->n_pieces++] =
		(struct sw_piece){.file = fd, .offset = (uint64_t)offset, .length = count};
	return 0;
}

static int add_memory(struct transmit *x, const void *memory, DWORD len)
{
	if (len && !memory)
		return WSAEFAULT;
	if (len)
		x->pieces[x->n_pieces++] = (struct sw_piece){.memory = memory, .length = len};
	return 0;
}

static int add_buffers_and_file(struct transmit *x, const struct transmit_call *c)
{
	TRANSMIT_FILE_BUFFERS b = {0};
	WSAOVERLAPPED o = {0};
	int64_t offset = -1;
	if (c->buffers && memory_read(&b, c->buffers, sizeof(b)) < 0)
		return WSAEFAULT;
	if (c->overlapped) {
		if (memory_read(&o, c->overlapped, sizeof(o)) < 0)
			return WSAEFAULT;
		offset = (int64_t)o.OffsetHigh << 32 | o.Offset;
	}
	int code = offset < -1 ? WSAEINVAL : add_memory(x, b.Head, b.HeadLength);
	if (!code && c->file) {
		code = add_file(x, c->file, offset, c->count);
		if (!code && !c->overlapped) {
			x->file = x->pieces[x->n_pieces - 1].file;
			x->file_at = b.HeadLength;
		}
	}
	return code ? code : add_memory(x, b.Tail, b.TailLength);
}

static int add_packets(struct transmit *x, const struct transmit_call *c)
{
	if (!c->packets)
		return WSAEFAULT;
	if (!c->n_packets || c->n_packets > PIECES_MAX)
		return WSAEINVAL;
	x->pieces = calloc(c->n_packets, sizeof(*x->pieces));
	if (!x->pieces)
		return WSAENOBUFS;
	int code = 0;
	for (DWORD i = 0; i < c->n_packets && !code; i++) {
		TRANSMIT_PACKETS_ELEMENT e;
		if (memory_read(&e, &c->packets[i], sizeof(e)) < 0)
			return WSAEFAULT;
		DWORD kind = e.dwElFlags & ~(DWORD)TP_ELEMENT_EOP;
		if (kind == TP_ELEMENT_MEMORY)
			code = add_memory(x, e.pBuffer, e.cLength);
		else if (kind == TP_ELEMENT_FILE)
			code = e.nFileOffset.QuadPart < -1
				       ? WSAEINVAL
				       : add_file(x, e.hFile, e.nFileOffset.QuadPart, e.cLength);
		else
			code = WSAEINVAL;
	}
	return code;
}

static int collect(struct transmit *x, const struct transmit_call *c)
{
	if ((c->flags & ~(DWORD)FLAGS) ||
	    ((c->flags & TF_REUSE_SOCKET) && !(c->flags & TF_DISCONNECT)))
		return WSAEINVAL;
	int code = c->by_packets ? add_packets(x, c) : add_buffers_and_file(x, c);
	for (DWORD i = 0; i < x->n_pieces; i++)
		x->d.r.total += x->pieces[i].length;
	if (!code && x->d.r.total > total_max)
		code = WSAEINVAL;
	x->d.r.pieces = x->pieces;
	x->d.r.n_pieces = x->n_pieces;
	return code;
}

/* ---- the end ---- */

/* The file's position is where the transmission came to. */
static void move_position(const struct transmit *x)
{
	for (DWORD i = 0; i < x->n_pieces; i++) {
		const struct sw_piece *piece = &x->pieces[i];
		if (piece->memory || piece->file != x->file)
			continue;
		uint64_t sent = x->d.r.done > x->file_at ? x->d.r.done - x->file_at : 0;
		sent = sent < piece->length ? sent : piece->length;
		lseek(piece->file, (off_t)(piece->offset + sent), SEEK_SET);
	}
}

static int ended(struct data_request *d)
{
	struct transmit *x = of(d);
	struct sw_socket *s = d->r.s;
	if (x->file >= 0)
		move_position(x);
	if (d->r.code || !(x->flags & TF_DISCONNECT))
		return 0;
	if (x->flags & TF_REUSE_SOCKET)
		return disconnect_reuse(s);
	pthread_mutex_lock(&s->lock);
	if (s->state == SW_CONNECTED && !x->t->shutdown(s, WSD_SD_BOTH))
		s->shut_send = s->shut_receive = true;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* ---- in chunks, for a transport that takes buffers only ---- */

/* The next part of what is left into x->part; nothing: total 0. WSA code. */
static int next_part(struct transmit *x)
{
	uint64_t begin = 0, done = x->d.r.done;
	sw_request_init(&x->part, x->d.r.s, SW_OP_SEND, 0);
	for (DWORD i = 0; i < x->n_pieces; begin += x->pieces[i++].length) {
		struct sw_piece *piece = &x->pieces[i];
		if (done >= begin + piece->length)
			continue;
		uint64_t at = done - begin, left = piece->length - at;
		if (piece->memory) {
			sw_request_one(&x->part, piece->memory + at, (DWORD)left);
			return 0;
		}
		ssize_t n = pread(piece->file, x->chunk, left < CHUNK_BYTES ? left : CHUNK_BYTES,
				  (off_t)(piece->offset + at));
		if (n < 0)
			return errmap(ERRMAP_SEND, errno, ERRMAP_ANY_STATE);
		if (n > 0) {
			sw_request_one(&x->part, x->chunk, (DWORD)n);
			return 0;
		}
		piece->length = at; /* the file has become shorter */
	}
	return 0;
}

static void part_finished(struct sw_request *r);

/* From part to part as long as they end at once; the last one's end is the call's. */
static void go_on(struct transmit *x)
{
	int code = 0;
	while (!code) {
		code = next_part(x);
		if (code || !x->part.total)
			break;
		x->part.finish = part_finished;
		x->part.mark = x;
		if (!x->t->submit(x->d.r.s, &x->part))
			return;
		code = x->part.code;
		x->d.r.done += x->part.done;
	}
	x->d.r.code = code;
	data_finish(&x->d.r);
}

static void run_more(struct reactor_job *j)
{
	go_on((struct transmit *)(void *)((char *)j - offsetof(struct transmit, more)));
}

/* Perhaps inside an upcall, for whose end a thread that closes the SAN socket waits with the
 * session's lock: so the session is not entered from here, nor are files read. */
static void part_finished(struct sw_request *r)
{
	struct transmit *x =
		(struct transmit *)(void *)((char *)r - offsetof(struct transmit, part));
	x->d.r.code = r->code;
	x->d.r.done += r->done;
	if (r->code)
		data_finish(&x->d.r);
	else
		reactor_post(x->reactor, &x->more);
}

static int run_chunks(struct sw_socket *s, struct transmit *x, DWORD timeout)
{
	struct data_request *d = &x->d;
	int code = 0;
	x->chunk = malloc(CHUNK_BYTES);
	if (!x->chunk)
		return WSAENOBUFS;
	if (d->r.overlapped) {
		x->more.run = run_more;
		if (reactor_start(s->process, &x->reactor) < 0)
			return WSAENOBUFS;
		code = overlapped_begin(d->r.overlapped, &d->event);
		if (code)
			return code;
		sw_socket_ref(s);
		go_on(x);
		return WSA_IO_PENDING;
	}
	uint64_t now, end = timeout ? waiter_deadline(timeout) : WAITER_FOREVER; /* of all parts */
	while (!code) {
		code = next_part(x);
		if (code || !x->part.total)
			break;
		now = timeout ? waiter_now_ns() : 0;
		if (now >= end)
			code = WSAETIMEDOUT;
		else
			code = data_wait(s, x->t, &x->part,
					 timeout ? (DWORD)((end - now) / 1000000 + 1) : 0);
		d->r.done += x->part.done;
	}
	d->r.code = code;
	int last = ended(d);
	return code ? code : last;
}

/* ---- the call ---- */

static int judge(struct sw_socket *s, struct transmit *x, DWORD *ret_timeout)
{
	pthread_mutex_lock(&s->lock);
	int code = s->type == WSD_SOCK_STREAM ? data_judge_stream(s, SW_OP_SEND) : WSAENOTCONN;
	*ret_timeout = s->options.sndtimeo;
	x->t = s->transport ? s->transport : &transport_tcp;
	pthread_mutex_unlock(&s->lock);
	return code;
}

int sw_transmit(struct sw_process *p, SOCKET handle, const struct transmit_call *c)
{
	DWORD timeout;
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	struct transmit *x = NULL;
	int code = WSAENETDOWN;
	if (!sw_fault_netdown(p, c->name)) {
		x = calloc(1, sizeof(*x));
		code = x ? 0 : WSAENOBUFS;
	}
	if (!code) {
		sw_request_init(&x->d.r, s, SW_OP_SEND, 0);
		x->d.r.overlapped = c->overlapped;
		x->d.ended = ended;
		x->d.destroy = destroy;
		x->pieces = x->few;
		x->flags = c->flags;
		x->file = -1;
		code = collect(x, c);
	}
	if (!code)
		code = judge(s, x, &timeout);
	if (!code)
		code = x->t->pieces ? data_run(s, x->t, &x->d, c->overlapped != NULL, timeout)
				    : run_chunks(s, x, timeout);
	if (x && code != WSA_IO_PENDING)
		data_release(&x->d, true);
	sw_socket_put(s);
	return code;
}
