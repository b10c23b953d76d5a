// SPDX-License-Identifier: Apache-2.0
//
// Context: what a program is called with, by names. For the types that Linux
// does not test-run, and all others whose context is a struct.
//
//   program.Run(Context().Set("pid", 7).Set("filename", "/usr/bin/cc1"))
//   program.Run(Context().Arg(0, task).Arg(1, 3).Return(-2))
//
//   tracepoint     Set("args[1]", ...), Set("filename", ...): the struct that
//                  the program declares; __data_loc_ strings are laid out
//   kprobe, uprobe Arg(0, ...), Return(...): the registers of this processor;
//                  or by names, Set("di", ...)
//   raw_tp, tp_btf, fentry, fexit, lsm, struct_ops
//                  Arg(0, ...); Return(...) after them: fexit
//   others         Set("user_ip4", ...), Set("family", ...): a struct of
//                  <linux/bpf.h>
//
// Fields that are not set are 0. A text for a pointer, or for a number of 8
// bytes, lies in the World, and its address is what is set.
//
// A value: copy it freely.

#ifndef BPFMAP_PROGRAMS_RUN_CONTEXT_H_
#define BPFMAP_PROGRAMS_RUN_CONTEXT_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace bpfmap {

// Such as a KernelObject.
template <typename T>
concept HasAddress = requires(const T& object) {
  { object.address() } -> std::same_as<uint64_t>;
};

// A number, the address of what a test made, or a text.
class ContextValue {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  ContextValue(std::string_view text) : value_(std::string(text)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  ContextValue(const char* text) : value_(std::string(text)) {}
  template <typename T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  // NOLINTNEXTLINE(google-explicit-constructor)
  ContextValue(T number)
      : value_(static_cast<uint64_t>(static_cast<int64_t>(number))) {}
  template <HasAddress T>
  // NOLINTNEXTLINE(google-explicit-constructor)
  ContextValue(const T& object) : value_(object.address()) {}

  const uint64_t* number() const { return std::get_if<uint64_t>(&value_); }
  const std::string* text() const { return std::get_if<std::string>(&value_); }

 private:
  std::variant<uint64_t, std::string> value_;
};

class Context {
 public:
  struct Field {
    std::string name;
    ContextValue value;
  };
  struct Argument {
    int index;
    ContextValue value;
  };

  Context& Set(std::string name, ContextValue value);
  Context& Arg(int index, ContextValue value);
  Context& Return(ContextValue value);

  bool empty() const {
    return fields_.empty() && arguments_.empty() && result_.empty();
  }
  const std::vector<Field>& fields() const { return fields_; }
  const std::vector<Argument>& arguments() const { return arguments_; }
  // One, or none.
  const std::vector<ContextValue>& result() const { return result_; }

 private:
  std::vector<Field> fields_;
  std::vector<Argument> arguments_;
  std::vector<ContextValue> result_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_RUN_CONTEXT_H_
