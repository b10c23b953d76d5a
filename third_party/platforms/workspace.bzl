# SPDX-License-Identifier: Apache-2.0
"""The toolchains of the machines that tests run on beside this one."""

load(
    ":cross_toolchain.bzl",
    "bare_toolchain",
    "debian_cross_toolchain",
    "source_toolchain",
)

def other_machines():
    """Makes a repository for each, which is fetched when it is named."""
    debian_cross_toolchain(
        name = "toolchain_s390x",
        apt_package = "g++-s390x-linux-gnu",
        architecture = "s390x",
        target_constraints = [
            "@platforms//cpu:s390x",
            "@platforms//os:linux",
        ],
        triplet = "s390x-linux-gnu",
    )

    debian_cross_toolchain(
        name = "toolchain_aarch64",
        apt_package = "g++-aarch64-linux-gnu",
        architecture = "arm64",
        target_constraints = [
            "@platforms//cpu:aarch64",
            "@platforms//os:linux",
        ],
        triplet = "aarch64-linux-gnu",
    )

    debian_cross_toolchain(
        name = "toolchain_armhf",
        apt_package = "g++-arm-linux-gnueabihf",
        architecture = "armhf",
        target_constraints = [
            "@platforms//cpu:arm",
            "@platforms//os:linux",
        ],
        triplet = "arm-linux-gnueabihf",
    )

    debian_cross_toolchain(
        name = "toolchain_i686",
        apt_package = "g++-i686-linux-gnu",
        architecture = "i386",
        library_folder = "i386-linux-gnu",
        target_constraints = [
            "@platforms//cpu:x86_32",
            "@platforms//os:linux",
        ],
        triplet = "i686-linux-gnu",
    )

    source_toolchain(
        name = "toolchain_windows",
        apt_package = "g++-mingw-w64-x86-64-posix",
        compile_flags = [
            "-D_WIN32_WINNT=0x0601",
            "-Wa,-mbig-obj",
        ],
        driver = "x86_64-w64-mingw32-gcc-posix",
        executable_extension = ".exe",
        include_folders = [
            "/usr/lib/gcc/x86_64-w64-mingw32",
            "/usr/x86_64-w64-mingw32/include",
            "/usr/share/mingw-w64/include",
        ],
        link_flags = ["-static"],
        link_libraries = [
            "-lstdc++",
            "-ldbghelp",
        ],
        target_constraints = [
            "@platforms//cpu:x86_64",
            "@platforms//os:windows",
        ],
        tool_prefix = "x86_64-w64-mingw32-",
    )

    source_toolchain(
        name = "toolchain_libcxx",
        apt_package = "clang",
        compile_flags = [
            "-stdlib=libc++",
            "-fPIC",
            "-Wno-unused-command-line-argument",
        ],
        driver = "clang",
        include_folders = [
            "/usr/lib/llvm-14",
            "/usr/include",
        ],
        link_flags = ["-pthread"],
        link_libraries = [
            "-lc++",
            "-lm",
        ],
        target_constraints = [
            "@bpfmap//third_party/platforms:libcxx",
            "@platforms//os:linux",
        ],
    )

    bare_toolchain(
        name = "toolchain_cortex_m4",
        apt_package = "gcc-arm-none-eabi",
        cpu = "cortex-m4",
        target_constraints = [
            "@bpfmap//third_party/platforms:cortex_m4",
            "@platforms//os:none",
        ],
    )

    bare_toolchain(
        name = "toolchain_cortex_m0",
        apt_package = "gcc-arm-none-eabi",
        cpu = "cortex-m0plus",
        target_constraints = [
            "@bpfmap//third_party/platforms:cortex_m0",
            "@platforms//os:none",
        ],
    )
