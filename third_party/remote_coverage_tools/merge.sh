#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# `bazel coverage` calls this to merge LCOV files, in place of the tool that
# Debian does not package: in a test, and for the report of all tests. It merges
# what is LCOV already, as that of BPF programs is; of the counts of gcov, which
# are of C++, it knows nothing.
#
# Usage: merge --coverage_dir=FOLDER --output_file=FILE ...   each .dat in it
#        merge --reports_file=LIST --output_file=FILE ...     each that LIST has

set -eu

output='' files=()
for argument in "$@"; do
  value=${argument#*=}
  case $argument in
    --output_file=*) output=$value ;;
    --coverage_dir=*)
      while IFS= read -r -d '' file; do
        files+=("$file")
      done < <(find -L "$value" -name '*.dat' -size +0 -print0 | sort -z)
      ;;
    --reports_file=*)
      while IFS= read -r file; do
        if [[ -s $file ]]; then files+=("$file"); fi
      done <"$value"
      ;;
  esac
done

# /dev/null: awk reads standard input if there is no file.
awk '
  # add(key, count): a record of this source file, in the order of the first.
  function add(key, count) {
    key = source SUBSEP key
    if (!(key in counts)) {
      order[source, ++records[source]] = key
      counts[key] = count
    } else if (counts[key] == "-") {
      counts[key] = count
    } else if (count != "-") {
      counts[key] += count
    }
  }
  # put(kind): the records of a kind; sets found and hit.
  function put(kind, i, key, name) {
    found = hit = 0
    for (i = 1; i <= records[source]; ++i) {
      key = order[source, i]
      name = substr(key, length(source) + 2)
      if (index(name, kind ":") != 1) continue
      ++found
      if (counts[key] + 0 > 0) ++hit
      if (kind == "FN") {
        print name
      } else if (kind == "FNDA") {
        print "FNDA:" counts[key] "," substr(name, 6)
      } else {
        print name "," counts[key]
      }
    }
  }
  function put_sums(letters) {
    if (found > 0) print letters "F:" found "\n" letters "H:" hit
  }
  BEGIN { FS = "," }
  /^SF:/ {
    source = substr($0, 4)
    if (!(source in records)) {
      records[source] = 0
      sources[++all] = source
    }
  }
  /^FN:/ { add($0, 0) }
  /^FNDA:/ { add("FNDA:" substr($0, index($0, ",") + 1), substr($1, 6)) }
  /^DA:/ { add($1, $2) }
  /^BRDA:/ { add($1 "," $2 "," $3, $4) }
  END {
    for (s = 1; s <= all; ++s) {
      source = sources[s]
      print "TN:\nSF:" source
      put("FN")
      put("FNDA"); put_sums("FN")
      put("BRDA"); put_sums("BR")
      put("DA"); put_sums("L")
      print "end_of_record"
    }
  }
' "${files[@]}" /dev/null >"$output"
