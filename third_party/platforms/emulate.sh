#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Usage: emulate.sh PROGRAM ARGS...
#
# Runs PROGRAM by the emulator of the machine that it is for; a script, or a
# program for this machine, as it is.

set -eu

run_windows_program() {
  # wine's idea of a disk and a registry, made at the first call. What the third
  # variable leaves out would ask to download things; the debugger would make a
  # success of a crash.
  made="${TMPDIR:-/tmp}/bpfmap-wine-disk-$(id -u)"
  export WINEPREFIX="$made"
  without='mscoree=;mshtml=;winemenubuilder.exe=;winedbg.exe='
  export WINEDEBUG=-all WINEDLLOVERRIDES="$without"
  wine=/usr/lib/wine/wine64
  if [ ! -e "$made/made" ]; then
    (
      flock 9
      if [ ! -e "$made/made" ]; then
        "$wine" wineboot --init >/dev/null 2>&1 9>&-
        # The registry is written as the server ends.
        /usr/lib/wine/wineserver64 --wait 9>&-
      fi
      : >"$made/made"
    ) 9>"$made.lock"
  fi
  # Each test has a server of its own, and so a copy of the disk. Bazel kills
  # all that a test has started when the test is over. If that were the server
  # of another test too, threads of that one would vanish, or all of it, with
  # the exit code 0.
  if [ -n "${TEST_TMPDIR-}" ]; then
    WINEPREFIX="$TEST_TMPDIR/wine"
    rm -rf "$WINEPREFIX"
    mkdir "$WINEPREFIX"
    # Of what wine only reads, links will do, if it is the same file system.
    for part in drive_c dosdevices; do
      cp -al "$made/$part" "$WINEPREFIX" 2>/dev/null ||
        cp -a "$made/$part" "$WINEPREFIX"
    done
    cp -a "$made"/*.reg "$made/.update-timestamp" "$WINEPREFIX"
  fi
  if [ -z "${XML_OUTPUT_FILE-}" ]; then
    exec "$wine" "$@"
  fi
  # To a program for Windows, a path is absolute from the disk on. GoogleTest
  # writes the file last: without it, the program did not come to its end,
  # whatever its exit code says.
  report="$XML_OUTPUT_FILE"
  export XML_OUTPUT_FILE="Z:$report"
  "$wine" "$@" || exit
  if [ ! -s "$report" ]; then
    echo "emulate.sh: wine ended $1 early" >&2
    exit 1
  fi
  exit 0
}

# On qemu's board BARE_MACHINE.
run_bare_program() {
  exec qemu-system-arm -M "${BARE_MACHINE:-mps2-an386}" -nographic \
    -monitor none -serial none -semihosting-config enable=on,target=native \
    -icount shift=0 -kernel "$1"
}

# Bytes of a file, in hexadecimal: LENGTH of them from OFFSET on.
bytes() {
  od -An -tx1 -j "$2" -N "$3" "$1" | tr -d ' \n'
}

case $(bytes "$1" 0 4) in
  7f454c46) ;; # ELF
  4d5a*) run_windows_program "$@" ;;
  *) exec "$@" ;;
esac

# The machine and, of ARM, which floating point: firmware here has none.
case $(bytes "$1" 18 2)-$(bytes "$1" 36 4) in
  0016-*) exec qemu-s390x-static "$@" ;;
  b700-*) exec qemu-aarch64-static "$@" ;;
  2800-00020005) run_bare_program "$@" ;;
  2800-*) exec qemu-arm-static "$@" ;;
  0300-*) exec qemu-i386-static "$@" ;;
  *) exec "$@" ;;
esac
