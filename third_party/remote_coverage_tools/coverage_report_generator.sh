#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

echo "bazel coverage: not available with Debian's Bazel" >&2
exit 1
