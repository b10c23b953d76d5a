// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/syscall/bpf_syscall.h"

#include <linux/bpf.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "bpfmap/syscall/attributes.h"
#include "bpfmap/syscall/bpf_fd_table.h"
#include "bpfmap/syscall/caller.h"
#include "bpfmap/syscall/commands.h"
#include "bpfmap/syscall/fork_gate.h"
#include "bpfmap/syscall/iterator.h"
#include "bpfmap/syscall/pins.h"

namespace bpfmap {
namespace {

long Run(int command, const Attributes& attributes) {
  switch (command) {
    case BPF_MAP_CREATE:
      return MapCreate(attributes);
    case BPF_MAP_LOOKUP_ELEM:
      return MapLookup(attributes);
    case BPF_MAP_UPDATE_ELEM:
      return MapUpdate(attributes);
    case BPF_MAP_DELETE_ELEM:
      return MapDelete(attributes);
    case BPF_MAP_GET_NEXT_KEY:
      return MapGetNextKey(attributes);
    case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
      return MapLookupAndDelete(attributes);
    case BPF_MAP_FREEZE:
      return MapFreeze(attributes);
    case BPF_MAP_LOOKUP_BATCH:
      return MapLookupBatch(attributes);
    case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
      return MapLookupAndDeleteBatch(attributes);
    case BPF_MAP_UPDATE_BATCH:
      return MapUpdateBatch(attributes);
    case BPF_MAP_DELETE_BATCH:
      return MapDeleteBatch(attributes);
    case BPF_OBJ_PIN:
      return ObjectPin(attributes);
    case BPF_OBJ_GET:
      return ObjectGet(attributes);
    case BPF_OBJ_GET_INFO_BY_FD:
      return ObjectInfo(attributes);
    case BPF_MAP_GET_NEXT_ID:
      return MapGetNextId(attributes);
    case BPF_MAP_GET_FD_BY_ID:
      return MapGetFdById(attributes);
    case BPF_BTF_LOAD:
      return BtfLoad(attributes);
    case BPF_PROG_LOAD:
      return ProgLoad(attributes);
    case BPF_PROG_TEST_RUN:
      return ProgTestRun(attributes);
    case BPF_PROG_BIND_MAP:
      return ProgBindMap(attributes);
    case BPF_LINK_CREATE:
      return LinkCreate(attributes);
    case BPF_RAW_TRACEPOINT_OPEN:
      return RawTracepointOpen(attributes);
    case BPF_PROG_ATTACH:
      return ProgAttach(attributes);
    case BPF_PROG_DETACH:
      return ProgDetach(attributes);
    case BPF_PROG_QUERY:
      return ProgQuery(attributes);
    case BPF_LINK_UPDATE:
      return LinkUpdate(attributes);
    case BPF_ITER_CREATE:
      return IterCreate(attributes);
    case BPF_LINK_DETACH:
      return LinkDetach(attributes);
    case BPF_PROG_GET_NEXT_ID:
      return ProgGetNextId(attributes);
    case BPF_PROG_GET_FD_BY_ID:
      return ProgGetFdById(attributes);
    case BPF_BTF_GET_NEXT_ID:
      return BtfGetNextId(attributes);
    case BPF_BTF_GET_FD_BY_ID:
      return BtfGetFdById(attributes);
    case BPF_LINK_GET_NEXT_ID:
      return LinkGetNextId(attributes);
    case BPF_LINK_GET_FD_BY_ID:
      return LinkGetFdById(attributes);
    case BPF_ENABLE_STATS:
      return EnableStats(attributes);
    default:
      return -EINVAL;  // as of a command that is not known
  }
}

// The commands after which what nothing refers to is gone.
bool OpensOrFinds(int command) {
  switch (command) {
    case BPF_MAP_CREATE:
    case BPF_OBJ_PIN:
    case BPF_OBJ_GET:
    case BPF_MAP_GET_NEXT_ID:
    case BPF_MAP_GET_FD_BY_ID:
    case BPF_BTF_LOAD:
    case BPF_PROG_LOAD:
    case BPF_PROG_GET_NEXT_ID:
    case BPF_PROG_GET_FD_BY_ID:
    case BPF_BTF_GET_NEXT_ID:
    case BPF_BTF_GET_FD_BY_ID:
    case BPF_ENABLE_STATS:
    case BPF_LINK_CREATE:
    case BPF_RAW_TRACEPOINT_OPEN:
    case BPF_LINK_GET_NEXT_ID:
    case BPF_LINK_GET_FD_BY_ID:
      return true;
    default:
      return false;
  }
}

}  // namespace

long BpfSyscall(int command, bpf_attr* attributes, unsigned size) {
  return AnswerBpf(nullptr, command, reinterpret_cast<uintptr_t>(attributes),
                   size);
}

long AnswerBpf(Caller* caller, int command, uint64_t attributes,
               unsigned size) {
  const ForkGate::Inside inside;
  const ScopedCaller scope(caller);
  const int saved_errno = errno;
  Attributes copy;
  long result = copy.CopyFrom(attributes, size);
  try {
    if (result == 0 && caller == nullptr && OpensOrFinds(command)) {
      ProcessPins::Global().ReleaseUnlinked();
    }
    if (result == 0) FireTimers();
    if (result == 0) result = Run(command, copy);
  } catch (const std::bad_alloc&) {
    // Of what is not a map's: that says so without an exception.
    result = -ENOMEM;
  }
  errno = saved_errno;
  return result;
}

std::shared_ptr<LocalMap> MapOfFd(int fd) {
  MapWithId found;
  if (BpfFdTable::Global().Find(static_cast<uint32_t>(fd), &found) !=
      Errno::kOk) {
    return nullptr;
  }
  return std::move(found.map);
}

}  // namespace bpfmap
