// SPDX-License-Identifier: Apache-2.0

// The fields in the attribute of each bpf(2) command, for CallTrace to show.

#ifndef BPFMAP_RUN_COMMAND_FIELDS_H_
#define BPFMAP_RUN_COMMAND_FIELDS_H_

#include <cstdint>
#include <span>

namespace bpfmap {

enum class FieldKind : uint8_t {
  kNumber,
  kHex,          // 4 bytes
  kAddress,      // 8 bytes
  kFd,           // of a map, program or BTF: with its name
  kMapType,      // by name
  kProgramType,  // by name
  kName,         // 16 characters
  kPath,         // the address of a string
  kElemFlags,    // BPF_ANY and so on
  kKey,          // the address of a key of the map
  kValue,        // the address of a value, read by the command
  kValueOut,     // the address of a value, written by the command
  kNextKey,      // the address of a key, written by the command
  kNumberOut,    // in the attribute, written by the command
};

struct Field {
  const char* name;
  uint8_t offset;  // in the attribute
  FieldKind kind;
  bool shows_zero = false;  // else it is left out if it is 0
};

struct CommandFields {
  const char* name;  // "BPF_MAP_CREATE"
  std::span<const Field> fields;
};

// Null for a command that Linux 6.18 does not have.
const CommandFields* FieldsOf(int command);

}  // namespace bpfmap

#endif  // BPFMAP_RUN_COMMAND_FIELDS_H_
