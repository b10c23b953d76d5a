# SPDX-License-Identifier: Apache-2.0
"""Programs without an operating system."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_test")

def _bare(rule, deps, **kwargs):
    rule(
        additional_linker_inputs = ["link.ld"],
        linkopts = ["-T", "$(location link.ld)"],
        target_compatible_with = [
            "@platforms//cpu:arm",
            "@platforms//os:none",
        ],
        deps = deps + [
            ":machine",
            "//profiles/platform:armv6m_atomics",
        ],
        **kwargs
    )

def bare_binary(name, deps, **kwargs):
    """A program for a Cortex-M, NAME.elf.

    Args:
      name: as of cc_binary.
      deps: as of cc_binary.
      **kwargs: all other attributes of cc_binary.
    """
    _bare(cc_binary, name = name, deps = deps, **kwargs)

def bare_test(name, deps, **kwargs):
    """A program for a Cortex-M that qemu runs; its source is NAME.cc.

    Args:
      name: as of cc_test.
      deps: as of cc_test.
      **kwargs: all other attributes of cc_test.
    """
    _bare(
        cc_test,
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        deps = deps,
        **kwargs
    )
