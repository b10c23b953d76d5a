#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bpftool with this library in front of bpf(2), or under `bpfmap run`, as an
# ordinary user: maps are created, filled, dumped, pinned and opened again, in
# one process.
#
# Usage: bpftool_test HELPERS LIBRARY_OR_BPFMAP COMMANDS EXPECTED EXPECTED_JSON

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 commands=$3 expected=$4 expected_json=$5

bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || {
  [ "${REQUIRE_KERNEL:-}" != 1 ] || {
    echo "bpftool is not installed, and REQUIRE_KERNEL=1"
    exit 1
  }
  echo "skipped: bpftool is not installed"
  exit 0
}

failed=0
emulate "$library" "$bpftool" batch file - <"$commands" 2>&1 |
  diff -u "$expected" - || failed=1
emulate "$library" "$bpftool" --json batch file - <"$commands" 2>&1 |
  diff -u "$expected_json" - || failed=1
exit $failed
