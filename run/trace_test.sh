#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The lines of `bpfmap run --trace`, but for numbers of processes and addresses.
#
# Usage: trace_test HELPERS BPFMAP COMMANDS EXPECTED

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
bpfmap=$2 commands=$3 expected=$4
can_supervise "$bpfmap"
bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || {
  [ "${REQUIRE_KERNEL:-}" != 1 ] || {
    echo "bpftool is not installed, and REQUIRE_KERNEL=1"
    exit 1
  }
  echo "skipped: bpftool is not installed"
  exit 0
}

place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 777 "$place"
RUN_OPTIONS="--trace=$place/trace" supervise "$bpfmap" \
  "$bpftool" batch file - <"$commands" >/dev/null 2>&1
sed -e 's/^\[[0-9]*\]/[PID]/' -e 's/info=0x[0-9a-f]*/info=ADDRESS/' \
  "$place/trace" | diff -u "$expected" -
