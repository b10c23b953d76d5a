# SPDX-License-Identifier: Apache-2.0

"""Rules for BPF programs."""

def bpf_object(name, src, hdrs = [], vmlinux = None, copts = [], **kwargs):
    """Compiles BPF C with clang, as libbpf and bpfmap::Object load it.

    firewall.bpf.c becomes firewall.bpf.o, in the same package. Needs clang with
    the target bpf, and the headers of libbpf and of Linux.

    Args:
      name: of the target.
      src: the .bpf.c.
      hdrs: headers that it includes, by their paths from the workspace.
      vmlinux: the vmlinux.h that it includes, by this name.
      copts: more flags for clang.
      **kwargs: all other attributes of genrule.
    """
    include = ["-I$$(dirname $(location %s))" % vmlinux] if vmlinux else []
    flags = [
        "-target bpf -g -O2 -Wall -Werror -I.",
        # Files are named as they are called here, wherever they are compiled.
        "-fdebug-prefix-map=$$PWD=.",
        # What PT_REGS_PARM1() and its like of <bpf/bpf_tracing.h> are of.
        "-D__TARGET_ARCH_$$(uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;" +
        "s/riscv64/riscv/;s/s390x/s390/;s/ppc64le/powerpc/')",
        # Headers of Linux look for those of a processor.
        "-I/usr/include/$$(uname -m)-linux-gnu",
    ] + include + copts
    native.genrule(
        name = name,
        srcs = [src] + hdrs + ([vmlinux] if vmlinux else []),
        outs = [src[:src.rindex(".")] + ".o"],
        cmd = "clang %s -c $(location %s) -o $@" % (" ".join(flags), src),
        message = "Compiling BPF",
        **kwargs
    )
