#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: costs_test.sh CPU EMULATE COSTS NAME=PROGRAM...
#
# Compares what maps cost on a Cortex-M with costs.tsv: the instructions that
# COSTS prints when EMULATE runs it, and the bytes of code of each PROGRAM. One
# that costs over 5 % more than the file says is a failure; so is one that costs
# over 5 % less, for then the file should say so.

set -u

cpu=$1
emulate=$2
costs=$3
shift 3
table=$(dirname "$0")/costs.tsv

# The output of semihosting comes on the standard error.
measured=$("$emulate" "$costs" 2>&1) || {
  echo "FAILED: $costs: $measured"
  exit 1
}
for program in "$@"; do
  "$emulate" "${program#*=}" || {
    echo "FAILED: ${program#*=} does not run"
    exit 1
  }
  bytes=$(arm-none-eabi-size "${program#*=}" | awk 'NR == 2 { print $1 }')
  measured+=$'\n'"${program%%=*} $bytes"
done

failures=0
while read -r name number; do
  expected=$(awk -F '\t' -v cpu="$cpu" -v name="$name" \
    '$1 == cpu && $2 == name { print $3 }' "$table")
  echo "$cpu"$'\t'"$name"$'\t'"$number"
  if [[ -z $expected ]]; then
    echo "FAILED: costs.tsv has no $name of a $cpu"
  elif ((100 * number > 105 * expected || 100 * number < 95 * expected)); then
    echo "FAILED: costs.tsv says $expected"
  else
    continue
  fi
  failures=$((failures + 1))
done <<<"$measured"

((failures == 0)) && echo PASSED
exit $((failures > 0))
