#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `bpfmap serve`, `run --join` and `stop`: commands that come one after the other
# share maps and pins, and nobody else gets in.
#
# Usage: session_test HELPERS BPFMAP HOSTILE_JOINER

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
can_supervise "$2"
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
cp "$2" "$place/bpfmap"
cp "$3" "$place/hostile_joiner"
chmod 777 "$place"
chmod 755 "$place/bpfmap" "$place/hostile_joiner"
cd "$place" || exit

failed=0
# expect TEXT COMMAND...: what it prints, in which TEXT is.
expect() {
  text=$1
  shift
  printed=$("$@" 2>&1)
  case $printed in
    *"$text"*) echo "ok: $*" ;;
    *)
      echo "FAILED: $*"
      echo "  printed: $printed"
      echo "  without: $text"
      failed=1
      ;;
  esac
}
user() { as_ordinary_user ./bpfmap "$@"; }
tool() { user run --join=s -- "$bpftool" "$@"; }

expect "No such file" user run --join=s -- true
user serve --background s || exit 1
expect "is served already" user serve s
tool map create /sys/fs/bpf/made type hash key 4 value 8 entries 16 name made
tool map update pinned /sys/fs/bpf/made key 7 0 0 0 value 2 0 0 0 0 0 0 0
expect "name made" tool map show
as_ordinary_user ./hostile_joiner s/socket || failed=1
expect "value: 02 00" tool map dump id 1
expect "" user run --join=s -- mv /sys/fs/bpf/made /sys/fs/bpf/moved
expect "value: 02 00" tool map dump pinned /sys/fs/bpf/moved
expect "moved" user run --join=s -- ls /sys/fs/bpf
[ -z "$(ls /sys/fs/bpf/moved 2>/dev/null)" ] || failed=1  # not outside
user run --join=s -- rm /sys/fs/bpf/moved
[ -z "$(tool map show)" ] || failed=1
expect "0-4" user run --cpus=5 cat /sys/devices/system/cpu/possible
expect "BPF_MAP_GET_NEXT_ID, {start_id=0}) = ?" \
  user run --kernel --trace "$bpftool" map show
expect "takes a command" user run --join=s
expect "the server's" user run --cpus=2 --join=s true
if [ "$(id -u)" = 0 ]; then
  expect "not yours alone" ./bpfmap run --join=s -- true
fi
expect "" user stop s
expect "nothing serves" user stop s
[ ! -e s/socket ] || failed=1

chmod 755 s
expect "not yours alone" user serve s
chmod 700 s

user serve --background --once s || exit 1
user run --join=s -- true
# It ends by itself: then the directory can be served again.
until user serve --background s 2>/dev/null; do :; done
expect "" user stop s
exit $failed
