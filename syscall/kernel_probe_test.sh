#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# kernel_probe, which made the golden rows on Linux, makes them again without any
# rights, with this library in front of bpf(2), or under `bpfmap run`: byte for byte, but for the rows
# that are exempt, for types of which there are no golden rows, and for rows that
# depend on the number of CPUs where that is not the golden machine's.
#
# Usage: kernel_probe_test HELPERS LIBRARY_OR_BPFMAP PROBE EXEMPT GOLDEN...

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 probe=$3 exempt=$4
shift 4

other_cpus=0
if [ "$(cat /sys/devices/system/cpu/possible)" != 0-1 ]; then
  other_cpus=1
  echo "without the rows that hold with two CPUs only"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The rows of file $2 that are compared, by type: of types in file $1, and not
# exempt.
compared() {
  awk -F '\t' -v other_cpus="$other_cpus" '
    function matches(pattern, text) {
      if (pattern !~ /\*$/) return pattern == text
      pattern = substr(pattern, 1, length(pattern) - 1)
      return substr(text, 1, length(pattern)) == pattern
    }
    FILENAME == ARGV[1] {
      if ($0 !~ /^#/) { type[++n] = $1; op[n] = $2; condition[n] = $3 }
      next
    }
    FILENAME == ARGV[2] { known[$1]; next }
    !($1 in known) { next }
    other_cpus && $3 ~ /^NO_COMMON_LRU max_entries=|, per-CPU layout$/ { next }
    other_cpus && $1 == "CPUMAP" && $2 != "create" { next }
    other_cpus && $3 ~ /^full with keys 0 1 2 3, / { next }
    {
      for (i = 1; i <= n; ++i) {
        if (matches(type[i], $1) && matches(op[i], $2) &&
            matches(condition[i], $3)) next
      }
      print
    }' "$exempt" "$1" "$2" | LC_ALL=C sort --stable --field-separator='	' \
    --key=1,1
}

cat "$@" >"$folder/golden"
cp "$folder/golden" "$folder/types"
emulate "$library" "$probe" >"$folder/rows" || {
  echo "kernel_probe ended with $?"
  exit 1
}
compared "$folder/types" "$folder/golden" >"$folder/linux"
compared "$folder/types" "$folder/rows" >"$folder/ours"
count=$(wc -l <"$folder/linux")
[ "$count" -gt 4000 ] || {
  echo "only $count rows are compared"
  exit 1
}
diff -u "$folder/linux" "$folder/ours" || exit 1
echo "$count rows are as on Linux"
