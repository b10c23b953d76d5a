// SPDX-License-Identifier: Apache-2.0

// TypedQueue and ProgramQueue: a queue or a stack with a C++ type for its
// values, as user space sees it and as a program does.
//
//   auto jobs = TypedQueue<Job>::Create(map.get());
//   if (!jobs.ok()) return jobs.status();
//   absl::Status status = jobs->Push({.id = 7});
//   absl::StatusOr<Job> job = jobs->Pop();
//
// TypedQueue works on any BpfMap of type QUEUE or STACK, a KernelMap too;
// errors are absl::Status with a sentence that names the map, and
// StatusToErrno() gives the errno. ProgramQueue is the helpers, with their
// Errno. queue_stack_map.h says in which order values come out.
//
// Thread-safe as far as the map is: no value is lost or given twice. Both are
// pointers: copy them freely, and keep the map alive.

#ifndef BPFMAP_MAPS_TYPED_QUEUE_H_
#define BPFMAP_MAPS_TYPED_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/local_map.h"
#include "bpfmap/maps/map_def.h"
#include "bpfmap/maps/status.h"

namespace bpfmap {

namespace internal {

// OK if `def` is a queue or a stack of values of `size` bytes.
inline absl::Status CheckQueue(const MapDef& def, std::size_t size) {
  if (def.type != MapType::kQueue && def.type != MapType::kStack) {
    return ToStatus(
        Errno::kInval,
        absl::StrCat(DescribeMap(def), ": the type is not QUEUE or STACK"));
  }
  if (def.value_size != size) {
    return ToStatus(
        Errno::kInval,
        absl::StrCat(DescribeMap(def), ": value_size is ", def.value_size,
                     ", but the type given has ", size, " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace internal

template <typename V>
class TypedQueue {
  static_assert(std::is_trivially_copyable_v<V>,
                "a map copies values byte by byte: V must be trivially "
                "copyable");
  static_assert(std::is_default_constructible_v<V>,
                "V must have a default constructor");

 public:
  // INVALID_ARGUMENT unless the map is a QUEUE or STACK whose value size is
  // that of V. `map` must outlive the TypedQueue and its copies.
  static absl::StatusOr<TypedQueue> Create(BpfMap* map) {
    absl::Status status = internal::CheckQueue(map->def(), sizeof(V));
    if (!status.ok()) return status;
    return TypedQueue(map);
  }

  // Adds `value`. `flags`: kAny; or kExist, with which a full map drops its
  // oldest value.
  //   RESOURCE_EXHAUSTED  E2BIG: the map is full
  //   PERMISSION_DENIED   EPERM: no right to write; the map is frozen
  absl::Status Push(const V& value, ElemFlags flags = kAny) {
    return ToStatus(map_->Update(nullptr, &value, flags), *map_, "push",
                    nullptr);
  }

  // The value whose turn it is; Pop() removes it.
  //   NOT_FOUND          ENOENT: the map is empty
  //   PERMISSION_DENIED  EPERM: no right to read, or (Pop) to write
  absl::StatusOr<V> Pop() {
    V value;
    const Errno error = map_->LookupAndDelete(nullptr, &value);
    if (error != Errno::kOk) return ToStatus(error, *map_, "pop", nullptr);
    return value;
  }
  absl::StatusOr<V> Peek() const {
    V value;
    const Errno error = map_->Lookup(nullptr, &value);
    if (error != Errno::kOk) return ToStatus(error, *map_, "peek", nullptr);
    return value;
  }

  BpfMap* map() const { return map_; }

 private:
  explicit TypedQueue(BpfMap* map) : map_(map) {}

  BpfMap* map_;
};

template <typename V>
class ProgramQueue {
  static_assert(std::is_trivially_copyable_v<V>,
                "a map copies values byte by byte: V must be trivially "
                "copyable");

 public:
  // As of TypedQueue.
  static absl::StatusOr<ProgramQueue> Create(LocalMap* map) {
    absl::Status status = internal::CheckQueue(map->def(), sizeof(V));
    if (!status.ok()) return status;
    return ProgramQueue(map);
  }

  // bpf_map_push_elem(). `flags`: kAny, or kExist, with which a full map drops
  // its oldest value.
  //   EACCES  the map is kRdOnlyProg
  //   EINVAL  other flags
  //   E2BIG   kAny, and the map is full
  Errno Push(const V& value, ElemFlags flags = kAny) const {
    return map_->Push(&value, flags);
  }

  // bpf_map_pop_elem() and bpf_map_peek_elem(): copy the value whose turn it is
  // to *value; Pop() removes it.
  //   EACCES  Pop: the map is kRdOnlyProg
  //   EFAULT  value is null
  //   ENOENT  the map is empty; *value is filled with zeros
  Errno Pop(V* value) const { return map_->Pop(value); }
  Errno Peek(V* value) const { return map_->Peek(value); }

  LocalMap* map() const { return map_; }

 private:
  explicit ProgramQueue(LocalMap* map) : map_(map) {}

  LocalMap* map_;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_TYPED_QUEUE_H_
