// SPDX-License-Identifier: Apache-2.0

#include "tests/kernel/differential.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/memory_needed.h"
#include "bpfmap/profiles/cloud.h"
#include "tests/support/user_value_size.h"

namespace bpfmap {
namespace {

// Output buffers start with this, so that untouched bytes are seen.
constexpr uint8_t kUntouched = 0xa5;

std::string Hex(const std::vector<uint8_t>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string Describe(const MapDef& def) {
  return absl::StrCat(
      "type ", static_cast<uint32_t>(def.type), ", key_size ", def.key_size,
      ", value_size ", def.value_size, ", max_entries ", def.max_entries,
      ", map_flags 0x", absl::Hex(ToNumber(def.map_flags)), ", numa_node ",
      def.numa_node, ", map_extra ", def.map_extra, ", spin_lock_offset ",
      static_cast<int32_t>(def.spin_lock_offset), ", name ",
      absl::CHexEscape(absl::string_view(def.name, sizeof def.name)));
}

bool HasHandles(MapType type) {
  return IsMapOfMaps(type) || type == MapType::kProgArray;
}

// All elements of a map by its keys, as far as it lets itself be read.
std::map<std::vector<uint8_t>, std::vector<uint8_t>> Contents(
    BpfMap& map, const MapDef& def) {
  std::map<std::vector<uint8_t>, std::vector<uint8_t>> contents;
  std::vector<uint8_t> key(def.key_size);
  std::vector<uint8_t> value(UserValueSize(def));
  const void* previous = nullptr;
  while (map.GetNextKey(previous, key.data()) == Errno::kOk) {
    if (map.Lookup(key.data(), value.data()) == Errno::kOk) {
      contents[key] = value;
    }
    previous = key.data();
  }
  return contents;
}

}  // namespace

Differential::Differential(const Backend& left, const Backend& right,
                           uint64_t seed, std::vector<MapType> types)
    : left_backend_(left),
      right_backend_(right),
      seed_(seed),
      types_(std::move(types)),
      random_(seed) {
  SeedLocalMaps(seed);
}

std::string Differential::Run(uint64_t steps) {
  const uint64_t end = step_ + steps;
  while (step_ < end && difference_.empty()) {
    for (int i = 0; i < 8; ++i) CreateMaps(OddDef());
    if (!CreateMaps(RandomDef())) continue;
    uint64_t planned = 1 + RandomBelow(OneIn(4) ? 6000 : 600);
    if (changes_are_slow()) planned *= 5;
    RunCommands(std::min(planned, end - std::min(end, step_)));
  }
  return difference_;
}

bool Differential::CreateMaps(const MapDef& def) {
  ++maps_;
  ++step_;
  def_ = def;
  value_size_ = UserValueSize(def);
  // Large maps would only take time and memory; Linux allocates them even if
  // the name or the lock is wrong.
  MapDef allocated = def_;
  allocated.map_flags &= ~(kTokenFd | kRdOnlyProg | kWrOnlyProg);
  std::memset(allocated.name, 0, sizeof allocated.name);
  allocated.spin_lock_offset = kNoSpinLock;
  if (MemoryNeeded<Cloud>(allocated) > (8 << 20) ||
      left_backend_.is_too_large(def_) || right_backend_.is_too_large(def_)) {
    return false;
  }
  left_ = right_ = TestMap();
  commands_ = 0;
  command_ = "create";
  const Errno left = left_backend_.create(def_, &left_);
  const Errno right = right_backend_.create(def_, &right_);
  Compare(left, right);
  return left == Errno::kOk && right == Errno::kOk;
}

void Differential::RunCommands(uint64_t steps) {
  for (uint64_t i = 1; i <= steps && difference_.empty(); ++i) {
    ++step_;
    ++commands_;
    Step();
    if (i % 1000 == 0) CompareContents();
  }
  CompareContents();
}

MapDef Differential::RandomDef() {
  MapDef def{};
  def.type = types_[RandomBelow(types_.size())];
  const bool hash =
      def.type == MapType::kHash || def.type == MapType::kPerCpuHash ||
      def.type == MapType::kLruHash || def.type == MapType::kLruPerCpuHash ||
      def.type == MapType::kHashOfMaps;
  const bool trie = def.type == MapType::kLpmTrie;
  const bool lru =
      def.type == MapType::kLruHash || def.type == MapType::kLruPerCpuHash;
  const bool handles = HasHandles(def.type);
  const bool may_have_lock = !trie && !lru && !IsPerCpu(def.type) && !handles;
  // Sizes of programs are mostly small; others must be right too.
  def.key_size = !hash ? 4 : 1 + RandomBelow(OneIn(3) ? 512 : 17);
  def.value_size = 1 + RandomBelow(OneIn(3) ? 300 : 17);
  def.max_entries = 1 + RandomBelow(OneIn(3) ? 200 : 20);
  if (handles) def.value_size = 4;
  // Few, so that they are full in spite of few changes.
  if (IsMapOfMaps(def.type)) def.max_entries = 1 + RandomBelow(6);
  if (trie) {
    def.key_size = 5 + RandomBelow(OneIn(3) ? 256 : 17);
    def.map_flags = kNoPrealloc;
  }
  const std::vector<MapFlags> choices =
      lru ? std::vector<MapFlags>{kNoCommonLru, kZeroSeed, kNumaNode,
                                  kRdOnly,      kWrOnly,   kRdOnlyProg,
                                  kWrOnlyProg}
      : hash
          ? std::vector<MapFlags>{kNoPrealloc, kZeroSeed,   kNumaNode,  kRdOnly,
                                  kWrOnly,     kRdOnlyProg, kWrOnlyProg}
      : handles ? std::vector<MapFlags>{kNumaNode, kRdOnly, kWrOnly}
      : trie
          ? std::vector<MapFlags>{kNumaNode, kRdOnly, kWrOnly, kRdOnlyProg,
                                  kWrOnlyProg}
          : std::vector<MapFlags>{kMmapable, kInnerMap,   kNumaNode,  kRdOnly,
                                  kWrOnly,   kRdOnlyProg, kWrOnlyProg};
  for (const MapFlags flag : choices) {
    if (OneIn(8)) def.map_flags |= flag;
  }
  // Linux counts the elements of large maps without prealloc per CPU and
  // roughly, and then lets a few too many in.
  if (hash && HasAny(def.map_flags, kNoPrealloc)) {
    def.max_entries = std::min(def.max_entries, 32U);
  }
  if (OneIn(may_have_lock ? 6 : 60) && def.value_size >= 4) {
    def.spin_lock_offset = RandomBelow(def.value_size / 4) * 4;
    if (OneIn(16)) def.spin_lock_offset = RandomBelow(def.value_size + 8);
  }
  std::strcpy(def.name, "random.map_1");
  return def;
}

// A definition with one or two members that are often wrong.
MapDef Differential::OddDef() {
  constexpr uint32_t kSizes[] = {
      0,          1,          3,          4,         5,       8,
      255,        512,        4096,       4194251,   4194252, 4194304,
      0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
  constexpr uint32_t kCounts[] = {0,          1,          3,
                                  1000,       0x08000001, 0x10000000,
                                  0x7fffffff, 0x80000000, 0xffffffff};
  MapDef def = RandomDef();
  for (int changes = 1 + RandomBelow(2); changes > 0; --changes) {
    switch (RandomBelow(IsMapOfMaps(def.type) ? 10 : 9)) {
      case 0:
        def.key_size = kSizes[RandomBelow(std::size(kSizes))];
        break;
      case 1:
        def.value_size = kSizes[RandomBelow(std::size(kSizes))];
        def.spin_lock_offset = kNoSpinLock;
        break;
      case 2:
        def.max_entries = kCounts[RandomBelow(std::size(kCounts))];
        break;
      case 3:
        def.map_flags |= MapFlags{1U << RandomBelow(32)};
        break;
      case 4:
        def.name[RandomBelow(sizeof def.name)] =
            static_cast<char>(RandomBelow(256));
        break;
      case 5:
        std::memset(def.name, 'x', RandomBelow(sizeof def.name + 1));
        break;
      case 6:
        def.map_extra = OneIn(2) ? 1 : random_();
        break;
      case 7:
        def.numa_node = OneIn(2) ? 0xffffffff : 1024 + RandomBelow(1 << 20);
        def.map_flags |= OneIn(2) ? kNumaNode : MapFlags{};
        break;
      case 8:
        def.type = static_cast<MapType>(OneIn(2) ? 0 : 1000 + RandomBelow(100));
        break;
      case 9:
        def.inner_map_fd = RandomBelow(kHandles);
        break;
    }
  }
  return def;
}

// Prefixes that begin with each other, end on and around the words of an
// implementation, and are as many as make a map full now and then.
Differential::Bytes Differential::RandomPrefix() {
  Bytes key(def_.key_size);
  const uint32_t bits = 8 * (def_.key_size - 4);
  uint32_t length = RandomBelow(bits + 1);
  if (OneIn(4)) length = bits;
  if (OneIn(4)) length = std::min<uint64_t>(bits, RandomBelow(5) * 32);
  if (OneIn(4)) length = std::min<uint64_t>(bits, RandomBelow(8));
  if (OneIn(32)) length = OneIn(2) ? bits + 1 + RandomBelow(70) : random_();
  std::memcpy(key.data(), &length, sizeof length);
  // One long run of bits that all share, up to a bit where they part.
  for (std::size_t i = 4; i < key.size(); ++i) key[i] = 0x5a;
  for (int parts = RandomBelow(4); parts > 0; --parts) {
    const uint32_t bit =
        OneIn(2) ? RandomBelow(std::min(bits, 10U)) : RandomBelow(bits);
    key[4 + bit / 8] ^= 0x80 >> bit % 8;
  }
  if (OneIn(8)) key.back() = static_cast<uint8_t>(random_());  // host bits
  return key;
}

Differential::Bytes Differential::RandomKey() {
  if (def_.type == MapType::kLpmTrie) return RandomPrefix();
  Bytes key(def_.key_size);
  // As many keys as make a map full now and then.
  uint32_t number = RandomBelow(def_.max_entries + def_.max_entries / 2 + 2);
  if (is_array() && OneIn(16)) number = OneIn(2) ? 0xffffffff : random_();
  // Spread over all bytes, with the ends of the key in play.
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = is_array() ? 0 : static_cast<uint8_t>(number * (i + 1) >> (i % 3));
  }
  std::memcpy(key.data(), &number, std::min<std::size_t>(key.size(), 4));
  return key;
}

Differential::Bytes Differential::RandomValue() {
  Bytes value(value_size_);
  if (HasHandles(def_.type)) {
    value[0] = MayChange() && !OneIn(4)
                   ? RandomBelow(kGoodHandles)
                   : kGoodHandles + RandomBelow(kHandles - kGoodHandles);
    return value;
  }
  for (uint8_t& byte : value) byte = static_cast<uint8_t>(random_());
  return value;
}

uint64_t Differential::RandomNumber() {
  constexpr uint64_t kFlags[] = {3,
                                 4,
                                 5,
                                 6,
                                 7,
                                 8,
                                 12,
                                 16,
                                 24,
                                 32,
                                 99,
                                 uint64_t{1} << 32,
                                 uint64_t{1} << 63,
                                 ~uint64_t{0}};
  if (!OneIn(5)) return RandomBelow(3);
  return OneIn(16) ? random_() : kFlags[RandomBelow(std::size(kFlags))];
}

void Differential::Step() {
  const uint64_t choice = RandomBelow(100);
  const bool programs = left_.local() != nullptr && right_.local() != nullptr;
  if (programs && OneIn(3)) {
    if (choice < 30) return ProgramLookup();
    if (choice < 75) return ProgramUpdate();
    return ProgramDelete();
  }
  if (changes_are_slow() && commands_ <= kFirstChanges) return Update();
  if (choice < 20) return Lookup();
  if (choice < 55) return Update();
  if (choice < 72) return Delete();
  if (choice < 80) return NextKey();
  if (choice < 86) return LookupAndDelete();
  if (choice < 90) return MayChange() ? UpdateBatch() : Lookup();
  if (choice < 93) return MayChange() ? DeleteBatch() : Lookup();
  if (choice < 96) return is_ordered() ? OrderedBatch() : HashBatchWalk(false);
  if (choice < 98) return is_ordered() ? OrderedBatch() : HashBatchRefused();
  if (OneIn(8) && def_.type != MapType::kLpmTrie && MayChange()) {
    return HashBatchWalk(true);
  }
  if (OneIn(changes_are_slow() ? 256 : 32)) return Freeze();
}

void Differential::Lookup() {
  const Bytes key = RandomKey();
  const ElemFlags flags = OneIn(4) ? RandomFlags() : kAny;
  Bytes left(value_size_, kUntouched), right = left;
  const void* const k = MaybeNull(key.data());
  const bool no_value = OneIn(64);
  command_ =
      absl::StrCat("lookup ", k == nullptr ? "null" : Hex(key), " flags ",
                   ToNumber(flags), no_value ? " value null" : "");
  Compare(left_->Lookup(k, no_value ? nullptr : left.data(), flags),
          right_->Lookup(k, no_value ? nullptr : right.data(), flags));
  CompareBytes("value", left, right);
}

void Differential::Update() {
  const Bytes key = RandomKey(), value = RandomValue();
  const ElemFlags flags = RandomFlags();
  const void* const k = MaybeNull(key.data());
  const void* const v = MaybeNull(value.data());
  command_ = absl::StrCat("update ", k == nullptr ? "null" : Hex(key),
                          v == nullptr ? " value null" : "", " flags ",
                          ToNumber(flags));
  Compare(left_->Update(k, v, flags), right_->Update(k, v, flags));
}

void Differential::Delete() {
  const Bytes key = RandomKey();
  const void* const k = MaybeNull(key.data());
  if (!MayChange() && k != nullptr) {
    Bytes value(value_size_);
    if (left_->Lookup(k, value.data()) == Errno::kOk) return;
  }
  command_ = absl::StrCat("delete ", k == nullptr ? "null" : Hex(key));
  Compare(left_->Delete(k), right_->Delete(k));
}

void Differential::NextKey() {
  const Bytes key = RandomKey();
  Bytes left(def_.key_size, kUntouched), right = left;
  const void* const k = MaybeNull(key.data());
  const bool no_next = OneIn(64);
  command_ = absl::StrCat("get_next_key ", k == nullptr ? "null" : Hex(key),
                          no_next ? " next_key null" : "");
  const Errno left_result =
      left_->GetNextKey(k, no_next ? nullptr : left.data());
  const Errno right_result =
      right_->GetNextKey(k, no_next ? nullptr : right.data());
  if (is_ordered()) {
    Compare(left_result, right_result);
    CompareBytes("next key", left, right);
    return;
  }
  // Each map has a last key of its own; an absent key has a next one.
  const bool both_walk =
      (left_result == Errno::kOk || left_result == Errno::kNoEnt ||
       left_result == Errno::kFault) &&
      (right_result == Errno::kOk || right_result == Errno::kNoEnt ||
       right_result == Errno::kFault);
  Bytes value(value_size_);
  const bool present =
      k != nullptr && left_->Lookup(k, value.data()) == Errno::kOk;
  if (!both_walk || !present) Compare(left_result, right_result);
}

void Differential::LookupAndDelete() {
  const Bytes key = RandomKey();
  const ElemFlags flags = OneIn(4) ? RandomFlags() : kAny;
  Bytes left(value_size_, kUntouched), right = left;
  const void* const k = MaybeNull(key.data());
  const bool no_value = OneIn(64);
  command_ =
      absl::StrCat("lookup_and_delete ", k == nullptr ? "null" : Hex(key),
                   " flags ", ToNumber(flags), no_value ? " value null" : "");
  Compare(left_->LookupAndDelete(k, no_value ? nullptr : left.data(), flags),
          right_->LookupAndDelete(k, no_value ? nullptr : right.data(), flags));
  CompareBytes("value", left, right);
}

void Differential::UpdateBatch() {
  const uint32_t count = RandomBelow(8);
  Bytes keys, values;
  for (uint32_t i = 0; i < count; ++i) {
    const Bytes key = RandomKey(), value = RandomValue();
    keys.insert(keys.end(), key.begin(), key.end());
    values.insert(values.end(), value.begin(), value.end());
  }
  keys.resize(keys.size() + 1);  // so that data() is not null
  values.resize(values.size() + 1);
  const BatchFlags flags = {OneIn(3) ? RandomFlags() : kAny,
                            OneIn(8) ? RandomNumber() : 0};
  const void* const k = MaybeNull(keys.data());
  const void* const v = MaybeNull(values.data());
  uint32_t left = count, right = count;
  command_ = absl::StrCat("update_batch ", count, " keys ",
                          k == nullptr ? "null" : Hex(keys),
                          v == nullptr ? " values null" : "", " elem_flags ",
                          ToNumber(flags.elem_flags), " flags ", flags.flags);
  Compare(left_->UpdateBatch(k, v, &left, flags),
          right_->UpdateBatch(k, v, &right, flags));
  if (left != right) Differ(absl::StrCat("count ", left, " and ", right));
}

void Differential::DeleteBatch() {
  const uint32_t count = RandomBelow(5);
  Bytes keys;
  for (uint32_t i = 0; i < count; ++i) {
    const Bytes key = RandomKey();
    keys.insert(keys.end(), key.begin(), key.end());
  }
  keys.resize(keys.size() + 1);
  const BatchFlags flags = {OneIn(8) ? RandomFlags() : kAny,
                            OneIn(8) ? RandomNumber() : 0};
  const void* const k = MaybeNull(keys.data());
  uint32_t left = count, right = count;
  command_ = absl::StrCat("delete_batch ", count, " keys ",
                          k == nullptr ? "null" : Hex(keys), " elem_flags ",
                          ToNumber(flags.elem_flags), " flags ", flags.flags);
  Compare(left_->DeleteBatch(k, &left, flags),
          right_->DeleteBatch(k, &right, flags));
  if (left != right) Differ(absl::StrCat("count ", left, " and ", right));
}

// The lookup batches of a map with an order, to the byte.
void Differential::OrderedBatch() {
  const bool deletes = OneIn(4) && MayChange();
  const uint32_t count = RandomBelow(MaxBatch());
  const BatchFlags flags = {OneIn(6) ? RandomFlags() : kAny,
                            OneIn(6) ? RandomNumber() : 0};
  const Bytes position = RandomKey();
  const void* const in = OneIn(3) ? nullptr : position.data();
  const bool no_out = OneIn(16), no_keys = OneIn(16), no_values = OneIn(16);
  struct Side {
    Bytes out, keys, values;
    uint32_t count;
    Errno result;
  };
  const auto run = [&](BpfMap& map) {
    Side side{Bytes(def_.key_size, kUntouched),
              Bytes(def_.key_size * MaxBatch(), kUntouched),
              Bytes(value_size_ * MaxBatch(), kUntouched),
              count,
              {}};
    void* const out = no_out ? nullptr : side.out.data();
    void* const keys = no_keys ? nullptr : side.keys.data();
    void* const values = no_values ? nullptr : side.values.data();
    side.result =
        deletes ? map.LookupAndDeleteBatch(in, out, keys, values, &side.count,
                                           flags)
                : map.LookupBatch(in, out, keys, values, &side.count, flags);
    return side;
  };
  command_ = absl::StrCat(
      deletes ? "lookup_and_delete_batch " : "lookup_batch ", count, " from ",
      in == nullptr ? "start" : Hex(position), no_out ? " out null" : "",
      no_keys ? " keys null" : "", no_values ? " values null" : "",
      " elem_flags ", ToNumber(flags.elem_flags), " flags ", flags.flags);
  const Side left = run(*left_), right = run(*right_);
  Compare(left.result, right.result);
  if (left.count != right.count) {
    Differ(absl::StrCat("count ", left.count, " and ", right.count));
  }
  CompareBytes("position", left.out, right.out);
  if (no_keys || no_values) return;  // Linux fills the other one as it goes
  CompareBytes("keys", left.keys, right.keys);
  CompareBytes("values", left.values, right.values);
}

// Batches of a hash map to the end, in pieces; what they gave in all.
void Differential::HashBatchWalk(bool deletes) {
  const uint32_t first_room = 1 + RandomBelow(MaxBatch());
  const BatchFlags flags = {
      def_.spin_lock_offset != kNoSpinLock && OneIn(2) ? kLock : kAny};
  struct Side {
    Errno result = Errno::kOk;
    std::multimap<Bytes, Bytes> elements;
  };
  const auto run = [&](BpfMap& map) {
    Side side;
    Bytes keys(def_.key_size * MaxBatch()), values(value_size_ * MaxBatch());
    uint32_t position = 0, room = first_room;
    const void* in = nullptr;
    while (side.result == Errno::kOk || side.result == Errno::kNoSpc) {
      uint32_t count = room;
      side.result = deletes
                        ? map.LookupAndDeleteBatch(in, &position, keys.data(),
                                                   values.data(), &count, flags)
                        : map.LookupBatch(in, &position, keys.data(),
                                          values.data(), &count, flags);
      in = &position;
      if (side.result == Errno::kNoSpc) room = MaxBatch();
      if (side.result != Errno::kOk && side.result != Errno::kNoEnt) continue;
      for (uint32_t i = 0; i < count; ++i) {
        const auto key = keys.begin() + i * def_.key_size;
        const auto value = values.begin() + i * value_size_;
        side.elements.emplace(Bytes(key, key + def_.key_size),
                              Bytes(value, value + value_size_));
      }
    }
    return side;
  };
  command_ = absl::StrCat(deletes ? "lookup_and_delete_batch" : "lookup_batch",
                          " to the end, room for ", first_room);
  const Side left = run(*left_), right = run(*right_);
  Compare(left.result, right.result);
  if (left.elements != right.elements) {
    Differ(absl::StrCat(left.elements.size(), " and ", right.elements.size(),
                        " elements, or others"));
  }
}

// Batches of a hash map whose answer no order decides.
void Differential::HashBatchRefused() {
  const bool deletes = OneIn(2) && MayChange();
  BatchFlags flags;
  uint32_t position = 0, room = MaxBatch();
  bool no_out = false, no_keys = false, no_values = false, from = false;
  switch (RandomBelow(5)) {
    case 0:
      flags.elem_flags = ElemFlags{1 + random_() % 100};
      if (flags.elem_flags == kLock) flags.elem_flags = ElemFlags{8};
      break;
    case 1:
      flags.flags = 1 + random_() % 100;
      break;
    case 2:
      room = 0;
      break;
    case 3:  // after the last bucket
      from = true;
      position = OneIn(2) ? 0xffffffff : 512 + random_() % 100000;
      break;
    case 4:
      no_out = OneIn(2);
      no_keys = OneIn(2);
      no_values = OneIn(2);
      // With EFAULT it deletes one bucket, whichever that is.
      if (deletes && Contents(*left_, def_).size() > 1) return;
      break;
  }
  const auto run = [&](BpfMap& map, uint32_t* count) {
    Bytes keys(def_.key_size * MaxBatch()), values(value_size_ * MaxBatch());
    uint32_t out_position;
    *count = room;
    const void* const in = from ? &position : nullptr;
    void* const out = no_out ? nullptr : &out_position;
    void* const k = no_keys ? nullptr : keys.data();
    void* const v = no_values ? nullptr : values.data();
    return deletes ? map.LookupAndDeleteBatch(in, out, k, v, count, flags)
                   : map.LookupBatch(in, out, k, v, count, flags);
  };
  command_ = absl::StrCat(
      deletes ? "lookup_and_delete_batch " : "lookup_batch ", room, " from ",
      position, no_out ? " out null" : "", no_keys ? " keys null" : "",
      no_values ? " values null" : "", " elem_flags ",
      ToNumber(flags.elem_flags), " flags ", flags.flags);
  uint32_t left = 0, right = 0;
  const Errno left_result = run(*left_, &left);
  const Errno right_result = run(*right_, &right);
  Compare(left_result, right_result);
  if (left != right) Differ(absl::StrCat("count ", left, " and ", right));
}

void Differential::Freeze() {
  command_ = "freeze";
  Compare(left_->Freeze(), right_->Freeze());
}

void Differential::ProgramLookup() {
  const Bytes key = RandomKey();
  command_ = absl::StrCat("program_lookup ", Hex(key));
  const void* const left = left_.local()->LookupElem(key.data());
  const void* const right = right_.local()->LookupElem(key.data());
  if ((left == nullptr) != (right == nullptr)) {
    Differ(left == nullptr ? "null and not" : "not null and null");
  }
  ++results_[absl::StrCat(MapTypeName(def_.type), " program_lookup")]
            [left == nullptr ? Errno::kNoEnt : Errno::kOk];
  if (left != nullptr && right != nullptr &&
      std::memcmp(left, right, def_.value_size) != 0) {
    Differ("values");
  }
}

void Differential::ProgramUpdate() {
  const Bytes key = RandomKey(), value = RandomValue();
  const ElemFlags flags = RandomFlags();
  command_ =
      absl::StrCat("program_update ", Hex(key), " flags ", ToNumber(flags));
  Compare(left_.local()->UpdateElem(key.data(), value.data(), flags),
          right_.local()->UpdateElem(key.data(), value.data(), flags));
}

void Differential::ProgramDelete() {
  const Bytes key = RandomKey();
  command_ = absl::StrCat("program_delete ", Hex(key));
  Compare(left_.local()->DeleteElem(key.data()),
          right_.local()->DeleteElem(key.data()));
}

void Differential::CompareContents() {
  command_ = absl::StrCat("contents after ", command_);
  const auto left = Contents(*left_, def_);
  const auto right = Contents(*right_, def_);
  if (left == right) return;
  std::string what = absl::StrCat(left.size(), " and ", right.size(), " keys");
  for (const auto& [key, value] : left) {
    const auto other = right.find(key);
    if (other == right.end() || other->second != value) {
      absl::StrAppend(&what, "; key ", Hex(key));
      break;
    }
  }
  Differ(what);
}

void Differential::Compare(Errno left, Errno right) {
  const std::string name = command_.substr(0, command_.find(' '));
  ++results_[absl::StrCat(MapTypeName(def_.type), " ", name)][left];
  if (left == right) return;
  Differ(absl::StrCat("result ", ErrnoName(left), " (", static_cast<int>(left),
                      ") and ", ErrnoName(right), " (", static_cast<int>(right),
                      ")"));
}

void Differential::CompareBytes(const std::string& what, const Bytes& left,
                                const Bytes& right) {
  if (left == right) return;
  Differ(absl::StrCat(what, " ", Hex(left), " and ", Hex(right)));
}

void Differential::Differ(const std::string& what) {
  if (!difference_.empty()) return;
  difference_ = absl::StrCat(left_backend_.name, " and ", right_backend_.name,
                             " differ at --seed=", seed_, ", map ", maps_,
                             ", step ", step_, "\n  map: ", Describe(def_),
                             "\n  command: ", command_, "\n  ", what);
}

}  // namespace bpfmap
