// SPDX-License-Identifier: Apache-2.0
//
// ProgramObject: a program as bpf(2) knows it, behind whatever refers to it.
//
// It is the program, its id, and what user space may ask about it. Descriptors,
// pins and arrays of programs share it; it ends with the last of them. It
// refers to its maps, which live as long as it does.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_PROGRAM_OBJECT_H_
#define BPFMAP_SYSCALL_PROGRAM_OBJECT_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "bpfmap/profiles/cloud.h"
#include "bpfmap/programs/program.h"
#include "bpfmap/syscall/btf.h"
#include "bpfmap/syscall/map_object.h"

namespace bpfmap {

// The first bytes of a digest of the instructions, in which maps are 0.
using ProgramTag = std::array<uint8_t, 8>;

// Records that come with a program, as they came.
struct InfoRecords {
  uint32_t size = 0;  // of each, in bytes
  std::vector<uint8_t> bytes;

  uint32_t count() const {
    return size == 0 ? 0 : static_cast<uint32_t>(bytes.size() / size);
  }
};

class ProgramObject {
 public:
  // The answers that do not change after the load.
  struct Facts {
    std::shared_ptr<const Program> program;
    std::vector<std::shared_ptr<MapObject>> maps;
    uint32_t flags = 0;  // BPF_F_XDP_HAS_FRAGS and so on
    uint32_t expected_attach_type = 0;
    uint32_t attach_btf_id = 0;
    std::shared_ptr<const Btf> btf;  // null if there is none
    InfoRecords functions;
    InfoRecords lines;
    uint64_t loaded_at = 0;  // nanoseconds since boot
    uint32_t uid = 0;
  };

  explicit ProgramObject(Facts facts);
  ProgramObject(const ProgramObject&) = delete;
  ProgramObject& operator=(const ProgramObject&) = delete;

  const Program& program() const { return *facts_.program; }
  const std::shared_ptr<const Program>& shared_program() const {
    return facts_.program;
  }
  const Facts& facts() const { return facts_; }
  const ProgramTag& tag() const { return tag_; }

  // 0 until BpfFdTable gives it one.
  uint32_t id() const { return id_; }
  void set_id(uint32_t id) { id_ = id; }

  // A number for all that the programs of one array share, since a tail call
  // changes none of it. Never 0.
  uint64_t kind() const;

  // The maps that it refers to: by its instructions, or by Bind().
  std::vector<std::shared_ptr<MapObject>> maps() const;
  // BPF_PROG_BIND_MAP. Does nothing for a map that is there already.
  void Bind(std::shared_ptr<MapObject> map);

  // Runs that were counted, see run_counting.h, and their nanoseconds. A
  // program that a tail call leads to counts as a run of the one that was
  // started.
  void CountRuns(uint64_t runs, uint64_t nanoseconds) {
    runs_.fetch_add(runs, std::memory_order_relaxed);
    run_time_.fetch_add(nanoseconds, std::memory_order_relaxed);
  }
  uint64_t runs() const { return runs_.load(std::memory_order_relaxed); }
  uint64_t run_time() const {
    return run_time_.load(std::memory_order_relaxed);
  }

  // The instructions as Linux shows them: maps are ids.
  std::vector<Instruction> ShownInstructions() const;

 private:
  const Facts facts_;
  const ProgramTag tag_;
  uint32_t id_ = 0;
  std::atomic<uint64_t> runs_{0};
  std::atomic<uint64_t> run_time_{0};
  mutable Cloud::Lock lock_;
  std::vector<std::shared_ptr<MapObject>> bound_ ABSL_GUARDED_BY(lock_);
};

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_PROGRAM_OBJECT_H_
