// SPDX-License-Identifier: Apache-2.0
//
// ProgramType: what a program is attached to (BPF_PROG_TYPE_*). Numbers are
// Linux's.

#ifndef BPFMAP_PROGRAMS_PROGRAM_TYPE_H_
#define BPFMAP_PROGRAMS_PROGRAM_TYPE_H_

#include <cstdint>

namespace bpfmap {

enum class ProgramType : uint32_t {
  kUnspec = 0,
  kSocketFilter = 1,
  kKprobe = 2,
  kSchedCls = 3,
  kSchedAct = 4,
  kTracepoint = 5,
  kXdp = 6,
  kPerfEvent = 7,
  kCgroupSkb = 8,
  kCgroupSock = 9,
  kLwtIn = 10,
  kLwtOut = 11,
  kLwtXmit = 12,
  kSockOps = 13,
  kSkSkb = 14,
  kCgroupDevice = 15,
  kSkMsg = 16,
  kRawTracepoint = 17,
  kCgroupSockAddr = 18,
  kLwtSeg6Local = 19,
  kLircMode2 = 20,
  kSkReuseport = 21,
  kFlowDissector = 22,
  kCgroupSysctl = 23,
  kRawTracepointWritable = 24,
  kCgroupSockopt = 25,
  kTracing = 26,
  kStructOps = 27,
  kExt = 28,
  kLsm = 29,
  kSkLookup = 30,
  kSyscall = 31,
  kNetfilter = 32,
};
inline constexpr uint32_t kProgramTypes = 33;

// "xdp", as libbpf and bpftool write it.
const char* ProgramTypeName(ProgramType type);

// A set of program types.
class ProgramTypes {
 public:
  constexpr ProgramTypes() = default;
  template <typename... T>
  constexpr explicit ProgramTypes(T... types)
      : bits_((Bit(types) | ... | uint64_t{0})) {}

  constexpr ProgramTypes Without(ProgramTypes other) const {
    return FromBits(bits_ & ~other.bits_);
  }

  // Bit n is the type of number n.
  static constexpr ProgramTypes FromBits(uint64_t bits) {
    ProgramTypes types;
    types.bits_ = bits;
    return types;
  }
  static constexpr ProgramTypes All() { return FromBits(~uint64_t{0}); }

  constexpr bool Has(ProgramType type) const {
    return (bits_ & Bit(type)) != 0;
  }
  constexpr ProgramTypes operator|(ProgramTypes other) const {
    return FromBits(bits_ | other.bits_);
  }

 private:
  static constexpr uint64_t Bit(ProgramType type) {
    return uint64_t{1} << static_cast<uint32_t>(type);
  }
  uint64_t bits_ = 0;
};

// Types whose context is a `struct __sk_buff`.
inline constexpr ProgramTypes kSkbTypes{
    ProgramType::kSocketFilter, ProgramType::kSchedCls,
    ProgramType::kSchedAct,     ProgramType::kCgroupSkb,
    ProgramType::kLwtIn,        ProgramType::kLwtOut,
    ProgramType::kLwtXmit,      ProgramType::kLwtSeg6Local,
    ProgramType::kSkSkb};

// Types that trace the kernel.
inline constexpr ProgramTypes kTracingTypes{
    ProgramType::kKprobe,    ProgramType::kTracepoint,
    ProgramType::kPerfEvent, ProgramType::kRawTracepoint,
    ProgramType::kTracing,   ProgramType::kRawTracepointWritable,
    ProgramType::kLsm};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_PROGRAM_TYPE_H_
