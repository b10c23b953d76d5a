// SPDX-License-Identifier: Apache-2.0
//
// What STRUCT_OPS maps are of: structs of functions that the kernel lets
// programs implement, told by its types. A struct NAME can be implemented if
// there is a struct bpf_struct_ops_NAME, of a header and a NAME.
//
// Nothing calls what is registered here: a map that was updated is in use, its
// name is taken, and it lives until it is deleted.
//
// Thread-safe.

#ifndef BPFMAP_SYSCALL_STRUCT_OPS_H_
#define BPFMAP_SYSCALL_STRUCT_OPS_H_

#include <cstdint>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/syscall/map_object.h"

namespace bpfmap {

// What Linux says to a map of values of this type of the kernel.
//   ENOTSUPP  it is no struct that can be implemented, or the kernel tells no
//             types
//   EINVAL    values of another size
long CheckStructOps(uint32_t kernel_type, uint32_t value_size);

// BPF_MAP_UPDATE_ELEM: registers the struct at `value`, whose functions are
// descriptors of programs.
//   EINVAL      flags; a header that is not 0; bytes between members, or in
//               members that are neither functions nor known, that are not 0; a
//               program of another struct or member; no name, or no function
//               that must be there (tcp_congestion_ops)
//   E2BIG       a key that is not 0
//   EBADF       a function that is no descriptor
//   EBUSY       the map was updated before
//   EEXIST      the name is taken (tcp_congestion_ops)
//   EOPNOTSUPP  a struct that is never registered (bpf_dummy_ops)
long UpdateStructOps(MapObject* map, uint32_t key, char* value,
                     ElemFlags flags);

// BPF_MAP_DELETE_ELEM: takes it back. See StructOpsMap for the answers.
long DeleteStructOps(MapObject* map, uint32_t key);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_STRUCT_OPS_H_
