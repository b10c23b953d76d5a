#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#
# Runs process_counter as a user does and looks at what it prints.
#
#   process_counter_test.sh PROGRAM RECORDING
#
# The counts are checked against awk, which reads the recording by itself.

set -u

program=$1
recording=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

# expect NAME WANTED GOT
expect() {
  if [[ "$2" == "$3" ]]; then
    echo "ok: $1"
  else
    failed=1
    echo "FAILED: $1"
    diff <(echo "$2") <(echo "$3") | head -20
  fi
}

# run ARGS...: sets out, err and code.
run() {
  "$program" "$@" >"$tmp/out" 2>"$tmp/err"
  code=$?
  out=$(<"$tmp/out")
  err=$(<"$tmp/err")
}

# The table as awk sees it: "CALLS PID NAME", the name being the last one that
# strace shows for the process. (The recording has no threads.)
awk_rows() {
  awk '{
         split($1, task, /[<>]/)
         name[task[1]] = task[2]
       }
       $2 ~ /^openat\(/ { ++calls[task[1]] }
       END { for (pid in calls) print calls[pid], pid, name[pid] }' "$1" |
    sort -k1,1nr -k2,2n
}

# The table of the last run, in the same form.
program_rows() {
  awk 'NF == 0 { exit } NR > 1 { print $3, $1, $2 }' "$tmp/out"
}

lines=$(wc -l <"$recording")
calls=$(grep -c ' openat(' "$recording")
processes=$(awk_rows "$recording" | wc -l)

run --top=0 "$recording"
expect "a recording is counted" 0 "$code"
expect "nothing is said on stderr" "" "$err"
expect "the counts are those of awk" "$(awk_rows "$recording")" \
  "$(program_rows)"
expect "the last lines sum up" "
total calls: $calls
processes: $processes
lines read: $lines
lines not parsed: 0" "$(tail -n 5 <<<"$out")"
all=$out

run --top=0 - <"$recording"
expect "- reads stdin" "$all" "$out"

run --top=0
expect "the recording is the default" "$all" "$out"
expect "which is said" 1 "$(wc -l <"$tmp/err")"

# As it lies in bazel-bin, with its runfiles beside it.
mkdir -p "$tmp/bin/process_counter.runfiles/bpfmap/examples/data"
cp "$program" "$tmp/bin/process_counter"
cp "$recording" "$tmp/bin/process_counter.runfiles/bpfmap/examples/data"
(cd / && "$tmp/bin/process_counter" --top=0) >"$tmp/out" 2>"$tmp/err"
expect "it is found from any directory" "$all" "$(<"$tmp/out")"

BUILD_WORKING_DIRECTORY=$(dirname "$recording") \
  run --top=0 "$(basename "$recording")"
expect "a name is relative to where bazel run was typed" "$all" "$out"

# Names without strace -Y: from execve() and the calls that make processes.
sed 's/^\([0-9]*\)<[^>]*>/\1/' "$recording" >"$tmp/plain"
run --top=0 "$tmp/plain"
expect "names are found without strace -Y" "$all" "$out"

# Lines as strace writes them to a terminal, with time stamps.
sed 's/^\([0-9]*\) /[pid \1] 16:20:01.123456 /; s/$/\r/' "$tmp/plain" \
  >"$tmp/terminal"
run --top=0 "$tmp/terminal"
expect "other layouts are the same calls" "$all" "$out"

run --top=2 "$recording"
expect "--top=2 shows two" "$(head -n 3 <<<"$all")
    ...  $((processes - 2)) more; --top=0 shows all" "$(head -n 4 <<<"$out")"

run --top=0 --max_entries=3 "$recording"
kept=$(program_rows | awk '{ sum += $1 } END { print sum }')
expect "a full map is no failure" 0 "$code"
expect "a full map has three processes" 3 "$(program_rows | wc -l)"
expect "every call it drops is reported" \
  "calls dropped, the map is full: $((calls - kept)); see --max_entries" \
  "$(grep dropped <<<"$out")"

{
  echo 'make: Nothing to be done for all.'
  printf '7 openat(AT_FDCWD, "a\\0b", O_RDONLY) = 3\n'
  printf '\0\1\377binary\033[31m\n'
  echo
  head -c 3000000 /dev/zero | tr '\0' 'x'
  echo
  printf '7 openat(AT_FDCWD, "b", O_RDONLY <unfinished ...>\n'
  printf '7 <... openat resumed>) = 3\n'
  printf '7 openat(AT_FDCWD, "broken o'
} >"$tmp/garbage"
run "$tmp/garbage"
expect "garbage is no failure" 0 "$code"
expect "garbage is counted and shown" \
  '    PID  COMMAND          OPENAT CALLS
      7  ?                           2

total calls: 2
processes: 1
lines read: 8
lines not parsed: 5
first line not parsed: 1: "make: Nothing to be done for all."' \
  "$out"

printf '\0\1\377\033[31m"\n' >"$tmp/binary"
run "$tmp/binary"
expect "bytes that are not text are shown escaped" \
  'first line not parsed: 1: "\x00\x01\xff\x1b[31m\""' \
  "$(tail -n 1 <<<"$out")"

run "$program"
expect "a binary file is no failure" 0 "$code"

run /dev/null
expect "an empty input is no failure" 0 "$code"
expect "an empty input has no calls" "no openat calls

lines read: 0
lines not parsed: 0" "$out"

# fails NAME MESSAGE ARGS...
fails() {
  local name=$1 message=$2
  shift 2
  run "$@"
  expect "$name exits with 1" 1 "$code"
  expect "$name prints nothing" "" "$out"
  expect "$name is one clear line" "$message" "$err"
}

fails "a missing file" \
  "process_counter: cannot open no/such/file: No such file or directory" \
  no/such/file
fails "a directory" "process_counter: cannot read $tmp: Is a directory" "$tmp"
fails "a second file" \
  "process_counter: more than one file named; see --help" a b

run --max_entries=0 "$recording"
expect "a map without room exits with 1" 1 "$code"
expect "a map without room is one line" 1 "$(wc -l <"$tmp/err")"

run --help
expect "--help tells the usage" 1 "$(grep -c '^ *Usage:' <<<"$out")"
for flag in --top --max_entries; do
  expect "--help lists $flag" 1 "$(grep -c -e "$flag " <<<"$out")"
done

"$program" "$recording" >/dev/full 2>"$tmp/err"
expect "output that cannot be written exits with 1" 1 $?

exit $failed
