#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests bazelw with a PATH that holds nothing but fakes of bazel, apt-get, sudo
# and id, and the few real tools that bazelw calls. Each fake writes its command
# line to $log.

set -u

readonly bazelw=$PWD/bazelw
readonly bin=$TEST_TMPDIR/bin
readonly log=$TEST_TMPDIR/log
readonly out=$TEST_TMPDIR/out
readonly err=$TEST_TMPDIR/err
sh=$(command -v sh)
readonly sh
failures=0

# fake NAME BODY: puts an executable on the private PATH.
fake() {
  printf '#!%s\necho "%s $*" >>%s\n%s\n' "$sh" "$1" "$log" "$2" >"$bin/$1"
  chmod +x "$bin/$1"
}

# An apt-get whose install command brings bazel, as the real one does.
fake_apt_get() {
  fake bazel-of-apt 'echo output of bazel'
  fake apt-get "test \$1 = update || cp $bin/bazel-of-apt $bin/bazel"
}

# machine UID: an empty log, and a PATH without bazel, apt-get and sudo.
machine() {
  rm -rf "$bin" "$log"
  mkdir -p "$bin"
  touch "$log"
  local tool
  for tool in cp dirname env sed sh; do
    ln -s "$(command -v "$tool")" "$bin/$tool"
  done
  fake id "echo $1"
}

# run ARGS...: bazelw on that machine; sets $status.
run() {
  PATH=$bin "$bazelw" "$@" >"$out" 2>"$err"
  status=$?
}

# check WHAT COMMAND...: one assertion.
check() {
  local what=$1
  shift
  "$@" && return
  failures=$((failures + 1))
  echo "FAILED: $name: $what"
  echo "status $status; log, stdout, stderr:"
  cat "$log" "$out" "$err"
}

logged() { grep -qxE "$1" "$log"; }
says_on_one_line() { [[ $(wc -l <"$err") == 1 ]] && grep -q "$1" "$err"; }

name="bazel is there"
machine 1000
fake bazel 'echo output of bazel'
fake apt-get 'exit 1'
run test //... --flag='two words'
check "runs bazel with its arguments" logged 'bazel.* test //\.\.\. --flag=two words'
check "runs nothing else" [ "$(grep -c . "$log")" = 1 ]
check "adds no output" [ "$(cat "$out" "$err")" = "output of bazel" ]
check "succeeds" [ $status = 0 ]

name="bazel's exit status"
machine 1000
fake bazel 'exit 3'
run test //...
check "is bazelw's" [ $status = 3 ]

name="bazel is missing, as root"
machine 0
fake_apt_get
fake sudo 'exit 1'
run build //maps
check "updates" logged 'apt-get update'
check "installs the list" logged 'apt-get install .* bazel-bootstrap .*libabsl-dev.*'
# shellcheck disable=SC2016  # `check` evaluates it, here and below.
check "leaves out the comments" eval '! grep -q "#" "$log"'
check "says so" grep -q '^bazelw: no bazel here: installing with apt-get: bazel-' "$err"
check "does without sudo" eval '! logged "sudo.*"'
check "then runs bazel" logged 'bazel-of-apt build //maps'
check "stdout is bazel's alone" [ "$(cat "$out")" = "output of bazel" ]
check "succeeds" [ $status = 0 ]

name="bazel is missing, not root, with sudo"
machine 1000
fake_apt_get
fake sudo 'exec "$@"'
run build //maps
check "installs through sudo" logged 'sudo .*apt-get install .*bazel-bootstrap.*'
check "then runs bazel as oneself" logged 'bazel-of-apt build //maps'
check "succeeds" [ $status = 0 ]

name="bazel is missing, neither root nor sudo"
machine 1000
fake_apt_get
run build //maps
check "says what root should do" says_on_one_line 'As root: apt-get install bazel-'
check "fails" [ $status = 1 ]

name="bazel and apt-get are missing"
machine 0
run build //maps
check "says so" says_on_one_line 'no apt-get'
check "fails" [ $status = 1 ]

name="apt-get fails"
machine 0
fake apt-get 'echo E: broken >&2; exit 100'
run build //maps
# shellcheck disable=SC2016
check "says so last" eval 'tail -n 1 "$err" | grep -q "^bazelw: apt-get could not install: "'
check "fails" [ $status = 1 ]

name="apt-get succeeds without bringing bazel"
machine 0
fake apt-get ''
run build //maps
# shellcheck disable=SC2016
check "says so last" eval 'tail -n 1 "$err" | grep -q "still there is no bazel"'
check "fails" [ $status = 1 ]

name="the working directory"
root=$(cd "$(dirname "$bazelw")" && pwd -P)
machine 1000
fake bazel 'pwd -P'
cd "$TEST_TMPDIR" || exit
run info
check "is the workspace when called from outside" [ "$(cat "$out")" = "$root" ]
cd "$root/third_party" || exit
run info
check "stays when it is inside" [ "$(cat "$out")" = "$root/third_party" ]

[ $failures = 0 ] && echo "PASSED"
exit $((failures > 0))
