// SPDX-License-Identifier: Apache-2.0

// absl::Status for an Errno: a view for people, at the edge of the library.
//
// The code is the canonical one, for callers that act on codes. Several errnos
// share a code, so the errno itself is in a payload, and StatusToErrno() reads
// it back exactly, also a number that errno.h does not list.
//
//   EPERM, EACCES         PermissionDenied   EEXIST    AlreadyExists
//   ENOENT                NotFound           EBUSY     FailedPrecondition
//   E2BIG, ENOMEM, ENOSPC ResourceExhausted  EBADF     FailedPrecondition
//   EINVAL, EFAULT        InvalidArgument    EAGAIN    Unavailable
//   ENOTSUPP, EOPNOTSUPP  Unimplemented      others    Unknown
//
// Thread-safe.

#ifndef BPFMAP_MAPS_STATUS_H_
#define BPFMAP_MAPS_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "bpfmap/maps/bpf_map.h"
#include "bpfmap/maps/errno.h"
#include "bpfmap/maps/map_def.h"

namespace bpfmap {

absl::StatusCode StatusCodeOf(Errno error);

// The payload of a status that has an errno: its number in decimal digits.
inline constexpr absl::string_view kErrnoPayload = "bpfmap/errno";

// OK for kOk; otherwise the code above, the errno as a payload, and
// "<message>: ENOENT".
absl::Status ToStatus(Errno error, absl::string_view message);

// As above, for operation `op` ("lookup") on `map`, with a sentence that names
// the map, the operation, what was given, and for what is in the map's
// definition what would be right. `key` may be null; it is shown in hex.
absl::Status ToStatus(Errno error, const BpfMap& map, absl::string_view op,
                      const void* key);

// The errno that a status of ToStatus() was made from; kOk if it is OK. A
// status that was made elsewhere has no payload and gives the first errno that
// the table lists for its code, kInval where there is none.
Errno StatusToErrno(const absl::Status& status);

// `HASH map "counts"`, or `HASH map` if it has no name.
std::string DescribeMap(const MapDef& def);

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_STATUS_H_
