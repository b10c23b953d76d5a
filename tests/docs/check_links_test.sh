#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The documentation has no dead links; and check_links.sh finds those that
# another documentation has.
#
# Usage: check_links_test CHECKER PAGE

set -u

checker=$PWD/$1
# The page is a link to a file of the repository itself, which is all there; of
# this test's own copy, only what Bazel was told is.
root=$(dirname "$(readlink -f "$2")")
failed=0

# is WHAT EXPECTED ACTUAL
is() {
  [ "$2" = "$3" ] && return
  failed=1
  printf 'FAILED: %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
}

is "no link is dead" "" "$(sh "$checker" "$root" 2>&1)"

cd "$TEST_TMPDIR" || exit 1
mkdir -p docs bench examples/data
touch CONTRIBUTING.md CHANGELOG.md bench/README.md examples/data/README.md
cat >docs/page.md <<'PAGE'
# A page: *its* heading

## Twice
## Twice
PAGE

cat >README.md <<'PAGE'
[site](https://example.com/no) [mail](mailto:a@example.com)
[folder](docs) [file](docs/page.md) [`code`](docs/page.md#a-page-its-heading)
[second](docs/page.md#twice-1) [here](#below)

    [code](no.md)

```
[code](no.md)
```
and `[code](no.md)`.

## Below
PAGE
is "good links are good" "" "$(sh "$checker" . 2>&1)"

cat >README.md <<'PAGE'
[file](no.md) and [file](docs/no.md)
[heading](docs/page.md#twice-2) [here](#no)
<img src="docs/no.svg"> <source srcset="docs/no.svg">
PAGE
echo '[up](../../no.md)' >examples/data/README.md
is "dead links are found" \
  'README.md:1: dead link: no.md
README.md:1: dead link: docs/no.md
README.md:2: no such heading: docs/page.md#twice-2
README.md:2: no such heading: #no
README.md:3: dead link: docs/no.svg
README.md:3: dead link: docs/no.svg
examples/data/README.md:1: dead link: ../../no.md' \
  "$(sh "$checker" . 2>&1)"

exit $failed
