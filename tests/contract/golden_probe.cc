// SPDX-License-Identifier: Apache-2.0

#include "tests/contract/golden_probe.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpfmap/profiles/cpu.h"
#include "gtest/gtest.h"
#include "tests/contract/numbered_trie.h"

namespace bpfmap {
namespace {

constexpr uint32_t kMaxEntries = 4;

// A value of any type: 8 bytes, or 8 for each CPU. All of them are the same.
struct AnyValue {
  explicit AnyValue(uint64_t number) { slices.fill(number); }
  uint64_t number() const { return slices[0]; }
  // In any order of bytes, of a value that says where packets go.
  uint32_t target() const {
    uint32_t number;
    std::memcpy(&number, slices.data(), sizeof number);
    return number;
  }

  std::array<uint64_t, kMaxCpus> slices;
};

MapDef BaseDef(MapType type) {
  if (type == MapType::kRingBuf || type == MapType::kUserRingBuf) {
    return {.type = type, .max_entries = 4096};
  }
  const bool has_keys = type != MapType::kQueue && type != MapType::kStack &&
                        type != MapType::kBloomFilter;
  MapDef def = {.type = type,
                .key_size = has_keys ? 4U : 0U,
                .value_size = 8,
                .max_entries = kMaxEntries};
  if (type == MapType::kLpmTrie) {
    def.key_size = kNumberedTrieKeySize;
    def.map_flags = kNoPrealloc;
  }
  if (type == MapType::kArrayOfMaps || type == MapType::kHashOfMaps ||
      type == MapType::kProgArray || type == MapType::kPerfEventArray ||
      type == MapType::kCgroupArray) {
    def.value_size = 4;
  }
  if (type == MapType::kStackTrace) def.value_size = 16;
  return def;
}

// Flags as the file shows them: a signed number.
std::string Signed(uint64_t flags) {
  return absl::StrCat(static_cast<int64_t>(flags));
}

}  // namespace

GoldenProbe::GoldenProbe(const Backend& backend, MapType type)
    : backend_(backend), base_(BaseDef(type)) {
  if (is_map_of_maps()) base_.inner_map_fd = one_value_ = OpenTemplate();
  if (is_prog_array()) one_value_ = OpenProgram();
  if (has_targets()) one_value_ = 1;  // the loopback; a queue for one packet
  if (is_cgroup_array()) cgroup_ = backend.open_cgroup(&one_value_);
  if (is_perf_event_array()) perf_event_ = backend.open_perf_event(&one_value_);
}

std::vector<std::string> GoldenProbe::Run() {
  rows_.clear();
  Create();
  CreateWithFlags();
  if (is_ring()) {
    RefusedCommands();
    return rows_;
  }
  LargestSizes();
  if (has_keys()) {
    Elements();
    Walks();
    NullPointers();
  } else {
    KeylessElements();
    KeylessWalks();
    KeylessPointers();
    QueueOrder();
    BloomHashes();
  }
  Batches();
  BatchWalks();
  HashBatches();
  Rights();
  SpinLocks();
  HashCapacity();
  InnerMaps();
  Programs();
  PerfEvents();
  Cgroups();
  Targets();
  Prefixes();
  Forks();
  PerCpuLayout();
  LruEvictions();
  return rows_;
}

void GoldenProbe::Row(const std::string& op, const std::string& condition,
                      Errno error, const std::string& detail) {
  rows_.push_back(absl::StrCat(MapTypeName(base_.type), "\t", op, "\t",
                               condition, "\t", ErrnoName(error),
                               detail.empty() ? "" : ":", detail));
}

// Keys of all types are numbers of 4 bytes from here on, but in
// golden_probe_lpm.cc; and values that stand for maps or programs are
// what is right, but in golden_probe_inner.cc.
Errno GoldenProbe::CreateMap(const MapDef& def, TestMap* map) {
  if (has_descriptors()) return CreateOfOneValue(def, map);
  return is_trie() ? CreateNumberedTrie(backend_, def, map)
                   : backend_.create(def, map);
}

void GoldenProbe::CreateRow(const MapDef& def, const std::string& condition) {
  TestMap map;
  Errno error = CreateMap(def, &map);
  // A map that does not fit a backend's memory is right in all else.
  if (error == Errno::kNoMem && backend_.is_too_large(def)) error = Errno::kOk;
  Row("create", condition, error);
}

// A map with keys 0 to count - 1 and values 100 + key; empty, if user space can
// put nothing in.
TestMap GoldenProbe::Filled(int count, MapFlags map_flags) {
  MapDef def = base_;
  def.map_flags |= map_flags;
  TestMap map;
  EXPECT_EQ(CreateMap(def, &map), Errno::kOk);
  if (is_stack_trace()) return map;
  for (uint32_t key = 0; key < static_cast<uint32_t>(count); ++key) {
    const AnyValue value(100 + key);
    const Errno error = map->Update(Key(&key), &value);
    if (is_cpu_map() && error == Errno::kNoDev) continue;  // no such CPU
    EXPECT_EQ(error, Errno::kOk);
  }
  return map;
}

void GoldenProbe::Create() {
  CreateRow(base_, absl::StrCat("base: key_size=", base_.key_size,
                                " value_size=", base_.value_size,
                                " max_entries=", base_.max_entries, " flags=0x",
                                absl::Hex(ToNumber(base_.map_flags))));
  const auto vary = [&](const char* what, uint32_t MapDef::*member,
                        const std::vector<uint32_t>& values) {
    for (const uint32_t value : values) {
      MapDef def = base_;
      def.*member = value;
      CreateRow(def, absl::StrCat(what, "=", value));
    }
  };
  vary("key_size", &MapDef::key_size,
       {0, 1, 3, 4, 5, 8, 9, 12, 255, 260, 261, 512, 513, 4096, 0x7fffffff,
        0xffffffff});
  vary("value_size", &MapDef::value_size,
       {0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 1024, 1032, 32768, 32769, 0x400000,
        0x400001, 0x80000000, 0xffffffff});
  vary("max_entries", &MapDef::max_entries,
       {0, 1, 3, 5, 100, 4095, 4097, 6144, 8192, 12288, 65536});
  if (is_ring()) {
    MapDef def = base_;
    def.max_entries = 0x10000000;
    CreateRow(def, "max_entries=0x10000000");
  }
  // Others would allocate these.
  if (has_seed() || is_trie()) {
    for (const uint32_t value : {0x80000000, 0x80000001, 0xffffffff}) {
      MapDef def = base_;
      def.max_entries = value;
      CreateRow(def, absl::StrCat("max_entries=0x", absl::Hex(value)));
    }
  }
  if (is_stack_trace() || base_.type == MapType::kDevMapHash) {
    for (const uint32_t value : {0x80000001, 0xffffffff}) {
      MapDef def = base_;
      def.max_entries = value;
      CreateRow(def, absl::StrCat("max_entries=0x", absl::Hex(value)));
    }
  }
  MapDef def = base_;
  for (const uint64_t extra : {1, 15, 16}) {
    def.map_extra = extra;
    CreateRow(def, absl::StrCat("map_extra=", extra));
  }
  def.map_extra = uint64_t{1} << 32;
  CreateRow(def, "map_extra=1<<32");
  def = base_;
  def.inner_map_fd = 9999;
  CreateRow(def, "inner_map_fd=9999 (not open)");

  def = base_;
  std::memcpy(def.name, "a-b", 3);
  CreateRow(def, "name 'a-b'");
  std::memcpy(def.name, "a.b_C9", 6);
  CreateRow(def, "name 'a.b_C9'");
  std::memset(def.name, 'x', sizeof def.name);
  CreateRow(def, "name of 16 characters (no end)");
  def = base_;
  def.name[0] = 'a', def.name[3] = 'b';
  CreateRow(def, "name with bytes after its end");
}

void GoldenProbe::CreateWithFlags() {
  constexpr const char* kNames[] = {"NO_PREALLOC",
                                    "NO_COMMON_LRU",
                                    "NUMA_NODE(node 0)",
                                    "RDONLY",
                                    "WRONLY",
                                    "STACK_BUILD_ID",
                                    "ZERO_SEED",
                                    "RDONLY_PROG",
                                    "WRONLY_PROG",
                                    "CLONE",
                                    "MMAPABLE",
                                    "PRESERVE_ELEMS",
                                    "INNER_MAP",
                                    "LINK",
                                    "PATH_FD",
                                    "VTYPE_BTF_OBJ_FD",
                                    nullptr,
                                    "SEGV_ON_FAULT",
                                    "NO_USER_CONV",
                                    "RB_OVERWRITE(bit 19)"};
  constexpr int kUnknownBits = 20;
  const auto with_flags = [&](MapFlags map_flags) {
    MapDef def = base_;
    def.map_flags |= map_flags;
    return def;
  };
  for (int bit = 0; bit < kUnknownBits; ++bit) {
    if (kNames[bit] == nullptr) continue;  // TOKEN_FD: a MapDef has no token
    MapDef def = base_;
    const MapFlags flag{1U << bit};
    def.map_flags ^= flag;
    const bool is_set = HasAny(def.map_flags, flag);
    CreateRow(def,
              absl::StrCat("flags with", is_set ? " " : "out ", kNames[bit]));
  }
  Errno unknown = Errno::kOk;
  bool same = true;
  for (int bit = kUnknownBits; bit < 32; ++bit) {
    TestMap map;
    const Errno error = backend_.create(with_flags(MapFlags{1U << bit}), &map);
    if (bit == kUnknownBits) unknown = error;
    same &= error == unknown;
  }
  Row("create", "flags with an unknown bit, 20 to 31", unknown,
      same ? "each" : "they differ");
  CreateRow(with_flags(kRdOnly | kWrOnly), "flags with RDONLY|WRONLY");
  CreateRow(with_flags(kRdOnlyProg | kWrOnlyProg),
            "flags with RDONLY_PROG|WRONLY_PROG");
  CreateRow(with_flags(kMmapable | kInnerMap), "flags with MMAPABLE|INNER_MAP");
  MapDef def = with_flags(kNumaNode);
  def.numa_node = 1000;
  CreateRow(def, "flags with NUMA_NODE, node 1000");
  def.numa_node = 0xffffffff;
  CreateRow(def, "flags with NUMA_NODE, node -1");
  def = base_;
  def.numa_node = 1;
  CreateRow(def, "numa_node=1 without NUMA_NODE");
}

void GoldenProbe::LargestSizes() {
  if (is_stack_trace()) return;
  if (is_array() && !is_per_cpu()) return;  // theirs is as large as memory
  const auto largest = [&](const char* what, uint32_t MapDef::*member) {
    uint32_t accepted = base_.*member;
    uint32_t refused = 1 << 23;
    Errno refusal = Errno::kOk;
    while (refused - accepted > 1) {
      MapDef def = base_;
      def.max_entries = 1;
      def.*member = accepted + (refused - accepted) / 2;
      TestMap map;
      const Errno error = backend_.create(def, &map);
      if (error == Errno::kOk ||
          (error == Errno::kNoMem && backend_.is_too_large(def))) {
        accepted = def.*member;
      } else {
        refused = def.*member;
        refusal = error;
      }
    }
    Row("create",
        absl::StrCat("largest ", what,
                     " accepted (other size as the base, max_entries=1)"),
        Errno::kOk, absl::StrCat(accepted, ", then ", ErrnoName(refusal)));
  };
  if (has_targets()) return;  // their sizes are given
  if (has_keys() && !is_array()) largest("key_size", &MapDef::key_size);
  if (!is_map_of_maps()) largest("value_size", &MapDef::value_size);
}

void GoldenProbe::Elements() {
  struct State {
    const char* name;
    uint32_t key;
    int entries;
  };
  const std::vector<State> states =
      is_array() || is_stack_trace()
          ? std::vector<State>{{"present key", 1, 2},
                               {"index max_entries", kMaxEntries, 2},
                               {"index 0xffffffff", 0xffffffff, 2}}
          : std::vector<State>{{"present key", 1, 2},
                               {"absent key, room left", 3, 2},
                               {"absent key, map full", 9, kMaxEntries}};
  const std::vector<uint64_t> update_flags = {
      0, 1, 2, 3, 4, 5, 6, 8, 16, 24, uint64_t{1} << 32, ~uint64_t{0}};
  for (const State& state : states) {
    const uint32_t key = state.key;
    for (const uint64_t flags : update_flags) {
      const TestMap map = Filled(state.entries);
      const AnyValue value(777);
      Row("update", absl::StrCat(state.name, ", flags=", Signed(flags)),
          map->Update(&key, &value, ElemFlags{flags}));
    }
    for (const uint64_t flags : {0, 1, 2, 3, 4}) {
      const TestMap map = Filled(state.entries);
      const std::string condition =
          absl::StrCat(state.name, ", flags=", Signed(flags));
      AnyValue value(0);
      Errno error = map->Lookup(&key, &value, ElemFlags{flags});
      Row("lookup", condition, error,
          error == Errno::kOk && (!has_descriptors() || has_targets())
              ? absl::StrCat(has_targets() ? value.target() : value.number())
              : "");
      error = map->LookupAndDelete(&key, &value, ElemFlags{flags});
      Row("lookup_and_delete", condition, error,
          error == Errno::kOk ? absl::StrCat(value.number()) : "");
    }
    const TestMap map = Filled(state.entries);
    const Errno error = map->Delete(&key);
    Row("delete", state.name, error);
    if (error == Errno::kOk) {
      Row("delete", absl::StrCat(state.name, ", second time"),
          map->Delete(&key));
    }
  }
}

void GoldenProbe::Walks() {
  TestMap map = Filled(0);
  const uint32_t zero = 0;
  AnyValue value(0);
  uint32_t next = 0;
  Row("lookup", "empty map", map->Lookup(&zero, &value));
  Row("lookup_and_delete", "empty map", map->LookupAndDelete(&zero, &value));
  Row("delete", "empty map", map->Delete(&zero));
  Row("get_next_key", "empty map, NULL", map->GetNextKey(nullptr, &next));
  Row("get_next_key", "empty map, some key", map->GetNextKey(&zero, &next));

  map = Filled(3);
  Row("get_next_key", "3 keys, NULL", map->GetNextKey(nullptr, &next));
  const uint32_t first = next;
  int steps = 0;
  Errno error = map->GetNextKey(nullptr, &next);
  for (; error == Errno::kOk && steps < 100; ++steps) {
    error = map->GetNextKey(&next, &next);
  }
  Row("get_next_key", "3 keys, walk to the end", Errno::kOk,
      absl::StrCat(steps, " keys, then ", ErrnoName(error)));
  uint32_t key = 200;
  error = map->GetNextKey(&key, &next);
  Row("get_next_key", "3 keys, missing key 200", error,
      error != Errno::kOk ? ""
      : next == first     ? "the first key"
                          : "not the first key");
  if (!is_array()) return;
  for (const auto& [condition, index] :
       {std::pair("key max_entries", kMaxEntries),
        std::pair("key max_entries-1", kMaxEntries - 1),
        std::pair("key 0xffffffff", 0xffffffff)}) {
    error = map->GetNextKey(&index, &next);
    Row("get_next_key", condition, error,
        error == Errno::kOk ? absl::StrCat(next) : "");
  }
}

void GoldenProbe::NullPointers() {
  const TestMap map = Filled(2);
  const uint32_t key = 0;
  AnyValue value(1);
  Row("update", "bad key pointer", map->Update(nullptr, &value));
  Row("lookup", "bad key pointer", map->Lookup(nullptr, &value));
  Row("lookup", "NULL key pointer", map->Lookup(nullptr, &value));
  Row("delete", "bad key pointer", map->Delete(nullptr));
  Row("get_next_key", "bad next_key pointer",
      map->GetNextKey(nullptr, nullptr));
  Row("update", "bad value pointer", map->Update(&key, nullptr));
  Row("update", "bad value pointer and flags=99",
      map->Update(&key, nullptr, ElemFlags{99}));
  Row("lookup", "bad value pointer", map->Lookup(&key, nullptr));
  Row("lookup_and_delete", "bad value pointer",
      map->LookupAndDelete(&key, nullptr));
  if (!is_hash()) return;
  Row("lookup_and_delete", "lookup after the one with a bad value pointer",
      map->Lookup(&key, &value));
}

// One batch command on a fresh map.
struct GoldenProbe::Batch {
  int entries;
  uint32_t count;
  std::string condition;
  uint64_t elem_flags = 0;
  uint64_t flags = 0;
  bool no_out = false;
  bool no_keys = false;
  bool no_values = false;
  bool in_all_ones = false;
  bool second_key_missing = false;
  bool reads_only = false;
  bool deletes_only = false;
};

void GoldenProbe::Batches() {
  const std::vector<uint64_t> elem_flags = {
      0, 1, 2, 3, 4, 8, 16, uint64_t{1} << 32, ~uint64_t{0}};
  RunBatch({3, 0, "count=0, 3 entries"});
  for (const uint64_t flags : elem_flags) {
    RunBatch({3, 2,
              absl::StrCat("count=2, 3 entries, elem_flags=", Signed(flags)),
              flags});
  }
  RunBatch({3, 2, "count=2, 3 entries, flags=1", 0, 1});
  RunBatch({3, 2, "count=2, 3 entries, elem_flags=4 and flags=1", 4, 1});
  RunBatch({3, 0, "count=0 and elem_flags=99", 99});
  RunBatch({3, 3, "count=3, 3 entries"});
  RunBatch({4, 4, "count=4, 4 entries (full)"});
  RunBatch({3, 5, "count=5, 3 entries"});
  RunBatch({0, 2, "count=2, empty map"});
  RunBatch({4, 6, "count=6, 4 entries (full)"});
  Batch batch{3, 2, "count=2, out_batch NULL"};
  batch.no_out = true;
  RunBatch(batch);
  batch.condition = "count=2, bad out_batch pointer";
  RunBatch(batch);
  batch = {3, 2, "count=2, bad keys pointer"};
  batch.no_keys = true;
  RunBatch(batch);
  batch = {3, 2, "count=2, bad values pointer"};
  batch.no_values = true;
  RunBatch(batch);
  batch = {3, 2, "count=2, in_batch all ones"};
  batch.in_all_ones = batch.reads_only = true;
  RunBatch(batch);
  if (!has_keys()) return;
  batch = {3, 3, "count=3, second key missing"};
  batch.second_key_missing = batch.deletes_only = true;
  RunBatch(batch);
}

void GoldenProbe::RunBatch(const Batch& batch) {
  std::array<uint32_t, 8> keys;
  std::vector<AnyValue> values(8, AnyValue(500));
  uint32_t in = 0xffffffff;
  uint32_t out = 0;
  uint32_t count = 0;
  const BatchFlags flags = {ElemFlags{batch.elem_flags}, batch.flags};
  const void* const in_batch = batch.in_all_ones ? &in : nullptr;
  void* const out_batch = batch.no_out ? nullptr : &out;
  void* const key_buffer = batch.no_keys ? nullptr : keys.data();
  void* const value_buffer = batch.no_values ? nullptr : values.data();

  const auto run = [&](const char* op, const auto& command) {
    // Seed 0: who shares a bucket is then the same in every run.
    const TestMap map =
        Filled(batch.entries, has_seed() ? kZeroSeed : MapFlags{});
    for (uint32_t i = 0; i < keys.size(); ++i) keys[i] = i;
    if (batch.second_key_missing) keys[1] = 200;
    count = batch.count;
    const Errno error = command(*map);
    Row(op, batch.condition, error, absl::StrCat("n=", count));
  };
  if (!batch.deletes_only) {
    run("lookup_batch", [&](BpfMap& map) {
      return map.LookupBatch(in_batch, out_batch, key_buffer, value_buffer,
                             &count, flags);
    });
    run("lookup_and_delete_batch", [&](BpfMap& map) {
      return map.LookupAndDeleteBatch(in_batch, out_batch, key_buffer,
                                      value_buffer, &count, flags);
    });
  }
  if (!batch.reads_only && !batch.deletes_only) {
    run("update_batch", [&](BpfMap& map) {
      return map.UpdateBatch(key_buffer, value_buffer, &count, flags);
    });
  }
  if (!batch.reads_only) {
    run("delete_batch", [&](BpfMap& map) {
      return map.DeleteBatch(key_buffer, &count, flags);
    });
  }
}

void GoldenProbe::BatchWalks() {
  const auto walk = [&](const char* op, bool deletes) {
    const TestMap map = Filled(3, has_seed() ? kZeroSeed : MapFlags{});
    std::array<uint32_t, 8> keys;
    std::vector<AnyValue> values(8, AnyValue(0));
    uint32_t position = 0;
    uint32_t count = 0;
    uint32_t total = 0;
    Errno error = Errno::kOk;
    for (int calls = 0; error == Errno::kOk && calls < 20; ++calls) {
      count = is_array() ? 2 : 3;
      const void* const in = calls == 0 ? nullptr : &position;
      error = deletes ? map->LookupAndDeleteBatch(in, &position, keys.data(),
                                                  values.data(), &count)
                      : map->LookupBatch(in, &position, keys.data(),
                                         values.data(), &count);
      if (error == Errno::kOk || error == Errno::kNoEnt) total += count;
    }
    Row(op, "walk of 3 entries until an error", error,
        absl::StrCat("total=", total));
    if (!deletes || is_array()) return;
    count = 5;
    error = map->LookupBatch(nullptr, &position, keys.data(), values.data(),
                             &count);
    Row("lookup_batch", "after that walk", error, absl::StrCat("n=", count));
  };
  walk("lookup_batch", false);
  walk("lookup_and_delete_batch", true);
}

void GoldenProbe::HashBatches() {
  if (!is_hash()) return;
  constexpr uint32_t kEntries = 1024;
  MapDef def = base_;
  def.max_entries = kEntries;
  def.map_flags = kZeroSeed;
  TestMap map;
  ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
  for (uint32_t key = 0; key < kEntries; ++key) {
    const uint64_t value = key;
    EXPECT_EQ(map->Update(&key, &value), Errno::kOk);
  }
  std::vector<uint32_t> keys(kEntries);
  std::vector<uint64_t> values(kEntries);
  uint32_t position = 0, room = 1, total = 0;
  bool started = false, no_space = false;
  Errno error = Errno::kOk;
  while (error == Errno::kOk || error == Errno::kNoSpc) {
    uint32_t count = room;
    error = map->LookupBatch(started ? &position : nullptr, &position,
                             keys.data(), values.data(), &count);
    started = true;
    if (error == Errno::kNoSpc) {
      no_space = true;
      ++room;
      continue;
    }
    total += count;
    room = 1;
  }
  Row("lookup_batch", "1024 entries, count=1 raised by one on ENOSPC", error,
      absl::StrCat("total=", total, ", ENOSPC ",
                   no_space ? "seen" : "not seen"));

  map = Filled(0);
  const uint32_t key = 7;
  const std::array<uint32_t, 3> same = {key, key, key};
  const std::array<uint64_t, 3> different = {1, 2, 3};
  uint32_t count = 3;
  uint64_t value = 0;
  error = map->UpdateBatch(same.data(), different.data(), &count);
  EXPECT_EQ(map->Lookup(&key, &value), Errno::kOk);
  Row("update_batch", "the same key three times", error,
      absl::StrCat("n=", count, " value=", value));
}

void GoldenProbe::Rights() {
  struct Right {
    const char* name;
    MapFlags map_flag;  // none: frozen
  };
  for (const auto& [name, map_flag] :
       {Right{"RDONLY", kRdOnly}, Right{"WRONLY", kWrOnly},
        Right{"RDONLY_PROG", kRdOnlyProg}, Right{"WRONLY_PROG", kWrOnlyProg},
        Right{"frozen", {}}}) {
    const bool of_programs = HasAny(map_flag, kRdOnlyProg | kWrOnlyProg);
    if (of_programs && is_array() && has_descriptors()) continue;
    // They do not take these flags.
    if (of_programs && has_targets()) continue;
    if (is_cpu_map() && map_flag != MapFlags{}) continue;
    if (of_programs && is_stack_trace()) continue;
    const TestMap map = Filled(0, map_flag);
    uint32_t key = 0, next = 0, count = 1;
    AnyValue value(5);
    if (map_flag == MapFlags{}) {
      EXPECT_EQ(map->Update(Key(&key), &value),
                is_stack_trace() ? Errno::kInval : Errno::kOk);
      Row("freeze", "first time", map->Freeze());
      Row("freeze", "second time", map->Freeze());
      value = AnyValue(6);  // for a bloom filter: one that is not there
    }
    Row("update", name, map->Update(Key(&key), &value));
    Row("update", absl::StrCat(name, " and flags=99"),
        map->Update(Key(&key), &value, ElemFlags{99}));
    Row("lookup", name, map->Lookup(Key(&key), &value));
    Row("get_next_key", name, map->GetNextKey(nullptr, &next));
    Row("lookup_and_delete", name, map->LookupAndDelete(Key(&key), &value));
    Row("delete", name, map->Delete(Key(&key)));
    const std::string batch = absl::StrCat(name, ", count=1");
    Row("update_batch", batch, map->UpdateBatch(&key, &value, &count));
    count = 1;
    Row("lookup_batch", batch,
        map->LookupBatch(nullptr, &next, &key, &value, &count));
    count = 1;
    Row("lookup_and_delete_batch", batch,
        map->LookupAndDeleteBatch(nullptr, &next, &key, &value, &count));
    count = 1;
    Row("delete_batch", batch, map->DeleteBatch(&key, &count));
    if (map_flag != MapFlags{}) Row("freeze", name, map->Freeze());
  }
}

void GoldenProbe::SpinLocks() {
  if (is_trie() || is_stack_trace()) return;
  if (has_descriptors() && !has_targets()) return;
  struct Value {
    uint32_t count;
    uint32_t lock;
  };
  MapDef def = base_;
  def.spin_lock_offset = offsetof(Value, lock);
  TestMap map;
  const Errno created = backend_.create(def, &map);
  Row("create", "value type with a bpf_spin_lock", created);
  if (!has_keys() || is_per_cpu() || is_lru() || has_targets()) return;
  ASSERT_EQ(created, Errno::kOk);

  const uint32_t key = 1;
  const Value value = {11, 0x55};
  for (const bool present : {false, true}) {
    for (const ElemFlags flags :
         {ElemFlags{0}, ElemFlags{1}, ElemFlags{4}, ElemFlags{5}, ElemFlags{6},
          ElemFlags{7}, ElemFlags{8}, ElemFlags{12}, ~ElemFlags{0}}) {
      // Neither need succeed: an array cannot delete.
      (void)(present ? map->Update(&key, &value) : map->Delete(&key));
      Row("update",
          absl::StrCat("spin lock value, ", present ? "present" : "absent",
                       " key, flags=", Signed(ToNumber(flags))),
          map->Update(&key, &value, flags));
    }
  }
  EXPECT_EQ(map->Update(&key, &value), Errno::kOk);
  const auto show = [](const Value& got) {
    return absl::StrCat("count=", got.count, " lock=0x", absl::Hex(got.lock));
  };
  Value got = {0xeeeeeeee, 0xeeeeeeee};
  Errno error = map->Lookup(&key, &got);
  Row("lookup", "spin lock value, flags=0", error, show(got));
  got = {0xeeeeeeee, 0xeeeeeeee};
  error = map->Lookup(&key, &got, kLock);
  Row("lookup", "spin lock value, flags=BPF_F_LOCK", error, show(got));
  Row("freeze", "spin lock value", map->Freeze());
  uint32_t count = 1;
  error = map->UpdateBatch(&key, &value, &count, {.elem_flags = kLock});
  Row("update_batch", "spin lock value, elem_flags=BPF_F_LOCK", error,
      absl::StrCat("n=", count));
  std::array<uint32_t, 5> keys;
  std::array<Value, 5> values;
  uint32_t position = 0;
  count = 5;
  error = map->LookupBatch(nullptr, &position, keys.data(), values.data(),
                           &count, {.elem_flags = kLock});
  Row("lookup_batch", "spin lock value, elem_flags=BPF_F_LOCK", error,
      absl::StrCat("n=", count));
  error = map->LookupAndDelete(&key, &got, kLock);
  Row("lookup_and_delete", "spin lock value, flags=BPF_F_LOCK", error,
      show(got));
  if (!is_array()) return;
  def.map_flags = kMmapable;
  CreateRow(def, "spin lock value with MMAPABLE");
  def.map_flags = kRdOnlyProg;
  CreateRow(def, "spin lock value with RDONLY_PROG");
}

void GoldenProbe::HashCapacity() {
  if (!is_hash() && base_.type != MapType::kPerCpuHash) return;
  for (const auto& [name, map_flags] :
       {std::pair("preallocated", MapFlags{}),
        std::pair("NO_PREALLOC", kNoPrealloc)}) {
    const TestMap map = Filled(0, map_flags);
    const AnyValue value(1);
    int inserted = 0;
    Errno error = Errno::kOk;
    for (uint32_t key = 0; key < 50; ++key) {
      error = map->Update(&key, &value);
      if (error == Errno::kOk) ++inserted;
    }
    Row("update", absl::StrCat(name, ", 50 inserts into max_entries=4"), error,
        absl::StrCat(inserted, " inserted"));
    uint32_t key = 0;
    Row("update", absl::StrCat(name, ", full: present key, ANY"),
        map->Update(&key, &value));
    Row("delete", absl::StrCat(name, ", full"), map->Delete(&key));
    key = 77;
    Row("update", absl::StrCat(name, ", after that delete: absent key"),
        map->Update(&key, &value));
  }
}

// How wide a value is in the user view, and what comes back of its padding.
void GoldenProbe::PerCpuLayout() {
  const int cpus = PossibleCpus();
  if (!is_per_cpu() || cpus < 2) return;
  for (const uint32_t size : {1, 4, 7, 8, 12, 17}) {
    MapDef def = base_;
    def.value_size = size;
    TestMap map;
    ASSERT_EQ(backend_.create(def, &map), Errno::kOk);
    const uint32_t stride = (size + 7) / 8 * 8;
    constexpr uint8_t kUnwritten = 0xee;
    std::vector<uint8_t> in(stride * cpus), out(in.size() + 64, kUnwritten);
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = static_cast<uint8_t>(i % 0x80 + 1);
    }
    const uint32_t key = 0;
    EXPECT_EQ(map->Update(&key, in.data()), Errno::kOk);
    const Errno error = map->Lookup(&key, out.data());
    const auto end = std::find(out.begin(), out.end(), kUnwritten);
    const auto second = out.begin() + stride;
    const bool matches = std::equal(second, second + size, in.begin() + stride);
    const bool kept = std::equal(in.begin(), in.end(), out.begin());
    // The file's machine had 2 CPUs.
    Row("lookup", absl::StrCat("value_size=", size, ", per-CPU layout"), error,
        absl::StrCat("bytes written=", (end - out.begin()) * 2 / cpus,
                     " stride=", stride, " second cpu ",
                     matches ? "matches" : "differs", " padding ",
                     size == stride ? "none"
                     : kept         ? "kept"
                                    : "not kept"));
  }
}

// A full map loses a key also where the update fails.
void GoldenProbe::LruEvictions() {
  if (base_.type != MapType::kLruHash || PossibleCpus() < 2) return;
  struct Failure {
    const char* name;
    uint32_t key;
    ElemFlags flags;
  };
  for (const auto& [name, key, flags] :
       {Failure{"absent key with EXIST", 9, kExist},
        Failure{"present key 3 with NOEXIST", 3, kNoExist},
        Failure{"present key 3 with flags=3", 3, ElemFlags{3}}}) {
    const TestMap map = Filled(kMaxEntries);
    const uint64_t value = 777;
    const Errno error = map->Update(&key, &value, flags);
    std::string left = "left";
    for (uint32_t k = 0; k < kMaxEntries; ++k) {
      uint64_t found;
      if (map->Lookup(&k, &found) == Errno::kOk) absl::StrAppend(&left, " ", k);
    }
    Row("update", absl::StrCat("full with keys 0 1 2 3, ", name), error, left);
  }
}

}  // namespace bpfmap
