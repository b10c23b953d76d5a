// SPDX-License-Identifier: Apache-2.0

// The functions that gcc's -fsanitize=thread calls. Atomic operations are done
// here, all of them sequentially consistent.

#include "bench/coherence/trace.h"

#include <cstddef>
#include <cstdint>

namespace bpfmap::bench {

namespace {

CoherenceModel* traced_model = nullptr;

// Room for the frames of what is traced, for those that lead to it, and for all
// thread_local objects.
constexpr uintptr_t kStack = 1 << 16;
constexpr uintptr_t kFramesAbove = 1 << 13;
constexpr uintptr_t kThreadLocal = 1 << 13;
uintptr_t stack = 0;
uintptr_t thread_locals = 0;

bool IsShared(uintptr_t address) {
  return address - (stack - kStack) >= kStack + kFramesAbove &&
         address - (thread_locals - kThreadLocal) >= 2 * kThreadLocal;
}

void Touch(const volatile void* address, size_t size,
           CoherenceModel::Access access) {
  if (traced_model == nullptr ||
      !IsShared(reinterpret_cast<uintptr_t>(address))) {
    return;
  }
  traced_model->Touch(const_cast<const void*>(address), size, access);
}

void Load(const volatile void* address, size_t size) {
  Touch(address, size, CoherenceModel::Access::kLoad);
}
void Store(const volatile void* address, size_t size) {
  Touch(address, size, CoherenceModel::Access::kStore);
}

template <typename Word>
bool CompareExchange(volatile Word* word, Word* expected, Word desired) {
  Store(word, sizeof *word);
  return __atomic_compare_exchange_n(word, expected, desired, /*weak=*/false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

}  // namespace

void StartTracing(CoherenceModel& model) {
  stack = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  thread_locals = reinterpret_cast<uintptr_t>(__builtin_thread_pointer());
  traced_model = &model;
}
void StopTracing() { traced_model = nullptr; }

}  // namespace bpfmap::bench

using bpfmap::bench::CompareExchange;
using bpfmap::bench::Load;
using bpfmap::bench::Store;

// The names are the compiler's.
// NOLINTBEGIN(bugprone-reserved-identifier)
#define ACCESSES(size)                                                     \
  void __tsan_read##size(void* address) { Load(address, size); }           \
  void __tsan_write##size(void* address) { Store(address, size); }         \
  void __tsan_unaligned_read##size(void* address) { Load(address, size); } \
  void __tsan_unaligned_write##size(void* address) { Store(address, size); }

#define FETCH(bits, name)                                           \
  uint##bits##_t __tsan_atomic##bits##_fetch_##name(                \
      volatile uint##bits##_t* word, uint##bits##_t operand, int) { \
    Store(word, sizeof *word);                                      \
    return __atomic_fetch_##name(word, operand, __ATOMIC_SEQ_CST);  \
  }

#define ATOMICS(bits)                                                          \
  uint##bits##_t __tsan_atomic##bits##_load(                                   \
      const volatile uint##bits##_t* word, int) {                              \
    Load(word, sizeof *word);                                                  \
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);                            \
  }                                                                            \
  void __tsan_atomic##bits##_store(volatile uint##bits##_t* word,              \
                                   uint##bits##_t value, int) {                \
    Store(word, sizeof *word);                                                 \
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);                           \
  }                                                                            \
  uint##bits##_t __tsan_atomic##bits##_exchange(volatile uint##bits##_t* word, \
                                                uint##bits##_t value, int) {   \
    Store(word, sizeof *word);                                                 \
    return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);                 \
  }                                                                            \
  FETCH(bits, add)                                                             \
  FETCH(bits, sub)                                                             \
  FETCH(bits, and)                                                             \
  FETCH(bits, or)                                                              \
  FETCH(bits, xor)                                                             \
  bool __tsan_atomic##bits##_compare_exchange_strong(                          \
      volatile uint##bits##_t* word, uint##bits##_t* expected,                 \
      uint##bits##_t desired, int, int) {                                      \
    return CompareExchange(word, expected, desired);                           \
  }                                                                            \
  bool __tsan_atomic##bits##_compare_exchange_weak(                            \
      volatile uint##bits##_t* word, uint##bits##_t* expected,                 \
      uint##bits##_t desired, int, int) {                                      \
    return CompareExchange(word, expected, desired);                           \
  }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void** vptr, void*) { Store(vptr, sizeof *vptr); }
void __tsan_read_range(void* address, size_t size) {
  if (size != 0) Load(address, size);
}
void __tsan_write_range(void* address, size_t size) {
  if (size != 0) Store(address, size);
}
void __tsan_atomic_thread_fence(int) {}
void __tsan_atomic_signal_fence(int) {}
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)
ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
}
// NOLINTEND(bugprone-reserved-identifier)
