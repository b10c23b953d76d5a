#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: embedded_symbols_test.sh NM EMBEDDED CONTROL
#
# Looks at the symbols of EMBEDDED, an object with a program that uses every
# map of the embedded profile. It must name nothing that needs a heap or an
# operating system, and no Resize(). The same look at CONTROL, an object that
# does name all of it, must find it: so a pattern that never matches anything
# is a failure too.

set -u

nm=$1
embedded=$2
control=$3

# Each forbidden thing, and the extended regular expression for it. Placement new,
# operator new(unsigned long, void*), takes no memory and may be there.
size='unsigned (long|int|long long)'
more='(, std::(align_val_t|nothrow_t const&))*'
forbidden=(
  'Resize'             '::Resize\('
  'operator new'       "^operator new\($size$more\)"
  'operator new[]'     "^operator new\[\]\($size$more\)"
  'operator delete'    '^operator delete\(void\*(, (unsigned|std::).*)?\)'
  'operator delete[]'  '^operator delete\[\]\(void\*(, (unsigned|std::).*)?\)'
  'malloc'             '^malloc$'
  'calloc'             '^calloc$'
  'realloc'            '^realloc$'
  'free'               '^free$'
  'aligned memory'     '^(aligned_alloc|posix_memalign|memalign)$'
  'Abseil'             'absl::'
  'threads of C++'     'std::(this_)?thread'
  'threads of POSIX'   '^pthread_'
  'system calls'       '^(syscall|.*futex.*)$'
  'code before main'   '^(__cxa_atexit|_GLOBAL__sub_I.*|global constructors.*)$'
)

# All that the embedded maps may leave to others: what every compiler expects
# to find, even where there is no C library; what its hardening adds; and what
# the virtual functions of an abstract class are until it is derived from.
allowed='^(mem(cpy|move|set|cmp)|__mem(cpy|move|set)_chk|__stack_chk_fail'
allowed+='|_GLOBAL_OFFSET_TABLE_|__cxa_pure_virtual)$'

failures=0
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# Names alone, one a line: "0000000000000000 W bpfmap::..." without the start.
# The second argument is an option for nm, if any.
names() {
  "$nm" -C ${2:+"$2"} "$1" | sed -nE 's/^[0-9a-f]* +[A-Za-z] //p' | sort -u
}

embedded_names=$(names "$embedded")
control_names=$(names "$control")

for map in ArrayMap HashMap; do
  grep -qF "bpfmap::$map<bpfmap::Embedded>::" <<<"$embedded_names" ||
    fail "$embedded has no code of $map<Embedded>: a look at it says nothing"
done

for ((i = 0; i < ${#forbidden[@]}; i += 2)); do
  what=${forbidden[i]}
  pattern=${forbidden[i + 1]}
  if found=$(grep -E "$pattern" <<<"$embedded_names"); then
    fail "$embedded has $what:"$'\n'"$found"
  fi
  grep -qE "$pattern" <<<"$control_names" ||
    fail "$control has no $what, so its absence elsewhere says nothing"
done

if found=$(names "$embedded" --undefined-only | grep -vE "$allowed"); then
  fail "$embedded wants more than memcpy and its like:"$'\n'"$found"
fi
names "$control" --undefined-only | grep -qvE "$allowed" ||
  fail "$control wants nothing, so that says nothing"

((failures == 0)) && echo "PASSED"
exit $((failures > 0))
