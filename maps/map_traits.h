// SPDX-License-Identifier: Apache-2.0
//
// MapTraits: what a caller of bpf(2) must know of a map to move bytes between
// it and user space, beyond its definition.
//
// LocalMap::traits() says it, so that nothing above maps/ asks a map for its
// type. Each type's header has the row that is its own.

#ifndef BPFMAP_MAPS_MAP_TRAITS_H_
#define BPFMAP_MAPS_MAP_TRAITS_H_

#include <cstdint>

namespace bpfmap {

struct MapTraits {
  // The pages of a map that user space may map for writing.
  enum class WritablePages {
    kNotMappable,  // the type cannot be mapped at all
    kAll,
    kFirst,        // the consumer's position of a ring
    kAllButFirst,  // all but the consumer's position
  };

  // The types of key and value (BTF) that a map may be created with.
  enum class KeyTypes {
    kAny,
    kIndex,           // an integer of 32 bits
    kIndexOrSection,  // or none, for the only element: a data section
    kStruct,
    kNone,          // there are no keys
    kNotSupported,  // neither key nor value may have a type
  };

  // The targets of redirected packets that values are.
  enum class Targets {
    kNone,
    kDevices,
    kCpus,
  };

  // The sockets that values are.
  enum class Sockets {
    kNone,
    kAny,        // those that can send or be sent to
    kXdp,        // of AF_XDP
    kReuseport,  // that share a port
  };

  // The objects of the kernel that values belong to.
  enum class Owners {
    kNone,
    kSockets,
    kInodes,
    kTasks,
    kCgroups,
  };

  WritablePages writable_pages = WritablePages::kNotMappable;
  KeyTypes key_types = KeyTypes::kAny;
  bool needs_types = false;  // key and value must have a type

  // Lookup() reads the value in the buffer and changes nothing there.
  bool lookup_reads_value = false;

  // User space updates with the descriptor of a program, and the map keeps the
  // program's id.
  bool value_is_program = false;

  // The value is a struct of the kernel, of which functions are programs.
  bool value_is_struct_ops = false;

  // User space updates with the descriptor of a cgroup's directory, and the map
  // keeps a number that stands for the cgroup.
  bool value_is_cgroup = false;

  // User space updates with a RedirectTarget whose program is a descriptor, and
  // the map keeps the program's id.
  Targets targets = Targets::kNone;

  bool holds_programs() const {
    return value_is_program || targets != Targets::kNone;
  }

  // User space updates with the descriptor of a socket, and the map keeps its
  // cookie.
  Sockets sockets = Sockets::kNone;

  // User space gives a descriptor of the object for a key, and the map has a
  // number that stands for it.
  Owners owners = Owners::kNone;

  // A position of LookupBatch() is the number of a bucket, 4 bytes, and the
  // elements of a bucket come together. Otherwise it is a key.
  bool has_buckets = false;

  // Bytes of a value in the user view.
  uint64_t user_value_size = 0;
};

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_MAP_TRAITS_H_
