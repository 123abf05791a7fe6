/* SPDX-License-Identifier: MIT
 *
 * A switch in miniature for tests of the provider: loads the module by the door that users use,
 * gives it an upcall table that counts and checks, and keeps handles and events. One at a time in a
 * process.
 */
#ifndef WSD_TESTS_PROV_HARNESS_H
#define WSD_TESTS_PROV_HARNESS_H

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <wsd/abi.h>

#define PH_SAN0          "10.77.0.1"
#define PH_SAN1          "10.77.1.1"
#define PH_SAN2          "10.77.2.1"
#define PH_SAN2B         "10.77.2.101"
#define PH_LAN0          "10.78.0.1"
#define PH_CATALOG_ENTRY 4711

/* An event of this switch; as a WSAEVENT it is its address. */
struct ph_event {
	atomic_int set;  /* now */
	atomic_int sets; /* how often */
	atomic_int resets;
	bool bad; /* lpWPUSetEvent and lpWPUResetEvent answer FALSE */
	/* Runs inside lpWPUSetEvent, as the switch would re-enter. */
	void (*hook)(struct ph_event *e);
	void *arg;
};

struct ph {
	void *module;
	LPWSPSTARTUPEX startup;
	WSPPROC_TABLE proc;
	WSPDATA data;
	WSPUPCALLTABLEEX up;
	WSAPROTOCOL_INFOW tcp;
	/* Upcalls, counted. */
	atomic_uint creates, closes, sets, resets;
	/* What the next lpWPUCreateSocketHandle does: a code fails it; the hook runs inside. */
	atomic_int create_code;
	bool create_silent; /* fails without storing a code */
	void (*create_hook)(void *arg);
	void (*close_hook)(void *arg, SOCKET handle);
	void *hook_arg;
	atomic_uint wrong; /* a handle closed twice, unknown, or used after its close */
	DWORD last_entry;
	DWORD_PTR last_context;
	SOCKET last_handle;
};

extern struct ph ph;

/* Loads the module (WSD_TEST_PROVIDER or the build's); asserts. Does not start it. */
void ph_load(void);
void ph_unload(void);
/* The same with a WSPStartupEx that is linked in. */
void ph_use(LPWSPSTARTUPEX startup);

int ph_startup(void); /* the code */
int ph_cleanup(void); /* the code */

/* Loads, starts, and has librdmacm open every device (it keeps them); so call it before
 * WSD_TEST_BEGIN(). */
void ph_up(void);
void ph_down(void);

SOCKET ph_socket(void); /* asserts */
struct wsd_sockaddr_in ph_addr(const char *ip, unsigned short port);
/* The codes: 0 or WSA. */
int ph_bind(SOCKET s, const char *ip, unsigned short port);
int ph_listen(SOCKET s, int backlog);
int ph_close(SOCKET s);
int ph_select(SOCKET s, struct ph_event *e, LONG mask);
int ph_enum(SOCKET s, struct ph_event *e, WSANETWORKEVENTS *out);
/* A socket bound, and listening if backlog > 0; asserts. */
SOCKET ph_listener(const char *ip, unsigned short port, int backlog);
int ph_connect(SOCKET s, const char *ip, unsigned short port);
/* Without a condition function; INVALID_SOCKET with the code. */
SOCKET ph_accept(SOCKET l, int *ret_code);
/* Waits until FD_CONNECT is reported, and gives its code; asserts. */
int ph_connected(SOCKET s, struct ph_event *e);
/* Waits for a request and accepts it; asserts. */
SOCKET ph_accepted(SOCKET l);
/* Two connected sockets on one address; asserts. */
struct ph_pair {
	SOCKET listener, client, server;
	unsigned short port, client_port;
	struct ph_event event; /* the client's */
};
void ph_pair(struct ph_pair *v, const char *ip);
void ph_unpair(struct ph_pair *v);
/* As ph_up(), and the pool of idle endpoints of @ip's device is full, at 4: so the descriptors that
 * are open then are those that are open when all connections are closed again. */
void ph_up_warm(const char *ip);
void ph_up_linked(LPWSPSTARTUPEX startup, const char *ip); /* with what is linked in */
unsigned short ph_port(void); /* one that no other test of this run uses */

unsigned ph_open_handles(void);

/* Runs a command by fork and exec with every descriptor closed but 0 to 2; its status, -1 on
 * failure. */
int ph_run(const char *const argv[], int timeout_ms);
#define PH_RUN(...) ph_run((const char *const[]){__VA_ARGS__, NULL}, 20000)

#endif
