// SPDX-License-Identifier: Apache-2.0
//
// RunPath: what a run did, as text: the lines of source that it came to, the
// helpers that it called, and what it changed in maps.
//
//   firewall.bpf.c:102  rule = bpf_map_lookup_elem(&rules, &source);
//     bpf_map_lookup_elem(rules, 10.0.0.7) = {.until_ns = 20000000000}
//   firewall.bpf.c:103  if (rule && now < rule->until_ns) {
//
// Lines of functions that are called are further to the right. Of a long run
// the first and the last lines are kept. Values are shown by their types in the
// BTF.
//
// Not thread-safe: an observer of one run.

#ifndef BPFMAP_PROGRAMS_RUN_PATH_H_
#define BPFMAP_PROGRAMS_RUN_PATH_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfmap/maps/local_map.h"
#include "bpfmap/programs/btf_types.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/object_file.h"
#include "bpfmap/programs/observer.h"

namespace bpfmap {

// The maps of an object, as its file describes them.
using MapNames = std::map<const LocalMap*, const MapSpec*>;

class RunPath final : public Observer {
 public:
  // Both must outlive it.
  RunPath(const BtfTypes& types, const MapNames& maps)
      : types_(types), maps_(maps) {}

  void Before(const Step& step) override;
  void Ended(const Program& program, const RunResult& result) override;

  // A line for each thing; without a newline at the end.
  std::string Text() const;

 private:
  // A call of a helper, or a store to a map, until its result is known.
  struct Pending {
    int depth = 0;
    std::string text;
    uint64_t address = 0;  // of a store
    uint32_t size = 0;     // of a store; 0: it is a call
    uint32_t type = 0;     // BTF, of what is stored
    const Helper* helper = nullptr;
    uint32_t value_type = 0;  // BTF, of what a lookup returns
  };

  void AddLine(const Step& step);
  void StartCall(const Step& step, uint32_t number);
  void StartKernelCall(const Step& step);
  void StartStore(const Step& step, const Instruction& instruction);
  // `step`: null where no step follows.
  void Finish(const Step* step);
  std::string Result(const Step& step) const;
  std::string Argument(const Step& step, const Helper& helper, int i) const;
  std::string Memory(const Step& step, int i, uint64_t size,
                     uint32_t type) const;
  const MapSpec* SpecOf(const Region* region) const;
  std::string MapName(const Region* region) const;
  void Add(int depth, const std::string& text);

  const BtfTypes& types_;
  const MapNames& maps_;
  const Program* program_ = nullptr;
  const void* line_ = nullptr;
  int line_depth_ = 0;
  std::optional<Pending> pending_;
  std::vector<std::string> first_;
  std::deque<std::string> last_;
  std::size_t left_out_ = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_RUN_PATH_H_
