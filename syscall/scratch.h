// SPDX-License-Identifier: Apache-2.0

// Scratch: bytes for one call. On the stack if there are few of them.

#ifndef BPFMAP_SYSCALL_SCRATCH_H_
#define BPFMAP_SYSCALL_SCRATCH_H_

#include <cstddef>
#include <cstdlib>
#include <memory>

namespace bpfmap {

class Scratch {
 public:
  // `size` bytes, all 0. bytes() is null if there is no memory for them.
  explicit Scratch(std::size_t size)
      : heap_(size > sizeof stack_ ? std::calloc(1, size) : nullptr, std::free),
        bytes_(size > sizeof stack_ ? static_cast<char*>(heap_.get())
                                    : stack_) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  char* bytes() const { return bytes_; }

 private:
  alignas(8) char stack_[256] = {};
  std::unique_ptr<void, void (*)(void*)> heap_;
  char* bytes_;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_SCRATCH_H_
