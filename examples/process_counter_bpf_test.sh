#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# process_counter_bpf, which stands on libbpf, prints for the events of a
# recording what process_counter prints, whose programs are C++.
#
# Usage: process_counter_bpf_test HELPERS LIBRARY USER EVENTS_OF COUNTER RECORDING

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 user=$3 events_of=$4 counter=$5 recording=$6

place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
"$events_of" <"$recording" >"$place/events" || exit
chmod 644 "$place/events"
export BPFMAP_EVENTS="$place/events"

failed=0
# same NAME COUNTER_FLAG USER_OPTIONS...
same() {
  name=$1 flag=$2
  shift 2
  "$counter" "$flag" --top=0 "$recording" | grep -v '^lines ' >"$place/expected"
  # It ends by the signal that is the last event.
  if preload "$library" "$user" -d 60 "$@" 2>&1 |
    diff -u "$place/expected" -; then
    echo "ok: $name"
  else
    echo "FAILED: $name"
    failed=1
  fi
}
same "all processes" --max_entries=10240
same "a map that is full" --max_entries=3 -m 3
exit $failed
