#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Checks the relative links of the documentation: check_links.sh ROOT.
#
# A link must lead to a file or folder below ROOT, the folder of the repository,
# and its #anchor, if it has one, to a heading of that page. Prints a line for
# each dead link and ends with 1 if there are any. Links to other sites are not
# followed.

set -u

cd "$1" || exit 1

# The pages.
pages() {
  ls README.md CONTRIBUTING.md CHANGELOG.md docs/*.md bench/*.md
  find examples -name README.md
}

# links PAGE: "LINE TARGET" for each relative link outside of code.
links() {
  awk '
    /^ *```/ { code = !code; next }
    code || /^    / { next }
    {
      text = $0
      gsub(/`[^`]*`/, "", text)
      # [text](target), and a target in the HTML of a picture.
      while (match(text, /\]\([^()]*\)|(src|srcset|href)="[^"]*"/)) {
        target = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (target ~ /^\]/) target = substr(target, 3, length(target) - 3)
        else { sub(/^[a-z]*="/, "", target); sub(/"$/, "", target) }
        if (target !~ /^[a-z]+:/) print FNR, target
      }
    }
    # [text]: target
    match($0, /^\[[^]]+\]: +/) {
      target = substr($0, RLENGTH + 1)
      if (target !~ /^[a-z]+:/) print FNR, target
    }
  ' "$1"
}

# anchors PAGE: those of its headings, as GitHub makes them.
anchors() {
  awk '
    /^ *```/ { code = !code; next }
    code || !/^#+ / { next }
    {
      sub(/^#+ +/, "")
      gsub(/\]\([^()]*\)/, "")  # of a link, the text stays
      anchor = tolower($0)
      gsub(/[^a-z0-9 _-]/, "", anchor)
      gsub(/ /, "-", anchor)
      print anchor (seen[anchor]++ ? "-" (seen[anchor] - 1) : "")
    }
  ' "$1"
}

dead=$(
  pages | while read -r page; do
    links "$page" | while read -r line target; do
      file=${target%%#*}
      if [ -z "$file" ]; then
        file=$page
      else
        file=$(dirname "$page")/$file
      fi
      if [ ! -e "$file" ]; then
        echo "$page:$line: dead link: $target"
      elif [ "$target" != "${target%%#*}" ] && [ ! -d "$file" ] &&
        ! anchors "$file" | grep -qxF -e "${target#*#}"; then
        echo "$page:$line: no such heading: $target"
      fi
    done
  done
)
[ -z "$dead" ] && exit 0
echo "$dead"
exit 1
