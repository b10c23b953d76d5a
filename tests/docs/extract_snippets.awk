# SPDX-License-Identifier: Apache-2.0
#
# Writes the C++ blocks of a page of Markdown to files, one each. The comments
# that say how are described in docs/testing.md.
#
#   awk -v page=docs/page.md -v outs="1.cc 2.cc" -f extract_snippets.awk PAGE
#
# `page` is the name that the compiler is given for its messages. Ends with 1 if
# a block has no comment, or if there are more or fewer blocks than files.

function fail(line, message) {
  printf "%s:%d: %s\n", page, line, message > "/dev/stderr"
  failed = 1
  exit 1
}

# Ends a block that has `kind`, `setup`, `includes` and `body`.
function write_block() {
  if (++blocks > file_count) {
    fail(block_line, "more C++ blocks than the " file_count \
         " that tests/docs/BUILD names")
  }
  out = file[blocks]
  printf "%s", setup > out
  if (kind == "fragment") {
    printf "#pragma GCC diagnostic ignored \"-Wunused-variable\"\n" > out
    printf "#pragma GCC diagnostic ignored " \
           "\"-Wunused-but-set-variable\"\n" > out
    printf "%s", includes > out
    printf "void Snippet(%s);\nvoid Snippet(%s) {\n%s}\n", \
           parameters, parameters, body > out
  } else {
    printf "%s", body > out
  }
  close(out)
  kind = setup = includes = body = ""
}

function line_directive(line) {
  return sprintf("#line %d \"%s\"\n", line, page)
}

BEGIN { file_count = split(outs, file, " ") }

state == "" && /^<!-- snippet: setup$/ {
  state = "setup"
  setup = setup line_directive(NR + 1)
  next
}
state == "setup" {
  if ($0 == "-->") state = ""
  else setup = setup $0 "\n"
  next
}
state == "" && /^<!-- snippet: file -->$/ { kind = "file"; next }
state == "" && /^<!-- snippet: fragment\(.*\) -->$/ {
  kind = "fragment"
  parameters = $0
  sub(/^<!-- snippet: fragment\(/, "", parameters)
  sub(/\) -->$/, "", parameters)
  next
}
state == "" && /^<!-- snippet/ { fail(NR, "unknown comment: " $0) }

state == "" && /^```(cpp|c\+\+|cc)$/ {
  if (kind == "") {
    fail(NR, "a C++ block needs a comment, such as <!-- snippet: file -->")
  }
  state = "block"
  block_line = NR
  body = line_directive(NR + 1)
  next
}
state == "" && /^```/ { state = "other"; next }
state == "block" && /^```$/ { state = ""; write_block(); next }
state == "other" && /^```$/ { state = ""; next }
state == "block" {
  if (kind == "fragment" && /^#include /) {
    includes = includes line_directive(NR) $0 "\n"
    body = body "\n"
  } else {
    body = body $0 "\n"
  }
}

END {
  if (failed) exit 1
  if (state != "") fail(NR, "a block or a comment has no end")
  if (kind != "" || setup != "") fail(NR, "a comment without a C++ block")
  if (blocks != file_count) {
    fail(NR, "fewer C++ blocks than the " file_count \
         " that tests/docs/BUILD names: " (blocks + 0))
  }
}
