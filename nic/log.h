/* SPDX-License-Identifier: MIT
 *
 * The log: silent unless asked (WSD_LOG=stderr or a file; WSD_LOG_LEVEL=error|warning|info|debug).
 *
 * Each binary that links it (libwsdirect, a provider module, the tool) has its own copy; the lines
 * meet in the file because it is opened for appending and each line is one write(2).
 */
#ifndef WSD_NIC_LOG_H
#define WSD_NIC_LOG_H

enum wsd_log_level {
	WSD_LOG_ERROR,
	WSD_LOG_WARNING,
	WSD_LOG_INFO,
	WSD_LOG_DEBUG,
};

/**
 * wsd_log - one line, with time, process and thread; at most 1,000 bytes
 *
 * Thread-safe, keeps errno, allocates nothing. WSD_LOG is read at the first call.
 */
__attribute__((format(printf, 2, 3))) void wsd_log(enum wsd_log_level level, const char *format,
						   ...);

#endif
