#!/bin/bash
# SPDX-License-Identifier: MIT
# packages.sh: the Debian packages that the scripts need, in groups. To be sourced, or run:
#   packages.sh [--check | --install] GROUP...
# Without an option it installs what is missing when it runs as root, saying so. What it cannot install it names, and
# the status is 3.

packages_of() {
	case $1 in
	build)
		echo gcc g++ meson ninja-build pkgconf libcriterion-dev librdmacm-dev libibverbs-dev libnl-3-dev \
			libnl-route-3-dev libjansson-dev uthash-dev systemtap-sdt-dev scdoc git ca-certificates
		;;
	guest)
		echo qemu-system-x86 kmod iproute2 rdma-core rdmacm-utils ibverbs-utils perftest gcc libc6-dev binutils \
			python3 xz-utils ca-certificates
		;;
	test)
		echo openmpi-bin valgrind
		;;
	lint | dev)
		echo clang clang-format clang-tidy shellcheck codespell mingw-w64-common gcc-mingw-w64-x86-64-win32 libclang-rt-14-dev
		;;
	oracle)
		echo wine wine64 gcc-mingw-w64-x86-64
		;;
	browser)
		echo chromium librsvg2-bin poppler-utils fonts-dejavu-core
		;;
	*)
		echo "packages.sh: no group $1: there are build, guest, test, lint, browser and oracle" >&2
		return 2
		;;
	esac
}

missing_packages() {
	local group wanted=()
	for group; do
		# shellcheck disable=SC2207 # names of packages have no blanks
		wanted+=($(packages_of "$group")) || return 2
	done
	# dpkg-query prints what is installed; each wanted name that it does not print is missing.
	comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
			sed -n 's/^installed //p' | sort -u) | tr '\n' ' ' | sed 's/ $//'
}

# need_packages [--check | --install] GROUP...: return 0 when all are there (at last), else 3.
need_packages() {
	local mode=auto missing
	case $1 in
	-h | --help)
		echo "usage: packages.sh [--check | --install] build | guest | test | lint | oracle | browser ..."
		echo "Installs, as root, the Debian packages of these groups that are missing; what it cannot install it names (status 3)."
		return
		;;
	esac
	case $1 in --check | --install) mode=${1#--} && shift ;; esac
	if ! command -v dpkg-query >/dev/null; then
		echo "This is not a Debian system; these packages of Debian 12, or what they hold, are needed:" >&2
		for group; do echo "  $(packages_of "$group")" >&2; done
		return 3
	fi
	missing=$(missing_packages "$@") || return
	[ -n "$missing" ] || return 0
	if [ "$mode" = check ] || [ "$(id -u)" != 0 ]; then
		echo "These packages are missing: $missing" >&2
		echo "Install them with: apt-get install $missing" >&2
		return 3
	fi
	echo "Installing packages: $missing" >&2
	# shellcheck disable=SC2086 # a list of words
	DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 &&
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >&2 && return 0
	echo "These packages could not be installed: $missing" >&2
	return 3
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	need_packages "$@"
fi
