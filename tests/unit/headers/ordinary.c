/* SPDX-License-Identifier: MIT */
/*
 * What a Winsock program does with names that libc's ordinary headers have too. No includes:
 * check-headers puts them before, in either order. C and C++.
 */
static struct timeval some_time(void)
{
	struct timeval time;

	time.tv_sec = 1;
	time.tv_usec = 500000;
	return time;
}

static int use_sets(SOCKET s)
{
	fd_set readable, writable;
	FD_SET upper;
	struct timeval wait = some_time();

	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_ZERO(&upper);
	FD_SET(s, &readable);
	FD_SET(s, &writable);
	FD_CLR(s, &writable);
	if (readable.fd_count != 1 || readable.fd_array[0] != s)
		return -1;
	if (select(0, &readable, &writable, NULL, &wait) == SOCKET_ERROR)
		return -1;
	return FD_ISSET(s, &readable);
}

static int use_names(SOCKET s)
{
	char host[NI_MAXHOST];
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	struct sockaddr_storage any;
	struct addrinfo hints, *found;
	socklen_t length = sizeof any;
	u_long on = 1;
	u_short port = htons(27015);
	u_char byte = 1;
	u_int word = byte;

	memset(&v4, 0, sizeof v4);
	v4.sin_family = AF_INET;
	v4.sin_port = port;
	v4.sin_addr.s_addr = inet_addr("127.0.0.1");
	v4.sin_addr.S_un.S_addr = htonl(INADDR_ANY);
	v4.sin_addr.S_un.S_un_b.s_b4 = 1;
	v4.sin_addr.s_host = 2;
	v6.sin6_addr = in6addr_any;
	v6.sin6_addr.s6_addr[15] = 1;
	v6.sin6_scope_id = word;
	if (IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) && inet_pton(AF_INET6, "::1", &v6.sin6_addr) != 1)
		return -1;
	memset(&hints, 0, sizeof hints);
	hints.ai_family = AF_UNSPEC;
	hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST;
	if (getaddrinfo(NULL, "0", &hints, &found) != 0)
		return WSAGetLastError();
	freeaddrinfo(found);
	if (gethostname(host, (int)sizeof host) == SOCKET_ERROR)
		return WSAGetLastError();
	if (ioctlsocket(s, FIONBIO, &on) || ioctlsocket(s, FIONREAD, &on) || h_errno)
		return WSAGetLastError();
	if (bind(s, (struct sockaddr *)&v4, sizeof v4) || bind(s, (SOCKADDR *)&v4, sizeof(v4)))
		return WSAGetLastError();
	if (getnameinfo((SOCKADDR *)&v4, sizeof v4, host, sizeof host, NULL, 0, NI_NUMERICHOST))
		return WSAGetLastError();
	return getsockname(s, (struct sockaddr *)&any, &length);
}

static int use_wide(void)
{
	WCHAR text[INET6_ADDRSTRLEN];
	PADDRINFOW found;
	TCHAR either = TEXT('x');

	if (GetAddrInfoW(u"localhost", NULL, NULL, &found) != 0)
		return wprintf(L"GetAddrInfoW: %d\n", WSAGetLastError());
	FreeAddrInfoW(found);
	text[0] = either == 'x' ? u'\0' : u'y';
	return text[0];
}

static int use_extensions(SOCKET s)
{
	GUID id = WSAID_ACCEPTEX;
	LPFN_ACCEPTEX accept_ex = NULL;
	DWORD bytes;
	WSAOVERLAPPED overlapped;
	WSAPROTOCOL_INFO info;
	SOCKET second;

	memset(&overlapped, 0, sizeof overlapped);
	ZeroMemory(&info, sizeof(info));
	second = WSASocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, &info, 0, WSA_FLAG_OVERLAPPED);
	overlapped.hEvent = CreateEvent(NULL, TRUE, FALSE, NULL);
	if (WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &accept_ex,
		     sizeof accept_ex, &bytes, NULL, NULL) == SOCKET_ERROR)
		return (int)GetLastError();
	if (!accept_ex(s, second, &info, 0, 32, 32, &bytes, &overlapped) &&
	    WSAGetLastError() == ERROR_IO_PENDING)
		WaitForSingleObject(overlapped.hEvent, INFINITE);
	return HasOverlappedIoCompleted(&overlapped) ? NO_ERROR : WSA_IO_INCOMPLETE;
}

static int __cdecl start(void)
{
	WSADATA data;
	SOCKET s;

	if (WSAStartup(MAKEWORD(2, 2), &data) != NO_ERROR || LOBYTE(data.wVersion) != 2)
		return 1;
	s = socket(PF_INET, SOCK_STREAM, IPPROTO_TCP);
	if (s == INVALID_SOCKET || listen(s, SOMAXCONN) == SOCKET_ERROR)
		return 1;
	Sleep(1);
	return use_sets(s) + use_names(s) + use_wide() + use_extensions(s) + closesocket(s);
}

int main(void)
{
	return start() + WSACleanup();
}
