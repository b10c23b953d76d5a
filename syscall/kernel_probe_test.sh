#!/bin/sh
# kernel_probe, which made the golden rows on Linux, makes them again with this
# library in front of bpf(2), without any rights: byte for byte, but for the rows
# that are exempt, and for types of which there are no golden rows.
#
# Usage: kernel_probe_test HELPERS LIBRARY PROBE EXEMPT GOLDEN...

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 probe=$3 exempt=$4
shift 4

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The rows of file $2 that are compared, by type: of types in file $1, and not
# exempt.
compared() {
  awk -F '\t' '
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
preload "$library" "$probe" >"$folder/rows" || {
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
