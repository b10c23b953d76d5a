#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#
# Runs an example as a user does and compares what it prints.
#
#   output_test.sh PROGRAM EXPECTED [ARGUMENT...]

set -u

program=$1
expected=$2
shift 2

if ! got=$("$program" "$@"); then
  echo "FAILED: $program $*"
  exit 1
fi
diff "$expected" <(echo "$got") || exit 1
# A program that takes a recording says what is wrong with it.
for wrong in /dev/null no/such/file; do
  [[ $# -gt 0 ]] || break
  if message=$("$program" "$wrong" 2>&1); then
    echo "FAILED: $wrong is taken for a recording"
    exit 1
  fi
  grep -q "^$(basename "$program"): .*$wrong" <<<"$message" || {
    echo "FAILED: said of $wrong: $message"
    exit 1
  }
done
