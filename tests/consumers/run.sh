#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Uses bpfmap as others do, from folders outside this tree: with Bazel, with
# CMake, and with g++ and pkg-config. Each builds the unit test that
# docs/unit_tests.md begins with, the one of a BPF program that docs/programs.md
# does, and a program of libbpf, and runs them. The files are those that these
# pages and docs/install.md show, to the letter.
#
# Prints a line for each like Bazel's, "//tests/consumers:cmake  PASSED in 30s",
# and fails if one failed.

set -u -o pipefail

root=$(cd "$(dirname "$0")/../.." && pwd -P)
consumers=$root/tests/consumers
all=$(mktemp -d)
trap 'rm -rf "$all"' EXIT
chmod 755 "$all" # For an ordinary user.
export LC_ALL=C

# shellcheck source=syscall/as_ordinary_user.sh
. "$root/syscall/as_ordinary_user.sh"

# blocks PAGE FOLDER: each code block of PAGE as a file in FOLDER.
blocks() {
  mkdir -p "$2"
  awk -v folder="$2" '
    /^```/ { inside = !inside; file = folder "/" ++blocks; next }
    inside { print >file }
  ' "$1"
}

# block PAGE TEXT: the one code block of PAGE that has TEXT in it.
block() {
  local found
  blocks "$root/$1" "$all/blocks/$1"
  found=$(grep -lF -- "$2" "$all/blocks/$1"/*)
  if [[ $(wc -w <<<"$found") != 1 ]]; then
    echo "$1 has not exactly one code block with $2" >&2
    return 1
  fi
  cat "$found"
}

# The program and the test of docs/programs.md, here.
five_minutes() {
  block docs/programs.md '<linux/if_ether.h>' >firewall.bpf.c &&
    block docs/programs.md '<linux/types.h>' >firewall.h &&
    block docs/programs.md 'TEST(Firewall' >firewall_test.cc
}

# shown FILE: whether docs/install.md has a block that is FILE, but for the
# comment at the top of it.
shown() {
  local block
  for block in "$all"/install/*; do
    sed '1,/^$/d' "$1" | diff -q - "$block" >/dev/null && return
  done
  echo "docs/install.md does not show ${1#"$root/"}"
  return 1
}

# consumer NAME: an empty folder beside the others, with all that NAME needs.
consumer() {
  cp -r "$consumers/$1" "$all/$1"
  cp "$all/may_open_test.cc" "$root/examples/libbpf_client.cc" "$all/$1"
  local file
  for file in "$consumers/$1"/*; do
    shown "$file" || return
  done
  cd "$all/$1" || return
}

# runs TEST CLIENT: both do what they should. The client runs without any right
# to the kernel's maps.
runs() {
  "./$1" &&
    as_ordinary_user "./$2" | diff -u "$root/examples/libbpf_client.out" -
}

# This tree, built with CMake and installed. Optimizing it would take twice as
# long.
install_bpfmap() {
  cmake -S "$root" -B "$all/build" -DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG &&
    cmake --build "$all/build" --parallel "$(nproc)" &&
    cmake --install "$all/build" --prefix "$all/prefix"
}

use_bazel() {
  consumer bazel &&
    five_minutes &&
    block docs/programs.md '//programs:bpf.bzl' | sed '/rules_cc/d' >>BUILD &&
    ln -sfn "$root" "$all/bpfmap" &&
    bazel --batch --output_user_root="$all/bazel_output" \
      test //... &&
    cp bazel-bin/libbpf_client . &&
    runs bazel-bin/may_open_test libbpf_client
}

use_cmake() {
  install_bpfmap &&
    consumer cmake &&
    cmake -S . -B build -DCMAKE_PREFIX_PATH="$all/prefix" &&
    cmake --build build &&
    (cd build && ctest --output-on-failure) &&
    runs build/may_open_test build/libbpf_client &&
    cmake_five_minutes
}

# The same files with the installed bpfmap, and with its sources beside them,
# which is not built a second time.
cmake_five_minutes() {
  mkdir "$all/cmake_programs" &&
    cd "$all/cmake_programs" &&
    five_minutes &&
    block docs/programs.md 'bpfmap_bpf_object(' >CMakeLists.txt &&
    cmake -S . -B build -DCMAKE_PREFIX_PATH="$all/prefix" &&
    cmake --build build &&
    (cd build && ctest --output-on-failure) &&
    block docs/install.md 'add_subdirectory(' >beside &&
    ln -sfn "$root" "$all/bpfmap" &&
    sed -i -e '/^find_package(bpfmap/{r beside' -e 'd}' CMakeLists.txt &&
    cmake -S . -B build_beside
}

# After use_cmake: from its Debian package, without installing that.
use_pkg_config() {
  consumer pkg_config &&
    (cd "$all/build" && cpack && dpkg-deb -x ./*.deb "$all/package") &&
    PKG_CONFIG_PATH=$(find "$all/package" -name pkgconfig) &&
    export PKG_CONFIG_PATH &&
    headers &&
    make &&
    runs may_open_test libbpf_client &&
    preloads &&
    programs_by_hand
}

# By the commands of docs/programs.md, in C++ and in C; and a failing test shows
# what the page says.
programs_by_hand() {
  PATH=$PATH:/usr/sbin # of bpftool
  five_minutes &&
    block docs/programs.md 'firewall.skel.h"' >firewall_test.c &&
    block docs/programs.md 'clang -target bpf' >in_cpp &&
    block docs/programs.md 'bpftool gen skeleton' >in_c &&
    bash -e -x in_cpp &&
    bash -e -x in_c &&
    sed -i 's/seconds(11)/seconds(9)/' firewall_test.cc ||
    return
  ! bash -e in_cpp >failure &&
    sed -n '/Failure$/,/returns [0-9]/p' failure |
    diff -u <(block docs/programs.md 'firewall_test.cc:24: Failure') -
}

# Every header of the package finds all that it includes.
headers() {
  find "$all/package/usr/include" -name '*.h' -printf '#include "%P"\n' |
    sort >every_header.cc
  # The words are flags.
  # shellcheck disable=SC2046
  g++ -std=c++20 -fsyntax-only every_header.cc $(pkg-config --cflags bpfmap)
}

# The library and the program of the package, with a program that does not know
# of them.
preloads() {
  g++ -std=c++20 libbpf_client.cc -o plain_client -lbpf &&
    preload "$(find "$all/package" -name libbpfmap_preload.so)" plain_client |
    diff -u "$root/examples/libbpf_client.out" - &&
    supervise "$all/package/usr/bin/bpfmap" plain_client |
    diff -u "$root/examples/libbpf_client.out" -
}

failed=0
# step NAME COMMAND...: runs it, and shows what it prints only if it fails.
step() {
  local name=$1 start=$SECONDS result=PASSED
  shift
  if ! ("$@") >"$all/log" 2>&1; then
    result=FAILED
    failed=1
    cat "$all/log"
  fi
  printf '%-40s %s in %ds\n' "//tests/consumers:$name" "$result" \
    $((SECONDS - start))
}

block docs/unit_tests.md 'TEST(MayOpenTest' >"$all/may_open_test.cc" || exit
blocks "$root/docs/install.md" "$all/install"
step cmake use_cmake
step pkg_config use_pkg_config
step bazel use_bazel
exit $failed
