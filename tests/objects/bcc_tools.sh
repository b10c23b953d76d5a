#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Which BPF objects of bcc's tools load, on the kernel and here: the table of
# docs/bcc_tools.md.
#
#   sudo tests/objects/bcc_tools.sh LIBRARY LOADER [PACKAGE]
#
# LIBRARY is libbpfmap_preload.so, LOADER is load_objects, PACKAGE is Debian's
# libbpf-tools, which is fetched if it is not given. The tools have their objects
# in them.

set -eu

# shellcheck source=syscall/as_ordinary_user.sh
. "$(dirname "$0")/../../syscall/as_ordinary_user.sh"
library=$1 loader=$2 package=${3:-}

[ "$(id -u)" = 0 ] || {
  echo "the kernel loads programs for root" >&2
  exit 1
}

# Everybody may read it there.
place=$(mktemp -d /tmp/bpfmap_tools.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
if [ -z "$package" ]; then
  (cd "$place" && apt-get download libbpf-tools >&2)
  package=$(echo "$place"/*.deb)
fi
dpkg -x "$package" "$place/package"
# Other names of a tool are symbolic links.
tools=$(find "$place/package" -path '*/sbin/*' -type f | sort)

# A tool has one object, so that the lines of both have the same order.
tab=$(printf '\t')
# shellcheck disable=SC2086 # a list of files
"$loader" $tools 2>"$place/no_object" >"$place/kernel"
# shellcheck disable=SC2086
preload "$library" "$loader" $tools 2>>"$place/no_object" >"$place/here"

echo "| tool | programs | on Linux | here | reason |"
echo "|---|---:|---|---|---|"
join -t "$tab" "$place/kernel" "$place/here" |
  awk -F "$tab" '
    {
      kernel = $2
      here = $4
      programs = ""
      if (kernel == "loads") programs = $3
      if (here == "loads") programs = $5
      sub(/ programs/, "", programs)
      reason = here != "loads" ? $5 : kernel != "loads" ? $3 : ""
      sub(/^libbpf: /, "", reason)
      printf "| %s | %s | %s | %s | %s |\n", $1, programs, kernel, here, reason
      tools++
      on_kernel += kernel == "loads"
      loaded += here == "loads"
      missing += kernel == "loads" && here != "loads"
    }
    END {
      printf "\n%d tools: %d load on Linux, %d here; ", tools, on_kernel, loaded
      printf "%d load on Linux and not here.\n", missing
    }'
