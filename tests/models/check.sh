#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks group.pml with spin, and that it finds the fault where a fence is
# missing. Prints a line for each like Bazel's, and fails if one failed.

set -u

models=$(cd "$(dirname "$0")" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit

failed=0
# check NAME WITHOUT ERRORS: the model without that fence has so many errors.
check() {
  local name=$1 start=$SECONDS result=PASSED
  if ! spin -a -DWITHOUT="$2" "$models/group.pml" >log 2>&1 ||
    ! gcc -O2 -w -DSAFETY -DCOLLAPSE -DVECTORSZ=4096 pan.c -o pan >>log 2>&1 ||
    ! ./pan -m100000 >>log 2>&1 ||
    grep -qE 'out of memory|max search depth too small' log ||
    ! grep -q "errors: $3\$" log; then
    result=FAILED
    failed=1
    cat log
  fi
  printf '%-44s %s in %ds\n' "//tests/models:$name" "$result" \
    $((SECONDS - start))
}

check group 0 0
check group_without_acquire_fence 1 1
check group_without_release_fence 2 1
exit $failed
