/* SPDX-License-Identifier: MIT
 *
 * AF_UNIX: the errors of bind [WS-BIND-4, winsock.md part 3.1].
 */
#include "ws.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static int bind_unix(SOCKET s, const char *path, int namelen)
{
	SOCKADDR_UN a = {.sun_family = WSD_AF_UNIX};
	strncpy(a.sun_path, path, sizeof(a.sun_path));
	return wsd_bind(s, (SOCKADDR *)&a, namelen ? namelen : (int)sizeof(a));
}

Test(unix_names, WS_BIND_4_af_unix_errors)
{
	WS_BEGIN();
	char dir[] = "/tmp/wsd-unix-XXXXXX", path[64], other[64], longest[200];
	cr_assert_not_null(mkdtemp(dir));
	SOCKET s = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM),
	       t = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	WS_IS(bind_unix(s, "", 0), WSAEADDRNOTAVAIL);
	WS_IS(bind_unix(s, "", 2), WSAEADDRNOTAVAIL); /* Linux would choose a name */
	WS_IS(bind_unix(s, "x", 1), WSAEFAULT);
	snprintf(path, sizeof(path), "%s/absent/s", dir);
	WS_IS(bind_unix(s, path, 0), WSAEADDRNOTAVAIL);          /* ENOENT */
	WS_IS(bind_unix(s, "/dev/null/s", 0), WSAEADDRNOTAVAIL); /* ENOTDIR */
	memset(longest, 'x', sizeof(longest));
	SOCKADDR_UN *a = (SOCKADDR_UN *)(void *)longest;
	a->sun_family = WSD_AF_UNIX;
	WS_IS(wsd_bind(s, (SOCKADDR *)a, 180), WSAENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/loop", dir);
	cr_assert_eq(symlink(path, path), 0);
	snprintf(other, sizeof(other), "%s/loop/s", dir);
	WS_IS(bind_unix(s, other, 0), WSAELOOP);
	unlink(path);
	snprintf(path, sizeof(path), "%s/s", dir);
	WS_OK(bind_unix(s, path, 0));
	WS_IS(bind_unix(t, path, 0), WSAEADDRINUSE);
	WS_OK(ws_set(t, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_IS(bind_unix(t, path, 0), WSAEADDRINUSE); /* the options do not change that */
	WS_OK(wsd_closesocket(s));
	WS_IS(bind_unix(t, path, 0), WSAEADDRINUSE, "the file stays until it is unlinked");
	unlink(path);
	WS_OK(bind_unix(t, path, 0));
	WS_IS(bind_unix(t, path, 0), WSAEINVAL);
	WS_OK(wsd_listen(t, 1));
	SOCKADDR_UN got = {0};
	int len = sizeof(got);
	WS_OK(wsd_getsockname(t, (SOCKADDR *)&got, &len));
	cr_assert_str_eq(got.sun_path, path);
	unlink(path);
	rmdir(dir);
	WS_END();
}

/* In a mount namespace of its own: nobody else sees the file system. */
Test(unix_names, WS_BIND_4_af_unix_read_only_file_system)
{
	char dir[] = "/tmp/wsd-unix-XXXXXX", path[64];
	cr_assert_not_null(mkdtemp(dir));
	if (unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) {
		rmdir(dir);
		cr_skip_test("no mount namespace of one's own");
	}
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0, "%s", strerror(errno));
	cr_assert_eq(mount("none", dir, "tmpfs", MS_RDONLY, NULL), 0, "%s", strerror(errno));
	WS_BEGIN();
	SOCKET s = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	snprintf(path, sizeof(path), "%s/s", dir);
	WS_IS(bind_unix(s, path, 0), WSAEACCES);
	WS_IS(wsd_listen(s, 1), WSAEINVAL, "the failed bind has bound it");
	cr_assert_eq(mount(NULL, dir, NULL, MS_REMOUNT, NULL), 0, "%s", strerror(errno));
	WS_OK(bind_unix(s, path, 0));
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(umount2(dir, MNT_DETACH), 0);
	rmdir(dir);
	WS_END();
}
