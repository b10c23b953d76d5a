// SPDX-License-Identifier: Apache-2.0
//
// Helpers that ask the World: clocks, the task, random numbers.

#include <cstring>

#include "bpfmap/maps/map_def.h"
#include "bpfmap/profiles/cpu.h"
#include "bpfmap/programs/helper.h"
#include "bpfmap/programs/machine.h"
#include "bpfmap/programs/map_calls.h"
#include "bpfmap/programs/world.h"

namespace bpfmap {
namespace {

constexpr uint64_t kNanosecondsOfJiffy = 4'000'000;  // 250 a second

uint64_t KtimeGetNs(HelperCall& call) {
  return call.world().Now(World::Clock::kMonotonic);
}
uint64_t KtimeGetBootNs(HelperCall& call) {
  return call.world().Now(World::Clock::kBoot);
}
uint64_t KtimeGetCoarseNs(HelperCall& call) {
  return call.world().Now(World::Clock::kCoarse);
}
uint64_t KtimeGetTaiNs(HelperCall& call) {
  return call.world().Now(World::Clock::kTai);
}
uint64_t Jiffies64(HelperCall& call) {
  return call.world().Now(World::Clock::kMonotonic) / kNanosecondsOfJiffy;
}

uint64_t GetSmpProcessorId(HelperCall&) {
  return static_cast<uint64_t>(CurrentCpu());
}
uint64_t GetNumaNodeId(HelperCall&) { return 0; }
uint64_t GetPrandomU32(HelperCall& call) { return call.world().Random(); }

uint64_t GetCurrentPidTgid(HelperCall& call) {
  const Task task = call.world().CurrentTask();
  return uint64_t{task.tgid} << 32 | task.pid;
}
uint64_t GetCurrentUidGid(HelperCall& call) {
  const Task task = call.world().CurrentTask();
  return uint64_t{task.gid} << 32 | task.uid;
}

// Fills the buffer with the name, a 0, and zeros.
uint64_t GetCurrentComm(HelperCall& call) {
  const Task task = call.world().CurrentTask();
  const std::size_t size = call.number(2);
  char* const name = call.pointer<char>(1);
  if (size == 0) return Minus(Errno::kInval);
  std::memset(name, 0, size);
  std::size_t length = 0;
  while (length < sizeof task.comm && task.comm[length] != 0) ++length;
  if (size != 0)
    std::memcpy(name, task.comm, length < size ? length : size - 1);
  return 0;
}

uint64_t GetCurrentTask(HelperCall& call) {
  return call.world().CurrentTask().address;
}
// The verifier lets programs load through this one.
uint64_t GetCurrentTaskBtf(HelperCall& call) {
  const uint64_t address = World::TaskAddress(call.world().CurrentTask());
  return call.Return(
      reinterpret_cast<const void*>(static_cast<uintptr_t>(address)),
      call.machine().kernel());
}
uint64_t GetCurrentCgroupId(HelperCall& call) {
  return call.world().CurrentTask().cgroup_id;
}
uint64_t GetCurrentAncestorCgroupId(HelperCall& call) {
  return call.word(1) == 0 ? call.world().CurrentTask().cgroup_id : 0;
}
uint64_t CurrentTaskUnderCgroup(HelperCall& call) {
  const char* const name = "current_task_under_cgroup";
  if (!NeedsMap(call, 1, MapType::kCgroupArray, name)) return 0;
  uint32_t cgroup;
  const Errno error = LookupCgroup(&call.map(1), call.word(2), &cgroup);
  if (error != Errno::kOk) return Minus(error);
  return call.world().UnderCgroup(cgroup) ? 1 : 0;
}

// ENOENT and EINVAL for another namespace than the World's only one.
uint64_t GetNsCurrentPidTgid(HelperCall& call) {
  const Task task = call.world().CurrentTask();
  const uint32_t result[] = {task.pid, task.tgid};
  if (call.number(4) != sizeof result) return Minus(Errno::kInval);
  std::memcpy(call.pointer(3), result, sizeof result);
  return 0;
}

uint64_t GetFuncIp(HelperCall& call) { return call.world().function_address; }
uint64_t GetAttachCookie(HelperCall& call) {
  return call.world().attach_cookie;
}
uint64_t GetSocketCookie(HelperCall& call) {
  return call.world().socket_cookie;
}
uint64_t GetNetnsCookie(HelperCall& call) { return call.world().netns_cookie; }

// The arguments of what is traced: 8 bytes each in the context.
uint64_t GetFuncArg(HelperCall& call) {
  const RunInput& input = call.machine().input();
  const uint64_t count = call.world().function_arguments;
  uint64_t value = 0;
  const uint64_t offset = uint64_t{call.word(2)} * 8;
  if (call.word(2) >= count || offset + 8 > input.context_size) {
    return Minus(Errno::kInval);
  }
  std::memcpy(&value, static_cast<const char*>(input.context) + offset, 8);
  std::memcpy(call.pointer(3), &value, 8);
  return 0;
}
uint64_t GetFuncRet(HelperCall& call) {
  const RunInput& input = call.machine().input();
  const uint64_t offset = call.world().function_arguments * 8;
  if (offset + 8 > input.context_size) return Minus(Errno::kOpNotSupp);
  std::memcpy(call.pointer(2), static_cast<const char*>(input.context) + offset,
              8);
  return 0;
}
uint64_t GetFuncArgCount(HelperCall& call) {
  return call.world().function_arguments;
}

uint64_t SendSignal(HelperCall& call) {
  return Minus(call.world().Signal(call.word(1), /*to_process=*/true));
}
uint64_t SendSignalThread(HelperCall& call) {
  return Minus(call.world().Signal(call.word(1), /*to_process=*/false));
}
uint64_t OverrideReturn(HelperCall& call) {
  call.world().overridden_return = call.number(2);
  return 0;
}

constexpr ProgramTypes kKprobeTypes =
    kTracingTypes | ProgramTypes(ProgramType::kSyscall);
constexpr ProgramTypes kCookieTypes{ProgramType::kKprobe,
                                    ProgramType::kTracepoint,
                                    ProgramType::kPerfEvent,
                                    ProgramType::kTracing,
                                    ProgramType::kRawTracepoint,
                                    ProgramType::kRawTracepointWritable,
                                    ProgramType::kLsm};

// Clocks of the tracing types are the exact ones.
constexpr ProgramTypes kCoarseTypes = ProgramTypes::All().Without(
    kTracingTypes |
    ProgramTypes(ProgramType::kCgroupDevice, ProgramType::kSyscall));
constexpr ProgramTypes kSocketTypes{
    ProgramType::kSocketFilter, ProgramType::kSchedCls,
    ProgramType::kSchedAct,     ProgramType::kCgroupSkb,
    ProgramType::kCgroupSock,   ProgramType::kCgroupSockAddr,
    ProgramType::kSockOps};
constexpr ProgramTypes kCookieOfSocketTypes =
    kSocketTypes | ProgramTypes(ProgramType::kSkSkb, ProgramType::kSkReuseport,
                                ProgramType::kSyscall, ProgramType::kTracing);
constexpr ProgramTypes kCookieOfNetnsTypes =
    kSocketTypes | ProgramTypes(ProgramType::kSkMsg);

#define BPFMAP_WORLD(number, function) \
  { number, HelperKind::kSimulated, false, {}, function }

constexpr Helper kHelpers[] = {
    BPFMAP_WORLD(5, KtimeGetNs),
    BPFMAP_WORLD(125, KtimeGetBootNs),
    {160, HelperKind::kSimulated, false, {}, KtimeGetCoarseNs, kCoarseTypes},
    BPFMAP_WORLD(208, KtimeGetTaiNs),
    BPFMAP_WORLD(118, Jiffies64),
    {8, HelperKind::kReal, false, {}, GetSmpProcessorId},
    BPFMAP_WORLD(42, GetNumaNodeId),
    BPFMAP_WORLD(7, GetPrandomU32),
    BPFMAP_WORLD(14, GetCurrentPidTgid),
    BPFMAP_WORLD(15, GetCurrentUidGid),
    {16,
     HelperKind::kSimulated,
     false,
     {Arg::kOutMemory, Arg::kSize},
     GetCurrentComm},
    {35, HelperKind::kSimulated, true, {}, GetCurrentTask},
    {158, HelperKind::kSimulated, true, {}, GetCurrentTaskBtf},
    BPFMAP_WORLD(80, GetCurrentCgroupId),
    {123,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber},
     GetCurrentAncestorCgroupId},
    {37,
     HelperKind::kSimulated,
     false,
     {Arg::kMap, Arg::kNumber},
     CurrentTaskUnderCgroup},
    {120,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber, Arg::kNumber, Arg::kOutMemory, Arg::kSize},
     GetNsCurrentPidTgid},
    {173,
     HelperKind::kSimulated,
     true,
     {Arg::kContext},
     GetFuncIp,
     kKprobeTypes},
    {174,
     HelperKind::kSimulated,
     false,
     {Arg::kContext},
     GetAttachCookie,
     kCookieTypes},
    {46,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber},
     GetSocketCookie,
     kCookieOfSocketTypes},
    {122,
     HelperKind::kSimulated,
     false,
     {Arg::kNumber},
     GetNetnsCookie,
     kCookieOfNetnsTypes},
    {183,
     HelperKind::kReal,
     false,
     {Arg::kContext, Arg::kNumber, Arg::kOutLong},
     GetFuncArg,
     ProgramTypes(ProgramType::kTracing)},
    {184,
     HelperKind::kReal,
     false,
     {Arg::kContext, Arg::kOutLong},
     GetFuncRet,
     ProgramTypes(ProgramType::kTracing)},
    {185,
     HelperKind::kReal,
     false,
     {Arg::kContext},
     GetFuncArgCount,
     ProgramTypes(ProgramType::kTracing)},
    {109, HelperKind::kSimulated, false, {Arg::kNumber}, SendSignal},
    {117, HelperKind::kSimulated, false, {Arg::kNumber}, SendSignalThread},
    {58,
     HelperKind::kSimulated,
     true,
     {Arg::kContext, Arg::kNumber},
     OverrideReturn,
     ProgramTypes(ProgramType::kKprobe)},
};

}  // namespace

std::span<const Helper> internal::TaskHelpers() { return kHelpers; }

}  // namespace bpfmap
