#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Compiles main.cc beside it by one command, without a build system, and runs
# it: for Linux, for Windows with mingw, with libc++, and with libc++ as on a
# POSIX that is not Linux. Of Abseil it sees the headers of macros alone, and it
# links nothing of it.
#
# Prints a line for each like Bazel's, and fails if one failed.

set -u -o pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd -P)
all=$(mktemp -d)
trap 'rm -rf "$all"' EXIT
mkdir -p "$all/include/absl"
ln -s "$root" "$all/include/bpfmap"
ln -s /usr/include/absl/base "$all/include/absl/base"

sources=("$root"/tests/consumers/by_hand/main.cc
  "$root"/profiles/{cloud,cpu,event,spin_then_yield,thread_number}.cc
  "$root"/profiles/platform/*.cc)

failed=0
# by_hand NAME COMPILER FLAGS...
by_hand() {
  local name=$1 start=$SECONDS result=PASSED
  shift
  if ! { "$@" -std=c++20 -O1 -I"$all/include" "${sources[@]}" -o "$all/$name" &&
    "$root/third_party/platforms/emulate.sh" "$all/$name" |
    tr -d '\r' | grep -qx '1000 events, 100 of them end with 7'; } \
    >"$all/log" 2>&1; then
    result=FAILED
    failed=1
    cat "$all/log"
  fi
  printf '%-44s %s in %ds\n' "//tests/consumers/by_hand:$name" "$result" \
    $((SECONDS - start))
}

by_hand linux g++ -pthread
by_hand windows.exe x86_64-w64-mingw32-g++-posix -static
by_hand libcxx clang++ -stdlib=libc++ -pthread
by_hand posix clang++ -stdlib=libc++ -pthread \
  -U__linux__ -U__linux -Ulinux -D_LIBCPP_HAS_THREAD_API_PTHREAD
exit $failed
