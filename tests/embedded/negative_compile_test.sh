#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: negative_compile_test.sh COMPILER
#
# Compiles files that must not compile, and looks for the right reason in what
# the compiler says. Each has a control, the same file with other macros, that
# must compile: so a file that is broken in some other way is a failure too.

set -u

compiler=$1
failures=0

# The root of the workspace, where Bazel runs a test, as "bpfmap/...".
ln -s "$PWD" "$TEST_TMPDIR/bpfmap"

compile() {
  # Macros are words without spaces.
  # shellcheck disable=SC2086
  "$compiler" -x c++ -std=c++20 -fsyntax-only -I"$TEST_TMPDIR" $2 "tests/embedded/$1" 2>&1
}

# refuses FILE MACROS REASON CONTROL: FILE with MACROS does not compile, and
# the compiler says REASON, an extended regular expression; with the macros of
# CONTROL it compiles. The reason must not be given by the names of the macros.
refuses() {
  local file=$1 macros=$2 reason=$3 control=$4 output failed=0
  if output=$(compile "$file" "$macros"); then
    echo "FAILED: $file compiles with $macros"
    failed=1
  elif ! grep -qE "$reason" <<<"$output"; then
    echo "FAILED: $file with $macros does not compile, but not for /$reason/:"
    echo "$output"
    failed=1
  fi
  if ! output=$(compile "$file" "$control"); then
    echo "FAILED: $file does not even compile with $control:"
    echo "$output"
    failed=1
  fi
  ((failed == 0)) && echo "ok: $file $macros"
  failures=$((failures + failed))
}

# gcc and clang word and quote their reasons differently, and gcc translates
# them.
export LC_ALL=C
not_resizable="kResizable.* evaluated to '?false"
no_event='Event'
no_default='P::DefaultMemory\(\)'

refuses resize_snippet.cc '-DMAP=ArrayMap -DPROFILE=Embedded' \
  "$not_resizable" '-DMAP=ArrayMap -DPROFILE=Cloud'
refuses resize_snippet.cc '-DMAP=HashMap -DPROFILE=Embedded' \
  "$not_resizable" '-DMAP=HashMap -DPROFILE=Cloud'
refuses default_memory_snippet.cc '-DMAP=ArrayMap -DPROFILE=Embedded' \
  "$no_default" '-DMAP=ArrayMap -DPROFILE=Cloud'
refuses default_memory_snippet.cc '-DMAP=HashMap -DPROFILE=Embedded' \
  "$no_default" '-DMAP=HashMap -DPROFILE=Cloud'
refuses poll_snippet.cc '-DMAP=RingBuffer -DPROFILE=Embedded' \
  "$no_event" '-DMAP=RingBuffer -DPROFILE=Cloud'

refuses lru_snippet.cc '-DPROFILE=Embedded' \
  'LRU_PERCPU_HASH is for profiles with threads' '-DPROFILE=Cloud'

refuses stack_trace_snippet.cc '-DPROFILE=Embedded' \
  'StackTraceMap is for profiles that have CallStack' '-DPROFILE=Cloud'

refuses flags_snippet.cc '-DFLAG=kRdOnly' \
  'ElemFlags' '-DFLAG=kNoExist'
refuses flags_snippet.cc '-DFLAG=1' 'ElemFlags' '-DFLAG=ElemFlags{1}'

exit $((failures > 0))
