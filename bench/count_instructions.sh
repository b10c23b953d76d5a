#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts the instructions of every operation, and compares them with a table.
#
#   count_instructions.sh PROGRAM TABLE            fails where they differ
#   count_instructions.sh PROGRAM TABLE --update   writes them into the table
#
# PROGRAM is //bench:instruction_counts, TABLE is INSTRUCTIONS.md, which says
# what the numbers are. Every run of a program counts the same, whatever else
# the machine does; another compiler, or another C library, counts otherwise.

set -eu -o pipefail

program=$1
table=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The C library chooses a memcpy by the CPU: take one that every CPU has.
hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM
GLIBC_TUNABLES=glibc.cpu.hwcaps=$hwcaps \
  valgrind --tool=callgrind --toggle-collect=BpfmapRunCounted \
  --dump-after=BpfmapRunCounted --combine-dumps=yes \
  --callgrind-out-file="$tmp/out" "$program" >"$tmp/rows" 2>"$tmp/err" ||
  { cat "$tmp/err" && exit 1; }

# Lines "MAP OPERATION KEY/VALUE CONTENDER COUNT". Each row has two totals: of
# its loop, and of its loop with 4,096 operations.
awk '
  FILENAME == ARGV[1] { row[++rows] = $0 }
  FILENAME == ARGV[2] && $1 == "totals:" { total[++totals] = $2 }
  END {
    for (i = 1; i <= rows; ++i) {
      split(row[i], part, "/")
      sizes = substr(part[5], 2)
      sub("v", "/", sizes)
      print part[1], part[2], sizes, part[3] "/" part[4],
        sprintf("%.1f", (total[2 * i] - total[2 * i - 1]) / 4096)
    }
  }' "$tmp/rows" "$tmp/out" >"$tmp/counts"

columns="floor/program cloud_direct/program cloud_sole/program cloud/program"
columns+=" floor/user cloud/user"

# write_table COUNTS: the text above the table, and the table.
write_table() {
  sed '/^|/,$d' "$table"
  awk -v columns="$columns" '
    function times(ours, floor) {
      return ours == "" || floor == "" ? "" : sprintf("%.1fx", ours / floor)
    }
    BEGIN {
      count = split(columns, column)
      line = "| row |"
      for (i = 1; i <= count; ++i) line = line " " column[i] " |"
      print line " direct / floor | program / floor | user / floor |"
      gsub("[^|]+", " --- ", line)
      print line " --- | --- | --- |"
    }
    {
      name = $1 " " $2 " " $3
      if (!(name in seen)) names[++rows] = name
      seen[name] = 1
      value[name, $4] = $5
    }
    END {
      for (i = 1; i <= rows; ++i) {
        name = names[i]
        line = "| " name " |"
        for (j = 1; j <= count; ++j) line = line " " value[name, column[j]] " |"
        floor = value[name, "floor/program"]
        print line " " times(value[name, "cloud_direct/program"], floor) \
          " | " times(value[name, "cloud/program"], floor) \
          " | " times(value[name, "cloud/user"], value[name, "floor/user"]) " |"
      }
    }' "$1"
}

if [[ ${3-} == --update ]]; then
  write_table "$tmp/counts" >"$tmp/table"
  cp "$tmp/table" "$table"
  echo "$table has $(wc -l <"$tmp/counts") counts"
  exit
fi

# One line for each difference.
awk -v columns="$columns" '
  BEGIN { split(columns, column) }
  FILENAME == ARGV[1] && /^\| [a-z]/ && $2 != "row" {
    split($0, cell, " *[|] *")
    for (j in column) {
      if (cell[j + 2] != "") old[cell[2] " " column[j]] = cell[j + 2]
    }
  }
  FILENAME == ARGV[2] {
    name = $1 " " $2 " " $3 " " $4
    if (!(name in old)) {
      print name ": " $5 " instructions, and no row in the table"
    } else if ($5 > 1.03 * old[name]) {
      print name ": " $5 " instructions, more than " old[name]
    } else if ($5 < 0.97 * old[name]) {
      print name ": " $5 " instructions, fewer than " old[name] \
        ": update the table"
    }
    delete old[name]
  }
  END { for (name in old) print name ": in the table, and not counted" }
  ' "$table" "$tmp/counts" >"$tmp/differences"

if [[ -s $tmp/differences ]]; then
  cat "$tmp/differences"
  echo "Where that is right, write the new counts down:"
  echo "  bench/count_instructions.sh bazel-bin/bench/instruction_counts" \
    "bench/INSTRUCTIONS.md --update"
  exit 1
fi
echo "$(wc -l <"$tmp/counts") counts are those of the table"
