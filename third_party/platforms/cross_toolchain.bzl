# SPDX-License-Identifier: Apache-2.0
"""C++ toolchains for the machines of //third_party/platforms.

A repository that one of these rules makes has the libraries of a machine and a
toolchain that links them, @REPOSITORY//:toolchain. It is made only when it is
named, by --extra_toolchains in .bazelrc.
"""

_BUILD = """\
# Written by //third_party/platforms:cross_toolchain.bzl.
load("@bpfmap//third_party/platforms:cc_toolchain_config.bzl", "cc_toolchain_config")
load("@rules_cc//cc:defs.bzl", "cc_toolchain")

toolchain(
    name = "toolchain",
    exec_compatible_with = ["@platforms//os:linux"],
    target_compatible_with = {target_constraints},
    toolchain = ":cc_toolchain",
    toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
)

filegroup(name = "no_files")

cc_toolchain(
    name = "cc_toolchain",
    all_files = ":no_files",
    ar_files = ":no_files",
    as_files = ":no_files",
    compiler_files = ":no_files",
    dwp_files = ":no_files",
    linker_files = ":no_files",
    objcopy_files = ":no_files",
    strip_files = ":no_files",
    toolchain_config = ":config",
)

cc_toolchain_config(
    name = "config",
    compile_flags = {compile_flags},
    cpu = "{name}",
    driver = "{driver}",
    executable_extension = "{executable_extension}",
    include_folders = {include_folders},
    link_flags = {link_flags},
    link_libraries = {link_libraries},
    tool_prefix = "{tool_prefix}",
)
"""

def _find(rctx, compiler):
    """Returns the path of a compiler."""
    path = rctx.which(compiler)
    if not path:
        fail("Debian package {package} is missing (for @{repo}): sudo apt-get install {package}".format(
            package = rctx.attr.apt_package,
            repo = rctx.name,
        ))
    return str(path)

def _make_libraries(rctx, arguments):
    result = rctx.execute(
        [rctx.path(rctx.attr._script)] + arguments,
        timeout = 1800,
    )
    if result.return_code != 0:
        fail("@%s: no libraries:\n%s" % (rctx.name, result.stderr))

def _debian_cross_toolchain_impl(rctx):
    triplet = rctx.attr.triplet
    driver = _find(rctx, triplet + "-gcc")
    folder = str(rctx.path("."))
    _make_libraries(rctx, [rctx.attr.architecture, folder])
    rctx.file("BUILD", _BUILD.format(
        compile_flags = rctx.attr.compile_flags,
        driver = driver,
        executable_extension = "",
        include_folders = [
            "/usr/lib/gcc-cross/" + triplet,
            "/usr/%s/include" % triplet,
            "/usr/include",
        ],
        link_flags = [
            "-static",
            # glibc warns that a static program resolves host names by plugins.
            "-Wl,--no-warnings",
            "-L%s/usr/lib/%s" % (folder, rctx.attr.library_folder or triplet),
        ],
        link_libraries = ["-lstdc++", "-lm"],
        name = rctx.name,
        target_constraints = rctx.attr.target_constraints,
        tool_prefix = driver[:-len("gcc")],
    ))

debian_cross_toolchain = repository_rule(
    implementation = _debian_cross_toolchain_impl,
    doc = "gcc for another machine with Linux, and Debian's libraries for it.",
    attrs = {
        "apt_package": attr.string(mandatory = True, doc = "The compiler."),
        "architecture": attr.string(mandatory = True, doc = "Debian's name."),
        "compile_flags": attr.string_list(),
        "library_folder": attr.string(
            doc = "Where Debian's libraries are, if not in that of the triplet.",
        ),
        "target_constraints": attr.string_list(mandatory = True),
        "triplet": attr.string(mandatory = True),
        "_script": attr.label(
            default = "//third_party/platforms:debian_libraries.sh",
        ),
    },
)

def _source_toolchain_impl(rctx):
    driver = _find(rctx, rctx.attr.driver)
    prefix = driver[:-len(rctx.attr.driver)] + rctx.attr.tool_prefix
    folder = str(rctx.path("."))
    _make_libraries(
        rctx,
        [folder, driver, prefix + "ar"] + rctx.attr.compile_flags,
    )
    include = folder + "/include"
    rctx.file("BUILD", _BUILD.format(
        compile_flags = ["-isystem", include] + rctx.attr.compile_flags,
        driver = driver,
        executable_extension = rctx.attr.executable_extension,
        include_folders = [include] + rctx.attr.include_folders,
        link_flags = ["-L%s/lib" % folder] + rctx.attr.link_flags,
        link_libraries = rctx.attr.link_libraries,
        name = rctx.name,
        target_constraints = rctx.attr.target_constraints,
        tool_prefix = prefix,
    ))

source_toolchain = repository_rule(
    implementation = _source_toolchain_impl,
    doc = "A compiler for which Debian has no libraries, and those libraries.",
    attrs = {
        "apt_package": attr.string(mandatory = True, doc = "The compiler."),
        "compile_flags": attr.string_list(),
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
        "target_constraints": attr.string_list(mandatory = True),
        "tool_prefix": attr.string(doc = "Before ar, ld and so on."),
        "_script": attr.label(
            default = "//third_party/platforms:source_libraries.sh",
        ),
    },
)

def _bare_toolchain_impl(rctx):
    driver = _find(rctx, "arm-none-eabi-gcc")

    # Of Abseil, headers that define macros.
    if not rctx.path("/usr/include/absl").exists:
        fail("Debian package libabsl-dev is missing (for @%s)" % rctx.name)
    rctx.symlink("/usr/include/absl", "include/absl")
    include = str(rctx.path("include"))
    machine = ["-mcpu=" + rctx.attr.cpu, "-mthumb"]
    rctx.file("BUILD", _BUILD.format(
        compile_flags = machine + [
            "-isystem",
            include,
            "-Os",
            "-ffunction-sections",
            "-fdata-sections",
            "-fno-exceptions",
            "-fno-rtti",
        ],
        driver = driver,
        executable_extension = "",
        include_folders = [
            include,
            "/usr/include/absl",
            "/usr/lib/gcc/arm-none-eabi",
            "/usr/include/newlib",
            "/usr/lib/arm-none-eabi/include",
        ],
        link_flags = machine + [
            "-nostartfiles",
            "--specs=nano.specs",
            "-Wl,--gc-sections",
        ],
        link_libraries = [],
        name = rctx.name,
        target_constraints = rctx.attr.target_constraints,
        tool_prefix = driver[:-len("gcc")],
    ))

bare_toolchain = repository_rule(
    implementation = _bare_toolchain_impl,
    doc = "gcc for a Cortex-M without an operating system.",
    attrs = {
        "apt_package": attr.string(mandatory = True, doc = "The compiler."),
        "cpu": attr.string(mandatory = True, doc = "Of -mcpu."),
        "target_constraints": attr.string_list(mandatory = True),
    },
)
