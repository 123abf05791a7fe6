/* SPDX-License-Identifier: MIT
 *
 * What the files of the loop provider share. One lock (loop.lock) over everything, given up over
 * upcalls and the condition function; functions *_locked are called with it.
 */
#ifndef WSD_TESTS_LOOP_H
#define WSD_TESTS_LOOP_H

#include "loop_provider.h"

#include <pthread.h>
#include <sys/types.h>
#include <wsd/abi.h>

enum {
	LOOP_OBJECTS = 1 << 16,
	LOOP_FLIGHT = 15, /* sends and transfers on their way at a time */
	LOOP_SEGMENTS = 64,
	LOOP_MSG_LIMIT = 128 * 1024, /* a packet must fit a socket's send buffer */
	LOOP_DORMANT_MS = 20,        /* a name that another process holds is tried again */
};

enum loop_state { LS_CREATED, LS_BOUND, LS_LISTENING, LS_CONNECTING, LS_CONNECTED, LS_BROKEN };

/* Calls whose answer depends on the state alone [provider.md part 5]. */
enum loop_call { LC_BIND, LC_LISTEN, LC_CONNECT, LC_ACCEPT, LC_REGISTER, LC_DEREGISTER };

/* What epoll and descriptors lead to. */
enum loop_kind { LOOP_SOCKET = 1, LOOP_NAME, LOOP_REQUEST };

struct loop_object {
	enum loop_kind kind;
	uint64_t id; /* generation << 16 | index */
	int fd;      /* -1: none */
	unsigned events;
};

struct loop_name { /* one address that this process listens on */
	struct loop_object object;
	struct loop_name *next;
	uint32_t addr_be;
	uint16_t port_be;
	unsigned refs;
	int lock_fd; /* of a name that is a file; -1: none */
};

struct loop_socket;

struct loop_request {
	struct loop_object object;
	struct loop_request *next;
	struct loop_socket *listener; /* NULL: not queued */
	struct wsd_sockaddr_in local, peer;
	pid_t pid;
	bool known; /* its first packet has come */
	bool taken; /* WSPAccept has it */
	bool gone;  /* withdrawn meanwhile */
};

struct loop_memory { /* a registration */
	struct loop_memory *next;
	char *addr;
	uint64_t len;
	DWORD flags;
	bool remote;
	uint32_t id;
	uint64_t key;
	unsigned users; /* operations that use it */
};

/* What WSPRegisterRdmaMemory hands out [PROV-MEM-6]. */
struct loop_descriptor {
	uint32_t version, id;
	uint64_t addr, len, key;
	uint32_t zero, sum;
};

enum loop_op_kind { LO_SEND, LO_RECV, LO_WRITE, LO_READ };

struct loop_segment {
	char *buf;
	uint32_t len;
	struct loop_memory *memory;
};

struct loop_op {
	struct loop_op *next;
	enum loop_op_kind kind;
	LPWSAOVERLAPPED overlapped;
	int code;
	uint32_t bytes;
	bool over;
	struct loop_descriptor target;
	uint32_t offset;
	unsigned count;
	struct loop_segment segments[];
};

struct loop_list {
	struct loop_op *first, **last;
};

struct loop_early {
	struct loop_early *next;
	uint32_t len;
	char data[];
};

struct loop_note { /* the end of a peer's transfer, to be told to it */
	struct loop_note *next;
	int code;
};

struct loop_socket {
	struct loop_object object;
	SOCKET handle; /* the switch's */
	unsigned refs;
	enum loop_state state;
	bool closed;
	int broken; /* why it is LS_BROKEN */
	struct wsd_sockaddr_in local, peer;
	int32_t debug;
	/* events */
	WSAEVENT event;
	LONG mask, record;
	int connect_code;
	unsigned upcalls; /* WPUSetEvent running now */
	/* listening */
	unsigned backlog, queued;
	uint64_t rank;
	struct loop_socket *next_listener;
	struct loop_request *queue;
	/* connecting */
	struct loop_socket *next_connecting;
	uint64_t start_ns, deadline_ns;
	/* connected */
	pid_t pid; /* the peer's process */
	struct loop_list waiting, flight, receives, done;
	unsigned flights, sent;
	struct loop_early *early, **early_last;
	unsigned acks;
	struct loop_note *notes;
	struct loop_memory *memory;
	bool attended, kicked;
	uint64_t completions; /* so far */
	bool delivering;
	pthread_t deliverer;
	struct loop_socket *next_kicked;
};

struct loop {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned startups;
	bool stopping;
	pid_t pid;
	pthread_t thread;
	int epoll_fd, wake_fd;
	WSPUPCALLTABLEEX up;
	DWORD catalog_entry;
	uint64_t ranks;
	uint32_t memory_ids;
	struct loop_name *names;
	struct loop_socket *listeners; /* by rank */
	struct loop_socket *connecting;
	struct loop_socket *kicked;
	char *packet; /* what is read now */
};

extern struct loop loop;
extern struct loop_control loop_control;

/* loop_provider.c */
struct loop_object *loop_object_find(uint64_t id);
struct loop_object *loop_object_at(unsigned i); /* NULL: none */
bool loop_object_add(struct loop_object *o);
void loop_object_remove(struct loop_object *o); /* closes its descriptor */
void loop_watch(struct loop_object *o, unsigned events);
void loop_wake(void);
uint64_t loop_now_ns(void);
bool loop_serves(uint32_t addr_be);

/* loop_socket.c */
struct loop_socket *loop_find(SOCKET s); /* NULL: WSAENOTSOCK */
int loop_state_code(const struct loop_socket *s, enum loop_call call);
void loop_ref(struct loop_socket *s);
void loop_unref(struct loop_socket *s);
void loop_kick(struct loop_socket *s); /* the thread delivers what is done */
int loop_close(struct loop_socket *s);
int loop_done(LPINT error, int code); /* stores it, unlocks; SOCKET_ERROR unless 0 */
void loop_fill_sockets(WSPPROC_TABLE *table);
struct loop_socket *loop_make(void);
int loop_ask_handle(struct loop_socket *s);           /* gives the lock up; 0 or a code */
void loop_return_handle(struct loop_socket *s);       /* gives the lock up */
void loop_record(struct loop_socket *s, LONG events); /* gives the lock up */

/* loop_name.c */
void loop_name_open(struct loop_name *n); /* object.fd stays -1 while another process has it */
int loop_name_call(int fd, const struct wsd_sockaddr_in *name); /* as connect(2) */
int loop_names_join(const struct loop_socket *s);               /* 0 or a code */
void loop_names_leave(const struct loop_socket *s);
void loop_names_abandon(void); /* in a child of a fork */

/* loop_cm.c */
void loop_name_event(struct loop_name *n);
void loop_request_event(struct loop_request *r);
void loop_connect_event(struct loop_socket *s, unsigned events);
int loop_timers(void); /* what is due; milliseconds to the next, -1: none */
int loop_knock(const char *ip, uint16_t port, const char *from, uint16_t from_port);
void loop_stop_connecting(struct loop_socket *s);
void loop_stop_listening(struct loop_socket *s);
void loop_fill_cm(WSPPROC_TABLE *table);

/* loop_data.c */
void loop_data_init(struct loop_socket *s);
void loop_data_event(struct loop_socket *s, unsigned events);
void loop_data_break(struct loop_socket *s, int code);
void loop_data_close(struct loop_socket *s);
void loop_deliver(struct loop_socket *s); /* gives the lock up */
void loop_cut_all(void);
void loop_append(struct loop_list *l, struct loop_op *op);
uint64_t loop_total_of(const struct loop_op *op);
void loop_use_early(struct loop_socket *s); /* for receives that are new */
void loop_progress(struct loop_socket *s);  /* take what arrived, send what can be sent */
void loop_pump(struct loop_socket *s);      /* send what can be sent */

/* loop_calls.c */
void loop_fill_data(WSPPROC_TABLE *table);

/* loop_memory.c */
void loop_memory_free(struct loop_socket *s);
struct loop_memory *loop_memory_cover(const struct loop_socket *s, const char *addr, uint32_t len,
				      DWORD flags);
/* The registration behind a handle, if it covers the segment with the right @flags. */
struct loop_memory *loop_memory_handle(const struct loop_socket *s, HANDLE handle, const char *addr,
				       uint32_t len, DWORD flags);
/* A descriptor as the peer sent it, against our registrations. NULL: access refused. */
char *loop_memory_target(const struct loop_socket *s, const struct loop_descriptor *d,
			 uint64_t offset, uint64_t bytes, DWORD flags);
bool loop_descriptor_sound(const struct loop_descriptor *d);
int loop_extension(const GUID *id, void (**ret)(void)); /* 0 or a code */
int WSPAPI loop_rdma_write(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			   DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			   LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			   LPWSATHREADID thread, LPINT error);
int WSPAPI loop_rdma_read(SOCKET s, LPWSABUFEX buffers, DWORD count, LPVOID target,
			  DWORD target_len, DWORD offset, LPDWORD bytes, DWORD flags,
			  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
			  LPWSATHREADID thread, LPINT error);
int WSPAPI loop_attend(SOCKET s, BOOL attend, int *ret_fd, LPINT error);

/* The wire. */
enum loop_packet_kind {
	LP_REQUEST = 1,
	LP_ACCEPT,
	LP_REJECT,
	LP_MESSAGE,
	LP_ACKS,
	LP_RDMA,
	LP_DONE
};

struct loop_packet {
	uint32_t magic;
	uint32_t kind;
	int32_t code; /* LP_REJECT: final; LP_DONE: WSA code; LP_RDMA: enum loop_op_kind */
	uint32_t n;   /* LP_ACKS: how many; LP_RDMA: segments */
	struct wsd_sockaddr_in local, peer; /* LP_REQUEST: as the receiver sees them */
	struct loop_descriptor target;      /* LP_RDMA */
	uint32_t offset, bytes;
};

struct loop_wire_segment { /* LP_RDMA: of the initiator's memory */
	uint64_t addr, len;
};

#define LOOP_MAGIC 0x4c4f4f50u

#endif
