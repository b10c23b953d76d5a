#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests the command line of report: report_command_test.sh REPORT SAMPLE.

set -u

readonly report=$PWD/$1
readonly sample=$PWD/$2
readonly tmp=$TEST_TMPDIR
failed=0

expect() {  # WHAT EXPECTED ACTUAL
  [[ "$2" == "$3" ]] && return
  failed=1
  printf 'FAILED: %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
}

# run ARGS...: sets $code, $out and $err.
run() {
  (cd "$tmp" && "$report" "$@") >"$tmp/out" 2>"$tmp/err"
  code=$?
  out=$(<"$tmp/out")
  err=$(<"$tmp/err")
}

# fails MESSAGE ARGS...: 1, and that one line.
fails() {
  local message=$1
  shift
  run "$@"
  expect "report $* ends with 1" 1 "$code"
  expect "report $* says why" "report: $message" "$err"
  expect "report $* writes no page" "" "$out"
}

run "$sample" --out=page.html
expect "a page is made" 0 "$code"
cp "$tmp/err" "$tmp/err.one"
expect "and said" 1 "$(grep -cE '^report: page.html has [0-9]+ rows$' "$tmp/err")"
expect "it is HTML" "<!DOCTYPE html>" "$(head -n 1 "$tmp/page.html")"
expect "it is whole" "</html>" "$(tail -n 1 "$tmp/page.html")"
expect "nothing is loaded from elsewhere" "" \
  "$(grep -oE '(src|href)="[^#"]*"|url\(|@import|<script|https?://' \
    "$tmp/page.html")"

run - --out=- <"$sample"
expect "stdin and stdout do too" 0 "$code"
expect "with the same page" "$(<"$tmp/page.html")" "$out"
expect "and nothing is said" "" "$err"

cp "$sample" "$tmp/again.json"
run "$sample" again.json --out=both.html
expect "two files make a page" \
  "$((2 * $(grep -oE '[0-9]+ rows' "$tmp/err.one" | cut -d' ' -f1)))" \
  "$(grep -oE '[0-9]+ rows' "$tmp/err" | cut -d' ' -f1)"

echo "Words." >"$tmp/results.md"
for round in once twice; do
  run --markdown --out=results.md "$sample"
  expect "tables are made $round" 0 "$code"
  expect "and what stands above them stays" "Words." \
    "$(head -n 1 "$tmp/results.md")"
  expect "with the goals, in one place" 1 \
    "$(grep -c '^### hash, key/value 4/8 bytes, in a program' \
      "$tmp/results.md")"
done

mkdir "$tmp/elsewhere"
cp "$sample" "$tmp/elsewhere/results.json"
export BUILD_WORKING_DIRECTORY=$tmp/elsewhere
run results.json
expect "bazel run: names are the user's" 0 "$code"
expect "report.html is the name" "$(<"$tmp/page.html")" \
  "$(<"$tmp/elsewhere/report.html")"
unset BUILD_WORKING_DIRECTORY

fails "cannot read none.json: No such file or directory" none.json
fails "cannot read elsewhere: Is a directory" elsewhere
head -c 1000 "$sample" >"$tmp/half.json"
fails "half.json: not JSON, or cut off" half.json --out=-
fails 'stdin: not JSON, or cut off' - </dev/null
echo '[1]' >"$tmp/other.json"
fails 'other.json: no "benchmarks" in it: not the JSON of Google Benchmark' \
  other.json --out=-
echo '{"benchmarks": []}' >"$tmp/empty.json"
fails "empty.json: no benchmark rows" empty.json --out=-
fails "cannot write no/page.html: No such file or directory" "$sample" \
  --out=no/page.html
fails "name a file; see --help"
if [[ -c /dev/full ]]; then
  run "$sample" --out=/dev/full
  expect "a full disk is a failure" 1 "$code"
fi

run --no_such_flag
expect "an unknown flag is a failure" 1 "$code"

run --help
expect "--help is none" 0 "$code"
for word in Usage: --out=FILE stdin RESULTS.json; do
  grep -qe "$word" "$tmp/out"
  expect "--help tells of $word" 0 $?
done

exit $failed
