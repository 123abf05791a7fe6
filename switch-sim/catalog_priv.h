/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the catalogue only.
 */
#ifndef WSD_SWITCH_CATALOG_PRIV_H
#define WSD_SWITCH_CATALOG_PRIV_H

#include "catalog.h"

/* An errno that says nothing about the catalogue: memory or descriptors are used up, for now. */
bool catalog_not_now(int error);

/* 0 or one of those; a list that cannot be read for another reason is logged and empty. */
int catalog_list_read(const char *dir, GUID **ret_list, size_t *ret_n);

/* Fill @ret from the text of the file @path in @dir (the text is cut up). Return 0, -ENOMEM, or
 * -EINVAL: unusable, and logged. ret->label and ret->changed are the caller's to fill. */
int catalog_parse_entry(const char *dir, const char *path, char *text, struct catalog_entry *ret);

#endif
