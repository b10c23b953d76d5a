// SPDX-License-Identifier: Apache-2.0

// The commands of bpf(2), one function each.
//
// Each checks what Linux 6.18 checks, in Linux's order, and returns what the
// kernel returns: a result, or -errno.

#ifndef BPFMAP_SYSCALL_COMMANDS_H_
#define BPFMAP_SYSCALL_COMMANDS_H_

#include "bpfmap/maps/errno.h"
#include "bpfmap/syscall/attributes.h"

namespace bpfmap {

constexpr long Result(Errno error) { return -static_cast<long>(error); }

// create.cc
long MapCreate(const Attributes& attributes);
long BtfLoad(const Attributes& attributes);

// program_load.cc
long ProgLoad(const Attributes& attributes);

// program_commands.cc
void FireTimers();  // those that are due
long ProgTestRun(const Attributes& attributes);
long ProgBindMap(const Attributes& attributes);
long EnableStats(const Attributes& attributes);

// link_commands.cc
long LinkCreate(const Attributes& attributes);
long RawTracepointOpen(const Attributes& attributes);
long LinkUpdate(const Attributes& attributes);
long LinkDetach(const Attributes& attributes);

// attach_commands.cc
long ProgAttach(const Attributes& attributes);
long ProgDetach(const Attributes& attributes);
long ProgQuery(const Attributes& attributes);

// link_info.cc: BPF_OBJ_GET_INFO_BY_FD of a link.
class LinkObject;
long LinkInfo(const Attributes& attributes, const LinkObject& link);

// program_info.cc: BPF_OBJ_GET_INFO_BY_FD of a program.
class ProgramObject;
long ProgInfo(const Attributes& attributes, const ProgramObject& program);

// map_commands.cc
long MapLookup(const Attributes& attributes);
long MapUpdate(const Attributes& attributes);
long MapDelete(const Attributes& attributes);
long MapGetNextKey(const Attributes& attributes);
long MapLookupAndDelete(const Attributes& attributes);
long MapFreeze(const Attributes& attributes);

// batch_commands.cc
long MapLookupBatch(const Attributes& attributes);
long MapLookupAndDeleteBatch(const Attributes& attributes);
long MapUpdateBatch(const Attributes& attributes);
long MapDeleteBatch(const Attributes& attributes);

// object_commands.cc
long ObjectPin(const Attributes& attributes);
long ObjectGet(const Attributes& attributes);
long ObjectInfo(const Attributes& attributes);
long MapGetNextId(const Attributes& attributes);
long ProgGetNextId(const Attributes& attributes);
long ProgGetFdById(const Attributes& attributes);
long MapGetFdById(const Attributes& attributes);
long LinkGetNextId(const Attributes& attributes);
long LinkGetFdById(const Attributes& attributes);
// Of a command that was told to use the token `fd`. There are none.
//   EBADF   it is not open
//   EINVAL  it is, and is no token
long WhyNoToken(uint32_t fd);
long BtfGetNextId(const Attributes& attributes);
long BtfGetFdById(const Attributes& attributes);

}  // namespace bpfmap

#endif  // BPFMAP_SYSCALL_COMMANDS_H_
