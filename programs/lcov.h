// SPDX-License-Identifier: Apache-2.0
//
// Lcov: how often lines, branches and functions of source ran, and the text of
// it that lcov, genhtml and editors read ("tracefile", geninfo(1)).
//
// Counts of the same place are added up, within a text too, so that the texts
// of several processes may be merged, or written one after another.
//
// A branch has a number in a block. Where LCOV has the blocks of a line, here
// they are the functions that the line was compiled into, by the lines at which
// these start: each copy of an inlined function counts for itself. Numbers 2n
// and 2n + 1 are the n-th jump of the line there, not taken and taken.
//
// Facts that LCOV has no record for stand in comments, which other readers
// skip: instructions that no line of source names.
//
// Not thread-safe.

#ifndef BPFMAP_PROGRAMS_LCOV_H_
#define BPFMAP_PROGRAMS_LCOV_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace bpfmap {

class Lcov {
 public:
  struct Function {
    uint32_t line = 0;
    uint64_t calls = 0;
  };
  struct Branch {
    uint32_t line = 0;
    uint32_t block = 0;
    uint32_t number = 0;
    bool operator<(const Branch& other) const {
      return std::tie(line, block, number) <
             std::tie(other.line, other.block, other.number);
    }
  };
  struct File {
    std::map<uint32_t, uint64_t> lines;
    std::map<std::string, Function> functions;
    std::map<Branch, uint64_t> branches;  // how often each was gone
  };
  // Instructions of a program that no line of source names.
  struct Unnamed {
    uint64_t all = 0;
    uint64_t ran = 0;
    uint64_t program = 0;  // instructions in all
  };

  const std::map<std::string, File>& files() const { return files_; }
  const std::map<std::string, Unnamed>& unnamed() const { return unnamed_; }

  File& FileNamed(const std::string& name) { return files_[name]; }
  // The largest of these is kept, not their sum.
  void AddUnnamed(const std::string& program, const Unnamed& unnamed);

  void Merge(const Lcov& other);
  // Merges a text. Lines that it does not know, or that make no sense, are left
  // out.
  void MergeText(std::string_view text);

  std::string Text() const;
  // A line for each file, and one for each program with instructions that no
  // line names: "fw.bpf.c: 45 of 52 lines (86.5%), 18 of 30 branches (60.0%), 4
  // of 5 functions (80.0%)".
  std::string Summary() const;

 private:
  std::map<std::string, File> files_;
  std::map<std::string, Unnamed> unnamed_;
};

}  // namespace bpfmap

#endif  // BPFMAP_PROGRAMS_LCOV_H_
