#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#
# Runs every contender and every operation for a moment: all rows must be there,
# and none may show an error. Says nothing about speed.
#
#   map_bench_smoke_test.sh PROGRAM
#
# The rows of the kernel are asked for where bpf(2) is permitted, and with
# REQUIRE_KERNEL=1 in any case. Those of other libraries are missing under
# sanitizers: see peers/BUILD.

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

# implementations MAP SIZES: those that have rows about such a map.
implementations() {
  local ours="cloud/program cloud_direct/program cloud/user" peers
  local floor="floor/program floor/user"
  local kernel="kernel/user kernel/program"
  case $1/$2 in
    hash/k4v8 | array/k4v8 | lru_hash/k4v8 | percpu_*/k4v8 | \
      lpm_trie/k8v8 | queue/k0v8 | stack/k0v8)
      ours+=" embedded/program embedded/user"
      ;;
    bloom_filter/*) ours="cloud_direct/program cloud/user" ;;
    ringbuf/*)
      ours="cloud_direct/program cloud_sole/program"
      kernel="kernel/program" floor="floor/program"
      ;;
    *_of_maps/*)
      ours="cloud/program" kernel="kernel/program" floor="floor/program"
      ;;
  esac
  case $1 in
    hash)
      peers="absl_flat_mutex/user std_unordered_shared_mutex/user tbb/user
        libcuckoo/user urcu_lfht/user"
      [[ $2 == k4v8 ]] && peers+=" libcds_feldman/user critnib/user"
      ;;
    lru_hash) peers="exact_lru/user" ;;
    queue) peers="std_deque_mutex/user boost_lockfree/user moodycamel/user" ;;
    stack) peers="std_deque_mutex/user boost_lockfree/user" ;;
  esac
  # Each is a list of words.
  # shellcheck disable=SC2086
  [[ $with_peers == yes && -n ${peers-} ]] &&
    printf '%s\n' $peers
  # shellcheck disable=SC2086
  [[ $with_kernel == yes ]] && printf '%s\n' $kernel
  # shellcheck disable=SC2086
  printf '%s\n' $floor $ours
}

# types_rows OPERATIONS MAP SIZES...: the rows of a map with uniform keys.
types_rows() {
  local operations=$1 map=$2 operation sizes threads implementation
  shift 2
  for operation in $operations; do
    for sizes; do
      for threads in 1 2; do
        while read -r implementation; do
          printf '%s/' "$map/$operation/$implementation/$sizes/n1024/uniform"
          echo "manual_time/threads:$threads"
        done < <(implementations "$map" "$sizes")
      done
    done
  done
}

# The names that there must be.
expected_rows() {
  local map operation sizes popularity threads implementation
  for map in queue stack; do
    for sizes in k0v8 k0v64; do
      for threads in 1 2; do
        while read -r implementation; do
          printf '%s/' "$map/push_pop/$implementation/$sizes/n1024"
          echo "manual_time/threads:$threads"
        done < <(implementations "$map" "$sizes")
      done
    done
  done
  types_rows "lookup_hit update insert_evict" lru_hash k4v8 k16v64
  types_rows "lookup_hit update" percpu_hash k4v8 k16v64
  types_rows "lookup_hit update" percpu_array k4v8 k4v64
  types_rows "lookup_hit update" lpm_trie k8v8
  types_rows "lookup_hit update" bloom_filter k0v8
  types_rows lookup_hit array_of_maps k4v4
  types_rows lookup_hit hash_of_maps k4v4
  while read -r implementation; do
    for operation in reserve_submit reserve_submit_consumed; do
      printf '%s/' "ringbuf/$operation/$implementation/k0v0/n2097152"
      echo "manual_time/threads:1"
    done
  done < <(implementations ringbuf k0v0)
  for map in hash array; do
    for operation in lookup_hit lookup_miss update insert_delete mix50_50; do
      [[ $map/$operation == array/insert_delete ]] && continue
      for sizes in k4v8 k16v64; do
        # The key of an array has 4 bytes.
        [[ $map == array ]] && sizes=${sizes/k16/k4}
        for popularity in uniform zipf; do
          for threads in 1 2; do
            [[ $popularity == zipf && $sizes/$threads != k4v8/2 ]] && continue
            [[ $popularity/$operation == zipf/lookup_miss ]] && continue
            [[ $popularity/$operation == zipf/insert_delete ]] && continue
            while read -r implementation; do
              printf '%s/' "$map/$operation/$implementation/$sizes/n1024"
              echo "$popularity/manual_time/threads:$threads"
            done < <(implementations "$map" "$sizes")
          done
        done
      done
    done
  done
}

# values FIELD: what the rows of the last run have there.
values() {
  sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" \
    "$tmp/rows.json"
}

with_peers=yes
if [[ -n "${TSAN_OPTIONS:-}${ASAN_OPTIONS:-}" ]]; then
  with_peers=no
fi

run --preset=smoke --benchmark_out="$tmp/rows.json" \
  --benchmark_out_format=json
expect "the program ends with 0" 0 "$code"

with_kernel=yes
if [[ "${REQUIRE_KERNEL:-}" != 1 ]] && grep -q "no rows of the kernel" \
  "$tmp/err"; then
  with_kernel=no
  expect "that the kernel is missing is one line" 1 \
    "$(grep -c "no rows of the kernel" "$tmp/err")"
fi
echo "rows are expected of the kernel: $with_kernel, of peers: $with_peers"

rows=$(expected_rows | sort)
count=$(wc -l <<<"$rows")
expect "every row is there" "$rows" "$(values name | sort)"
expect "no row has an error" "" "$(grep error_message "$tmp/rows.json")"
expect "every row has run" "$count" "$(values iterations | grep -c '^[1-9]')"
expect "every row has a time" "$count" \
  "$(values time_per_op | grep -c '[1-9]')"
expect "every row says what its loop takes" "$count" \
  "$(values loop_per_op | grep -c '[1-9]')"
expect "every row counts its operations" "$count" \
  "$(values items_per_second | grep -c '[1-9]')"

expect "two threads have percentiles" \
  "$(grep -v /kernel/program/ <<<"$rows" | grep -c '/threads:2$')" \
  "$(values p999 | wc -l)"
grep -q "^row $count of $count, " "$tmp/err"
expect "progress is shown" 0 $?
expect "every row is in the table" "$count" \
  "$(grep -cE '^  [a-z_]+/(program|user) +<?[0-9]' "$tmp/out")"

run --preset=smoke --benchmark_list_tests --benchmark_filter=^array/update
expect "a filter selects" "$(grep ^array/update/ <<<"$rows")" \
  "$(sort <<<"$out")"

for preset in goals full; do
  run --preset=$preset --benchmark_list_tests
  for entries in n1024 n65536 n1048576; do
    grep -q "^hash/lookup_hit/cloud/program/k4v8/$entries/uniform/" "$tmp/out"
    expect "the preset $preset has $entries" 0 $?
  done
done

run --preset=types --benchmark_list_tests --benchmark_filter=push_pop
for row in queue/push_pop/cloud/program/k0v8/n1024/manual_time/threads:1 \
  stack/push_pop/cloud_direct/program/k0v8/n1024/manual_time/threads:2; do
  grep -qx "$row" "$tmp/out"
  expect "the preset types has $row" 0 $?
done
expect "and no others of push_pop" "" "$(grep -v /k0v8/n1024/ "$tmp/out")"

run --preset=none
expect "an unknown preset is a failure" 1 "$code"
expect "and that is said" "map_bench: not a preset: none; see --help" "$err"

run --benchmark_filter=no_such_row
expect "no row at all is a failure" 1 "$code"

run --benchmark_list_tests one
expect "what is no flag is a failure" 1 "$code"
expect "and is said" "map_bench: not a flag: one; see --help" "$err"

run --no_such_flag
expect "an unknown flag is a failure" 1 "$code"

run --help
expect "--help is no failure" 0 "$code"
for word in "hash array lru_hash" insert_delete push_pop embedded/user kernel/user \
  --seed=N --preset= time_per_op --benchmark_repetitions; do
  grep -q -e "$word" "$tmp/out"
  expect "--help tells of $word" 0 $?
done

exit $failed
