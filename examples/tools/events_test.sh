#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a tool, as it is, with bpfmap preloaded or under `bpfmap run`, and events
# of a file, and compares what it prints.
#
# Usage: events_test HELPERS LIBRARY|BPFMAP TOOL EVENTS EXPECTED [OPTION...]

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 tool=$3 events=$4 expected=$5
shift 5

case $library in
  *.so) ;;
  *) can_supervise "$library" ;;
esac

place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cp "$events" "$place/events"
chmod 644 "$place/events"
export BPFMAP_EVENTS="$place/events"

# A tool that does not end has not seen its last event.
emulate "$library" "$tool" -d 60 "$@" 2>&1 | diff -u "$expected" -
