#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# bpftool loads programs, shows, dumps, runs and pins them, in one process: with
# this library in front of bpf(2), as an ordinary user, and on the kernel, as
# root. Both print the same, but for numbers that the system chooses and for
# what it says of its compiler.
#
# Usage: bpftool_prog_test HELPERS LIBRARY COMMANDS EXPECTED OBJECT

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
library=$2 commands=$3 expected=$4 object=$5

bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || {
  [ "${REQUIRE_KERNEL:-}" != 1 ] || {
    echo "bpftool is not installed, and REQUIRE_KERNEL=1"
    exit 1
  }
  echo "skipped: bpftool is not installed"
  exit 0
}

# Everybody may read it there.
place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
pins=/sys/fs/bpf/bpfmap_test_$$
trap 'rm -rf "$place" "${pins}_programs" "${pins}_maps" "${pins}_again" "${pins}_alone"' EXIT
chmod 755 "$place"
cp "$object" "$place/commanded.bpf.o"
printf 'A packet of 40 bytes, of which 2 change.' >"$place/packet"
sed "s|@OBJECT@|$place/commanded.bpf.o|; s|@PINS@|$pins|g; s|@PACKET@|$place/packet|" \
  "$commands" >"$place/commands"
chmod 644 "$place"/*

# Numbers of maps become M1, M2 and so on, in the order in which they appear.
comparable() {
  sed -E \
    -e 's/^[0-9]+: ([a-z_]+  name)/ID: \1/' \
    -e 's/loaded_at .*/loaded_at TIME  uid ID/' \
    -e 's/  (not jited|jited [0-9]+B  memlock [0-9]+B)//' \
    -e 's/btf_id [0-9]+/btf_id ID/' \
    -e 's/#bpf_prog_[0-9a-f]+_[a-z]+//' \
    -e 's/duration( \(average\))?: [0-9]+ns/duration\1/' \
    -e 's|\[file:.*/|[file:|' |
    awk '
      {
        line = $0
        text = ""
        while (match(line, /(map\[id:|map_ids |,)[0-9]+/)) {
          part = substr(line, RSTART, RLENGTH)
          id = part
          sub(/.*[^0-9]/, "", id)
          if (!(id in names)) names[id] = "M" ++count
          text = text substr(line, 1, RSTART - 1) \
            substr(part, 1, length(part) - length(id)) names[id]
          line = substr(line, RSTART + RLENGTH)
        }
        print text line
      }'
}

failed=0
# same NAME: compares standard input with what is expected.
same() {
  if comparable | diff -u "$expected" -; then
    echo "ok: $1"
  else
    echo "FAILED: $1"
    return 1
  fi
}

preload "$library" "$bpftool" batch file - <"$place/commands" 2>&1 |
  same "preloaded, as an ordinary user" || failed=1
if [ "$(id -u)" = 0 ] && "$bpftool" prog show >/dev/null 2>&1; then
  "$bpftool" batch file "$place/commands" 2>&1 | same "on the kernel, as root" || failed=1
elif [ "${REQUIRE_KERNEL:-}" = 1 ]; then
  echo "FAILED: the kernel loads no programs here, and REQUIRE_KERNEL=1"
  failed=1
else
  echo "skipped: the kernel loads no programs here"
fi
exit $failed
