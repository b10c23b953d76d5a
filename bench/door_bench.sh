#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The cost of commands of bpf(2) through libbpf: on the kernel's maps, and on this
# library's, preloaded and by `bpfmap run`.
#
#   door_bench.sh COMMANDS LIBRARY BPFMAP [ROUNDS [MILLISECONDS]]
#
# All three take turns, ROUNDS times (5), MILLISECONDS (100) for each command;
# the fastest time counts. As root, so that the kernel answers. A ratio of 2.00x
# is twice as fast as the kernel.

set -eu

commands=$1
library=$2
bpfmap=$3
rounds=${4:-5}
milliseconds=${5:-100}

times=$(mktemp -d)
trap 'rm -rf "$times"' EXIT

for ((round = 0; round < rounds; ++round)); do
  "$commands" "$milliseconds" >>"$times/kernel"
  LD_PRELOAD=$library "$commands" "$milliseconds" >>"$times/preloaded"
  "$bpfmap" run -- "$commands" "$milliseconds" >>"$times/supervised"
done

cd "$times"
awk -F '\t' '
  !(($2, FILENAME) in best) || $1 + 0 < best[$2, FILENAME] {
    best[$2, FILENAME] = $1 + 0
  }
  !($2 in seen) { seen[$2]; order[++count] = $2 }
  END {
    printf "%-26s %10s %19s %19s\n", "ns", "kernel", "preloaded", "supervised"
    for (i = 1; i <= count; ++i) {
      kernel = best[order[i], "kernel"]
      preloaded = best[order[i], "preloaded"]
      supervised = best[order[i], "supervised"]
      printf "%-26s %10.0f %10.0f %7.2fx %10.0f %7.2fx\n", order[i], kernel,
        preloaded, kernel / preloaded, supervised, kernel / supervised
    }
  }' kernel preloaded supervised
