#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Tests extract_snippets.awk: extract_snippets_test.sh EXTRACTOR.

set -u

extractor=$PWD/$1
failed=0
cd "$TEST_TMPDIR" || exit 1

# extract OUTS <PAGE: sets $code; messages go to `messages`.
extract() {
  rm -f ./*.cc
  awk -v page=page.md -v outs="$1" -f "$extractor" 2>messages
  code=$?
}

# is WHAT EXPECTED ACTUAL
is() {
  [ "$2" = "$3" ] && return
  failed=1
  printf 'FAILED: %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
}

extract "1.cc 2.cc" <<'PAGE'
Words.
<!-- snippet: file -->
```cpp
#include <vector>
int x;
```
<!-- snippet: setup
struct Event;
-->
<!-- snippet: fragment(const Event& event, int (*f)(int)) -->
```cpp
#include <map>
f(1);
```
```sh
ls
```
PAGE
is "two blocks are two files" 0 "$code"
is "a file is the block" '#line 4 "page.md"
#include <vector>
int x;' "$(cat 1.cc)"
is "a fragment is a function" '#line 8 "page.md"
struct Event;
#line 12 "page.md"
#include <map>
void Snippet(const Event& event, int (*f)(int));
void Snippet(const Event& event, int (*f)(int)) {
#line 12 "page.md"

f(1);
}' "$(grep -v '^#pragma' 2.cc)"

extract "1.cc" <<'PAGE'
```cpp
int x;
```
PAGE
is "a block needs a comment" 1 "$code"
is "which is said, with the line" 1 "$(grep -c '^page.md:1: ' messages)"

extract "1.cc" <<'PAGE'
<!-- snippet: flie -->
```cpp
int x;
```
PAGE
is "a comment is spelled right" 1 "$code"

extract "" <<'PAGE'
<!-- snippet: file -->
```cpp
int x;
```
PAGE
is "one block more is an error" 1 "$code"

extract "1.cc" <<'PAGE'
Words.
PAGE
is "one block less is an error" 1 "$code"

extract "1.cc" <<'PAGE'
<!-- snippet: file -->
```cpp
int x;
PAGE
is "a block has an end" 1 "$code"

extract "" <<'PAGE'
<!-- snippet: file -->
PAGE
is "a comment has a block" 1 "$code"

exit $failed
