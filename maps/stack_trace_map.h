// StackTraceMap: BPF_MAP_TYPE_STACK_TRACE. Call stacks by their id.
//
// A program asks for the id of its stack with GetStackId(), and counts or keeps
// ids; user space looks up what stack an id is: value_size / 8 return
// addresses, the innermost first, and zeros behind the last.
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
// Source: bpf-helpers(7); answers of Linux 6.18 in tests/golden/, and to
// programs. Thread-safe, see bpf_map.h and local_map.h.

#ifndef BPFMAP_MAPS_STACK_TRACE_MAP_H_
#define BPFMAP_MAPS_STACK_TRACE_MAP_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/base/attributes.h"
#include "bpfmap/maps/def_check.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/flags.h"
#include "bpfmap/maps/internal/hash/jhash.h"
#include "bpfmap/maps/internal/rules/array_index.h"
#include "bpfmap/maps/internal/rules/map_without_batches.h"
#include "bpfmap/maps/internal/stack_table.h"
#include "bpfmap/maps/map_def.h"
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
class StackTraceMap final : public MapWithoutBatches {
  static_assert(kHasStackTrace<P>,
                "StackTraceMap is for profiles that have CallStack(): see the "
                "top of maps/stack_trace_map.h");

 public:
  using Memory = typename P::Memory;

  const void* class_tag() const override {
    return &internal::kClassTag<StackTraceMap>;
  }

  // `memory` must outlive the map.
  StackTraceMap(const MapDef& def, Memory* memory)
      : MapWithoutBatches(def), def_(def), stacks_(*memory) {}
  explicit StackTraceMap(const MapDef& def)
      : StackTraceMap(def, &P::DefaultMemory()) {}
  StackTraceMap(const StackTraceMap&) = delete;
  StackTraceMap& operator=(const StackTraceMap&) = delete;

  // What Linux would say to `def`.
  //   EINVAL      max_entries of 0; a key that is not 4 bytes; a value that is
  //               not 1 to kMaxStack frames of 8 bytes (kStackBuildId: 32); a
  //               flag that maps of stacks do not have; what DefCheck lists
  //   E2BIG       a max_entries of more than 2^31
  //   EOPNOTSUPP  a lock in the value
  static constexpr DefCheck Check(const MapDef& def);

  // Bytes that Init() takes from the memory. REQUIRES: Check(def) is kOk.
  static constexpr uint64_t MemoryNeeded(const MapDef& def) {
    return internal::StackTable<P>::MemoryNeeded(def.value_size,
                                                 def.max_entries);
  }

  // Makes the map usable. Errors of Check(), and ENOMEM; the map may then only
  // be destroyed. REQUIRES: called once, before any other method.
  Errno Init() {
    const DefCheck check = Check(def_);
    if (check) return check.error;
    return stacks_.Init(def_.value_size, def_.max_entries) ? Errno::kOk
                                                           : Errno::kNoMem;
  }

  MapDef DoDef() const override { return def_; }

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

  void* LookupElem(const void*) override { return nullptr; }
  Errno UpdateElem(const void*, const void*, ElemFlags) override {
    return Errno::kInval;
  }
  Errno DeleteElem(const void*) override { return Errno::kInval; }

  // The user view.
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckLookup(key, flags);
    if (error != Errno::kOk) return error;
    const uint32_t id = IndexOf(key);
    if (id >= stacks_.buckets() || !stacks_.Read(id, value)) {
      return Errno::kNoEnt;
    }
    return value != nullptr ? Errno::kOk : Errno::kFault;
  }
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override {
    const Errno error = rights_.CheckUpdate(key, value, flags);
    return error != Errno::kOk ? error : Errno::kInval;
  }
  //   E2BIG   there is no such bucket
  //   ENOENT  it is empty
  Errno DoDelete(const void* key) override {
    const Errno error = rights_.CheckDelete(key);
    if (error != Errno::kOk) return error;
    if (IndexOf(key) >= stacks_.buckets()) return Errno::k2Big;
    return Remove(IndexOf(key), nullptr);
  }
  Errno DoGetNextKey(const void* key, void* next_key) override;
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override {
    Errno error = rights_.CheckLookupAndDelete(key, flags);
    if (error != Errno::kOk) return error;
    if (IndexOf(key) >= stacks_.buckets()) return Errno::kNoEnt;
    error = Remove(IndexOf(key), value);
    return error == Errno::kOk && value == nullptr ? Errno::kFault : error;
  }
  Errno DoFreeze() override {
    return rights_.Freeze([&](auto change) {
      WriterLock lock(stacks_.seq_lock());
      change();
    });
  }

 private:
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

  const MapDef def_;
  internal::StackTable<P> stacks_;
};

template <Profile P>
constexpr DefCheck StackTraceMap<P>::Check(const MapDef& def) {
  constexpr MapFlags kFlags =
      kNumaNode | kRdOnly | kWrOnly | kStackBuildId | kTokenFd;
  if (DefCheck check = CheckCommon(def)) return check;
  if (def.type != MapType::kStackTrace) {
    return {Errno::kInval, "type must be STACK_TRACE"};
  }
  if (HasAny(def.map_flags, ~kFlags)) {
    return {Errno::kInval,
            "map_flags has a flag that STACK_TRACE does not take"};
  }
  if (def.max_entries == 0) {
    return {Errno::kInval, "max_entries must be 1 or more"};
  }
  if (def.key_size != sizeof(uint32_t)) {
    return {Errno::kInval, "key_size must be 4: the key is an id"};
  }
  const uint32_t frame_size = FrameSize(def);
  if (def.value_size == 0 || def.value_size % frame_size != 0 ||
      def.value_size / frame_size > kMaxStack) {
    return {Errno::kInval,
            "value_size must be 8 bytes for each of 1 to 127 frames, or 32 "
            "with BPF_F_STACK_BUILD_ID"};
  }
  if (def.max_entries > 1U << 31) {
    return {Errno::k2Big, "max_entries must be 2147483648 or less"};
  }
  if (DefCheck check = CheckToken(def)) return check;
  return CheckNameAndNoLock(def);
}

template <Profile P>
int64_t StackTraceMap<P>::GetStackIdOf(const uint64_t* frames, uint32_t count,
                                       StackFlags flags) {
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
Errno StackTraceMap<P>::DoGetNextKey(const void* key, void* next_key) {
  const Errno error = rights_.CheckGetNextKey();
  if (error != Errno::kOk) return error;
  // Behind the key, if it is one; else from the start.
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
