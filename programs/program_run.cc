// SPDX-License-Identifier: Apache-2.0

#include "bpfmap/programs/program_run.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "bpfmap/programs/context.h"
#include "bpfmap/programs/packet_view.h"
#include "bpfmap/programs/program_type.h"
#include "bpfmap/programs/test_run.h"

namespace bpfmap {
namespace {

// Types that run on a packet, as BPF_PROG_TEST_RUN runs them.
constexpr ProgramTypes kPacketTypes{
    ProgramType::kSocketFilter, ProgramType::kSchedCls,
    ProgramType::kSchedAct,     ProgramType::kXdp,
    ProgramType::kCgroupSkb,    ProgramType::kLwtIn,
    ProgramType::kLwtOut,       ProgramType::kLwtXmit,
    ProgramType::kFlowDissector};

ProgramResult RunTestRun(const Program& program, const RunRequest& request,
                         ProgramSource* programs) {
  TestInput input;
  input.data = request.packet;
  input.context = request.context;
  input.has_data_out = true;
  input.has_context_out = request.context.has_value();
  input.context_size_out = UINT32_MAX;
  TestResult test = RunTest(program, input, request.world, programs);
  ProgramResult result;
  result.error = test.error;
  result.retval = test.retval;
  result.data = std::move(test.data_out);
  result.context = std::move(test.context_out);
  result.instructions = test.run.instructions;
  result.fault = std::move(test.run.fault);
  return result;
}

// A packet with room around it, for types that the context says the place of.
class PacketCopy {
 public:
  explicit PacketCopy(std::span<const uint8_t> packet)
      : bytes_(std::make_unique<uint8_t[]>(kRoom + packet.size() + kRoom)) {
    view_.begin = bytes_.get();
    view_.meta = view_.data = view_.mac_header = view_.begin + kRoom;
    view_.data_end = std::copy(packet.begin(), packet.end(), view_.data);
    view_.end = view_.data_end + kRoom;
    if (packet.size() >= kEthernet)
      view_.network_header = view_.data + kEthernet;
  }

  PacketView* view() { return &view_; }

 private:
  static constexpr std::size_t kRoom = 256;
  static constexpr std::size_t kEthernet = 14;
  std::unique_ptr<uint8_t[]> bytes_;
  PacketView view_;
};

// The context is a copy, which starts at a multiple of 8.
ProgramResult RunOnContext(const Program& program, const RunRequest& request,
                           ProgramSource* programs) {
  ProgramResult result;
  const std::span<const uint8_t> given =
      request.context.value_or(std::span<const uint8_t>());
  const std::size_t size =
      std::max<std::size_t>(given.size(), ContextOf(program.type()).size);
  std::vector<uint64_t> context(size / 8 + 1);
  auto* const bytes = reinterpret_cast<uint8_t*>(context.data());
  std::copy(given.begin(), given.end(), bytes);
  PacketCopy packet(request.packet.value_or(std::span<const uint8_t>()));
  RunInput input;
  input.context = bytes;
  input.context_size = static_cast<uint32_t>(size);
  input.context_points_to_memory = request.context_points_to_memory;
  if (request.packet) {
    input.packet = packet.view();
    if (kSkbTypes.Has(program.type())) {
      reinterpret_cast<SkbContext*>(bytes)->len =
          static_cast<uint32_t>(request.packet->size());
    }
  }
  request.world->function_arguments = request.arguments;
  const auto machine = std::make_unique<Machine>(request.world, programs);
  RunResult run = machine->Run(program, input);
  result.error = run.faulted() ? Errno::kFault : Errno::kOk;
  result.retval = static_cast<uint32_t>(run.r0);
  result.context.assign(bytes, bytes + size);
  result.instructions = run.instructions;
  result.fault = std::move(run.fault);
  if (request.packet) {
    result.data.assign(packet.view()->data, packet.view()->data_end);
  }
  return result;
}

}  // namespace

ProgramResult RunProgram(const Program& program, const RunRequest& request,
                         ProgramSource* programs) {
  return kPacketTypes.Has(program.type())
             ? RunTestRun(program, request, programs)
             : RunOnContext(program, request, programs);
}

}  // namespace bpfmap
