#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: source_libraries.sh FOLDER DRIVER AR FLAGS...
#
# Compiles Abseil and GoogleTest from Debian's source packages for a machine
# that Debian has no packages for, into FOLDER/lib, with their headers in
# FOLDER/include. DRIVER, the compiler's, AR and FLAGS are those of the machine.
# Takes some three minutes of one core.

set -eu -o pipefail

folder=$1
driver=$2
ar=$3
shift 3
flags=("$@")

mkdir -p "$folder"/{include,lib,apt/lists/partial,apt/cache/archives/partial}
cd "$folder"
: >apt/status

apt_get() {
  # The places that this machine gets its packages from, for sources.
  sed -s 's/^Types: .*/Types: deb-src/' \
    /etc/apt/sources.list.d/debian.sources >apt/deb-src.sources
  apt-get -q \
    -o APT::Sandbox::User=root \
    -o Dir::State="$PWD/apt" \
    -o Dir::State::Lists="$PWD/apt/lists" \
    -o Dir::State::status="$PWD/apt/status" \
    -o Dir::Cache="$PWD/apt/cache" \
    -o Dir::Etc::sourcelist="$PWD/apt/deb-src.sources" \
    -o Dir::Etc::sourceparts=/dev/null \
    "$@"
}

# Not fatal: of a mirror that lacks one index, the others may do.
apt_get update || echo "source_libraries.sh: going on with what there is" >&2
apt_get source --download-only abseil
mkdir -p source
tar -C source --strip-components=1 -xf abseil_*.orig.tar.*
googletest=/usr/src/googletest

# libNAME.a from the sources whose names come on the standard input.
library() {
  local name=$1
  mkdir -p "objects/$name"
  # shellcheck disable=SC2016  # "$@" and "$0" are of the inner shell.
  xargs -P "$(nproc)" -I{} sh -c \
    'exec "$@" -c "$0" -o "objects/'"$name"'/$(echo "$0" | tr / _).o"' {} \
    "$driver" -std=c++20 -O1 -fno-omit-frame-pointer -w -DNDEBUG -Isource \
    -I"$googletest/googletest" -I"$googletest/googletest/include" \
    -I"$googletest/googlemock" -I"$googletest/googlemock/include" \
    "${flags[@]}"
  "$ar" rcs "lib/lib$name.a" "objects/$name"/*.o
}

find source/absl -name '*.cc' -not -path '*/random/*' \
  -not -name '*test*' -not -name '*benchmark*' -not -name '*mock*' \
  -not -name 'print_hash_of.cc' -not -name 'gaussian*' | sort | library absl
printf '%s\n' "$googletest"/googletest/src/gtest-all.cc \
  "$googletest"/googlemock/src/gmock-all.cc | library gtest
echo "$googletest/googlemock/src/gmock_main.cc" | library gmock_main

# Each library that pkg-config names for Debian's packages is one of these, or
# nothing.
for module in $(pkg-config --list-all | sed -n 's/^absl_\([^ ]*\).*/\1/p'); do
  ln -sf libabsl.a "lib/libabsl_$module.a"
done
ln -sf libgtest.a lib/libgmock.a
ln -sf libgmock_main.a lib/libgtest_main.a
"$ar" rcs lib/libnothing.a
for name in rt atomic; do
  ln -sf libnothing.a "lib/lib$name.a"
done

(cd source && find absl -name '*.h' -o -name '*.inc') |
  while read -r header; do
    install -D -m 644 "source/$header" "include/$header"
  done
cp -r "$googletest"/googletest/include/gtest \
  "$googletest"/googlemock/include/gmock include
rm -rf apt source objects ./abseil_*
