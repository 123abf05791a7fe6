/* SPDX-License-Identifier: MIT */
/* The version of these headers. No locks, no clauses. A test keeps it equal to meson's. */
#ifndef WSD_VERSION_H
#define WSD_VERSION_H

#define WSDIRECT_VERSION_MAJOR  0
#define WSDIRECT_VERSION_MINOR  1
#define WSDIRECT_VERSION_PATCH  0
#define WSDIRECT_VERSION_STRING "0.1.0"
/* One number that grows with the version, for #if. */
#define WSDIRECT_VERSION \
	(WSDIRECT_VERSION_MAJOR * 10000 + WSDIRECT_VERSION_MINOR * 100 + WSDIRECT_VERSION_PATCH)

#endif
