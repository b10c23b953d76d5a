#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: left_out.sh MACHINE           prints the tests that it leaves out
#        left_out.sh --check MACHINE... compares them with docs/portability.md
#
# MACHINE is a configuration of .bazelrc. In the table "What is left out" of the
# page, the first column names targets as Bazel does, those after "but" excepted,
# and the second one machines. Every test that a row names is to be left out on
# its machines, and no other test. Prints a line for each machine like Bazel's,
# and fails if one failed.

set -u -o pipefail
cd "$(dirname "$0")/../.." || exit 1

# Lines "left out //TEST" and "runs //TEST" of a machine. The tests of
# consumers are of other workspaces.
tests_of() {
  ./bazelw cquery --config="$1" --noshow_progress 'kind(test, //...)' \
    --output=starlark \
    --starlark:file=third_party/platforms/left_out.cquery |
    sed 's|: @//|: //|; s/: / /' | LC_ALL=C sort -u
}

# Reads the page, then lines of tests_of(); prints what differs on $1.
compare() {
  awk -v machine="$1" '
    # Whether `pattern`, as of a Bazel command line, names `label`.
    function names(pattern, label, package) {
      package = label
      sub(/:.*/, "", package)
      if (pattern ~ /\/\.\.\.$/) {
        sub(/\/?\.\.\.$/, "", pattern)
        return pattern == "/" || package == pattern ||
               index(package, pattern "/") == 1
      }
      if (sub(/:all$/, "", pattern)) return package == pattern
      return pattern == label
    }
    # Whether the words `first` to `last` of `row` name `label`.
    function any(row, first, last, label, i, found) {
      for (i = first; i <= last; ++i) {
        if (names(word[row, i], label)) found = used[row, i] = 1
      }
      return found
    }
    FNR == NR {
      if (/^## /) inside = /^## What is left out/
      if (!inside || !/^\| `\/\//) next
      split($0, cell, "|")
      if (!((" " cell[3] " ") ~ ("[ `]" machine "[ `,]"))) next
      gsub(/[`,]/, " ", cell[2])
      words[++rows] = split(cell[2], text, " ")
      but[rows] = words[rows] + 1
      for (i = 1; i <= words[rows]; ++i) {
        word[rows, i] = text[i]
        if (text[i] == "but") but[rows] = i
      }
      next
    }
    {
      label = $NF
      left_out = /^left out /
      said = 0
      for (row = 1; row <= rows; ++row) {
        excepted = any(row, but[row] + 1, words[row], label)
        if (any(row, 1, but[row] - 1, label) && !excepted) said = 1
      }
      if (left_out && !said) print label ": left out, but not in the table"
      if (!left_out && said) print label ": runs, but the table leaves it out"
      ++seen
    }
    END {
      if (!seen) {
        print "no tests at all"
        exit
      }
      for (row = 1; row <= rows; ++row) {
        for (i = 1; i <= words[row]; ++i) {
          if (i != but[row] && !used[row, i]) print word[row, i] ": no test"
        }
      }
    }' docs/portability.md -
}

if [[ ${1-} != --check ]]; then
  tests_of "$1" | sed -n 's/^left out //p'
  exit
fi

shift
failed=0
for machine; do
  start=$SECONDS
  result=PASSED
  differences=$(tests_of "$machine" | compare "$machine") || result=FAILED
  if [[ -n $differences ]]; then
    result=FAILED
    echo "$differences"
  fi
  [[ $result == PASSED ]] || failed=1
  printf '%-44s %s in %ds\n' "//third_party/platforms:left_out_$machine" \
    "$result" $((SECONDS - start))
done
exit $failed
