# SPDX-License-Identifier: Apache-2.0
"""What a WORKSPACE that uses bpfmap needs beside it, with Debian's Bazel."""

load(
    ":packages.bzl",
    "debian_abseil",
    "debian_bazel_rules",
    "debian_libraries",
)

def _shim_impl(rctx):
    build = rctx.path(Label("//third_party/%s:BUILD" % rctx.name))
    for entry in build.dirname.readdir():
        rctx.symlink(entry, entry.basename)

_shim = repository_rule(
    implementation = _shim_impl,
    doc = "A folder of //third_party as the repository of the same name.",
    local = True,
)

def bpfmap_dependencies():
    """Makes repositories of what bpfmap, its rules and their tests load.

    Nothing is downloaded. A repository that the WORKSPACE has by then stays as
    it is.
    """
    repositories = native.existing_rules()

    if "com_google_absl" not in repositories:
        debian_abseil(name = "com_google_absl")
    if "com_google_googletest" not in repositories:
        debian_libraries(
            name = "com_google_googletest",
            apt_package = "libgmock-dev",
            for_all_machines = True,
            # As upstream, gtest contains GoogleMock.
            pkg_config = {
                "gtest": "gmock",
                "gtest_main": "gmock_main",
            },
        )

    # For programs that use it.
    if "libbpf" not in repositories:
        debian_libraries(
            name = "libbpf",
            apt_package = "libbpf-dev",
            pkg_config = {"bpf": "libbpf"},
        )

    # What Bazel itself loads, and would otherwise download.
    if "rules_cc" not in repositories:
        _shim(name = "rules_cc")
    if "remote_coverage_tools" not in repositories:
        _shim(name = "remote_coverage_tools")
    if "rules_java" not in repositories:
        debian_bazel_rules(
            name = "rules_java",
            apt_package = "bazel-rules-java",
            path = "/usr/share/bazel/rules/java",
        )
