#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A program that includes bpfmap_world.h with BPFMAP_WORLD_OPTIONAL starts
# without bpfmap, and finds it where it is preloaded.
#
# Usage: bpfmap_world_optional_test PROGRAM LIBRARY

set -u

failed=0
# expect WANTED GOT
expect() {
  if [ "$1" != "$2" ]; then
    echo "expected: $1"
    echo "got: $2"
    failed=1
  fi
}
expect "bpfmap is not there" "$("$1" 2>&1)"
expect "passed" "$(LD_PRELOAD=$PWD/$2 "$1" 2>&1)"
exit $failed
