// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/lcov.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdio>

namespace bpfmap {
namespace {

constexpr std::string_view kUnnamed = "# no line: ";

// Takes fields off the front of a record, "12,34,name".
class Fields {
 public:
  explicit Fields(std::string_view rest) : rest_(rest) {}

  // The number before the next comma. A number that is none makes ok() false.
  template <typename T>
  T Number() {
    const std::string_view field = Field();
    T number = 0;
    const char* const end = field.data() + field.size();
    const auto [at, error] = std::from_chars(field.data(), end, number);
    if (error != std::errc() || at != end) ok_ = false;
    return number;
  }
  // The same, of which "-" is 0: a branch that was never come to.
  uint64_t Taken() {
    if (rest_ != "-") return Number<uint64_t>();
    rest_ = {};
    return 0;
  }
  std::string Rest() const { return std::string(rest_); }
  bool ok() const { return ok_; }

 private:
  std::string_view Field() {
    const std::size_t comma = std::min(rest_.find(','), rest_.size());
    const std::string_view field = rest_.substr(0, comma);
    rest_.remove_prefix(std::min(comma + 1, rest_.size()));
    return field;
  }

  std::string_view rest_;
  bool ok_ = true;
};

// Merges the records of one file.
class FileReader {
 public:
  explicit FileReader(Lcov* lcov) : lcov_(*lcov) {}

  void Read(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (line.starts_with(kUnnamed))
      return ReadUnnamed(Fields(line.substr(kUnnamed.size())));
    if (line == "end_of_record") file_ = nullptr;
    if (colon == std::string_view::npos) return;
    const std::string_view kind = line.substr(0, colon);
    const std::string_view rest = line.substr(colon + 1);
    if (kind == "SF") file_ = &lcov_.FileNamed(std::string(rest));
    if (file_ != nullptr) ReadRecord(kind, Fields(rest));
  }

 private:
  void ReadRecord(std::string_view kind, Fields fields) {
    if (kind == "DA") {
      const auto line = fields.Number<uint32_t>();
      const auto count = fields.Number<uint64_t>();
      if (fields.ok()) file_->lines[line] += count;
    } else if (kind == "FN") {
      const auto line = fields.Number<uint32_t>();
      if (fields.ok()) file_->functions[fields.Rest()].line = line;
    } else if (kind == "FNDA") {
      const auto calls = fields.Number<uint64_t>();
      if (fields.ok()) file_->functions[fields.Rest()].calls += calls;
    } else if (kind == "BRDA") {
      const auto line = fields.Number<uint32_t>();
      const auto block = fields.Number<uint32_t>();
      const auto number = fields.Number<uint32_t>();
      const uint64_t taken = fields.Taken();
      if (fields.ok()) file_->branches[{line, block, number}] += taken;
    }
  }

  void ReadUnnamed(Fields fields) {
    Lcov::Unnamed unnamed;
    unnamed.all = fields.Number<uint64_t>();
    unnamed.ran = fields.Number<uint64_t>();
    unnamed.program = fields.Number<uint64_t>();
    if (fields.ok()) lcov_.AddUnnamed(fields.Rest(), unnamed);
  }

  Lcov& lcov_;
  Lcov::File* file_ = nullptr;
};

// How many there are, and how many of them ran.
struct Share {
  std::size_t ran = 0;
  std::size_t all = 0;

  void Add(uint64_t count) {
    ++all;
    if (count != 0) ++ran;
  }
  // "45 of 52 lines (86.5%)"
  std::string Of(const char* what) const {
    char text[96];
    std::snprintf(text, sizeof text, "%zu of %zu %s (%.1f%%)", ran, all, what,
                  100.0 * static_cast<double>(ran) /
                      static_cast<double>(std::max<std::size_t>(all, 1)));
    return text;
  }
};

Share LinesOf(const Lcov::File& file) {
  Share share;
  for (const auto& [line, count] : file.lines) share.Add(count);
  return share;
}

Share BranchesOf(const Lcov::File& file) {
  Share share;
  for (const auto& [branch, count] : file.branches) share.Add(count);
  return share;
}

Share FunctionsOf(const Lcov::File& file) {
  Share share;
  for (const auto& [name, function] : file.functions) share.Add(function.calls);
  return share;
}

template <typename... Numbers>
std::string Record(const char* kind, Numbers... numbers) {
  std::string text = kind;
  const char* separator = ":";
  ((text += separator + std::to_string(numbers), separator = ","), ...);
  return text;
}

// "LF:52\nLH:45\n"
std::string Found(const char* kind, const Share& share) {
  return Record((kind + std::string("F")).c_str(), share.all) + "\n" +
         Record((kind + std::string("H")).c_str(), share.ran) + "\n";
}

std::string TextOf(const std::string& name, const Lcov::File& file) {
  std::string text = "SF:" + name + "\n";
  for (const auto& [function, facts] : file.functions) {
    text += Record("FN", facts.line) + "," + function + "\n";
  }
  for (const auto& [function, facts] : file.functions) {
    text += Record("FNDA", facts.calls) + "," + function + "\n";
  }
  text += Found("FN", FunctionsOf(file));
  for (const auto& [branch, count] : file.branches) {
    text += Record("BRDA", branch.line, branch.block, branch.number);
    // The other way of the same jump.
    const auto other =
        file.branches.find({branch.line, branch.block, branch.number ^ 1});
    const bool never =
        count == 0 && (other == file.branches.end() || other->second == 0);
    text += "," + (never ? "-" : std::to_string(count)) + "\n";
  }
  text += Found("BR", BranchesOf(file));
  for (const auto& [line, count] : file.lines) {
    text += Record("DA", line, count) + "\n";
  }
  return text + Found("L", LinesOf(file)) + "end_of_record\n";
}

}  // namespace

void Lcov::AddUnnamed(const std::string& program, const Unnamed& unnamed) {
  Unnamed& all = unnamed_[program];
  all.all = std::max(all.all, unnamed.all);
  all.ran = std::max(all.ran, unnamed.ran);
  all.program = std::max(all.program, unnamed.program);
}

void Lcov::Merge(const Lcov& other) {
  for (const auto& [name, from] : other.files_) {
    File& file = files_[name];
    for (const auto& [line, count] : from.lines) file.lines[line] += count;
    for (const auto& [function, facts] : from.functions) {
      file.functions[function].line = facts.line;
      file.functions[function].calls += facts.calls;
    }
    for (const auto& [branch, count] : from.branches) {
      file.branches[branch] += count;
    }
  }
  for (const auto& [program, facts] : other.unnamed_) {
    AddUnnamed(program, facts);
  }
}

void Lcov::MergeText(std::string_view text) {
  FileReader reader(this);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    reader.Read(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string Lcov::Text() const {
  std::string text;
  for (const auto& [program, facts] : unnamed_) {
    text += std::string(kUnnamed) + std::to_string(facts.all) + "," +
            std::to_string(facts.ran) + "," + std::to_string(facts.program) +
            "," + program + "\n";
  }
  for (const auto& [name, file] : files_) text += "TN:\n" + TextOf(name, file);
  return text;
}

std::string Lcov::Summary() const {
  std::string text;
  for (const auto& [name, file] : files_) {
    text += name + ": " + LinesOf(file).Of("lines") + ", " +
            BranchesOf(file).Of("branches") + ", " +
            FunctionsOf(file).Of("functions") + "\n";
  }
  for (const auto& [program, facts] : unnamed_) {
    text += "program " + program + ": no line names " +
            std::to_string(facts.all) + " of its " +
            std::to_string(facts.program) + " instructions; " +
            std::to_string(facts.ran) + " of them ran\n";
  }
  return text;
}

}  // namespace bpfmap
