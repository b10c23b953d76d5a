# SPDX-License-Identifier: Apache-2.0

"""Rules of this repository's own packages."""

load("@rules_cc//cc:defs.bzl", "cc_library")

# Those who may look inside: the packages of this repository.
INTERNAL = [
    "//bench:__subpackages__",
    "//maps:__subpackages__",
    "//profiles:__subpackages__",
    "//programs:__subpackages__",
    "//run:__subpackages__",
    "//syscall:__subpackages__",
    "//tests:__subpackages__",
]

def bpfmap_library(name, **kwargs):
    """A cc_library whose headers are included as "bpfmap/folder/header.h".

    Args:
      name: as of cc_library.
      **kwargs: all other attributes of cc_library. Headers stand in hdrs,
        private ones too: those in srcs would have no prefix.
    """
    cc_library(
        name = name,
        include_prefix = "bpfmap/" + native.package_name(),
        **kwargs
    )
