#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# No lines may travel between CPUs, however many there are: lookups, where they
# set no reference bit, and what a program writes to a value of its CPU.
#
#   coherence_test.sh PROGRAM

set -eu -o pipefail

tables=$("$1")
echo "$tables"
failed=0

# expect_none MAP OPERATION
expect_none() {
  local rows
  rows=$(grep "^| $1 | $2 |" <<<"$tables") || rows="no row"
  if grep -qvE '^[^|]*[|]( [a-z_]+ [|]){2}( 0\.00 \(0\.00\) [|])+$' <<<"$rows"; then
    failed=1
    echo "FAILED: a line travels for $2 of $1: $rows"
  fi
}

for map in hash array percpu_hash lpm_trie bloom_filter; do
  expect_none "$map" lookup_hit
done
expect_none percpu_array update
expect_none bloom_filter update  # of values that are there

exit $failed
