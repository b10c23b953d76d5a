# SPDX-License-Identifier: Apache-2.0

# shellcheck shell=sh
# For tests: runs programs as an ordinary user, with maps of this library.
#
#   . as_ordinary_user.sh
#   preload LIBRARY PROGRAM ARGS...
#
# As root, the user is `nobody`, who may not read what Bazel has built: both
# files are copied to where everybody may.

as_ordinary_user() {
  if [ "$(id -u)" = 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
  else
    "$@"
  fi
}

preload() (
  copies=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
  trap 'rm -rf "$copies"' EXIT
  chmod 755 "$copies"
  cp "$1" "$copies/library.so"
  cp "$2" "$copies/program"
  chmod 755 "$copies/library.so" "$copies/program"
  shift 2
  cd /tmp || exit
  as_ordinary_user env LD_PRELOAD="$copies/library.so" "$copies/program" "$@"
)

# The same with `bpfmap run`, which it copies, too. $RUN_OPTIONS are its options.
#
#   supervise BPFMAP PROGRAM ARGS...
supervise() (
  copies=$(mktemp -d /tmp/bpfmap_test.XXXXXX)
  trap 'rm -rf "$copies"' EXIT
  chmod 755 "$copies"
  cp "$1" "$copies/bpfmap"
  cp "$2" "$copies/program"
  chmod 755 "$copies/bpfmap" "$copies/program"
  shift 2
  cd /tmp || exit
  # shellcheck disable=SC2086 # options are words
  as_ordinary_user "$copies/bpfmap" run ${RUN_OPTIONS:-} -- \
    "$copies/program" "$@"
)

# One or the other: the first argument is the library or the program.
emulate() {
  case $1 in
    *.so) preload "$@" ;;
    *) supervise "$@" ;;
  esac
}

# Whether processes can be supervised here: CI demands that they can.
can_supervise() {
  supervise "$1" /bin/true && return
  [ "${REQUIRE_KERNEL:-}" != 1 ] || {
    echo "processes cannot be supervised, and REQUIRE_KERNEL=1"
    exit 1
  }
  echo "skipped: processes cannot be supervised here"
  exit 0
}
