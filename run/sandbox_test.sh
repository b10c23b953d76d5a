#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# `bpfmap run` where something is missing: it works, or says in one sentence what
# it misses.
#
# Usage: sandbox_test HELPERS BPFMAP WITHOUT_CALLS STATIC_CLIENT STORM_CLIENT

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
can_supervise "$2"
place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
cp "$2" "$place/bpfmap"
cp "$3" "$place/without"
cp "$4" "$place/client"
cp "$5" "$place/storm"
chmod 755 "$place" "$place"/*
cd "$place" || exit

case $(uname -m) in
  x86_64) readv=310 writev=311 seccomp=317 unshare=272 watch=254 ;;
  aarch64) readv=270 writev=271 seccomp=277 unshare=97 watch=27 ;;
  *) exit 1 ;;
esac

failed=0
# expect TEXT COMMAND...: what it prints, in which TEXT is.
expect() {
  text=$1
  shift
  printed=$(as_ordinary_user "$@" 2>&1)
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

all="all is as on Linux"
expect "$all" ./without $readv $writev -- ./bpfmap run ./client
expect "$all" ./without $watch -- ./bpfmap run ./client
expect "refuses seccomp(2)" ./without $seccomp -- ./bpfmap run ./client
expect "nothing can be pinned" ./without $unshare -- ./bpfmap run true
expect "nothing is torn" ./without $unshare -- ./bpfmap run ./storm 3 3
expect "$all" sh -c 'ulimit -n 64; ./bpfmap run ./client'
expect "$all" sh -c 'ulimit -Sf 0; ./bpfmap run ./client | cat'
expect "ulimit -f" sh -c 'ulimit -f 0; ./bpfmap run true 2>&1 | cat'
expect "under a supervisor already" ./bpfmap run ./bpfmap run true
expect "cannot run ./none" ./bpfmap run ./none
if [ "$(id -u)" = 0 ]; then
  text=$(unshare -m sh -c 'umount -l /proc; ./bpfmap run true' 2>&1)
  [ "$text" = "bpfmap: it needs /proc, which is not mounted" ] || {
    echo "FAILED: without /proc: $text"
    failed=1
  }
  # Root's supervisor lets others pin only where they may.
  bpftool=$(PATH=$PATH:/usr/sbin command -v bpftool) || exit 1
  text=$(./bpfmap run sh -c "
    mkdir -m 755 /sys/fs/bpf/root
    mkdir -m 777 /sys/fs/bpf/all
    mkdir -m 700 /sys/fs/bpf/own
    $bpftool map create /sys/fs/bpf/own/map type array key 4 value 4 \
      entries 1 name map
    for place in root all own; do
      setpriv --reuid=65534 --regid=65534 --clear-groups \
        $bpftool map create /sys/fs/bpf/\$place/new type array key 4 value 4 \
        entries 1 name map 2>&1 | sed 's/.*: //'
    done
    setpriv --reuid=65534 --regid=65534 --clear-groups \
      $bpftool map dump pinned /sys/fs/bpf/own/map 2>&1 | sed 's/.*: //'
    stat -c %u:%g /sys/fs/bpf/all/new /sys/fs/bpf/own/map" 2>&1)
  [ "$text" = "Permission denied
Permission denied
Permission denied
65534:65534
0:0" ] || {
    echo "FAILED: root's supervisor: $text"
    failed=1
  }
fi
exit $failed
