#!/bin/bash
#
# Runs every row of the benchmark for a moment: all of them must be there, and
# none may show an error. Says nothing about speed.
#
#   map_bench_smoke_test.sh PROGRAM
#
# The rows of the kernel are asked for where bpf(2) is permitted, and with
# REQUIRE_KERNEL=1 in any case.

set -u

program=$1
tmp=${TEST_TMPDIR:-$(mktemp -d)}
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

# The names that there must be, for the implementations of `all` (any size) and
# those of `small` (what fits into 64 KiB).
expected_rows() {
  local all="cloud/program cloud/user" small="embedded/program embedded/user"
  local map operation sizes entries threads implementation
  if [[ "$1" == with_kernel ]]; then
    all+=" kernel/user"
  fi
  for map in hash array; do
    for operation in lookup_hit lookup_miss update insert_delete; do
      [[ $map/$operation == array/insert_delete ]] && continue
      for sizes in k4v8 k16v64; do
        # The key of an array has 4 bytes.
        [[ $map == array ]] && sizes=${sizes/k16/k4}
        for entries in n1024 n65536; do
          for implementation in $all $small; do
            [[ $implementation == embedded* &&
              $sizes/$entries != k4v8/n1024 ]] && continue
            for threads in 1 2; do
              printf '%s/' "$map/$operation/$implementation/$sizes/$entries"
              echo "real_time/threads:$threads"
            done
          done
        done
      done
    done
  done | sort
}

# values FIELD: what the rows of the last run have there.
values() {
  sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" \
    "$tmp/rows.json"
}

run --benchmark_min_time=0 --benchmark_out="$tmp/rows.json" \
  --benchmark_out_format=json
expect "the program ends with 0" 0 "$code"

kernel=with_kernel
if [[ "${REQUIRE_KERNEL:-}" != 1 ]] && grep -q "no rows of the kernel" \
  "$tmp/err"; then
  kernel=without_kernel
  expect "that the kernel is missing is one line" 1 \
    "$(grep -c "no rows of the kernel" "$tmp/err")"
fi
echo "rows are expected $kernel"

rows=$(expected_rows $kernel)
count=$(wc -l <<<"$rows")
expect "every row is there" "$rows" "$(values name | sort)"
expect "no row has an error" "" "$(grep error_message "$tmp/rows.json")"
expect "every row has run" "$count" "$(values iterations | grep -c '^[1-9]')"
expect "every row has a time" "$count" \
  "$(values time_per_op | grep -c '[1-9]')"
expect "every row counts its operations" "$count" \
  "$(values items_per_second | grep -c '[1-9]')"

run --benchmark_list_tests --benchmark_filter=array/update
expect "a filter selects" "$(grep ^array/update/ <<<"$rows")" \
  "$(sort <<<"$out")"

run --benchmark_filter=no_such_row
expect "no row at all is a failure" 1 "$code"

run --benchmark_list_tests one
expect "what is no flag is a failure" 1 "$code"
expect "and is said" "map_bench: not a flag: one; see --help" "$err"

run --no_such_flag
expect "an unknown flag is a failure" 1 "$code"

run --help
expect "--help is no failure" 0 "$code"
for word in "hash array" insert_delete embedded/user kernel/user --seed=N \
  time_per_op --benchmark_repetitions; do
  grep -q -e "$word" "$tmp/out"
  expect "--help tells of $word" 0 $?
done

exit $failed
