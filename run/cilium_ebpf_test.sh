#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cilium/ebpf's own tests, which Debian's golang-github-cilium-ebpf-dev has, under
# `bpfmap run` as an ordinary user. Go makes system calls itself. Those that do
# not pass must be the ones that are expected.
#
# Usage: cilium_ebpf_test HELPERS BPFMAP EXPECTED

set -u

# shellcheck source=syscall/as_ordinary_user.sh
. "$1"
bpfmap=$PWD/$2 expected=$3
can_supervise "$bpfmap"
sources=/usr/share/gocode/src/github.com/cilium/ebpf
if ! command -v go >/dev/null || [ ! -d $sources ]; then
  echo "golang-go or golang-github-cilium-ebpf-dev is not installed"
  [ "${REQUIRE_KERNEL:-}" != 1 ]
  exit
fi

place=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
trap 'rm -rf "$place"' EXIT
chmod 755 "$place"
cp "$bpfmap" "$place/bpfmap"
export GOPATH=/usr/share/gocode GO111MODULE=off GOCACHE="$place/cache" GOFLAGS=
export HOME="$place"

for package in . ringbuf; do
  (
    cd "$sources/$package" || exit
    go test -c -o "$place/tests" . >&2 || exit
    as_ordinary_user "$place/bpfmap" run "$place/tests" -test.v \
      >"$place/out" 2>&1
    # Not the numbers of seconds, nor subtests.
    sed -n -e "s|^--- \([A-Z]*: [A-Za-z_]*\).*|$package \1|p" "$place/out"
    grep -q '^panic' "$place/out" && tail -n 50 "$place/out" >&2
  )
done >"$place/results"
passed=$(grep -c PASS "$place/results")
echo "$passed tests pass"
grep -v PASS "$place/results" | LC_ALL=C sort | diff -u "$expected" - || exit 1
[ "$passed" -ge 100 ]
