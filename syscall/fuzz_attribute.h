// SPDX-License-Identifier: Apache-2.0

// FuzzAttribute: random bytes as an attribute of bpf(2) that means something.
//
// Most commands with random attributes are refused at once. Here what stands
// for a descriptor, an address, a size, a type or an id becomes one that a
// command may well accept; chosen by the bytes themselves, so that a fuzzer can
// learn what leads where.

#ifndef BPFMAP_SYSCALL_FUZZ_ATTRIBUTE_H_
#define BPFMAP_SYSCALL_FUZZ_ATTRIBUTE_H_

#include <linux/bpf.h>
#include <linux/btf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bpfmap/syscall/bpf_call.h"

namespace bpfmap {

// Where maps are pinned. A directory comes after the paths in it.
inline constexpr const char* kFuzzPaths[] = {"/sys/fs/bpf/a/b", "/sys/fs/bpf/a",
                                             "/sys/fs/bpf/b",   "/sys/fs/bpf",
                                             "/tmp/c",          ""};

// Types as a compiler would write them, one of each kind.
struct SomeBtf {
  static constexpr uint32_t Info(uint32_t kind, uint32_t length = 0) {
    return kind << 24 | length;
  }

  btf_header header = {.magic = BTF_MAGIC,
                       .version = BTF_VERSION,
                       .flags = 0,
                       .hdr_len = sizeof header,
                       .type_off = 0,
                       .type_len = sizeof types,
                       .str_off = sizeof types,
                       .str_len = sizeof strings};
  // A name, Info(), a size or type, and what follows.
  uint32_t types[69] = {
      1, Info(BTF_KIND_INT),           4,  32,                  // 1
      5, Info(BTF_KIND_STRUCT, 1),     4,  1,  1, 0,            // 2: a lock
      1, Info(BTF_KIND_STRUCT, 2),     8,  1,  2, 0, 1, 1, 32,  // 3
      0, Info(BTF_KIND_ARRAY),         0,  1,  1, 2,            // 4
      1, Info(BTF_KIND_TYPEDEF),       3,                       // 5
      0, Info(BTF_KIND_CONST),         5,                       // 6
      0, Info(BTF_KIND_PTR),           6,                       // 7
      1, Info(BTF_KIND_UNION, 1),      8,  1,  7, 0,            // 8
      1, Info(BTF_KIND_ENUM, 1),       4,  1,  1,               // 9
      0, Info(BTF_KIND_FUNC_PROTO, 1), 1,  1,  1,               // 10
      1, Info(BTF_KIND_FUNC),          10,                      // 11
      1, Info(BTF_KIND_VAR),           3,  0,                   // 12
      1, Info(BTF_KIND_DATASEC, 1),    8,  12, 0, 8,            // 13
      1, Info(BTF_KIND_FLOAT),         8,                       // 14
      1, Info(BTF_KIND_FWD),           0,                       // 15
  };
  char strings[20] = "\0int\0bpf_spin_lock";
};
static_assert(sizeof(SomeBtf) == 24 + 69 * 4 + 20);

// Memory that commands are given: some pages, and after them one that cannot
// be touched.
class FuzzArena {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSize = 16 * kPage;

  FuzzArena();
  FuzzArena(const FuzzArena&) = delete;
  FuzzArena& operator=(const FuzzArena&) = delete;

  // With `data`, again and again.
  void Fill(const uint8_t* data, std::size_t size);

  const char* bytes() const { return bytes_; }

  // An address that is good for a while, bad, or null.
  uint64_t Choose(uint8_t choice) const;

 private:
  char* const bytes_;
};

class FuzzAttribute {
 public:
  static constexpr std::size_t kSize = 168;

  // `fds` are those that there are.
  FuzzAttribute(const FuzzArena& arena, const std::vector<int>& fds)
      : arena_(arena), fds_(fds) {}
  FuzzAttribute(const FuzzAttribute&) = delete;
  FuzzAttribute& operator=(const FuzzAttribute&) = delete;

  // How many bytes matter to a command.
  static std::size_t BytesOf(int command);

  // kSize bytes, to be filled.
  unsigned char* bytes() { return bytes_; }
  void Clear() { ZeroFrom(0); }

  // Makes sense of what was filled in. Without that, KeepSmall() sees to it
  // that no command takes more memory than there is.
  void MakeSense(int command);
  void KeepSmall(int command);

  // Types that were loaded, for maps to have.
  void set_btf_fd(int fd) { btf_fd_ = static_cast<uint32_t>(fd); }

  // One of the descriptors, or a number that may be none.
  uint32_t ChooseFd(uint8_t choice) const;

 private:
  template <typename T>
  void Set(std::size_t offset, T value) {
    std::memcpy(bytes_ + offset, &value, sizeof value);
  }
  template <typename T>
  T At(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes_ + offset, sizeof value);
    return value;
  }
  void SetFd(std::size_t offset) { Set(offset, ChooseFd(bytes_[offset])); }
  void SetAddress(std::size_t offset) {
    Set(offset, arena_.Choose(bytes_[offset]));
  }
  // At most `most`.
  void Limit(std::size_t offset, uint32_t most) {
    Set(offset, At<uint32_t>(offset) % (most + 1));
  }
  void ZeroFrom(std::size_t offset) {
    std::memset(bytes_ + offset, 0, kSize - offset);
  }

  // A key with a small number, or any.
  void SetKey(std::size_t offset);
  // A value with a descriptor, or any.
  void SetValue(std::size_t offset);
  // The sizes that the type takes.
  void SetSizes();
  // The first number that is in use is as good as 1.
  void SetId(int next_command);

  void MakeSenseOfCreate();
  void MakeSenseOfBtf();
  void MakeSenseOfProgram();
  void MakeProgram();
  void MakeSenseOfTestRun();

  const FuzzArena& arena_;
  const std::vector<int>& fds_;
  alignas(8) unsigned char bytes_[kSize] = {};
  // The memory that addresses in it may point to.
  alignas(8) char key_[512] = {};
  alignas(8) char value_[1024] = {};
  SomeBtf btf_;
  uint32_t btf_fd_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_FUZZ_ATTRIBUTE_H_
