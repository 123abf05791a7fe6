/* SPDX-License-Identifier: MIT
 *
 * A module that loads and is no service provider.
 */
int no_entry(void);

int no_entry(void)
{
	return 0;
}
