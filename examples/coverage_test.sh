#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The coverage of packet_counter.bpf.o, in the file of $BPFMAP_COVERAGE: of one
# process, of several at once, and of one that forks.
#
# Usage: coverage_test EXPECTED LINKED LIBRARY USER FORKING OBJECT MERGE
#
# EXPECTED depends on the compiler. To make it anew:
#
#   BPFMAP_COVERAGE=packet_counter.info LINKED OBJECT

set -u
expected=$1 linked=$2 library=$3 user=$4 forking=$5 object=$6 merge=$7

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
failed=0
fail() {
  echo "FAILED: $1"
  failed=1
}

# of_processes N: what is expected after N processes.
of_processes() {
  awk -v n="$1" '
    BEGIN { FS = OFS = "," }
    /^FNDA:/ { $1 = "FNDA:" substr($1, 6) * n }
    /^DA:/ { $2 *= n }
    /^BRDA:/ && $4 != "-" { $4 *= n }
    { print }' "$expected"
}

BPFMAP_COVERAGE=$place/one "$linked" "$object" >/dev/null 2>"$place/said" ||
  fail "the linked program"
of_processes 1 | diff -u - "$place/one" || fail "one process"
grep -q "^examples/packet_counter.bpf.c: [0-9]* of [0-9]* lines (" \
  "$place/said" || fail "no summary: $(cat "$place/said")"

BPFMAP_COVERAGE=$place/all
export BPFMAP_COVERAGE
for _ in 1 2; do
  "$linked" "$object" >/dev/null 2>&1 &
  LD_PRELOAD=$library "$user" "$object" >/dev/null 2>&1 &
done
wait
of_processes 4 | diff -u - "$place/all" || fail "four processes at once"

BPFMAP_COVERAGE=$place/fork "$forking" "$object" 2>/dev/null ||
  fail "the program that forks"
grep -qx "FNDA:4,packet_counter" "$place/fork" ||
  fail "not four runs: $(grep packet_counter "$place/fork")"

# The files that `bazel coverage` merges.
mkdir "$place/tests"
cp "$expected" "$place/tests/one.dat"
cp "$expected" "$place/tests/other.dat"
"$merge" --coverage_dir="$place/tests" --output_file="$place/merged"
of_processes 2 | grep -v '^#' | diff -u - "$place/merged" || fail "two tests"

# A file that cannot be written is said, and changes no result.
BPFMAP_COVERAGE=$place/no/file "$linked" "$object" 2>"$place/said" >/dev/null ||
  fail "a file that cannot be written"
grep -q "cannot write the coverage" "$place/said" || fail "not said"

unset BPFMAP_COVERAGE
"$linked" "$object" 2>"$place/said" >/dev/null
if [ -s "$place/said" ]; then fail "said without coverage"; fi

# As Bazel asks for it.
mkdir "$place/folder"
COVERAGE_DIR=$place/folder "$linked" "$object" >/dev/null 2>&1
of_processes 1 | diff -u - "$place/folder/bpf_programs.dat" || fail "COVERAGE_DIR"
exit $failed
