#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a user of BPF programs three ways, which must print the same: linked with
# this library, with it preloaded, and, where bpf(2) may be used, on the kernel.
#
# Usage: program_test HELPERS EXPECTED LINKED LIBRARY USER [OBJECT]

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
expected=$2 linked=$3 library=$4 user=$5

# Everybody may read it there.
place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
copy=
if [ $# -ge 6 ]; then
  copy=$place/$(basename "$6")
  cp "$6" "$copy"
  chmod 644 "$copy"
fi

failed=0
# same NAME: compares standard input with what is expected.
same() {
  if diff -u "$expected" -; then
    echo "ok: $1"
  else
    echo "FAILED: $1"
    return 1
  fi
}

export LC_ALL=C
"$linked" ${copy:+"$copy"} 2>&1 | same "linked with //syscall:override" || failed=1
preload "$library" "$user" ${copy:+"$copy"} 2>&1 | same "preloaded, as an ordinary user" || failed=1

# Whether the kernel loads programs for this user.
if [ "$(id -u)" = 0 ] && "$user" ${copy:+"$copy"} >/dev/null 2>&1; then
  "$user" ${copy:+"$copy"} 2>&1 | same "on the kernel, as root" || failed=1
elif [ "${REQUIRE_KERNEL:-}" = 1 ]; then
  echo "FAILED: the kernel loads no programs here, and REQUIRE_KERNEL=1"
  "$user" ${copy:+"$copy"} 2>&1
  failed=1
else
  echo "skipped: the kernel loads no programs here"
fi
exit $failed
