// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/program_object.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "bpfmap/profiles/reader_writer_lock.h"
#include "bpfmap/syscall/sha256.h"

namespace bpfmap {
namespace {

bool LoadsMap(const Instruction& i) {
  return i.code == kLoadImm64 &&
         (i.src() == kPseudoMapFd || i.src() == kPseudoMapValue ||
          i.src() == kPseudoMapIdx || i.src() == kPseudoMapIdxValue);
}

ProgramTag TagOf(const Program& program) {
  std::vector<Instruction> plain(program.instructions().begin(),
                                 program.instructions().end());
  for (std::size_t i = 0; i + 1 < plain.size(); ++i) {
    // Of all loads that the descriptor, or the offset, would be seen in.
    if (!LoadsMap(plain[i])) continue;
    plain[i].imm = 0;
    plain[++i].imm = 0;
  }
  const auto digest = Sha256({reinterpret_cast<const uint8_t*>(plain.data()),
                              plain.size() * sizeof(Instruction)});
  ProgramTag tag;
  std::copy_n(digest.begin(), tag.size(), tag.begin());
  return tag;
}

}  // namespace

ProgramObject::ProgramObject(Facts facts)
    : facts_(std::move(facts)),
      tag_(TagOf(*facts_.program)),
      bound_(facts_.maps) {}

uint64_t ProgramObject::kind() const {
  constexpr uint32_t kCannotMix = 1u << 4 | 1u << 5;  // sleepable, fragments
  return uint64_t{facts_.expected_attach_type} << 32 |
         (facts_.flags & kCannotMix) << 16 |
         static_cast<uint32_t>(program().type());
}

std::vector<std::shared_ptr<MapObject>> ProgramObject::maps() const {
  ReaderLock lock(lock_);
  return bound_;
}

void ProgramObject::Bind(std::shared_ptr<MapObject> map) {
  WriterLock lock(lock_);
  if (std::find(bound_.begin(), bound_.end(), map) != bound_.end()) return;
  bound_.push_back(std::move(map));
}

std::vector<Instruction> ProgramObject::ShownInstructions() const {
  std::vector<Instruction> shown(program().instructions().begin(),
                                 program().instructions().end());
  for (std::size_t i = 0; i + 1 < shown.size(); ++i) {
    if (shown[i].code == (kClassJmp | kCall) && shown[i].src() == kCallLocal) {
      // Where the function is, seen from here, is what Linux shows it by.
      shown[i].offset = static_cast<int16_t>(shown[i].imm);
    }
    if (!LoadsMap(shown[i])) continue;
    const Operation& op = program().operations()[i];
    const LocalMap* const map = program().region(op.offset)->map.map;
    const auto object =
        std::find_if(facts_.maps.begin(), facts_.maps.end(),
                     [map](const auto& each) { return &each->map() == map; });
    const bool is_value = shown[i].src() == kPseudoMapValue ||
                          shown[i].src() == kPseudoMapIdxValue;
    shown[i] = Instruction::Of(
        kLoadImm64, shown[i].dst(), is_value ? kPseudoMapValue : kPseudoMapFd,
        shown[i].offset,
        object == facts_.maps.end() ? 0
                                    : static_cast<int32_t>((*object)->id()));
    ++i;
  }
  return shown;
}

}  // namespace bpfmap
