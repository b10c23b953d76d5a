// SPDX-License-Identifier: Apache-2.0

// NextFunction: the function that would be called without this library.
//
//   constinit NextFunction<int(const char*)> next_unlink("unlink");
//
// It is looked for once, as the library is loaded: looking takes memory and
// locks, which a signal handler must not. Null before that, and in a static
// program, where there is none: then the system call must do.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_NEXT_FUNCTION_H_
#define BPFMAP_SYSCALL_NEXT_FUNCTION_H_

#include <dlfcn.h>

namespace bpfmap {

class NextFunctionBase {
 public:
  NextFunctionBase(const NextFunctionBase&) = delete;
  NextFunctionBase& operator=(const NextFunctionBase&) = delete;

 protected:
  constexpr explicit NextFunctionBase(const char* name) : name_(name) {}

  void* address() const { return address_; }
  void Look() { address_ = dlsym(RTLD_NEXT, name_); }

 private:
  const char* const name_;
  void* address_ = nullptr;
};

template <typename Function>
class NextFunction : private NextFunctionBase {
 public:
  constexpr explicit NextFunction(const char* name) : NextFunctionBase(name) {}

  using NextFunctionBase::Look;

  explicit operator bool() const { return address() != nullptr; }
  template <typename... Arguments>
  auto operator()(Arguments... arguments) const {
    return reinterpret_cast<Function*>(address())(arguments...);
  }
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_NEXT_FUNCTION_H_
