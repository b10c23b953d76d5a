// absl::Status for an Errno: a view for people, at the edge of the library.
//
// Every errno of a command has a status code of its own, so nothing is lost on
// the way and StatusToErrno() leads back. (absl::ErrnoToStatus folds several
// into one: E2BIG into InvalidArgument, for one.) An errno that is not listed
// here, as those that only helpers of programs give, becomes Unknown.
//
//   EPERM   PermissionDenied     EFAULT    Internal
//   ENOENT  NotFound             EBUSY     Unavailable
//   E2BIG   ResourceExhausted    EEXIST    AlreadyExists
//   EBADF   FailedPrecondition   EINVAL    InvalidArgument
//   ENOMEM  Aborted              ENOSPC    OutOfRange
//   EACCES  Unauthenticated      ENOTSUPP  Unimplemented
//                                EOPNOTSUPP  Cancelled

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

// OK for kOk; otherwise the code above and "<message>: ENOENT".
absl::Status ToStatus(Errno error, absl::string_view message);

// As above, for operation `op` ("lookup") on `map`, with a sentence that names
// the map, the operation, what was given, and for what is in the map's
// definition what would be right. `key` may be null; it is shown in hex.
absl::Status ToStatus(Errno error, const BpfMap& map, absl::string_view op,
                      const void* key);

// The errno that a status of ToStatus() was made from. A status that was not
// made by it gives the errno its code stands for, kInval where there is none.
Errno StatusToErrno(const absl::Status& status);

// `HASH map "counts"`, or `HASH map` if it has no name.
std::string DescribeMap(const MapDef& def);

}  // namespace bpfmap

#endif  // BPFMAP_MAPS_STATUS_H_
