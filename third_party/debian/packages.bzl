# SPDX-License-Identifier: Apache-2.0

"""Repositories made from packages that Debian has installed.

The headers of a Debian library lie in /usr/include, where every compiler looks
anyway. So a target here is nothing but a link line, and pkg-config knows those.
"""

_BUILD_HEADER = """\
# Written by //third_party/debian:packages.bzl.
load("@bpfmap//third_party/platforms:platforms.bzl", "HOSTED")

package(default_visibility = ["//visibility:public"])
"""

_LIBRARY = """
cc_library(
    name = "{name}",
    linkopts = {linkopts},
    target_compatible_with = {machine} + {hosted},
)
"""

# Of other machines there are Abseil and GoogleTest only: see
# //third_party/platforms.
_THIS_MACHINE = ["@bpfmap//third_party/platforms:this_machine"]
_LIBSTDCXX = ["@bpfmap//third_party/platforms:libstdcxx"]

# Abseil's Bazel targets that are not named after one of their headers.
_ABSEIL_TARGETS_WITHOUT_HEADER = {
    "base": {"base": "absl_base", "core_headers": "absl_core_headers"},
    "container": {"btree": "absl_btree"},
    "flags": {"flag": "absl_flags"},
    "strings": {"strings": "absl_strings"},
    "synchronization": {"synchronization": "absl_synchronization"},
}

def _fail_missing(rctx, apt_package):
    fail("Debian package {package} is missing (for @{repo}): sudo apt-get install {package}".format(
        package = apt_package,
        repo = rctx.name,
    ))

def _pkg_config(rctx, arguments, apt_package):
    """Runs pkg-config and returns the words that it prints."""
    if not rctx.which("pkg-config"):
        _fail_missing(rctx, "pkg-config")
    result = rctx.execute(["pkg-config"] + arguments)
    if result.return_code != 0:
        _fail_missing(rctx, apt_package)
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

def _library(rctx, name, module, apt_package, machine, extra_linkopts = []):
    linkopts = extra_linkopts + _pkg_config(rctx, ["--libs", module], apt_package)
    return _LIBRARY.format(
        name = name,
        # Libraries of headers alone need no operating system.
        hosted = "HOSTED" if linkopts else "[]",
        linkopts = linkopts,
        machine = machine,
    )

def _debian_libraries_impl(rctx):
    build = _BUILD_HEADER
    machine = [] if rctx.attr.for_all_machines else _THIS_MACHINE
    if rctx.attr.needs_libstdcxx:
        machine = machine + _LIBSTDCXX
    for name, files in rctx.attr.without_pkg_config.items():
        if not rctx.path(files[0]).exists:
            _fail_missing(rctx, rctx.attr.apt_package)
        build += _LIBRARY.format(
            name = name,
            hosted = "HOSTED",
            linkopts = files[1:],
            machine = machine,
        )
    for name, module in rctx.attr.pkg_config.items():
        extra = rctx.attr.extra_linkopts.get(name, [])
        build += _library(rctx, name, module, rctx.attr.apt_package, machine, extra)
    rctx.file("BUILD", build)

debian_libraries = repository_rule(
    implementation = _debian_libraries_impl,
    doc = "Libraries of one Debian package, as targets of one Bazel package.",
    attrs = {
        "apt_package": attr.string(mandatory = True),
        "extra_linkopts": attr.string_list_dict(
            doc = "Target name to options put before those of pkg-config.",
        ),
        "for_all_machines": attr.bool(
            doc = "Whether the toolchains of other machines have it too.",
        ),
        "needs_libstdcxx": attr.bool(
            doc = "Whether it is compiled C++, and so for one library of it.",
        ),
        "pkg_config": attr.string_dict(
            doc = "Target name to pkg-config module.",
        ),
        "without_pkg_config": attr.string_list_dict(
            doc = "Target name to one of its headers, and its link options.",
        ),
    },
    # Look again whenever the Bazel server starts: an upgrade of the Debian
    # package may change a link line behind Bazel's back.
    local = True,
)

def _debian_abseil_impl(rctx):
    apt_package = "libabsl-dev"
    modules = _pkg_config(rctx, ["--list-all"], apt_package)
    include = _pkg_config(rctx, ["--variable=includedir", "absl_config"], apt_package)
    for folder in rctx.path(include[0] + "/absl").readdir():
        targets = dict(_ABSEIL_TARGETS_WITHOUT_HEADER.get(folder.basename, {}))
        for header in folder.readdir():
            # absl/types/span.h belongs to absl_span, but absl/flags/parse.h to
            # absl_flags_parse.
            name = header.basename[:-len(".h")]
            for module in ["absl_" + name, "absl_" + folder.basename + "_" + name]:
                if module in modules:
                    targets[name] = module
        build = _BUILD_HEADER
        for name, module in sorted(targets.items()):
            build += _library(rctx, name, module, apt_package, machine = [])
        rctx.file("absl/%s/BUILD" % folder.basename, build)

debian_abseil = repository_rule(
    implementation = _debian_abseil_impl,
    doc = "Abseil from libabsl-dev: one Bazel package per folder, as upstream.",
    local = True,  # As for debian_libraries.
)

def _debian_bazel_rules_impl(rctx):
    rules = rctx.path(rctx.attr.path)
    if not rules.exists:
        _fail_missing(rctx, rctx.attr.apt_package)
    for entry in rules.readdir():
        rctx.symlink(entry, entry.basename)

debian_bazel_rules = repository_rule(
    implementation = _debian_bazel_rules_impl,
    doc = "A local_repository that names the Debian package it comes from.",
    attrs = {
        "apt_package": attr.string(mandatory = True),
        "path": attr.string(mandatory = True),
    },
    local = True,
)
