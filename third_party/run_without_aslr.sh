#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command, without address space randomization where that is allowed.
#
# ThreadSanitizer wants its shadow memory at fixed addresses. Where the kernel
# randomizes over more bits than the compiler's runtime knows of (28 for gcc 12,
# while Ubuntu sets vm.mmap_rnd_bits to 32), it dies at startup, every so often:
# "FATAL: ThreadSanitizer: unexpected memory mapping".
#
# Some containers forbid the change. They may well not need it.
if setarch -R true 2>/dev/null; then
  exec setarch -R "$@"
fi
exec "$@"
