#!/bin/sh
echo "bazel coverage: not available with Debian's Bazel" >&2
exit 1
