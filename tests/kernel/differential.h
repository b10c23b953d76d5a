// SPDX-License-Identifier: Apache-2.0

// Differential: the same random commands on two backends, until they differ.
//
// It creates maps of random definitions, odd ones included, and gives both the
// same commands with the same flags, keys, values and null pointers, odd ones
// included. After each command the result and every byte of the output buffers
// must agree, and after every 1,000 steps, and at the end of a map, the keys
// and values in it.
//
// Where the order of a hash map decides (which key comes next, which keys share
// a batch), sets are compared instead of sequences.
//
// Maps whose values are handles, maps of maps for one, get numbers instead: of
// those below kHandles, the first kGoodHandles should be taken by a map whose
// inner_map_fd is 0. The backends translate them. As the kernel waits for all
// running programs at each change of a map of maps, most commands on these are
// such as change nothing.
//
// Everything follows from the seed. results() counts what was answered to what,
// so that a test can see that the commands got anywhere.

#ifndef BPFMAP_TESTS_KERNEL_DIFFERENTIAL_H_
#define BPFMAP_TESTS_KERNEL_DIFFERENTIAL_H_

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/internal/rules/inner_maps.h"
#include "bpfmap/maps/map_def.h"
#include "tests/support/backend.h"

namespace bpfmap {

class Differential {
 public:
  static constexpr uint32_t kHandles = 10;
  static constexpr uint32_t kGoodHandles = 4;

  // Maps are of `types`.
  Differential(const Backend& left, const Backend& right, uint64_t seed,
               std::vector<MapType> types = {MapType::kArray, MapType::kHash});

  // Runs `steps` commands. Returns what the first difference is, with all that
  // is needed to see it again; "" if there is none.
  std::string Run(uint64_t steps);

  // How often the result was seen of "HASH lookup", "ARRAY update_batch", ...
  using Results = std::map<std::string, std::map<Errno, uint64_t>>;
  const Results& results() const { return results_; }

 private:
  using Bytes = std::vector<uint8_t>;

  // A map of `def` on either side; whether both exist.
  bool CreateMaps(const MapDef& def);
  void RunCommands(uint64_t steps);
  void Step();
  void Lookup();
  void Update();
  void Delete();
  void NextKey();
  void LookupAndDelete();
  void UpdateBatch();
  void DeleteBatch();
  void OrderedBatch();
  void HashBatchWalk(bool deletes);
  void HashBatchRefused();
  void Freeze();
  void ProgramLookup();
  void ProgramUpdate();
  void ProgramDelete();
  void CompareContents();

  MapDef RandomDef();
  MapDef OddDef();
  Bytes RandomKey();
  Bytes RandomPrefix();
  Bytes RandomValue();
  uint64_t RandomNumber();
  ElemFlags RandomFlags() { return ElemFlags{RandomNumber()}; }
  uint64_t RandomBelow(uint64_t end) { return random_() % end; }
  bool OneIn(uint64_t n) { return RandomBelow(n) == 0; }
  template <typename T>
  T* MaybeNull(T* pointer) {
    return OneIn(64) ? nullptr : pointer;
  }

  // They write to `difference_`, if it is still empty.
  void Compare(Errno left, Errno right);
  void CompareBytes(const std::string& what, const Bytes& left,
                    const Bytes& right);
  void Differ(const std::string& what);

  bool is_array() const {
    return def_.type == MapType::kArray || def_.type == MapType::kPerCpuArray ||
           def_.type == MapType::kArrayOfMaps ||
           def_.type == MapType::kProgArray;
  }
  bool changes_are_slow() const { return IsMapOfMaps(def_.type); }
  // Whether the next command may change the map.
  bool MayChange() {
    return !changes_are_slow() || commands_ <= kFirstChanges || OneIn(250);
  }
  // Whether walks go in an order that is Linux's.
  bool is_ordered() const {
    return is_array() || def_.type == MapType::kLpmTrie;
  }
  static constexpr uint64_t kFirstChanges = 8;  // of a map, if they are slow

  uint32_t MaxBatch() const { return 2 * def_.max_entries + 3; }

  const Backend& left_backend_;
  const Backend& right_backend_;
  const uint64_t seed_;
  const std::vector<MapType> types_;
  std::mt19937_64 random_;

  MapDef def_;
  uint32_t value_size_ = 0;  // in the user view
  TestMap left_;
  TestMap right_;
  uint64_t maps_ = 0;
  uint64_t step_ = 0;
  uint64_t commands_ = 0;  // that the map got
  std::string command_;    // its first word is what results_ goes by
  Results results_;
  std::string difference_;
};

}  // namespace bpfmap

#endif  // BPFMAP_TESTS_KERNEL_DIFFERENTIAL_H_
