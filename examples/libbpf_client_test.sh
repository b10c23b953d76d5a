#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs libbpf_client three ways, which must print the same: linked with this
# library, with it preloaded, and, where bpf(2) may be used, on the kernel.
#
# Usage: libbpf_client_test HELPERS EXPECTED LINKED LIBRARY CLIENT

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
expected=$2 linked=$3 library=$4 client=$5

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
"$linked" 2>&1 | same "linked with //syscall:override" || failed=1
preload "$library" "$client" 2>&1 | same "preloaded, as an ordinary user" || failed=1

# On the kernel, with a bpffs of its own.
pins=$(mktemp -d)
trap 'umount "$pins" 2>/dev/null; rmdir "$pins"' EXIT
if mount -t bpf bpf "$pins" 2>/dev/null; then
  "$client" "$pins" 2>&1 | same "on the kernel, as root" || failed=1
elif [ "${REQUIRE_KERNEL:-}" = 1 ]; then
  echo "FAILED: no bpffs can be mounted here, and REQUIRE_KERNEL=1"
  failed=1
else
  echo "skipped: no bpffs can be mounted here"
fi
exit $failed
