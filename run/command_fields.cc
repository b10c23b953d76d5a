// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/run/command_fields.h"

#include <cstddef>
#include <iterator>

namespace bpfmap {
namespace {

using enum FieldKind;

// Offsets are those of `union bpf_attr` in linux/bpf.h.
constexpr Field kCreate[] = {
    {"type", 0, kMapType, true},
    {"key_size", 4, kNumber, true},
    {"value_size", 8, kNumber, true},
    {"max_entries", 12, kNumber, true},
    {"flags", 16, kHex},
    {"inner_map_fd", 20, kFd},
    {"numa_node", 24, kNumber},
    {"name", 28, kName},
    {"ifindex", 44, kNumber},
    {"btf_fd", 48, kFd},
    {"btf_key_type_id", 52, kNumber},
    {"btf_value_type_id", 56, kNumber},
    {"map_extra", 64, kAddress},
};
constexpr Field kLookup[] = {
    {"map", 0, kFd, true},
    {"key", 8, kKey, true},
    {"value", 16, kValueOut, true},
    {"flags", 24, kElemFlags},
};
constexpr Field kUpdate[] = {
    {"map", 0, kFd, true},
    {"key", 8, kKey, true},
    {"value", 16, kValue, true},
    {"flags", 24, kElemFlags, true},
};
constexpr Field kDelete[] = {
    {"map", 0, kFd, true},
    {"key", 8, kKey, true},
    {"flags", 24, kElemFlags},
};
constexpr Field kNext[] = {
    {"map", 0, kFd, true},
    {"key", 8, kKey, true},
    {"next_key", 16, kNextKey, true},
};
constexpr Field kBatch[] = {
    {"map", 36, kFd, true},          {"in_batch", 0, kAddress},
    {"out_batch", 8, kAddress},      {"keys", 16, kAddress, true},
    {"values", 24, kAddress},        {"count", 32, kNumber, true},
    {"elem_flags", 40, kElemFlags},  {"flags", 48, kAddress},
    {"count", 32, kNumberOut, true},
};
constexpr Field kStats[] = {{"type", 0, kNumber, true}};
constexpr Field kMapFd[] = {{"map", 0, kFd, true}};
constexpr Field kPin[] = {
    {"path", 0, kPath, true},
    {"fd", 8, kFd, true},
    {"flags", 12, kHex},
};
constexpr Field kGet[] = {{"path", 0, kPath, true}, {"flags", 12, kHex}};
constexpr Field kInfo[] = {
    {"fd", 0, kFd, true},
    {"length", 4, kNumber, true},
    {"info", 8, kAddress, true},
};
constexpr Field kNextId[] = {
    {"start_id", 0, kNumber, true},
    {"next_id", 4, kNumberOut, true},
};
constexpr Field kById[] = {{"id", 0, kNumber, true}, {"flags", 8, kHex}};
constexpr Field kBtf[] = {
    {"btf", 0, kAddress, true},
    {"size", 16, kNumber, true},
};
constexpr Field kProgram[] = {
    {"type", 0, kProgramType, true},
    {"name", 48, kName},
    {"insn_cnt", 4, kNumber, true},
    {"license", 16, kPath},
    {"flags", 44, kHex},
    {"expected_attach_type", 68, kNumber},
    {"prog_btf_fd", 72, kFd},
    {"attach_btf_id", 108, kNumber},
    {"log_level", 24, kNumber},
};
constexpr Field kTest[] = {
    {"prog", 0, kFd, true},
    {"data_size_in", 8, kNumber},
    {"ctx_size_in", 40, kNumber},
    {"repeat", 32, kNumber},
    {"flags", 64, kHex},
    {"retval", 4, kNumberOut, true},
    {"data_size_out", 12, kNumberOut},
};
constexpr Field kBind[] = {{"prog", 0, kFd, true}, {"map", 4, kFd, true}};

// By number.
constexpr CommandFields kCommands[] = {
    {"BPF_MAP_CREATE", kCreate},
    {"BPF_MAP_LOOKUP_ELEM", kLookup},
    {"BPF_MAP_UPDATE_ELEM", kUpdate},
    {"BPF_MAP_DELETE_ELEM", kDelete},
    {"BPF_MAP_GET_NEXT_KEY", kNext},
    {"BPF_PROG_LOAD", kProgram},
    {"BPF_OBJ_PIN", kPin},
    {"BPF_OBJ_GET", kGet},
    {"BPF_PROG_ATTACH", {}},
    {"BPF_PROG_DETACH", {}},
    {"BPF_PROG_TEST_RUN", kTest},
    {"BPF_PROG_GET_NEXT_ID", kNextId},
    {"BPF_MAP_GET_NEXT_ID", kNextId},
    {"BPF_PROG_GET_FD_BY_ID", kById},
    {"BPF_MAP_GET_FD_BY_ID", kById},
    {"BPF_OBJ_GET_INFO_BY_FD", kInfo},
    {"BPF_PROG_QUERY", {}},
    {"BPF_RAW_TRACEPOINT_OPEN", {}},
    {"BPF_BTF_LOAD", kBtf},
    {"BPF_BTF_GET_FD_BY_ID", kById},
    {"BPF_TASK_FD_QUERY", {}},
    {"BPF_MAP_LOOKUP_AND_DELETE_ELEM", kLookup},
    {"BPF_MAP_FREEZE", kMapFd},
    {"BPF_BTF_GET_NEXT_ID", kNextId},
    {"BPF_MAP_LOOKUP_BATCH", kBatch},
    {"BPF_MAP_LOOKUP_AND_DELETE_BATCH", kBatch},
    {"BPF_MAP_UPDATE_BATCH", kBatch},
    {"BPF_MAP_DELETE_BATCH", kBatch},
    {"BPF_LINK_CREATE", {}},
    {"BPF_LINK_UPDATE", {}},
    {"BPF_LINK_GET_FD_BY_ID", {}},
    {"BPF_LINK_GET_NEXT_ID", {}},
    {"BPF_ENABLE_STATS", kStats},
    {"BPF_ITER_CREATE", {}},
    {"BPF_LINK_DETACH", {}},
    {"BPF_PROG_BIND_MAP", kBind},
    {"BPF_TOKEN_CREATE", {}},
    {"BPF_PROG_STREAM_READ_BY_FD", {}},
};

}  // namespace

const CommandFields* FieldsOf(int command) {
  const auto index = static_cast<std::size_t>(command);
  return command < 0 || index >= std::size(kCommands) ? nullptr
                                                      : &kCommands[index];
}

}  // namespace bpfmap
