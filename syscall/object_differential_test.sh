#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the programs of objects on random packets and contexts three ways, which
# must print the same: on the kernel, linked with this library, and with it
# preloaded.
#
# Usage: object_differential_test HELPERS LINKED LIBRARY RUNNER RUNS OBJECT...
#
# An OBJECT may have variables to set: FILE,NAME=NUMBER,... The seed is random,
# or $SEED.

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
linked=$2 library=$3 runner=$4 runs=$5
shift 5
seed=${SEED:-$RANDOM$RANDOM}

# Everybody may read it there.
place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"

failed=0
# same NAME: compares standard input with what the kernel said.
same() {
  if diff -U5 "$place/kernel" - >"$place/difference"; then
    echo "ok: $1"
  else
    echo "FAILED: $1; SEED=$seed. -: the kernel, +: here"
    head -50 "$place/difference"
    return 1
  fi
}

export LC_ALL=C
for object in "$@"; do
  IFS=, read -r -a parts <<<"$object"
  copy=$place/$(basename "${parts[0]}")
  cp "${parts[0]}" "$copy"
  chmod 644 "$copy"
  arguments=("$copy" "$seed" "$runs" "${parts[@]:1}")
  if ! "$runner" "${arguments[@]}" >"$place/kernel" 2>"$place/why"; then
    tail -5 "$place/kernel" "$place/why"
    if [ "${REQUIRE_KERNEL:-}" = 1 ]; then
      echo "FAILED: the kernel does not run $copy, and REQUIRE_KERNEL=1"
      failed=1
    else
      echo "skipped: the kernel does not run $copy"
    fi
    continue
  fi
  "$linked" "${arguments[@]}" 2>"$place/why" |
    same "$(basename "$copy") linked with //syscall:override" || failed=1
  head -5 "$place/why"
  preload "$library" "$runner" "${arguments[@]}" 2>/dev/null |
    same "$(basename "$copy") preloaded, as an ordinary user" || failed=1
done
exit $failed
