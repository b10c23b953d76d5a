// SPDX-License-Identifier: Apache-2.0

// Small BPF programs for tests: written instruction by instruction, loaded into
// the running kernel, and run once at a time. So a test can ask what a program
// gets from a map helper (KernelHelpers), and what the verifier says of a
// program:
//
//   BpfAssembler assembler;
//   assembler.LoadMapValue(kR1, map.fd())  // map[0] = 5; map is kRdOnlyProg
//       .MoveValue(kR0, 5)
//       .Store(4, kR1, 0, kR0)
//       .Exit();
//   EXPECT_EQ(KernelProgram(assembler).load_error(), Errno::kAcces);
//
// Linux only; needs root. The instruction set is that of RFC 9669.

#ifndef BPFMAP_TESTS_SUPPORT_KERNEL_PROGRAM_H_
#define BPFMAP_TESTS_SUPPORT_KERNEL_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/kernel_map.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// Arguments go in kR1 to kR5, the result comes in kR0. A call keeps kR6 to kR9
// and the frame pointer kR10, and loses the others.
enum BpfRegister : uint8_t {
  kR0,
  kR1,
  kR2,
  kR3,
  kR4,
  kR5,
  kR6,
  kR7,
  kR8,
  kR9,
  kR10,
};

// Numbers of helpers, see bpf-helpers(7).
inline constexpr int kHelperMapLookupElem = 1;
inline constexpr int kHelperMapUpdateElem = 2;
inline constexpr int kHelperMapDeleteElem = 3;
inline constexpr int kHelperMapPushElem = 87;
inline constexpr int kHelperMapPopElem = 88;
inline constexpr int kHelperMapPeekElem = 89;
inline constexpr int kHelperForEachMapElem = 164;
inline constexpr int kHelperMapLookupPerCpuElem = 195;

// Collects instructions. Where one has a `size`, that is 1, 2, 4 or 8 bytes;
// loads fill the rest of the register with zeros.
class BpfAssembler {
 public:
  // to = value
  BpfAssembler& MoveValue(BpfRegister to, int32_t value) {
    return Add(0xb7, to, 0, 0, value);
  }

  // to = from
  BpfAssembler& Move(BpfRegister to, BpfRegister from) {
    return Add(0xbf, to, from, 0, 0);
  }

  // to += value
  BpfAssembler& AddValue(BpfRegister to, int32_t value) {
    return Add(0x07, to, 0, 0, value);
  }

  // to += from
  BpfAssembler& AddRegister(BpfRegister to, BpfRegister from) {
    return Add(0x0f, to, from, 0, 0);
  }

  // to &= value
  BpfAssembler& AndValue(BpfRegister to, int32_t value) {
    return Add(0x57, to, 0, 0, value);
  }

  // to = *(from + offset)
  BpfAssembler& Load(int size, BpfRegister to, BpfRegister from, int offset) {
    return Add(0x61 | SizeBits(size), to, from, offset, 0);
  }

  // *(to + offset) = from
  BpfAssembler& Store(int size, BpfRegister to, int offset, BpfRegister from) {
    return Add(0x63 | SizeBits(size), to, from, offset, 0);
  }

  // to = the map, as the helpers take it. Counts as two instructions.
  BpfAssembler& LoadMap(BpfRegister to, int map_fd) {
    return Add(0x18, to, 1, 0, map_fd).Add(0, 0, 0, 0, 0);
  }

  // to = the address of the only value of an array map. Counts as two.
  BpfAssembler& LoadMapValue(BpfRegister to, int map_fd) {
    return Add(0x18, to, 2, 0, map_fd).Add(0, 0, 0, 0, 0);
  }

  // to = the callback, as helpers take it; see KernelProgram. Counts as two.
  BpfAssembler& LoadCallback(BpfRegister to) {
    return Add(0x18, to, 4, 0, 0).Add(0, 0, 0, 0, 0);
  }

  BpfAssembler& Call(int helper) { return Add(0x85, 0, 0, 0, helper); }

  // Jumps over the next `count` instructions.
  BpfAssembler& SkipIfZero(BpfRegister what, int count) {
    return Add(0x15, what, 0, count, 0);
  }

  BpfAssembler& SkipUnlessEqual(BpfRegister a, BpfRegister b, int count) {
    return Add(0x5d, a, b, count, 0);
  }

  // Ends the program with the result kR0.
  BpfAssembler& Exit() { return Add(0x95, 0, 0, 0, 0); }

  BpfAssembler& Append(const BpfAssembler& other);

  const std::vector<uint64_t>& instructions() const { return instructions_; }

 private:
  static uint8_t SizeBits(int size);

  // `from` is a register, or for the wide loads a kind; `offset` has 16 bits.
  BpfAssembler& Add(uint8_t code, uint8_t to, uint8_t from, int offset,
                    int32_t value);

  std::vector<uint64_t> instructions_;
};

// A program that was given to the kernel.
class KernelProgram {
 public:
  // BPF_PROG_TYPE_*.
  enum Type : uint32_t { kSchedCls = 3, kRawTracepoint = 17 };

  // Loads it. Holds on to no map; the kernel does, until the destruction. Some
  // helpers are there for "GPL" programs only, or for some types.
  explicit KernelProgram(const BpfAssembler& assembler,
                         const char* license = "", Type type = kSchedCls);
  // A program that hands a function of its own to a helper: LoadCallback() in
  // `main` is `callback`, which ends with Exit() too.
  KernelProgram(const BpfAssembler& main, const BpfAssembler& callback);
  ~KernelProgram();

  KernelProgram(const KernelProgram&) = delete;
  KernelProgram& operator=(const KernelProgram&) = delete;

  // What BPF_PROG_LOAD returned.
  //   EPERM   no right
  //   EACCES  the verifier refuses a memory access
  //   EINVAL  the verifier refuses something else
  Errno load_error() const { return load_error_; }

  // The file descriptor of a program that was loaded. Owned by this object.
  int fd() const { return fd_; }

  // The verifier's log if it refused; else empty.
  const std::string& verifier_log() const { return verifier_log_; }

  // Runs the program once, on the CPU of the caller, and sets *result to what
  // it left in kR0. Returns the errno of BPF_PROG_TEST_RUN, or of the load
  // where that failed. On an error *result is untouched.
  Errno Run(int* result) const;

 private:
  void Load(const std::vector<uint64_t>& instructions, uint32_t callback,
            const char* license);

  const Type type_;
  int fd_ = -1;
  int btf_fd_ = -1;
  Errno load_error_;
  std::string verifier_log_;
};

// The answer to the load of a program that calls a helper of elements: with
// `map`, key and value of 8 bytes on the stack, and no flags.
Errno LoadElementHelper(const KernelMap& map, int helper);

// A map of the kernel as a BPF program sees it: one small program per helper.
// Keys and values pass through a second map.
//
// Not thread-safe: the second map holds the arguments of one call.
class KernelHelpers {
 public:
  // REQUIRES: SKIP_WITHOUT_KERNEL() has let the test go on; `map` outlives this
  // object; values are no larger than 32,000 bytes.
  explicit KernelHelpers(const KernelMap& map);

  // Whether bpf_map_lookup_elem() returns a pointer. Reads nothing through it.
  bool Found(const void* key);

  // The same, and copies to `value` what is read through the pointer. A lock in
  // the value is not read, and leaves its 4 bytes of `value` as 0. False also
  // where the verifier refuses such a program, as it does for kWrOnlyProg.
  bool LookupElem(const void* key, void* value);

  // The value that bpf_map_lookup_percpu_elem() finds, as for LookupElem().
  // REQUIRES: a per-CPU map.
  bool LookupPerCpuElem(const void* key, uint32_t cpu, void* value);

  // The results of bpf_map_update_elem() and bpf_map_delete_elem(); where the
  // verifier refuses such a program, its errno.
  Errno UpdateElem(const void* key, const void* value, ElemFlags flags);
  Errno DeleteElem(const void* key);

 private:
  BpfAssembler CallHelper(int helper) const;
  // Copies the value that a call gave a pointer to.
  BpfAssembler CopyValue(BpfAssembler call) const;
  bool RunLookup(const KernelProgram& program, const void* key, uint64_t flags,
                 void* value);

  // Runs `program` with these arguments; a null value is zeros. Returns what
  // the program returns, or minus the errno with which it was refused.
  int Run(const KernelProgram& program, const void* key, const void* value,
          uint64_t flags);

  const MapDef def_;
  const int fd_;
  // An array of one value: the flags, the value, the key.
  const std::unique_ptr<KernelMap> scratch_;
  const KernelProgram found_, lookup_, update_, delete_;
  std::optional<KernelProgram> lookup_per_cpu_;  // of a per-CPU map
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_SUPPORT_KERNEL_PROGRAM_H_
