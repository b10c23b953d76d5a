// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/coverage.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/programs/instruction.h"
#include "bpfmap/programs/operation.h"

namespace bpfmap {
namespace {

uint64_t Read(const uint64_t& count) {
  return __atomic_load_n(&count, __ATOMIC_RELAXED);
}

// Null where no line of source is named: 0 is what a compiler says of code that
// is of none.
const SourceLine* LineOf(const std::vector<SourceLine>& lines, uint32_t at) {
  const auto after = std::upper_bound(
      lines.begin(), lines.end(), at,
      [](uint32_t i, const SourceLine& line) { return i < line.instruction; });
  if (after == lines.begin()) return nullptr;
  const SourceLine& line = *(after - 1);
  return line.line == 0 || line.file.empty() ? nullptr : &line;
}

}  // namespace

// Instructions from `first` to before `last`, and what was counted.
struct ProgramCoverage::Function {
  uint32_t first = 0;
  uint32_t last = 0;
  std::string name;
  const std::vector<BlockCount>& counts;
  const std::vector<uint64_t>& ran;
};

ProgramCoverage::ProgramCoverage(Coverage* coverage, const Program& program)
    : coverage_(*coverage),
      name_(program.name()),
      lines_(program.lines()),
      functions_(program.functions()) {
  const std::size_t size = program.instructions().size();
  code_.resize(size);
  for (std::size_t at = 0; at < size; ++at) {
    const Operation& op = program.operations()[at];
    code_[at].is_conditional = IsConditional(op.code);
    code_[at].has_target = HasTarget(op.code);
    code_[at].offset = op.offset;
    if (program.instructions()[at].code == kLoadImm64) {
      code_[++at].is_instruction = false;
    }
  }
  // "./fw.bpf.c" and "fw.bpf.c" are one file.
  for (SourceLine& line : lines_) {
    line.file =
        std::filesystem::path(line.file).lexically_normal().generic_string();
  }
  if (functions_.empty() || functions_[0].instruction != 0) {
    functions_.insert(functions_.begin(), {0, name_});
  }
  coverage_.Enter(this);
}

ProgramCoverage::~ProgramCoverage() { coverage_.Leave(this); }

BlockCount* ProgramCoverage::Lease() {
  WriterLock lock(lock_);
  if (free_.empty()) {
    all_.push_back(std::make_unique<BlockCount[]>(code_.size() + 1));
    return all_.back().get();
  }
  BlockCount* const counts = free_.back();
  free_.pop_back();
  return counts;
}

void ProgramCoverage::GiveBack(BlockCount* counts) {
  WriterLock lock(lock_);
  free_.push_back(counts);
}

std::vector<BlockCount> ProgramCoverage::Sum() const {
  std::vector<BlockCount> sum(code_.size());
  ReaderLock lock(lock_);
  for (const auto& counts : all_) {
    for (std::size_t at = 0; at < sum.size(); ++at) {
      sum[at].began += Read(counts[at].began);
      sum[at].ended += Read(counts[at].ended);
    }
  }
  return sum;
}

// How often each instruction ran.
std::vector<uint64_t> ProgramCoverage::RanOf(
    const std::vector<BlockCount>& counts) const {
  std::vector<int64_t> began;
  for (const BlockCount& count : counts) {
    began.push_back(static_cast<int64_t>(count.began));
  }
  for (std::size_t at = 0; at < counts.size(); ++at) {
    if (!code_[at].has_target) continue;
    const int64_t target = static_cast<int64_t>(at) + code_[at].offset;
    began[static_cast<std::size_t>(target)] +=
        static_cast<int64_t>(counts[at].ended);
  }
  std::vector<uint64_t> ran;
  int64_t inside = 0;
  for (std::size_t at = 0; at < counts.size(); ++at) {
    inside += began[at];
    // Below 0 only for a moment, while a run is under way.
    ran.push_back(static_cast<uint64_t>(std::max<int64_t>(inside, 0)));
    inside -= static_cast<int64_t>(counts[at].ended);
  }
  return ran;
}

void ProgramCoverage::AddTo(Lcov* lcov) const {
  const std::vector<BlockCount> counts = Sum();
  const std::vector<uint64_t> ran = RanOf(counts);
  const uint32_t size = static_cast<uint32_t>(ran.size());
  for (std::size_t f = 0; f < functions_.size(); ++f) {
    const uint32_t first = functions_[f].instruction;
    if (first >= size) continue;  // of a wrong func_info
    const uint32_t last =
        f + 1 < functions_.size() ? functions_[f + 1].instruction : size;
    AddFunction({first, std::min(last, size), functions_[f].name, counts, ran},
                lcov);
  }
  AddUnnamed(ran, lcov);
}

void ProgramCoverage::AddFunction(const Function& function, Lcov* lcov) const {
  using Place = std::pair<const std::string&, uint32_t>;
  std::map<Place, uint64_t> counts;
  std::map<Place, uint32_t> jumps;
  const SourceLine* const start = LineOf(lines_, function.first);
  const uint32_t block = start == nullptr ? 0 : start->line;
  if (start != nullptr && !function.name.empty()) {
    auto& facts = lcov->FileNamed(start->file).functions[function.name];
    facts.line = start->line;
    facts.calls += function.ran[function.first];
  }
  for (uint32_t at = function.first; at < function.last; ++at) {
    const SourceLine* const line = LineOf(lines_, at);
    if (line == nullptr) continue;
    const uint64_t ran = function.ran[at];
    uint64_t& most = counts[{line->file, line->line}];
    most = std::max(most, ran);
    if (!code_[at].is_conditional) continue;
    const uint32_t number = 2 * jumps[{line->file, line->line}]++;
    const uint64_t taken = std::min(function.counts[at].ended, ran);
    auto& branches = lcov->FileNamed(line->file).branches;
    branches[{line->line, block, number}] += ran - taken;
    branches[{line->line, block, number + 1}] += taken;
  }
  for (const auto& [place, count] : counts) {
    lcov->FileNamed(place.first).lines[place.second] += count;
  }
}

void ProgramCoverage::AddUnnamed(const std::vector<uint64_t>& ran,
                                 Lcov* lcov) const {
  Lcov::Unnamed unnamed;
  for (uint32_t at = 0; at < ran.size(); ++at) {
    if (!code_[at].is_instruction) continue;
    ++unnamed.program;
    if (LineOf(lines_, at) != nullptr) continue;
    ++unnamed.all;
    if (ran[at] != 0) ++unnamed.ran;
  }
  // A program that libraries load to try the kernel has no lines, and never
  // runs.
  const bool is_probe = lines_.empty() && unnamed.ran == 0;
  if (unnamed.all != 0 && !is_probe) lcov->AddUnnamed(name_, unnamed);
}

void ProgramCoverage::Forget() {
  WriterLock lock(lock_);
  for (const auto& counts : all_) {
    std::fill_n(counts.get(), code_.size() + 1, BlockCount{});
  }
}

void Coverage::Enter(ProgramCoverage* program) {
  WriterLock lock(lock_);
  programs_.insert(program);
}

void Coverage::Leave(ProgramCoverage* program) {
  WriterLock lock(lock_);
  programs_.erase(program);
  program->AddTo(&past_);
}

Lcov Coverage::Collect() const {
  ReaderLock lock(lock_);
  Lcov lcov = past_;
  for (const ProgramCoverage* const program : programs_) program->AddTo(&lcov);
  return lcov;
}

void Coverage::Forget() {
  WriterLock lock(lock_);
  past_ = {};
  for (ProgramCoverage* const program : programs_) program->Forget();
}

}  // namespace bpfmap
