// SPDX-License-Identifier: Apache-2.0

// KernelMap: a map of the running kernel, through bpf(2).
//
// It is the judge of the other maps: a test that runs on a BpfMap runs on this
// one too, and what it answers is right.
//
// Linux only. Needs root or CAP_BPF; where kernel.unprivileged_bpf_disabled is
// 0, only a value with a lock needs it. Kernels before 5.11 also charge maps to
// RLIMIT_MEMLOCK: raise it there.

#ifndef BPFMAP_MAPS_KERNEL_MAP_H_
#define BPFMAP_MAPS_KERNEL_MAP_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

// Every method is one system call and returns its errno as it is, also numbers
// that errno.h does not list; a kernel may check less or more than the comments
// in bpf_map.h say. Pointers are handed on, null ones too, so a bad address is
// EFAULT instead of a crash.
//
// Thread-safe, as the kernel is.
class KernelMap final : public BpfMap {
 public:
  // Creates a map. Every field of `def` reaches the kernel unchanged and
  // unchecked; a spin_lock_offset goes as BTF that describes such a value,
  // which is loaded, and refused, before anything else is looked at. Sets *map
  // if and only if it returns kOk.
  //   EPERM   no right to use bpf(2)
  //   EINVAL  a size, a flag or a name that the type does not take; an unknown
  //           type; a lock that is not within the value
  //   EFAULT  a lock within the value, but not at a multiple of 4
  //   E2BIG   a size too large for the type
  //   EACCES  a value with a lock in a map with rights of programs taken away
  //   ENOMEM  no memory
  static Errno Create(const MapDef& def, std::unique_ptr<KernelMap>* map);

  // The same with a status, whose message names the map and what was asked for;
  // for EPERM it says what would be right. StatusToErrno() leads back.
  static absl::StatusOr<std::unique_ptr<KernelMap>> Create(const MapDef& def);

  // Closes fd(). The kernel keeps the map for as long as somebody else, such as
  // a loaded program, holds it.
  ~KernelMap();

  KernelMap(const KernelMap&) = delete;
  KernelMap& operator=(const KernelMap&) = delete;

  // The file descriptor, to hand to other system calls. Owned by this object.
  int fd() const { return fd_; }

  // The definition that was given to Create(). Linux may have made more of it
  // (it rounds the max_entries of some types up).
  MapDef DoDef() const override { return def_; }

  // The commands; see bpf_map.h. A batch leaves *count as the kernel does, also
  // where it fails.
  //   EFAULT  *Batch: count is null; the kernel is not asked
  Errno DoLookup(const void* key, void* value, ElemFlags flags) override;
  Errno DoUpdate(const void* key, const void* value, ElemFlags flags) override;
  Errno DoDelete(const void* key) override;
  Errno DoGetNextKey(const void* key, void* next_key) override;
  Errno DoLookupAndDelete(const void* key, void* value,
                          ElemFlags flags) override;
  Errno DoLookupBatch(const void* in_batch, void* out_batch, void* keys,
                      void* values, uint32_t* count, BatchFlags flags) override;
  Errno DoLookupAndDeleteBatch(const void* in_batch, void* out_batch,
                               void* keys, void* values, uint32_t* count,
                               BatchFlags flags) override;
  Errno DoUpdateBatch(const void* keys, const void* values, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoDeleteBatch(const void* keys, uint32_t* count,
                      BatchFlags flags) override;
  Errno DoFreeze() override;

 private:
  KernelMap(const MapDef& def, int fd) : def_(def), fd_(fd) {}

  const MapDef def_;
  const int fd_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_KERNEL_MAP_H_
