# SPDX-License-Identifier: Apache-2.0
"""How this repository declares its tests."""

load("@rules_cc//cc:defs.bzl", "cc_test")

_GTEST = "@com_google_googletest//:gtest"
_GTEST_MAIN = "@com_google_googletest//:gtest_main"

# Nearly every test of a map includes these.
_MAP_TEST_DEPS = [
    "//maps:bpf_map",
    "//maps:errno",
    "//maps:local_map",
    "//maps:map_def",
    "//profiles:cloud",
    "//profiles:embedded",
    "//tests/support:possible_cpus",
    "//tests/support:print_errno",
]

# And those that ask the kernel, these.
_KERNEL_BACKEND_TEST_DEPS = [
    "//tests/support:backend",
    "//tests/support:kernel_support",
]
_KERNEL_TEST_DEPS = _KERNEL_BACKEND_TEST_DEPS + [
    "//maps:kernel_map",
    "//tests/support:kernel_program",
]

def unit_test(
        name,
        size = "small",
        srcs = None,
        deps = [],
        tags = [],
        threads = False,
        cpus = 1,
        random = False,
        own_main = False,
        **kwargs):
    """A cc_test of one class, beside that class.

    Args:
      name: as of cc_test.
      size: as of cc_test.
      srcs: by default, the file of the test's name.
      deps: beside GoogleTest and its main(), and a team of threads.
      tags: beside those that follow from the arguments below.
      threads: whether it has threads, and so runs under ThreadSanitizer too.
      cpus: how many CPUs it keeps busy.
      random: whether it takes --seed, of //tests/support:random_seed.
      own_main: whether it has a main() of its own.
      **kwargs: all other attributes of cc_test.
    """
    if random:
        main = ["//tests/support:random_seed"]
    elif own_main:
        main = []
    else:
        main = [_GTEST_MAIN]
    cc_test(
        name = name,
        size = size,
        srcs = srcs or [name + ".cc"],
        tags = tags +
               (["threads"] if threads else []) +
               (["cpu:%d" % cpus] if cpus > 1 else []),
        deps = depset(deps + main + [_GTEST] + (
            ["//tests/support:thread_team"] if threads else []
        )).to_list(),
        **kwargs
    )

def bpfmap_test(
        name,
        deps = [],
        tags = [],
        kernel = False,
        kernel_backend = False,
        kernel_only = False,
        linux = False,
        **kwargs):
    """A cc_test of maps.

    Args:
      name: as of cc_test.
      deps: beside what nearly every test of a map includes.
      tags: beside those that follow from the arguments below.
      kernel: whether it asks the running kernel too where it can, through
        bpf(2), which Bazel's sandbox denies.
      kernel_backend: the same, through the backend alone, which is left out
        where there is no kernel: so the test can be built for any machine.
      kernel_only: whether it is nothing without the kernel.
      linux: whether it needs system calls of Linux.
      **kwargs: as of unit_test.
    """
    if kernel_only:
        kwargs["target_compatible_with"] = [
            "//third_party/platforms:this_machine",
            "@platforms//os:linux",
        ]
    elif linux:
        kwargs["target_compatible_with"] = ["@platforms//os:linux"]
    if kernel or kernel_backend or kernel_only:
        tags = tags + ["kernel", "no-sandbox"]
        deps = deps + (
            _KERNEL_BACKEND_TEST_DEPS if kernel_backend else _KERNEL_TEST_DEPS
        )
    unit_test(
        name = name,
        tags = tags,
        deps = depset(deps + _MAP_TEST_DEPS).to_list(),
        **kwargs
    )
