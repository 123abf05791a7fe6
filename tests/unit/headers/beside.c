/* SPDX-License-Identifier: MIT */
/*
 * Both worlds in one file: libc's types and values, and ours under prefixed names. No includes:
 * check-headers puts them before, in either order. C and C++.
 */
#ifdef __cplusplus
#define ASSERT(condition) static_assert(condition, #condition)
#else
#define ASSERT(condition) _Static_assert(condition, #condition)
#endif

/* libc's are still libc's ... */
ASSERT(AF_INET6 == 10);
ASSERT(SOL_SOCKET == 1);
ASSERT(SO_REUSEADDR == 2);
ASSERT(SOMAXCONN == 4096);
ASSERT(AI_PASSIVE == 1);
ASSERT(MSG_WAITALL == 0x100);
ASSERT(POLLIN == 1);
ASSERT(FIONBIO == 0x5421);
ASSERT(FD_SETSIZE == 1024);
ASSERT(IPV6_V6ONLY == 26);
ASSERT(IP_TTL == 2);
ASSERT(EAI_NONAME == -2);
ASSERT(NI_NUMERICHOST == 1);
ASSERT(sizeof(struct sockaddr_storage) == 128);
ASSERT(sizeof(struct linger) == 8);
ASSERT(sizeof(fd_set) == 128);
/* ... and ours are Windows's. */
ASSERT(WSD_AF_INET6 == 23);
ASSERT(WSD_SOL_SOCKET == 0xffff);
ASSERT(WSD_SO_REUSEADDR == 4);
ASSERT(WSD_SOMAXCONN == 0x7fffffff);
ASSERT(WSD_MSG_WAITALL == 8);
ASSERT(WSD_POLLIN == 0x300);
ASSERT(WSD_FIONBIO == 0x8004667e);
ASSERT(WSD_IPV6_V6ONLY == 27);
ASSERT(WSD_IP_TTL == 4);
ASSERT(sizeof(struct wsd_linger) == 4);
ASSERT(sizeof(struct wsd_fd_set) == 520);
ASSERT(sizeof(WSAPROTOCOL_INFOW) == 628);

static void to_libc(const struct wsd_sockaddr_in *from, struct sockaddr_in *ret_to)
{
	memset(ret_to, 0, sizeof *ret_to);
	ret_to->sin_family = AF_INET;
	ret_to->sin_port = from->sin_port;
	ret_to->sin_addr.s_addr = from->sin_addr.s_addr;
}

static int ask(struct rdma_cm_id *id, const SOCKADDR_IN *name)
{
	struct sockaddr_in sin;

	to_libc(name, &sin);
	return rdma_bind_addr(id, (struct sockaddr *)&sin);
}

int main(void)
{
	struct wsd_sockaddr_in name;
	struct timeval wait = {0, 0};
	fd_set libc_set;
	struct wsd_fd_set set;

	memset(&name, 0, sizeof name);
	FD_ZERO(&libc_set);
	FD_SET(0, &libc_set);
	set.fd_count = 0;
	if (select(0, &libc_set, NULL, NULL, &wait) < 0 ||
	    wsd_select(0, &set, NULL, NULL, &wait) < 0)
		return 1;
	return ask(NULL, &name) +
	       wsd_bind(INVALID_SOCKET, (struct wsd_sockaddr *)&name, sizeof name) +
	       bind(-1, NULL, 0);
}
