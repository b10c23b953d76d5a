# SPDX-License-Identifier: Apache-2.0

"""Rules of this package: a BPF program, its unit test, its user."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load("//programs:bpf.bzl", "bpf_object")
load("//tests:bpf.bzl", "bpf_skeleton")

def tool(name, hdrs = [], user = False, options = [], kernel = False, data = [], type_deps = [], deps = []):
    """NAME.bpf.c, its types, its test, and its user.

    NAME_events_test runs the user on testdata/NAME.events, with bpfmap
    preloaded, and compares what it prints with testdata/NAME.out.
    NAME_supervised_test does so under `bpfmap run`.

    Args:
      name: of the program. NAME.h has its types, NAME_test.cc its test.
      hdrs: headers that NAME.bpf.c includes beside NAME.h.
      user: whether NAME.c is its user, which stands on libbpf.
      options: of the user, in NAME_events_test.
      kernel: whether the test asks the running kernel, too.
      data: of the test, beside the object.
      type_deps: of NAME.h.
      deps: of the test, beside what all have.
    """
    bpf_object(
        name = name + "_object",
        src = name + ".bpf.c",
        hdrs = hdrs + [name + ".h"],
    )
    cc_library(
        name = name + "_types",
        hdrs = [name + ".h"],
        deps = type_deps,
    )
    cc_test(
        name = name + "_test",
        size = "small",
        srcs = [name + "_test.cc"],
        data = data + [":" + name + "_object"],
        tags = ["kernel", "no-sandbox"] if kernel else [],
        target_compatible_with = ["@platforms//os:linux"],
        deps = deps + [
            ":" + name + "_types",
            ":line_coverage",
            "//programs:testing",
            "@com_google_googletest//:gtest_main",
        ] + (["//tests/support:judged_test"] if kernel else []),
    )
    if user:
        bpf_skeleton(name = name)
        cc_binary(
            name = name,
            srcs = [name + ".c"],
            deps = [
                ":" + name + "_skeleton",
                ":" + name + "_types",
                ":tool_end",
                "@libbpf//:bpf",
            ],
        )
        ways = {
            "_events_test": "//syscall:libbpfmap_preload.so",
            "_supervised_test": "//run:bpfmap",
        }
        for suffix, way in ways.items():
            files = [
                "//syscall:as_ordinary_user",
                way,
                ":" + name,
                "testdata/" + name + ".events",
                "testdata/" + name + ".out",
            ]
            native.sh_test(
                name = name + suffix,
                size = "small",
                srcs = ["events_test.sh"],
                args = ["$(rootpath " + file + ")" for file in files] + options,
                data = files,
                # It changes its user; what is preloaded has no sanitizer.
                tags = [
                    "no-sandbox",
                    "no-sanitizer",
                ],
            )
