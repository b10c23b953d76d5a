#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: with_possible_cpus.sh CPUS COMMAND [ARGUMENT...]
#
# Runs COMMAND where /sys/devices/system/cpu/possible names CPUS, a number or a
# list such as 0,2-3: in a mount namespace of its own, with a file bound over
# that one. Maps then are for as many CPUs.
#
# The kernel's own maps stay for as many as it has. Tests that compare with them
# are left out and say so, also with REQUIRE_KERNEL=1, unless the number is the
# kernel's own.
#
# Ordinary users need user namespaces, which some systems deny them.

set -eu

cpus=$1
shift
possible=/sys/devices/system/cpu/possible

case $cpus in
  *[!0-9]*) list=$cpus ;;
  1) list=0 ;;
  *) list=0-$((cpus - 1)) ;;
esac

user_namespace=()
if ((EUID != 0)); then
  user_namespace=(--map-root-user)
fi

if [[ $(<$possible) != "$list" ]]; then
  unset REQUIRE_KERNEL
fi

file=$(mktemp)
echo "$list" >"$file"
chmod 444 "$file"  # for tests that run programs as another user
# The mount holds the file after its name is gone.
# shellcheck disable=SC2016
exec unshare --mount "${user_namespace[@]}" bash -c '
  mount --bind "$1" "$2" && rm "$1" || {
    echo "$0: cannot bind a file over $2" >&2
    exit 1
  }
  shift 2
  exec "$@"' "$0" "$file" "$possible" "$@"
