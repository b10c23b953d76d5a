# SPDX-License-Identifier: Apache-2.0
"""The configuration of a C++ toolchain that lies in /usr/bin."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "ACTION_NAMES")
load(
    "@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl",
    "artifact_name_pattern",
    "feature",
    "flag_group",
    "flag_set",
    "tool_path",
)

_COMPILE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.preprocess_assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.cpp_header_parsing,
]

_LINK = [
    ACTION_NAMES.cpp_link_executable,
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

def _flags(name, actions, flags):
    """A feature that adds flags to actions always."""
    flag_sets = [flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags)],
    )] if flags else []
    return feature(name = name, enabled = True, flag_sets = flag_sets)

def _cc_toolchain_config_impl(ctx):
    prefix = ctx.attr.tool_prefix
    tools = {
        "ar": prefix + "ar",
        "cpp": prefix + "cpp",
        "gcc": ctx.attr.driver,
        "gcov": "/bin/false",
        "ld": prefix + "ld",
        "nm": prefix + "nm",
        "objcopy": prefix + "objcopy",
        "objdump": prefix + "objdump",
        "strip": prefix + "strip",
    }
    patterns = []
    if ctx.attr.executable_extension:
        patterns = [artifact_name_pattern(
            category_name = "executable",
            prefix = "",
            extension = ctx.attr.executable_extension,
        )]
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        abi_libc_version = "unknown",
        abi_version = "unknown",
        artifact_name_patterns = patterns,
        compiler = "gcc",
        cxx_builtin_include_directories = ctx.attr.include_folders,
        features = [
            _flags("default_compile_flags", _COMPILE, [
                # Answers must not depend on when they were compiled.
                "-Wno-builtin-macro-redefined",
                "-D__DATE__=\"redacted\"",
                "-D__TIME__=\"redacted\"",
            ] + ctx.attr.compile_flags),
            _flags("default_link_flags", _LINK, ctx.attr.link_flags),
            # After all that refers to them.
            _flags("link_libraries", _LINK, ctx.attr.link_libraries),
        ],
        host_system_name = "local",
        target_cpu = ctx.attr.cpu,
        target_libc = "unknown",
        target_system_name = ctx.attr.cpu,
        tool_paths = [
            tool_path(name = name, path = path)
            for name, path in tools.items()
        ],
        toolchain_identifier = ctx.attr.cpu,
    )

cc_toolchain_config = rule(
    implementation = _cc_toolchain_config_impl,
    attrs = {
        "compile_flags": attr.string_list(),
        "cpu": attr.string(mandatory = True),
        "driver": attr.string(
            mandatory = True,
            doc = "The program that compiles C and C++, and links.",
        ),
        "executable_extension": attr.string(),
        "include_folders": attr.string_list(
            doc = "Where the compiler looks for headers without being told.",
        ),
        "link_flags": attr.string_list(),
        "link_libraries": attr.string_list(),
        "tool_prefix": attr.string(mandatory = True),
    },
    provides = [CcToolchainConfigInfo],
)
