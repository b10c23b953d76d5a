#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: debian_libraries.sh ARCHITECTURE FOLDER
#
# Unpacks Abseil and GoogleTest of a Debian architecture into FOLDER, as
# FOLDER/usr/lib/..., from where this machine gets its packages. The apt
# state of this machine stays as it is: this one has its own.

set -eu

architecture=$1
folder=$2

mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
cd "$folder"
: >apt/status

apt_get() {
  apt-get -q -y \
    -o APT::Architecture="$architecture" \
    -o APT::Architectures="$architecture" \
    -o APT::Sandbox::User=root \
    -o Dir::State="$PWD/apt" \
    -o Dir::State::Lists="$PWD/apt/lists" \
    -o Dir::State::status="$PWD/apt/status" \
    -o Dir::Cache="$PWD/apt/cache" \
    -o Acquire::Languages=none \
    "$@"
}

# Not fatal: of a mirror that lacks one index, the others may do.
apt_get update || echo "debian_libraries.sh: going on with what there is" >&2
apt_get download libabsl-dev libgmock-dev libgtest-dev
for package in *.deb; do
  dpkg -x "$package" .
done
rm -rf apt ./*.deb
