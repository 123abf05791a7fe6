/* SPDX-License-Identifier: MIT
 *
 * A program that `wsd trace` starts: one socket.
 */
#include <winsock2.h>

int main(void)
{
	WSADATA data;
	if (WSAStartup(MAKEWORD(2, 2), &data))
		return 1;
	SOCKET s = socket(AF_INET, SOCK_STREAM, 0);
	return s == INVALID_SOCKET || closesocket(s) || WSACleanup();
}
