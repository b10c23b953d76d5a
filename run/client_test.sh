#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a program under `bpfmap run`, as an ordinary user. It must succeed, and
# print what is expected.
#
# Usage: client_test HELPERS BPFMAP EXPECTED PROGRAM [ARGS...]

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
bpfmap=$2 expected=$3
shift 3
can_supervise "$bpfmap"

if [ $# -ge 2 ] && [ -f "$2" ]; then  # an object file, for everybody to read
  object=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
  trap 'rm -rf "$object"' EXIT
  cp "$2" "$object/$(basename "$2")"
  chmod 755 "$object"
  chmod 644 "$object/"*
  set -- "$1" "$object/$(basename "$2")"
fi

export LC_ALL=C
supervise "$bpfmap" "$@" >"$TEST_TMPDIR/out" 2>&1
status=$?
diff -u "$expected" "$TEST_TMPDIR/out" || exit 1
exit $status
