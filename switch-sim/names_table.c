/* SPDX-License-Identifier: MIT */
/*
 * names_table.c: makes, maps, checks and copies the memory file of names_table.h. No locks: the
 * keeper writes under its own lock, everybody else reads what is stored atomically.
 */
#include "names_table.h"

#include "names.h"
#include "names_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Records whose memory is taken at once: a few pages, so that a new keeper starts quickly. */
enum { NAMES_STEP_SIZE = 256, CLIENTS_STEP = 64 };

int table_create(struct table **ret, int *ret_fd)
{
	int fd = memfd_create("wsdirect-names", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;

	struct table *t = MAP_FAILED;
	int error = 0;
	if (ftruncate(fd, sizeof(*t)) == 0)
		t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	/* Our mapping stays writable; no other can be made, not through /proc/self/fd either. */
	if (t == MAP_FAILED ||
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0 ||
	    fallocate(fd, 0, 0, offsetof(struct table, client)) < 0)
		error = -errno;
	if (error) {
		if (t != MAP_FAILED)
			munmap(t, sizeof(*t));
		close(fd);
		return error;
	}
	t->magic = TABLE_MAGIC;
	t->version = WIRE_VERSION;
	*ret = t;
	*ret_fd = fd;
	return 0;
}

int table_map(int fd, const struct table **ret)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	/* A table that could shrink would kill its readers with SIGBUS. */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size != sizeof(struct table))
		return -EPROTO;
	const struct table *t = mmap(NULL, sizeof(*t), PROT_READ, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return wire_failure();
	if (t->magic != TABLE_MAGIC || t->version != WIRE_VERSION) {
		table_unmap(t);
		return -EPROTO;
	}
	*ret = t;
	return 0;
}

void table_unmap(const struct table *t)
{
	if (t)
		munmap((void *)t, sizeof(*t));
}

int table_reserve(struct table *t, int fd, uint32_t index)
{
	uint32_t names = atomic_load_explicit(&t->names, memory_order_relaxed);

	if (index < names)
		return 0;
	if (index % NAMES_STEP_SIZE == 0) {
		off_t at = (off_t)(offsetof(struct table, name) + index * sizeof(t->name[0]));
		if (fallocate(fd, 0, at, NAMES_STEP_SIZE * sizeof(t->name[0])) < 0)
			return -errno;
	}
	atomic_store_explicit(&t->names, index + 1, memory_order_release);
	return 0;
}

int table_reserve_client(struct table *t, int fd, uint32_t slot)
{
	uint32_t clients = atomic_load_explicit(&t->clients, memory_order_relaxed);
	uint32_t have = (clients + CLIENTS_STEP - 1) / CLIENTS_STEP * CLIENTS_STEP;
	uint32_t want = (slot / CLIENTS_STEP + 1) * CLIENTS_STEP;

	if (slot < clients)
		return 0;
	if (want > have) {
		off_t at = (off_t)(offsetof(struct table, client) + have * sizeof(t->client[0]));
		if (fallocate(fd, 0, at, (off_t)((want - have) * sizeof(t->client[0]))) < 0)
			return -errno;
	}
	atomic_store_explicit(&t->clients, slot + 1, memory_order_release);
	return 0;
}

void table_comm(char ret[16], const char from[16])
{
	memcpy(ret, from, 16);
	ret[15] = '\0';
	for (char *c = ret; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static bool name_legal(const struct table *t, const struct table_name *n)
{
	return n->client < t->clients && t->client[n->client].present && n->port != 0 &&
	       n->proto < NAMES_PROTO_COUNT && n->mode < NAMES_MODE_COUNT &&
	       n->serial <= TABLE_SERIAL_MAX;
}

int table_copy(struct table *to, int to_fd, const struct table *from)
{
	to->legacy = from->legacy;
	to->order = from->order;
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		to->range[p] = from->range[p];
	uint32_t clients = from->clients < TABLE_CLIENTS ? from->clients : TABLE_CLIENTS;
	for (uint32_t i = 0; i < clients; i++) {
		if (!from->client[i].present)
			continue;
		int r = table_reserve_client(to, to_fd, i);
		if (r < 0)
			return r;
		to->client[i] = from->client[i];
		table_comm(to->client[i].comm, from->client[i].comm);
	}

	uint32_t names = from->names < TABLE_NAMES ? from->names : TABLE_NAMES;
	for (uint32_t i = 0; i < names; i++) {
		int r = table_reserve(to, to_fd, i);
		if (r < 0)
			return r;
		/* Acquire: what the record says was stored before `held`. */
		if (!atomic_load_explicit(&from->name[i].held, memory_order_acquire))
			continue;
		to->name[i] = from->name[i];
		if (!name_legal(to, &to->name[i]))
			to->name[i].held = 0;
	}
	return 0;
}
