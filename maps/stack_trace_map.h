// SPDX-License-Identifier: Apache-2.0

// StackTraceMap: BPF_MAP_TYPE_STACK_TRACE. Call stacks by their id.
//
// A program asks for the id of its stack with GetStackId(), and counts or keeps
// ids; user space looks up what stack an id is: value_size / 8 return
// addresses, the innermost first, and zeros after the last.
//
// The id of a stack is its hash, as many bits of it as there are buckets: the
// next power of two to max_entries. So two stacks can have one id. The one that
// came first keeps it, and the other one gets none, unless GetStackId() is told
// otherwise.
//
// The stack is that of the calling thread, from the function that calls
// GetStackId() outwards. It is found by frame pointers, so compile the program
// with -fno-omit-frame-pointer: a function without one is left out, or ends the
// stack. The address in the caller is always there.
//
// With kStackBuildId in map_flags a value is made of StackBuildIds instead of
// addresses. Linux falls back to the address where it cannot find a build id;
// here it is always so.
//
// User view: Lookup, LookupAndDelete, Delete and GetNextKey mean the buckets
// that have a stack; Update is EINVAL, and batches are ENOTSUPP. Programs can
// neither look up, update nor delete: the verifier refuses them with EINVAL.
//
// Not on profiles that cannot find a stack (Profile::CallStack): it takes an
// operating system's unwinder.
//
// Source: bpf-helpers(7); answers of Linux 6.18 in tests/contract/golden/, and
// to programs. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_STACK_TRACE_MAP_H_
#define BPFMAP_MAPS_STACK_TRACE_MAP_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_error.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/internal/dcheck.h"
#include "bpfmap/maps/internal/hash/jhash.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/def_validation.h"
#include "bpfmap/maps/internal/rules/map_base.h"
#include "bpfmap/maps/internal/stack_table.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/map_traits.h"
#include "bpfmap/profiles/profile.h"
#include "bpfmap/profiles/reader_writer_lock.h"

namespace bpfmap {

// Whether a profile has maps of stacks.
template <Profile P>
inline constexpr bool kHasStackTrace = requires(uint64_t* addresses) {
  P::CallStack(nullptr, addresses, 1);
};

// Frames of the longest stack (the kernel.perf_event_max_stack of a system that
// nobody changed it on).
inline constexpr uint32_t kMaxStack = 127;

// Flags of GetStackId(), BPF_F_*. The stack of a thread is the user stack and
// the kernel stack in one, so that kUserStack changes nothing.
enum class StackFlags : uint64_t {};
template <>
inline constexpr bool kIsFlags<StackFlags> = true;

inline constexpr StackFlags kSkipFieldMask{0xff};  // innermost frames to skip
inline constexpr StackFlags kUserStack{1 << 8};
inline constexpr StackFlags kFastStackCmp{1 << 9};   // compare hashes only
inline constexpr StackFlags kReuseStackId{1 << 10};  // replace another stack

// struct bpf_stack_build_id.
struct StackBuildId {
  int32_t status;  // 0: there is no such frame; 2: `ip` is the address
  uint8_t build_id[20];
  uint64_t ip;
};
static_assert(sizeof(StackBuildId) == 32);

template <Profile P>
class StackTraceMap final : public MapBase<StackTraceMap<P>, P> {
  static_assert(kHasStackTrace<P>,
                "StackTraceMap is for profiles that have CallStack(): see the "
                "top of maps/stack_trace_map.h");

 public:
  using typename MapBase<StackTraceMap<P>, P>::Memory;

  // `memory` must outlive the map.
  StackTraceMap(const MapDef& def, Memory* memory)
      : MapBase<StackTraceMap, P>(def), stacks_(*memory) {}
  explicit StackTraceMap(const MapDef& def)
      : StackTraceMap(def, &P::DefaultMemory()) {}

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes; a value that is
  //               not 1 to kMaxStack frames of 8 bytes (kStackBuildId: 32); a
  //               flag that maps of stacks do not have; what CheckCommon()
  //               lists
  //   E2BIG       a max_entries of more than 2^31
  //   EOPNOTSUPP  a lock in the value
  ABSL_ATTRIBUTE_ALWAYS_INLINE static constexpr DefError Check(
      const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::StackTable<P>::MemoryNeeded(def.value_size,
                                                 def.max_entries);
  }

  // The program view.

  // bpf_get_stackid(): the id of the caller's stack, which is then in the map;
  // or minus an errno. `flags`: how many frames to skip, and those above.
  //   EINVAL  other flags
  //   EFAULT  there are no more frames than are to be skipped
  //   EEXIST  another stack has the id, without kReuseStackId
  //   ENOMEM  the map is full
  // With kStackBuildId, ENOMEM is the answer before EEXIST, and for a stack
  // that is there already, too; but not with kFastStackCmp.
  ABSL_ATTRIBUTE_NOINLINE int64_t GetStackId(StackFlags flags = {}) {
    // The chain of frames goes through this one, whatever the flags that it is
    // compiled with.
    asm volatile("" : : "r"(__builtin_frame_address(0)));
    uint64_t frames[kMaxStack];
    return GetStackIdOf(frames,
                        static_cast<uint32_t>(P::CallStack(
                            __builtin_return_address(0), frames, kMaxStack)),
                        flags);
  }

  // The same of a stack that the caller found itself: `count` addresses, the
  // innermost first, of which kMaxStack count.
  int64_t GetStackIdOf(const uint64_t* frames, uint32_t count,
                       StackFlags flags = {});

  // What Linux answers in place of commands that maps of stacks do not have.
  static constexpr Refusals kRefuses{.update = Errno::kInval,
                                     .batches = Errno::kNotSupp,
                                     .programs = Errno::kInval};
  static constexpr MapTraits kTraits{.key_types =
                                         MapTraits::KeyTypes::kNotSupported};

 private:
  friend MapBase<StackTraceMap, P>;
  using MapBase<StackTraceMap, P>::def_;
  using MapBase<StackTraceMap, P>::rights_;

  // For MapBase.
  bool Allocate() { return stacks_.Init(def_.value_size, def_.max_entries); }
  Errno Read(const void* key, void* value, ElemFlags) {
    const uint32_t id = IndexOf(key);
    if (id >= stacks_.buckets() || !stacks_.Read(id, value)) {
      return Errno::kNoEnt;
    }
    return value != nullptr ? Errno::kOk : Errno::kFault;
  }
  //   E2BIG   there is no such bucket
  //   ENOENT  it is empty
  template <View>
  Errno Remove(const void* key) {
    if (IndexOf(key) >= stacks_.buckets()) return Errno::k2Big;
    return Remove(IndexOf(key), nullptr);
  }
  Errno NextKey(const void* key, void* next_key);
  Errno Take(const void* key, void* value, ElemFlags) {
    if (IndexOf(key) >= stacks_.buckets()) return Errno::kNoEnt;
    const Errno error = Remove(IndexOf(key), value);
    return error == Errno::kOk && value == nullptr ? Errno::kFault : error;
  }
  template <typename Change>
  void WithWritersStopped(Change change) {
    WriterLock lock(stacks_.seq_lock());
    change();
  }

  bool has_build_ids() const { return HasAny(def_.map_flags, kStackBuildId); }
  static constexpr uint32_t FrameSize(const MapDef& def) {
    return HasAny(def.map_flags, kStackBuildId) ? sizeof(StackBuildId)
                                                : sizeof(uint64_t);
  }

  Errno Remove(uint32_t id, void* value) {
    WriterLock lock(stacks_.seq_lock());
    if (rights_.frozen()) return Errno::kPerm;
    return stacks_.Remove(id, value) ? Errno::kOk : Errno::kNoEnt;
  }

  internal::StackTable<P> stacks_;
};

template <Profile P>
constexpr DefError StackTraceMap<P>::Check(const MapDef& def) {
  const uint32_t frame_size = FrameSize(def);
  return FirstError(
      CheckCommon(def),
      Require(def.type == MapType::kStackTrace, "type must be STACK_TRACE"),
      CheckFlags(def, kNumaNode | kRdOnly | kWrOnly | kStackBuildId | kTokenFd,
                 "map_flags has a flag that STACK_TRACE does not take"),
      CheckMaxEntries(def),
      Require(def.key_size == sizeof(uint32_t),
              "key_size must be 4: the key is an id"),
      Require(def.value_size != 0 && def.value_size % frame_size == 0 &&
                  def.value_size / frame_size <= kMaxStack,
              "value_size must be 8 bytes for each of 1 to 127 frames, or 32 "
              "with BPF_F_STACK_BUILD_ID"),
      Require(def.max_entries <= 1U << 31,
              "max_entries must be 2147483648 or less", Errno::k2Big),
      CheckToken(def), CheckNameAndNoLock(def));
}

template <Profile P>
int64_t StackTraceMap<P>::GetStackIdOf(const uint64_t* frames, uint32_t count,
                                       StackFlags flags) {
  BPFMAP_DCHECK(P, this->is_ready());
  constexpr StackFlags kFlags =
      kSkipFieldMask | kUserStack | kFastStackCmp | kReuseStackId;
  if (HasAny(flags, ~kFlags)) return -static_cast<int64_t>(Errno::kInval);
  // As many frames as fit, of those that are not skipped.
  const uint32_t skipped =
      static_cast<uint32_t>(ToNumber(flags & kSkipFieldMask));
  count =
      std::min({count, kMaxStack, def_.value_size / FrameSize(def_) + skipped});
  if (count <= skipped) return -static_cast<int64_t>(Errno::kFault);
  frames += skipped;
  count -= skipped;

  using Table = internal::StackTable<P>;
  typename Table::Stack stack;
  stack.data = frames;
  stack.size = count * static_cast<uint32_t>(sizeof frames[0]);
  stack.hash = internal::Jhash(stack.data, stack.size, 0);
  StackBuildId build_ids[kMaxStack];
  if (has_build_ids()) {
    constexpr int32_t kIsAddress = 2;
    for (uint32_t i = 0; i < count; ++i) {
      build_ids[i] = {kIsAddress, {}, frames[i]};
    }
    stack.data = build_ids;
    stack.size = count * static_cast<uint32_t>(sizeof build_ids[0]);
  }
  uint32_t id;
  switch (stacks_.Store(stack,
                        {.by_hash = HasAny(flags, kFastStackCmp),
                         .replaces = HasAny(flags, kReuseStackId),
                         .needs_a_slot = has_build_ids()},
                        &id)) {
    case Table::Stored::kYes:
      return id;
    case Table::Stored::kOtherStack:
      return -static_cast<int64_t>(Errno::kExist);
    case Table::Stored::kNoSlot:
      return -static_cast<int64_t>(Errno::kNoMem);
  }
  return 0;
}

template <Profile P>
Errno StackTraceMap<P>::NextKey(const void* key, void* next_key) {
  // After the key, if it is one; else from the start.
  uint64_t id = 0;
  if (key != nullptr && IndexOf(key) < stacks_.buckets() &&
      stacks_.IsFull(IndexOf(key))) {
    id = uint64_t{IndexOf(key)} + 1;
  }
  while (id < stacks_.buckets() && !stacks_.IsFull(id)) ++id;
  if (id == stacks_.buckets()) return Errno::kNoEnt;
  if (next_key == nullptr) return Errno::kFault;
  const uint32_t found = static_cast<uint32_t>(id);
  std::memcpy(next_key, &found, sizeof found);
  return Errno::kOk;
}

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_STACK_TRACE_MAP_H_
