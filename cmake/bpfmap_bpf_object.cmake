# SPDX-License-Identifier: Apache-2.0
#
# bpfmap_bpf_object(NAME SOURCE [VMLINUX FOLDER] [OPTIONS FLAG...])
#
# Compiles BPF C with clang: firewall.bpf.c becomes firewall.bpf.o in the current
# binary directory, when target NAME is built. VMLINUX is the folder of a
# vmlinux.h. Needs clang with the target bpf, and the headers of libbpf.

function(bpfmap_bpf_object name source)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "VMLINUX" "OPTIONS")
  find_program(BPFMAP_CLANG clang REQUIRED)
  set(machine "${CMAKE_SYSTEM_PROCESSOR}")
  set(arch "${machine}")
  foreach(pair x86_64=x86 aarch64=arm64 riscv64=riscv s390x=s390)
    if(pair MATCHES "^${machine}=(.*)$")
      set(arch "${CMAKE_MATCH_1}")
    endif()
  endforeach()
  get_filename_component(file "${source}" NAME_WLE)
  get_filename_component(path "${source}" ABSOLUTE)
  set(object "${CMAKE_CURRENT_BINARY_DIR}/${file}.o")
  set(includes "-I${CMAKE_CURRENT_SOURCE_DIR}")
  if(arg_VMLINUX)
    list(APPEND includes "-I${arg_VMLINUX}")
  endif()
  add_custom_command(
    OUTPUT "${object}"
    COMMAND
      "${BPFMAP_CLANG}" -target bpf -g -O2 -Wall "-D__TARGET_ARCH_${arch}"
      ${includes} "-I/usr/include/${machine}-linux-gnu" ${arg_OPTIONS}
      -MD -MF "${object}.d" -c "${path}" -o "${object}"
    DEPENDS "${path}"
    DEPFILE "${object}.d"
    COMMENT "Compiling BPF ${source}"
    VERBATIM
  )
  add_custom_target("${name}" ALL DEPENDS "${object}")
endfunction()
