# SPDX-License-Identifier: Apache-2.0

"""BPF programs, and users that run them with libbpf."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library")

def bpf_skeleton(name, testonly = None):
    """NAME.skel.h, for C and C++: what bpftool makes of NAME.bpf.o."""
    native.genrule(
        name = name + "_skel",
        testonly = testonly,
        srcs = [name + ".bpf.o"],
        outs = [name + ".skel.h"],
        # clang does not know _Bool in C++.
        cmd = "PATH=$$PATH:/usr/sbin bpftool gen skeleton $< name " + name +
              " | sed 's/\\b_Bool\\b/bool/' > $@",
    )
    cc_library(
        name = name + "_skeleton",
        testonly = testonly,
        hdrs = [name + ".skel.h"],
        deps = ["@libbpf//:bpf"],
    )

def bpf_light_skeleton(name):
    """NAME.lskel.h, for C: a skeleton that needs no libbpf."""
    native.genrule(
        name = name + "_lskel",
        srcs = [name + ".bpf.o"],
        outs = [name + ".lskel.h"],
        cmd = "PATH=$$PATH:/usr/sbin bpftool gen skeleton -L $< name " + name +
              " > $@",
    )
    cc_library(
        name = name + "_light_skeleton",
        hdrs = [name + ".lskel.h"],
        deps = ["@libbpf//:bpf"],
    )

def runs_three_ways(name, srcs, deps = [], object = None, testonly = None):
    """A user of bpf(2), and a test that runs it three ways.

    NAME runs on the kernel, NAME_linked on the maps that it is linked with.
    NAME_test compares what they print, and what NAME prints with those maps
    preloaded, with NAME.out.

    Args:
      name: of the user.
      srcs: its sources.
      deps: its libraries.
      object: a file that is its argument.
      testonly: of the user.
    """
    cc_binary(name = name, testonly = testonly, srcs = srcs, deps = deps)
    cc_binary(
        name = name + "_linked",
        testonly = testonly,
        srcs = srcs,
        deps = deps + ["//syscall:override"],
    )
    files = [
        "//syscall:as_ordinary_user",
        name + ".out",
        ":" + name + "_linked",
        "//syscall:libbpfmap_preload.so",
        ":" + name,
    ] + ([object] if object else [])
    native.sh_test(
        name = name + "_test",
        size = "small",
        srcs = ["//syscall:program_test.sh"],
        args = ["$(rootpath " + file + ")" for file in files],
        data = files,
        # It asks the kernel, and changes its user; what is preloaded has no
        # sanitizer.
        tags = [
            "kernel",
            "no-sandbox",
            "no-sanitizer",
        ],
    )

def bpf_user(name, srcs, deps, object = None):
    """A user of BPF programs that stands on libbpf: see runs_three_ways."""
    runs_three_ways(name, srcs, deps + ["@libbpf//:bpf"], object)
